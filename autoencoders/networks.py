"""The parts of encoders and decoders: images to features, features to a code, codes to logits. Any image size."""

import math

import keras
from keras import layers

from autoencoders.layers import CropLike, KeepTopK, KeepWinners, Quantize
from autoencoders.subpixel.layers import SubPixelConv2D
from common.options import one_of

UPSAMPLING = ("transpose", "subpixel")


def upsample(filters, kind, activation=None, name=None):
    """A layer that doubles the image: "transpose" (4 x 4 kernel) or "subpixel" (3 x 3 kernel, ICNR)."""
    one_of("upsampling", kind, UPSAMPLING)
    if kind == "subpixel":
        return SubPixelConv2D(filters, 3, 2, activation=activation, kernel_initializer="icnr", name=name)
    return layers.Conv2DTranspose(filters, 4, strides=2, padding="same", activation=activation, name=name)


def pooled_features(images, widths):
    """The post's encoder: convolutions, each followed by a max-pooling that halves the image."""
    x = images
    for filters in widths:
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2, padding="same")(x)  # (n, ceil(h / 2), ceil(w / 2), filters)
    return layers.Flatten()(x)


def strided_features(images, widths):
    """Convolutions of stride 2: cheaper than pooling, because no pixel is computed to be thrown away."""
    x = images
    for filters in widths:
        x = layers.Conv2D(filters, 4, strides=2, padding="same", activation="relu")(x)
    return layers.Flatten()(x)


def dense_features(images, widths):
    """Fully connected layers on the flattened image."""
    x = layers.Flatten()(images)
    for units in widths:
        x = layers.Dense(units, activation="relu")(x)
    return x


def convolutional_logits(code, image_shape, widths, kind="transpose", residual=0):
    """The post's decoder: from the code to a small grid, doubled once per entry of `widths`, then cropped.

    `residual` convolutions that add to their input come first, where the image is smallest and they cost least.
    """
    height, width, channels = image_shape
    scale = 2 ** len(widths)
    rows, columns = math.ceil(height / scale), math.ceil(width / scale)
    x = layers.Dense(rows * columns * widths[-1], activation="relu")(code)
    x = layers.Reshape((rows, columns, widths[-1]))(x)
    for _ in range(residual):
        x = layers.Add()([x, layers.Conv2D(widths[-1], 3, padding="same", activation="relu")(x)])
    for filters in reversed(widths[:-1]):
        x = upsample(filters, kind, activation="relu")(x)
    x = upsample(channels, kind, name="logits")(x)
    return layers.CenterCrop(height, width)(x)  # the grid is a multiple of `scale`: drop the surplus border


def dense_logits(code, image_shape, widths, kind="transpose", residual=0):
    """Fully connected layers, the mirror of `dense_features`; `kind` and `residual` do not apply."""
    x = code
    for units in reversed(widths):
        x = layers.Dense(units, activation="relu")(x)
    return layers.Reshape(image_shape)(layers.Dense(math.prod(image_shape), name="logits")(x))


# name -> (images, widths -> features (n, f); code, image shape, widths, upsampling, residual -> logits)
NETWORKS = {
    "pooled": (pooled_features, convolutional_logits),
    "strided": (strided_features, convolutional_logits),
    "dense": (dense_features, dense_logits),
}


BOTTLENECKS = ("linear", "relu", "sigmoid", "top_k", "winners", "gaussian", "quantized")


def bottleneck(features, code, kind, l1=0.0, top_k=1, winners=0.05):
    """The code (n, code) of features (n, f).

    Args:
        features: (n, f).
        code: number of units.
        kind: "linear"; "relu" or "sigmoid" for sparse codes; "top_k" keeps the k largest units; "winners": a
            ReLU, of which training keeps a share per unit; "gaussian":
            mean and log-variance (n, 2 code); "quantized": integers, see `Quantize`.
        l1: weight of the post's activity regulariser; Keras divides it by the batch size, so that it adds l1
            * sum over units of |code|, mean over the batch.
        top_k: how many units stay active.
        winners: share of a batch in which a unit stays active.
    """
    one_of("kind", kind, BOTTLENECKS)
    if kind == "gaussian":
        return layers.Dense(2 * code, name="code")(features)
    regularizer = keras.regularizers.L1(l1) if l1 else None
    activation = {"winners": "relu"}.get(kind, kind if kind in ("relu", "sigmoid") else None)
    x = layers.Dense(code, activation=activation, activity_regularizer=regularizer, name="code")(features)
    if kind == "top_k":
        return KeepTopK(top_k, name="top_k")(x)
    if kind == "winners":
        return KeepWinners(winners, name="winners")(x)
    return Quantize(name="quantize")(x) if kind == "quantized" else x


def build_unet(image_shape, widths, kind="transpose"):
    """Encoder and decoder joined at every resolution (U-Net, Ronneberger et al. 2015): no bottleneck.

    Args:
        image_shape: (height, width, channels).
        widths: filters at full, half, quarter ... resolution.
        kind: of upsampling.

    Returns:
        encoder, from images to a list of feature maps, finest first; decoder, from that list to logits.
    """
    x = images = keras.Input(image_shape, name="image")
    maps = []
    for level, filters in enumerate(widths):
        stride = 2 if level else 1
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", activation="relu")(x)
        maps.append(x)
    inputs = [keras.Input(each.shape[1:]) for each in maps]
    x = inputs[-1]
    for skip in reversed(inputs[:-1]):
        filters = skip.shape[-1]
        x = upsample(filters, kind, activation="relu")(x)
        known = None not in skip.shape[1:3]
        x = layers.CenterCrop(skip.shape[1], skip.shape[2])(x) if known else CropLike()(x, skip)
        x = layers.Concatenate()([x, skip])
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    logits = layers.Conv2D(image_shape[-1], 3, padding="same", name="logits")(x)
    return keras.Model(images, maps, name="encoder"), keras.Model(inputs, logits, name="decoder")
