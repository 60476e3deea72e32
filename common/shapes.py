"""Shapes of labels, targets and predictions: accepted as Keras users have them, or refused with both shapes named."""

from keras import ops


def class_labels(labels, scores):
    """Integer labels as (n,), from (n,) or (n, 1).

    Args:
        labels: (n,) or (n, 1), whole numbers in [0, classes), any dtype.
        scores: (n, classes), what is compared with them; any more axes stand before the last of both.

    Returns:
        int32, of the shape of `scores` without its last axis.

    Raises:
        ValueError: labels of another shape, one-hot ones included; both shapes are named.
    """
    received, expected = tuple(labels.shape), tuple(scores.shape)[:-1]
    column = len(received) == len(expected) + 1 and received[-1] == 1
    fitting = len(received) == len(expected) + column
    if not fitting or not agree(received[: len(expected)], expected):
        hint = "; pass labels.argmax(axis=-1)" if received == tuple(scores.shape) else ""
        raise ValueError(
            f"labels have shape {received}, expected {expected} or {(*expected, 1)}: one class index for each row of "
            f"the scores {tuple(scores.shape)}{hint}"
        )
    labels = ops.cast(labels, "int32")
    return ops.squeeze(labels, axis=-1) if column else labels


def class_targets(target, scores):
    """Targets as float32 (n, classes): one or several ones per row, or made from integer labels (n,) or (n, 1).

    Raises:
        ValueError: another shape; both are named.
    """
    if len(target.shape) == len(scores.shape) and agree(target.shape, scores.shape):
        return ops.cast(target, "float32")
    return ops.one_hot(class_labels(target, scores), scores.shape[-1], dtype="float32")


def same_shape(name, value, other_name, other):
    """Raises ValueError unless both have the same shape, as far as it is known; nothing broadcasts silently."""
    shapes = tuple(value.shape), tuple(other.shape)
    if len(shapes[0]) != len(shapes[1]) or not agree(*shapes):
        raise ValueError(
            f"{name} have shape {shapes[0]} and {other_name} {shapes[1]}, expected the same; reshape one of them"
        )


def agree(first, second):
    """Whether two shapes of equal rank can be the same: every pair of sizes is equal or one of them is unknown."""
    return all(a is None or b is None or a == b for a, b in zip(first, second, strict=True))


def image_of(image_shape, least, network, any_size=False):
    """Raises ValueError unless images are (height, width, channels) of at least `least` pixels a side.

    Args:
        image_shape: what was given; with `any_size` height and width may be None.
        least: the smallest side that leaves a pixel behind every layer.
        network: what the message calls the network.
    """
    sides = tuple(image_shape)[:2]
    known = any_size or None not in sides
    if len(tuple(image_shape)) != 3 or not known or any(side is not None and side < least for side in sides):
        raise ValueError(
            f"{network} takes images (height, width, channels) of {'known size, ' * (not any_size)}at least {least} x "
            f"{least} pixels, received image_shape {tuple(image_shape)}. Use larger images or another network."
        )
