"""What the networks minimise, and the calibration error as a Keras metric."""

import keras
from keras import ops

from common.measures import accuracy, correct
from common.shapes import class_labels, same_shape
from densenet.losses import cross_entropy, squared_weights


@keras.saving.register_keras_serializable(package="calibration")
class ExpectedCalibrationError(keras.metrics.Metric):
    """sum over bins (a, b] of (count / n) |accuracy - confidence| (Guo et al. 2017, Eq. 3), over all batches so far.

    Equals `calibration.metrics.binned.ece` on the same predictions: bins and sums are kept in float64.

    Args:
        bins: equal-width bins of the confidence (>= 1).
        from_logits: whether predictions are logits; probabilities otherwise.
    """

    def __init__(self, bins: int = 15, from_logits: bool = False, name: str = "ece", **kwargs):
        super().__init__(name=name, **kwargs)
        self.bins, self.from_logits = bins, from_logits
        self.gaps = self.add_variable((bins,), initializer="zeros", dtype="float64", name="gaps")
        self.count = self.add_variable((), initializer="zeros", dtype="float64", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: labels (n,) or (n, 1) integers, predictions (n, classes), optional weights (n,) or (n, 1).

        Raises:
            ValueError: labels or weights of another shape, one-hot labels included.
        """
        predictions = ops.cast(y_pred, "float64")  # (n, classes)
        probabilities = ops.softmax(predictions) if self.from_logits else predictions
        hits = ops.cast(correct(y_true, predictions), "float64")
        confidence = ops.max(probabilities, axis=-1)
        weights = ops.ones_like(confidence)
        if sample_weight is not None:
            weights = ops.cast(sample_weight, "float64")
            weights = ops.squeeze(weights, -1) if len(weights.shape) == 2 and weights.shape[-1] == 1 else weights
            same_shape("sample weights", weights, "labels", hits)
        edges = ops.cast(ops.arange(1, self.bins), "float64") / self.bins
        index = ops.searchsorted(edges, confidence, side="left")
        sums = ops.segment_sum(weights * (confidence - hits), index, num_segments=self.bins)
        self.gaps.assign_add(sums)
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return ops.sum(ops.abs(self.gaps)) / ops.maximum(self.count, 1e-300)

    def get_config(self):
        return {**super().get_config(), "bins": self.bins, "from_logits": self.from_logits}


def compute_loss(model, batch, training, *, weight_decay: float = 0.0, temperatures: tuple[float, ...] = ()):
    """loss = mean cross-entropy + weight_decay * sum of squared kernels / 2.

    Args:
        model: images -> logits.
        batch: `image` (n, rows, columns, channels), `label` (n,).
        training: whether batch normalisation is in training mode.
        weight_decay: >= 0.
        temperatures: T at which the NLL of softmax(z / T) is reported too, to see the best T of every epoch.

    Returns:
        loss and {"cross_entropy", "accuracy", "nll_at_<T>"...}, means over the batch in float32.
    """
    logits = ops.cast(model(batch["image"], training=training), "float32")
    labels = class_labels(batch["label"], logits)
    nll = ops.mean(cross_entropy(labels, logits))
    terms = {"cross_entropy": nll, "accuracy": accuracy(labels, logits)}
    for temperature in temperatures:
        terms[f"nll_at_{temperature:g}"] = ops.mean(cross_entropy(labels, logits / temperature))
    return nll + weight_decay * squared_weights(model), terms
