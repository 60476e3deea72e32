"""What predictions of classes are worth, in the graph."""

from keras import ops

from common.shapes import class_labels


def correct(labels, scores):
    """Whether the highest score is that of the label.

    Args:
        labels: (n,) or (n, 1) whole numbers in [0, classes).
        scores: (n, classes): logits, probabilities or lengths.

    Returns:
        bool (n,).

    Raises:
        ValueError: labels of another shape.
    """
    return ops.equal(ops.cast(ops.argmax(scores, axis=-1), "int32"), class_labels(labels, scores))


def accuracy(labels, scores):
    """Share of samples whose highest score is that of their label, a float32 scalar in [0, 1]; see `correct`."""
    return ops.mean(ops.cast(correct(labels, scores), "float32"))
