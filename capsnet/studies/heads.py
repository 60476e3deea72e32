"""Networks that differ only in what follows the same four convolutions: capsules, or pooling and dense layers."""

import keras
from keras import layers

from capsnet import efficient
from capsnet.layers import DigitCapsules, Length, RandomShift

CAPSULES, POOLED = ("efficient", "routed"), ("max_pool", "average_pool")


def build(head, *, image_shape=(40, 40, 1), classes=10, max_shift=6, capsule_size=16, iterations=3, compiled=True):
    """A classifier of as many trainable numbers whatever its head: image (n, *image_shape) to its scores.

    The convolutions are Efficient-CapsNet's, the first with stride 2: a fifth of the arithmetic on 40 x 40. Its own
    head has T numbers; the hidden layer of a pooled head is as wide as brings it nearest to T.

    Args:
        head: `efficient`: self-attention over capsules; `routed`: CapsNet's `iterations` of routing over the same
            primary capsules; `max_pool`: the largest of each third of height and width, a hidden layer;
            `average_pool`: the mean over all positions, and the same.
        image_shape, classes, capsule_size: as in `capsnet.efficient.build`.
        max_shift: pixels by which images are moved at random in training.
        compiled: compile the routing with XLA.

    Returns:
        keras.Model: to {`lengths`, `capsules`} of capsules, {`logits`} of pooled heads, (n, classes).
    """
    image = keras.Input(image_shape, name="image")
    features = efficient.convolutions(RandomShift(max_shift, name="shift")(image), first_stride=2)
    if head in CAPSULES:
        primary = efficient.DepthwiseCapsules(name="primary")(features)
        routed = DigitCapsules(classes, capsule_size, iterations, compiled=compiled, name="digit")
        digit = (routed if head == "routed" else efficient.AttentionCapsules(classes, capsule_size, name="digit"))(
            primary
        )
        return keras.Model(image, {"lengths": Length(name="length")(digit), "capsules": digit}, name=head)
    _, height, width, channels = features.shape
    capsules = channels // 8  # numbers of the head of capsules: depthwise kernel and bias, votes, couplings
    wanted = (height * width + 1) * channels + classes * capsules * (8 * capsule_size + 1)
    if head == "max_pool":
        pooled = layers.Flatten()(layers.MaxPooling2D((height // 3, width // 3))(features))
    else:
        pooled = layers.GlobalAveragePooling2D()(features)
    units = max(1, round((wanted - classes) / (pooled.shape[-1] + 1 + classes)))
    hidden = layers.Dense(units, activation="relu")(pooled)
    return keras.Model(image, {"logits": layers.Dense(classes, dtype="float32")(hidden)}, name=head)
