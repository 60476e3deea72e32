"""Autoencoders: an encoder, a decoder, and what stands between them.

Every variant is put together by `build` from the same few parts. The decoder ends in logits;
`Autoencoder.decode` and the entry "image" of a call turn them into pixels in [0, 1] with a sigmoid.
"""

import keras
from keras import layers, ops

from autoencoders import losses
from autoencoders.layers import CORRUPTIONS, Binarize, MixturePrior, Sampling
from autoencoders.networks import BOTTLENECKS, NETWORKS, UPSAMPLING, bottleneck, build_unet
from common.options import one_of

PACKAGE = "autoencoders"


@keras.saving.register_keras_serializable(package=PACKAGE)
class Autoencoder(keras.Model):
    """Image -> code -> image; `encoder` and `decoder` are ordinary models and stay reachable after loading.

    Args:
        encoder: model from images (n, height, width, channels) in [0, 1] to codes (n, code).
        decoder: model from codes (n, code) to logits (n, height, width, channels).
        corruption: layer that spoils what the encoder sees during training, or None.
        binarize: layer that draws the images the model sees and is compared with, or None.

    A call returns a dictionary: "image" (n, height, width, channels) in [0, 1], its "logits", the "code" (n,
        code) and
    the "target": what the image is to be compared with.
    """

    parts: tuple[str, ...] = ("encoder", "decoder", "corruption", "binarize")

    def __init__(self, encoder, decoder, corruption=None, binarize=None, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.corruption = corruption
        self.binarize = binarize

    def call(self, images, training=None):
        target = images if self.binarize is None else self.binarize(images)
        seen = target if self.corruption is None else self.corruption(target, training=training)
        code = self.encoder(seen, training=training)
        logits = self.decoder(code, training=training)
        return {"image": ops.sigmoid(logits), "logits": logits, "code": code, "target": target}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Keras' hook: what was compiled, and everything that the model itself asks for.

        `fit(images)`, without targets, minimises the cross-entropy with the images (nats per image), and needs no loss
        in `compile`; `fit(images, targets)` the loss that was compiled. `own_loss` and the regularisers of the layers
        are added either way.
        `autoencoders.losses.compute_loss` is the same for the project's training loop.
        """
        given = keras.tree.flatten(sample_weight)
        weights = ops.reshape(ops.cast(given[0], "float32"), (-1,)) if given and given[0] is not None else None
        own = self.own_loss(y_pred)
        compiled = self._compile_loss if y is not None else None
        if compiled is None:
            own = own + losses.binary_cross_entropy(y_pred["target"], y_pred["logits"])
        total = ops.mean(own if weights is None else weights * own)
        total = total + sum((ops.cast(loss, "float32") for loss in self.losses), 0.0)
        return total if compiled is None else total + ops.cast(compiled(y, y_pred, sample_weight), "float32")

    def own_loss(self, outputs):
        """What belongs to the model whatever it is compiled with, (n,) nats: nothing here."""
        return ops.zeros_like(ops.cast(outputs["logits"], "float32")[:, 0, 0, 0])

    def inputs_of(self, batch):
        """What a call takes of a batch of the data set: its images."""
        return batch["image"]

    def encode(self, images):
        """Codes (n, code) of images (n, height, width, channels), without any randomness."""
        return self.encoder(images, training=False)

    def decode(self, codes):
        """Images (n, height, width, channels) in [0, 1] of codes (n, code)."""
        return ops.sigmoid(self.decoder(codes, training=False))

    def reconstruct(self, images):
        """`decode(encode(images))`: images (n, height, width, channels) in [0, 1]."""
        return self.decode(self.encode(images))

    def get_config(self):
        return super().get_config() | {k: keras.saving.serialize_keras_object(getattr(self, k)) for k in self.parts}

    @classmethod
    def from_config(cls, config):
        known = [part for part in cls.parts if part in config]
        return cls(**config | {part: keras.saving.deserialize_keras_object(config[part]) for part in known})


@keras.saving.register_keras_serializable(package=PACKAGE)
class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose code is drawn from N(mean, exp(log_variance)) (Kingma & Welling 2014).

    The encoder returns mean and log-variance side by side (n, 2 latent). The code is drawn in every call,
    also outside training, because the evidence lower bound is an expectation over it; `encode` and
    `reconstruct` use the mean. A call also returns "mean" and "log_variance" (n, latent).

    Args:
        encoder, decoder, corruption, binarize: see `Autoencoder`.
        prior: what codes are drawn from: a `MixturePrior`, or None for N(0, 1).
    """

    parts = (*Autoencoder.parts, "prior")

    def __init__(self, encoder, decoder, corruption=None, binarize=None, prior=None, **kwargs):
        super().__init__(encoder, decoder, corruption, binarize, **kwargs)
        self.sampling = Sampling(name="sampling")
        self.prior = prior

    def call(self, images, training=None):
        target = images if self.binarize is None else self.binarize(images)
        mean, log_variance = self.posterior(target, training=training)
        code = self.sampling(mean, log_variance)
        logits = self.decoder(code, training=training)
        outputs = {"image": ops.sigmoid(logits), "logits": logits, "code": code, "target": target}
        return outputs | {"mean": mean, "log_variance": log_variance}

    def own_loss(self, outputs):
        """The divergence from the prior, without which an evidence lower bound is none; (n,) nats.

        In closed form for N(0, 1), from the code that was drawn for a mixture.
        """
        mean, log_variance = outputs["mean"], outputs["log_variance"]
        if self.prior is None:
            return losses.gaussian_kl(mean, log_variance)
        return losses.divergence(outputs["code"], mean, log_variance, self.prior)

    def log_prior(self, code):
        """log p(z) of codes (..., latent): (...) nats."""
        return losses.standard_normal(code) if self.prior is None else self.prior(code)

    def posterior(self, images, training=False):
        """Mean and log-variance (n, latent) of q(z | image)."""
        return ops.split(self.encoder(images, training=training), 2, axis=-1)

    def encode(self, images):
        """Means (n, latent) of q(z | image)."""
        return self.posterior(images)[0]

    def sample(self, count, seed=None):
        """`count` new images (count, height, width, channels) in [0, 1], decoded from draws of the prior."""
        if self.prior is not None:
            return self.decode(self.prior.draw(count, seed))
        return self.decode(keras.random.normal((count, *self.decoder.input_shape[1:]), seed=seed))


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
        mean, log_variance = self.posterior(inputs, training=training)
        code = self.sampling(mean, log_variance)
        logits = self.decoder([code, self.told(inputs["label"])], training=training)
        outputs = {"image": ops.sigmoid(logits), "logits": logits, "code": code, "target": inputs["image"]}
        return outputs | {"mean": mean, "log_variance": log_variance}

    def posterior(self, inputs, training=False):
        """Mean and log-variance (n, latent) of q(z | image, class)."""
        seen = [ops.convert_to_tensor(inputs["image"]), self.told(inputs["label"])]
        return ops.split(self.encoder(seen, training=training), 2, axis=-1)

    def reconstruct(self, inputs):
        """Images (n, height, width, channels) in [0, 1], drawn from the mean code and the class."""
        return self.draw(self.encode(inputs), inputs["label"])

    def draw(self, codes, labels):
        """Images (n, height, width, channels) of the classes `labels` (n,), in the hand of `codes` (n, latent)."""
        return ops.sigmoid(self.decoder([ops.convert_to_tensor(codes, "float32"), self.told(labels)], training=False))

    def sample(self, labels, seed=None):
        """A new image of each of the classes `labels` (n,), its code drawn from N(0, 1)."""
        latent = self.decoder.input_shape[0][-1]
        return self.draw(keras.random.normal((len(labels), latent), seed=seed), labels)

    def get_config(self):
        return super().get_config() | {"classes": self.classes}


def build(
    *,
    image_shape=(28, 28, 1),
    code=32,
    network="pooled",
    widths=(16, 32),
    residual=0,
    upsampling="transpose",
    kind="linear",
    l1=0.0,
    top_k=1,
    winners=0.05,
    corruption="none",
    amount=0.0,
    binarize=False,
    prior_components=0,
):
    """An autoencoder; the defaults are the convolutional one of the post "Autoencoders".

    Args:
        image_shape: (height, width, channels) of the images; any size, for "unet" also (None, None, channels).
        code: number of features the image is squeezed into.
        network: "pooled" (the post's), "strided", "dense", or "unet", which has no code.
        widths: filters or units of the encoder's layers, first to last; the decoder mirrors them.
        residual: residual convolutions at the lowest resolution of a decoder made of convolutions.
        upsampling: "transpose" or "subpixel", for the decoders made of convolutions.
        kind, l1, top_k, winners: see `bottleneck`; "gaussian" gives a `VariationalAutoencoder`.
        corruption: "none", "masking", "salt_and_pepper" or "gaussian", of the training images.
        amount: share of corrupted pixels, or standard deviation.
        binarize: draw black-and-white images with the grey values as probabilities.
        prior_components: 0 for codes from N(0, 1); else of a `MixturePrior`, with kind "gaussian".
    """
    options = {
        "network": (network, [*NETWORKS, "unet"]),
        "upsampling": (upsampling, UPSAMPLING),
        "kind": (kind, BOTTLENECKS),
        "corruption": (corruption, ["none", *CORRUPTIONS]),
    }
    for name, (value, known) in options.items():
        one_of(name, value, known)
    if network != "unet" and None in image_shape:
        raise ValueError(
            f"image_shape is {tuple(image_shape)}: a code of one size needs images of one size. Give height and width, "
            'or use network="unet", which takes images of any size.'
        )
    widths = tuple(widths)
    if network == "unet":
        encoder, decoder = build_unet(image_shape, widths, upsampling)
    else:
        features, logits = NETWORKS[network]
        images, codes = keras.Input(image_shape, name="image"), keras.Input((code,), name="code")
        encoder = keras.Model(
            images, bottleneck(features(images, widths), code, kind, l1, top_k, winners), name="encoder"
        )
        decoder = keras.Model(codes, logits(codes, image_shape, widths, upsampling, residual), name="decoder")
    spoil = None if corruption == "none" else CORRUPTIONS[corruption](amount, name="corruption")
    parts = {"corruption": spoil, "binarize": Binarize(name="binarize") if binarize else None}
    if kind == "gaussian":
        parts["prior"] = MixturePrior(prior_components, code, name="prior") if prior_components else None
    make = VariationalAutoencoder if kind == "gaussian" else Autoencoder
    model = make(encoder, decoder, **parts, name="autoencoder")
    model(keras.Input(image_shape))  # builds every part
    return model


def build_conditional(*, image_shape=(28, 28, 1), classes=10, latent=2, network="dense", widths=(512, 256)):
    """A `ConditionalAutoencoder` of the same layers as `build`; the class joins features and code.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes (>= 1).
        latent: numbers in a code (>= 1).
        network, widths: see `build`; every network but "unet".
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
