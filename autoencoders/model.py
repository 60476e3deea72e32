"""Autoencoders: an encoder, a decoder, and what stands between them.

Every variant is put together by `build` from the same few parts. The decoder ends in logits; `Autoencoder.decode`
and the entry "image" of a call turn them into pixels in [0, 1] with a sigmoid.
"""

import math

import keras
from keras import layers, ops

PACKAGE = "autoencoders"


@keras.saving.register_keras_serializable(package=PACKAGE)
class Autoencoder(keras.Model):
    """Image -> code -> image; `encoder` and `decoder` are ordinary models and stay reachable after loading.

    Args:
        encoder: model from images (n, height, width, channels) in [0, 1] to codes (n, code).
        decoder: model from codes (n, code) to logits (n, height, width, channels).

    A call returns a dictionary: "image" (n, height, width, channels) in [0, 1], its "logits", and the "code"
    (n, code).
    """

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder

    def call(self, images, training=None):
        code = self.encoder(images, training=training)
        logits = self.decoder(code, training=training)
        return {"image": ops.sigmoid(logits), "logits": logits, "code": code}

    def encode(self, images):
        """Codes (n, code) of images (n, height, width, channels), without any training-time randomness."""
        return self.encoder(images, training=False)

    def decode(self, codes):
        """Images (n, height, width, channels) in [0, 1] of codes (n, code)."""
        return ops.sigmoid(self.decoder(codes, training=False))

    def get_config(self):
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        return super().get_config() | {k: keras.saving.serialize_keras_object(v) for k, v in parts.items()}

    @classmethod
    def from_config(cls, config):
        parts = {k: keras.saving.deserialize_keras_object(config[k]) for k in ("encoder", "decoder")}
        return cls(**(config | parts))


def build_encoder(image_shape, units, *, filters):
    """Convolutions, each followed by a max-pooling that halves the image, flattened to `units` features."""
    x = inputs = keras.Input(image_shape, name="image")
    for count in filters:
        x = layers.Conv2D(count, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2, padding="same")(x)  # (n, ceil(h / 2), ceil(w / 2), count)
    code = layers.Dense(units, name="code")(layers.Flatten()(x))
    return keras.Model(inputs, code, name="encoder")


def build_decoder(image_shape, units, *, filters):
    """Transposed convolutions, each doubling the image, from `units` features to logits; cropped to `image_shape`."""
    height, width, channels = image_shape
    scale = 2 ** len(filters)
    rows, columns = math.ceil(height / scale), math.ceil(width / scale)
    inputs = keras.Input((units,), name="code")
    x = layers.Dense(rows * columns * filters[-1], activation="relu")(inputs)
    x = layers.Reshape((rows, columns, filters[-1]))(x)
    for count in reversed(filters[:-1]):
        x = layers.Conv2DTranspose(count, 4, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", name="logits")(x)
    x = layers.CenterCrop(height, width)(x)  # the grid is a multiple of `scale`: drop the surplus border
    return keras.Model(inputs, x, name="decoder")


def build(*, image_shape=(28, 28, 1), code=32, filters=(16, 32)):
    """The convolutional autoencoder of the post "Autoencoders": code of 32, any image size.

    Args:
        image_shape: (height, width, channels) of the images.
        code: number of features the image is squeezed into.
        filters: filters of the encoder's convolutions, first to last; the decoder mirrors them.
    """
    encoder = build_encoder(image_shape, code, filters=filters)
    decoder = build_decoder(image_shape, code, filters=filters)
    model = Autoencoder(encoder, decoder, name="autoencoder")
    model.build((None, *image_shape))
    return model
