"""The sub-network of a view, as the post's closing advice has it: any network that ends in a vector."""

import keras
from keras import layers


def build_view_encoder(shape, width=64, name=None):
    """Small convolutional network from one view to a vector.

    Args:
        shape: (height, width, channels) of the view.
        width: numbers in the vector, at least 1.

    Returns:
        A built Keras model, (n, *shape) -> (n, width), not negative.
    """
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(width, activation="relu"),
        ],
        name=name,
    )
