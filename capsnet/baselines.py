"""What CapsNet is compared with: convolutional networks without capsules, and the mean image of every class."""

import keras
import numpy as np
from keras import layers

from capsnet.layers import RandomShift, StridedConv2D

NAMES = ("cnn_paper", "cnn_5x5", "cnn_9x9")


def build(name, *, image_shape=(28, 28, 1), classes=10, max_shift=0, filters=256):
    """A convolutional classifier: image (n, *image_shape) in [0, 1] to {`logits` (n, classes)}.

    Args:
        name: `cnn_paper`: the paper's baseline, three 5x5 convolutions without stride, 35.4 million parameters and
            9.7 times the arithmetic of CapsNet; `cnn_5x5`: the same layers with stride 2 in the second and
            third, 0.86 of CapsNet's arithmetic; `cnn_9x9`: CapsNet's own two convolutions, then the average over all
            positions instead of capsules.
        image_shape, classes, max_shift: as in `capsnet.model.build`.
        filters: of the widest convolutions; 256 in the paper.
    """
    image = keras.Input(image_shape, name="image")
    seen = RandomShift(max_shift, name="shift")(image)
    features = {"cnn_paper": paper, "cnn_5x5": strided, "cnn_9x9": average_pooled}[name](seen, filters)
    logits = layers.Dense(classes, dtype="float32", name="classifier")(features)
    return keras.Model(image, {"logits": logits}, name=name)


def paper(image, filters):
    """Section 5: 256, 256, 128 channels of 5x5, stride 1, then 328 and 192 units with dropout."""
    return hidden_layers(convolutions(image, filters, strides=(1, 1, 1), padding="same"))


def strided(image, filters):
    """The paper's layers at CapsNet's cost: stride 2 in the second and third convolution, no padding."""
    return hidden_layers(convolutions(image, filters, strides=(1, 2, 2), padding="valid"))


def convolutions(image, filters, strides, padding):
    """Three 5x5 convolutions with `filters`, `filters` and half as many channels, flattened."""
    for width, stride in zip((filters, filters, filters // 2), strides, strict=True):
        convolution = StridedConv2D if stride > 1 else layers.Conv2D
        image = convolution(width, 5, strides=stride, padding=padding, activation="relu")(image)
    return layers.Flatten()(image)


def hidden_layers(features):
    """The two fully connected layers of the paper's baseline."""
    hidden = layers.Dense(328, activation="relu")(features)
    hidden = layers.Dense(192, activation="relu")(hidden)
    return layers.Dropout(0.5)(hidden)


def average_pooled(image, filters):
    """CapsNet's convolutions (9x9, then 9x9 with stride 2), then the mean over all positions."""
    hidden = layers.Conv2D(filters, 9, activation="relu")(image)
    hidden = StridedConv2D(filters, 9, strides=2, activation="relu")(hidden)
    return layers.GlobalAveragePooling2D()(hidden)


def class_means(split):
    """Mean image of every class, float32 (classes, height, width, channels): a decoder that knows only the label."""
    images, labels = split["image"], split["label"]
    means = np.stack([images[labels == label].mean(axis=0) for label in np.unique(labels)])
    return means / 255 if images.dtype == np.uint8 else means
