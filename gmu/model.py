"""A classifier that fuses any number of modalities with a gated multimodal unit (GMU)."""

import keras
from keras import ops

from gmu import losses
from gmu.layers import GatedMultimodalUnit, blank_absent

__all__ = ["POST_SHAPES", "GatedClassifier", "GatedMultimodalUnit", "build"]
POST_SHAPES = {"visual": (1,), "textual": (1,)}


@keras.saving.register_keras_serializable(package="gmu")
class GatedClassifier(keras.Model):
    """One sub-network per modality, a gated multimodal unit over them, and a linear classifier.

    Args:
        modalities: names of the K inputs, in the order of the gates.
        encoders: one layer or model per modality, giving (n, width_i); `keras.layers.Identity()` for none.
        fusion: a `GatedMultimodalUnit` with return_gates=True.
        classifier: layer from (n, D) to logits (n, classes).
        experts: also return what the classifier says to each modality's own features h_i, which is the
            fusion when only that modality is present. Needs a tied or softmax gate.

    Attributes:
        expert_weight: of the gated-expert loss in Keras' own `fit`; 0.3 with experts, 0 without.

    Call arguments:
        inputs: dict of tensors with the modalities by name (other keys are ignored), and optionally
            `present` (n, K), true where a modality is there.

    Returns:
        Dict of `logits` (n, classes), `gates` (n, K, D or 1) and, with experts, `expert_logits`
        (n, K, classes).
    """

    def __init__(self, modalities, encoders, fusion, classifier, experts=False, **kwargs):
        super().__init__(**kwargs)
        self.modalities = list(modalities)
        self.encoders = list(encoders)
        self.fusion = fusion
        self.classifier = classifier
        self.experts = experts
        self.expert_weight = 0.3 if experts else 0.0

    def call(self, inputs, training=None):
        present = inputs.get("present")
        views = blank_absent([inputs[name] for name in self.modalities], present)
        views = [encode(view, training=training) for encode, view in zip(self.encoders, views, strict=True)]
        fused, gates = self.fusion(views, present=present)
        outputs = {"logits": self.classifier(fused), "gates": gates}
        if self.experts:
            features = [ops.tanh(values) for values in self.fusion.project(views)]
            outputs["expert_logits"] = self.classifier(ops.stack(features, axis=-2))
        return outputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Keras' hook: what was compiled, plus `expert_weight` times the gated-expert loss of a model with experts.

        `compile(optimizer, loss={"logits": losses.softmax_cross_entropy})`, then `fit(inputs, {"logits": labels})`.
        """
        total = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not self.expert_weight:
            return total
        labels = y["logits"] if isinstance(y, dict) else y
        experts = losses.gated_expert_loss(labels, y_pred["expert_logits"], y_pred["gates"])
        weights = sample_weight["logits"] if isinstance(sample_weight, dict) else sample_weight
        return total + self.expert_weight * ops.mean(experts if weights is None else weights * experts)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "modalities": self.modalities,
            "encoders": [serialize(encoder) for encoder in self.encoders],
            "fusion": serialize(self.fusion),
            "classifier": serialize(self.classifier),
            "experts": self.experts,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        deserialize = keras.saving.deserialize_keras_object
        parts = {
            "encoders": [deserialize(encoder) for encoder in config["encoders"]],
            "fusion": deserialize(config["fusion"]),
            "classifier": deserialize(config["classifier"]),
        }
        return cls(**{**config, **parts})


def build(
    *,
    shapes=POST_SHAPES,
    encoders=None,
    units=1,
    classes=2,
    gate="tied",
    per_unit_gate=True,
    use_bias=True,
    gate_reads="inputs",
    experts=False,
):
    """Build a gated classifier; the defaults are the post's model (11 numbers to learn).

    Args:
        shapes: dict from the name of a modality to its shape without the batch axis.
        encoders: dict from the name of a modality to its sub-network; those left out pass unchanged.
        units: width D of the fused vector.
        classes: number of logits.
        gate, per_unit_gate, use_bias, gate_reads: see `GatedMultimodalUnit`.
        experts: also return each modality's own logits, for the gated-expert loss.

    Returns:
        A built `GatedClassifier`.
    """
    encoders = encoders or {}
    model = GatedClassifier(
        modalities=shapes,
        encoders=[encoders.get(name) or keras.layers.Identity() for name in shapes],
        fusion=GatedMultimodalUnit(units, gate, per_unit_gate, use_bias, gate_reads, return_gates=True, name="fusion"),
        classifier=keras.layers.Dense(classes, name="classifier"),
        experts=experts,
    )
    model({name: keras.Input(shape) for name, shape in shapes.items()})  # creates the variables
    return model
