"""The gated multimodal unit (GMU): a layer that fuses any number of modalities, for any Keras model."""

import keras
from keras import ops

from common.options import one_of
from common.shapes import agree

GATES = ("tied", "untied", "softmax")
GATE_READS = ("inputs", "projections")

# Sigmoid and softmax turn it into exact zeros and ones, and float16 can hold it.
LARGE_LOGIT = 6e4


def blank_absent(inputs, present):
    """Replace the absent modalities by zeros, so that nothing they hold (NaN included) is read.

    `where` also stops the gradient, so a NaN does not come back through it either.

    Args:
        inputs: list of K tensors (n, ...), one per modality.
        present: tensor (n, K), true where the modality is there; None means that all are.

    Returns:
        List of K tensors of the same shapes.

    Raises:
        ValueError: `present` has another number of columns than there are modalities.
    """
    if present is None:
        return list(inputs)
    if present.shape[-1] != len(inputs):
        raise ValueError(
            f"`present` needs one column per modality: expected (n, {len(inputs)}), received {tuple(present.shape)}."
        )
    for values in inputs:
        leading = tuple(None if size == 1 else size for size in present.shape[:-1])  # one row may stand for all
        if len(leading) >= len(values.shape) or not agree(leading, values.shape[: len(leading)]):
            raise ValueError(
                f"`present` has shape {tuple(present.shape)} and a modality {tuple(values.shape)}: expected a mask per "
                "sample (n, K), or per step (n, steps, K) for modalities (n, steps, width)."
            )
    present = ops.cast(present, "bool")
    blanked = []
    for index, values in enumerate(inputs):
        blanked.append(ops.where(expand(present[..., index], values), values, ops.zeros_like(values)))
    return blanked


def expand(mask, values):
    """`mask` (n, ...) with axes of 1 behind it until it has as many as `values`: it then holds for whole samples."""
    return ops.reshape(mask, (*ops.shape(mask), *[1] * (len(values.shape) - len(mask.shape))))


@keras.saving.register_keras_serializable(package="gmu")
class GatedMultimodalUnit(keras.layers.Layer):
    """Fuse K modalities into one vector, each weighted by a gate that sees all of them.

    Two modalities, tied gate (Arevalo et al. 2017, Eqs. 1-4):

        h_v = tanh(W_v x_v)    h_t = tanh(W_t x_t)    z = sigmoid(W_z [x_v, x_t])
        h = z * h_v + (1 - z) * h_t

    K modalities: h = sum_i z_i * h_i, with the gates z_i = sigmoid(W_i [x_1 .. x_K]) ("untied", the paper's
    form for more than two) or their softmax over the modalities ("softmax", the tied gate for any K).

    Args:
        units: width D of the fused vector, at least 1.
        gate: "tied" (z and 1 - z; two modalities only), "untied" or "softmax".
        per_unit_gate: one gate for each of the D units (the paper) or one for the whole vector.
        use_bias: add biases to every product (the post); the paper's equations have none.
        gate_reads: "inputs" (the equations) or "projections", the W_i x_i before tanh (the official code).
        return_gates: return (fused, gates) instead of fused.

    Call arguments:
        inputs: list of K >= 2 tensors (n, width_i).
        present: optional tensor (n, K), or (n, steps, K) for inputs (n, steps, width_i), true where a modality is
            there. An absent one is never read. Tied and
            softmax gates are renormalised: they sum to one over the modalities present. Untied gates of the
            modalities present are multiplied by K / (number present), which keeps the scale of the sum.
            A sample without any modality gets h = 0.

    Returns:
        The fused tensor (n, units); with return_gates also the gates, (n, K, units) or (n, K, 1).

    Raises:
        ValueError: unknown gate or gate_reads, units below 1, fewer than two inputs, a tied gate for more than
            two, or `present` of another width than the number of inputs.

    Example:
        fused, gates = GatedMultimodalUnit(8, gate="softmax", return_gates=True)([image, text, sound])
    """

    def __init__(
        self,
        units,
        gate="tied",
        per_unit_gate=True,
        use_bias=True,
        gate_reads="inputs",
        return_gates=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units is the width of the fused vector: expected at least 1, received {units}.")
        one_of("gate", gate, GATES)
        one_of("gate_reads", gate_reads, GATE_READS)
        self.units = units
        self.gate = gate
        self.per_unit_gate = per_unit_gate
        self.use_bias = use_bias
        self.gate_reads = gate_reads
        self.return_gates = return_gates

    def build(self, input_shape):
        modalities = check_modalities(input_shape, self.gate)
        self.gate_width = self.units if self.per_unit_gate else 1
        self.gate_count = 1 if self.gate == "tied" else modalities

        # W_i: width_i -> D. The tanh comes later because the official code gates on what is before it.
        self.projections = [self._dense(self.units, f"projection_{i}") for i in range(modalities)]
        for projection, shape in zip(self.projections, input_shape, strict=True):
            projection.build(shape)

        widths = [self.units if self.gate_reads == "projections" else shape[-1] for shape in input_shape]
        self.gate_product = self._dense(self.gate_count * self.gate_width, "gate")
        self.gate_product.build((*input_shape[0][:-1], sum(widths)))

    def _dense(self, width, name):
        return keras.layers.Dense(width, use_bias=self.use_bias, name=name, dtype=self.dtype_policy)

    def call(self, inputs, present=None):
        inputs = blank_absent(inputs, present)
        projected = self.project(inputs)
        read = projected if self.gate_reads == "projections" else inputs
        logits = self.gate_product(ops.concatenate(read, axis=-1))
        gates = self.open_gates(ops.split(logits, self.gate_count, axis=-1), present)
        fused = sum(gate * ops.tanh(values) for gate, values in zip(gates, projected, strict=True))  # (n, D)
        return (fused, ops.stack(gates, axis=-2)) if self.return_gates else fused

    def project(self, inputs):
        """W_i x_i of every modality: list of K tensors (n, D), before the tanh."""
        return [product(values) for product, values in zip(self.projections, inputs, strict=True)]

    def open_gates(self, logits, present):
        """Turn the gate logits, a list of tensors (n, width), into K gates (n, width) of the modalities present."""
        if present is None:
            return self.activate(logits)
        present = ops.cast(present, "bool")
        here = [expand(present[..., i], logits[0]) for i in range(present.shape[-1])]  # K times (n, 1, ...)
        if self.gate == "tied":  # a large logit decides for the only one present
            logits = [ops.where(here[1], ops.where(here[0], logits[0], -LARGE_LOGIT), LARGE_LOGIT)]
        elif self.gate == "softmax":
            logits = [ops.where(is_here, values, -LARGE_LOGIT) for is_here, values in zip(here, logits, strict=True)]
        gates = [
            gate * ops.cast(is_here, gate.dtype) for gate, is_here in zip(self.activate(logits), here, strict=True)
        ]
        if self.gate == "untied":
            count = expand(ops.sum(ops.cast(present, gates[0].dtype), axis=-1), logits[0])
            gates = [gate * (len(gates) / ops.maximum(count, 1)) for gate in gates]
        return gates

    def activate(self, logits):
        """The gates of logits when every modality is present."""
        if self.gate == "tied":
            z = ops.sigmoid(logits[0])
            return [z, 1 - z]
        if self.gate == "untied":
            return [ops.sigmoid(values) for values in logits]
        return ops.unstack(ops.softmax(ops.stack(logits, axis=-1), axis=-1), axis=-1)

    def compute_output_shape(self, input_shape):
        leading = tuple(input_shape[0][:-1])
        fused = (*leading, self.units)
        gates = (*leading, len(input_shape), self.units if self.per_unit_gate else 1)
        return (fused, gates) if self.return_gates else fused

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "gate": self.gate,
            "per_unit_gate": self.per_unit_gate,
            "use_bias": self.use_bias,
            "gate_reads": self.gate_reads,
            "return_gates": self.return_gates,
        }


def check_modalities(input_shape, gate):
    """Return the number of modalities, or raise when the unit cannot fuse them."""
    is_list = isinstance(input_shape, (list, tuple)) and all(isinstance(s, (list, tuple)) for s in input_shape)
    if not is_list or len(input_shape) < 2:
        raise ValueError(
            "A gated multimodal unit fuses modalities: expected a list of at least two tensors, "
            f"received the shape {input_shape}. Pass [first, second, ...]."
        )
    if gate == "tied" and len(input_shape) != 2:
        raise ValueError(
            f"The tied gate (z, 1 - z) is for two modalities, received {len(input_shape)}. "
            'Use gate="softmax", the same for any number, or gate="untied".'
        )
    return len(input_shape)
