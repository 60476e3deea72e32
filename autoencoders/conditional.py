"""A variational autoencoder that is told the class: digits on demand (Kingma et al. 2014, M2; Sohn et al. 2015)."""

import keras
from keras import layers, ops

from autoencoders.layers import PACKAGE
from autoencoders.model import VariationalAutoencoder
from autoencoders.networks import NETWORKS


@keras.saving.register_keras_serializable(package=PACKAGE)
class ConditionalAutoencoder(VariationalAutoencoder):
    """q(z | image, class) and p(image | z, class), with p(z) = N(0, 1) whatever the class.

    The evidence lower bound is that of log p(image | class). The code need not say which class it is, so that it is
    left with what differs within a class: how the digit is written.

    Args:
        encoder: model from images (n, height, width, channels) and one-hot classes (n, classes) to mean and
            log-variance (n, 2 latent).
        decoder: model from codes (n, latent) and one-hot classes to logits (n, height, width, channels).
        classes: their number.

    A call takes {"image": (n, height, width, channels) in [0, 1], "label": (n,) integers in [0, classes)}.
    """

    def __init__(self, encoder, decoder, classes, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.classes = classes

    def inputs_of(self, batch):
        return {name: batch[name] for name in ("image", "label")}

    def told(self, labels):
        """Classes (n,) as one-hot rows (n, classes) float32."""
        return ops.one_hot(labels, self.classes, dtype="float32")

    def call(self, inputs, training=None):
        target, told = inputs["image"], self.told(inputs["label"])
        mean, log_variance = ops.split(self.encoder([target, told], training=training), 2, axis=-1)
        code = self.sampling(mean, log_variance)
        logits = self.decoder([code, told], training=training)
        outputs = {"image": ops.sigmoid(logits), "logits": logits, "code": code, "target": target}
        return outputs | {"mean": mean, "log_variance": log_variance}

    def draw(self, codes, labels):
        """Images (n, height, width, channels) of the classes `labels` (n,), in the hand of `codes` (n, latent)."""
        return ops.sigmoid(self.decoder([ops.convert_to_tensor(codes, "float32"), self.told(labels)], training=False))

    def sample(self, labels, seed=None):
        """A new image of each of the classes `labels` (n,), its code drawn from N(0, 1)."""
        latent = self.decoder.input_shape[0][-1]
        return self.draw(keras.random.normal((len(labels), latent), seed=seed), labels)

    def get_config(self):
        return super().get_config() | {"classes": self.classes}


def build(*, image_shape=(28, 28, 1), classes=10, latent=2, network="dense", widths=(512, 256)):
    """A `ConditionalAutoencoder` of the same layers as `model.build`; the class joins features and code.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes (>= 1).
        latent: numbers in a code (>= 1).
        network, widths: see `model.build`; every network but "unet".
    """
    features, logits = NETWORKS[network]
    images, told = keras.Input(image_shape, name="image"), keras.Input((classes,), name="class")
    seen = layers.Concatenate()([features(images, widths), told])
    encoder = keras.Model([images, told], layers.Dense(2 * latent, name="code")(seen), name="encoder")
    codes, wished = keras.Input((latent,), name="code"), keras.Input((classes,), name="class")
    drawn = logits(layers.Concatenate()([codes, wished]), image_shape, widths)
    decoder = keras.Model([codes, wished], drawn, name="decoder")
    model = ConditionalAutoencoder(encoder, decoder, classes, name="conditional")
    model({"image": keras.Input(image_shape), "label": keras.Input((), dtype="int32")})  # builds every part
    return model
