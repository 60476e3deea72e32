"""The capsule network: convolution, primary capsules, routed digit capsules, and a decoder that draws an image."""

import math

import keras
from keras import initializers, layers

import capsnet.efficient  # noqa: F401  (registers its layers with those of this module)
from capsnet.layers import DigitCapsules, Length, Mask, PrimaryCapsules, RandomShift
from common.options import one_of
from common.shapes import image_of


def build(*, image_shape=(28, 28, 1), classes=10, capsule_size=16, iterations=3, gradient="all", max_shift=0,
          filters=256, kernel_size=9, primary_types=32, primary_size=8, decoder_units=(512, 1024), initial="keras",
          compiled=True):  # fmt: skip
    """CapsNet of Sabour et al. 2017, Figures 1 and 2; the defaults have 8,215,568 parameters.

    Args:
        image_shape: (height, width, channels), any that two convolutions fit on.
        classes: one digit capsule each.
        capsule_size: numbers per digit capsule.
        iterations: of the routing (blog: 2, paper: 3).
        gradient: through `all` routing iterations or only the `last`.
        max_shift: pixels by which images are shifted at random in training; 0 for none.
        filters, kernel_size: of the first convolution; the kernel size is also that of the primary capsules.
        primary_types, primary_size: capsules per position and numbers per capsule.
        decoder_units: widths of the decoder's two hidden layers; empty: no decoder.
        initial: `keras`, the blog's initial weights, or `official`, the authors': see `initial_settings`.
        compiled: compile the routing with XLA.

    Returns:
        keras.Model: image (n, *image_shape) in [0, 1] to a dict of `lengths` (n, classes), `capsules`
        (n, classes, capsule_size), `seen` (the image after the shift) and, with a decoder, `reconstruction`: what the
        decoder draws from the longest capsule. Its layers: shift, convolution, primary, digit, length, mask, decoder.
    """
    image_of(image_shape, 2 * kernel_size - 1, "A capsule network")
    start = initial_settings(initial, primary_types)
    image = keras.Input(image_shape, name="image")
    seen = RandomShift(max_shift, name="shift")(image)
    features = layers.Conv2D(filters, kernel_size, activation="relu", name="convolution", **start["convolution"])(seen)
    primary = PrimaryCapsules(
        primary_types, primary_size, kernel_size, stride=2, name="primary", **start["primary"]
    )(features)  # fmt: skip
    digit = DigitCapsules(
        classes, capsule_size, iterations, gradient, compiled=compiled, name="digit", **start["digit"]
    )(primary)  # fmt: skip
    outputs = {"lengths": Length(name="length")(digit), "capsules": digit, "seen": seen}
    if decoder_units:
        decoder = build_decoder(
            image_shape=image_shape, classes=classes, capsule_size=capsule_size, units=decoder_units, **start["decoder"]
        )
        outputs["reconstruction"] = decoder(Mask(name="mask")(digit))
    return keras.Model(image, outputs, name="capsnet")


def build_decoder(*, image_shape, classes, capsule_size, units=(512, 1024), **initial):
    """Fully connected decoder: masked capsules (n, classes, capsule_size) to images in [0, 1]; output in float32.

    Args:
        image_shape: (height, width, channels) of the image.
        classes, capsule_size: of the capsules.
        units: widths of the hidden ReLU layers.
        initial: `kernel_initializer` and `bias_initializer` of all layers.
    """
    hidden = [layers.Dense(width, activation="relu", **initial) for width in units]
    last = layers.Dense(math.prod(image_shape), activation="sigmoid", dtype="float32", **initial)
    masked, image = keras.Input((classes, capsule_size), name="masked"), layers.Reshape(image_shape, dtype="float32")
    return keras.Sequential([masked, layers.Flatten(), *hidden, last, image], name="decoder")


def initial_settings(name, primary_types):
    """Arguments of the layers that set their initial weights, by layer.

    `keras`: Glorot uniform and zero biases, as in the blog. `official`: truncated normal kernels, biases of 0.1 also
    on s_j, and primary capsules divided by their number of types, as in the authors' program.
    """
    one_of("initial", name, ("keras", "official"))
    if name == "keras":
        return {"convolution": {}, "primary": {}, "digit": {}, "decoder": {}}

    def normal(deviation):
        return {
            "kernel_initializer": initializers.TruncatedNormal(stddev=deviation),
            "bias_initializer": initializers.Constant(0.1),
        }

    return {
        "convolution": normal(0.05),
        "primary": {"scale": 1 / primary_types, **normal(0.1)},
        "digit": {"use_bias": True, **normal(0.1)},
        "decoder": normal(0.1),
    }


def decode(model, capsules, label):
    """What the decoder of `model` draws from capsule `label` (n,) of capsules (n, C, D): images in [0, 1]."""
    return model.get_layer("decoder")(model.get_layer("mask")(capsules, label))


def with_label(model):
    """The same network (shared weights) with a second input, for training with `keras.Model.fit`.

    Returns:
        keras.Model: {`image`, `label` (n,) int} to {`lengths`, `reconstruction` from the labelled capsule}.
    """
    image, label = keras.Input(model.input_shape[1:], name="image"), keras.Input((), dtype="int32", name="label")
    outputs = model(image)
    rebuilt = decode(model, outputs["capsules"], label)
    inputs = {"image": image, "label": label}
    return keras.Model(inputs, {"lengths": outputs["lengths"], "reconstruction": rebuilt}, name="capsnet_with_label")
