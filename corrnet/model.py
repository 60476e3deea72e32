"""CorrNet: two views, one common code, either view rebuilt from either (Chandar et al. 2016).

The code of a pair is h = f(W_l x + W_r y + b) with ONE bias b: a missing view adds nothing, so the code of x alone
is f(W_l x + b). The three passes (both, left only, right only) therefore share one encoding of each view.
"""

import math

import keras
from keras import layers

from common.options import one_of
from common.shapes import same_shape
from corrnet import losses
from corrnet.layers import PACKAGE, ViewCoder, build_tower, draw_official_kernels

PASSES = ("both", "left", "right")  # which views the code of a pass was made from


@keras.saving.register_keras_serializable(package=PACKAGE)
class CorrNet(keras.Model):
    """h = f(encode(x) + encode(y) + b), CorrNet Eq. 1; each code is decoded to both views.

    A call on {"left": (n, *left_shape), "right": (n, *right_shape)} returns, for each of the passes "both", "left"
    and "right", a dictionary with the "code" (n, code_units) and the rebuilt "left" and "right" views.

    Args:
        left_shape, right_shape: shape of one sample of each view; they may differ.
        code_units: size of the common code.
        hidden_activation: f, of the code and of every hidden layer.
        activate: `after` the sum of both views, with one bias (the formula), or each view `before` it, with a bias of
            its own: h = f(encode(x) + b_l) + f(encode(y) + b_r), the listing, where a missing view adds f(its bias).
        The others: see `ViewCoder`.

    Raises:
        ValueError: another `activate`.
    """

    objective: dict | None = (
        None  # arguments of `losses.compute_loss` for plain `fit`, for example {"correlation_weight": 0.5}
    )

    def __init__(self, left_shape, right_shape, code_units=50, encoder_units=(), decoder_units=(), tied=True,
                 hidden_activation="sigmoid", output_activation="sigmoid", initial_scale=4.0, activate="after",
                 **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        one_of("activate", activate, ("after", "before"))
        self.activate = activate
        self.settings = dict(
            code_units=code_units, encoder_units=tuple(encoder_units), decoder_units=tuple(decoder_units), tied=tied,
            hidden_activation=hidden_activation, output_activation=output_activation, initial_scale=initial_scale,
        )  # fmt: skip
        self.left = ViewCoder(left_shape, **self.settings, name="left")
        self.right = ViewCoder(right_shape, **self.settings, name="right")
        self.activation = keras.activations.get(hidden_activation)

    def build(self, input_shape=None):
        self.left.build()
        self.right.build()
        self.bias = self.add_weight(shape=(self.left.code_units,), initializer="zeros", name="code_bias")
        if self.activate == "before":  # the bias above is the left view's
            self.right_bias = self.add_weight(shape=self.bias.shape, initializer="zeros", name="right_code_bias")
        self.built = True

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Keras' hook: `fit({"left": ..., "right": ...})` minimises `losses.compute_loss` with `objective`.

        No targets and no loss in `compile` are needed. Weights of the samples (n,) are given as a third input,
        "sample_weight": Keras drops its own argument where there are no targets.
        """
        return losses.compute_loss(lambda views, training: y_pred, x, training, **(self.objective or {}))[0]

    def encode(self, left=None, right=None):
        """Code (n, code_units) of whichever views are given.

        Raises:
            ValueError: when both views are missing.
        """
        if left is None and right is None:
            raise ValueError("Nothing to encode: expected `left`, `right` or both, received neither.")
        given = {coder.name: coder.encode(view) for coder, view in ((self.left, left), (self.right, right))
                 if view is not None}  # fmt: skip
        parts = list(given.values())
        same_shape("codes of the left view", parts[0], "those of the right view", parts[-1])
        return self.combine(**given)

    def combine(self, left=None, right=None):
        """Code (n, code_units) of what `ViewCoder.encode` says of the views, (n, code_units) each; None is missing."""
        left, right = (0.0 if part is None else part for part in (left, right))
        if self.activate == "before":
            return self.activation(left + self.bias) + self.activation(right + self.right_bias)
        return self.activation(left + right + self.bias)

    def decode(self, code):
        """Both views, as {"left": (n, *left_shape), "right": (n, *right_shape)}, of codes (n, code_units)."""
        return {"left": self.left.decode(code), "right": self.right.decode(code)}

    def call(self, inputs, training=None):
        left, right = self.left.encode(inputs["left"]), self.right.encode(inputs["right"])  # (n, code_units) each
        codes = dict(
            zip(PASSES, (self.combine(left, right), self.combine(left), self.combine(right=right)), strict=True)
        )
        return {name: {"code": code} | self.decode(code) for name, code in codes.items()}

    def compute_output_shape(self, input_shape):
        n = input_shape["left"][0]
        views = {"left": (n, *self.left.view_shape), "right": (n, *self.right.view_shape)}
        return {name: {"code": (n, self.left.code_units)} | views for name in PASSES}

    def get_config(self):
        shapes = {"left_shape": self.left.view_shape, "right_shape": self.right.view_shape}
        return super().get_config() | shapes | self.settings | {"activate": self.activate}


def build(*, left_shape, right_shape, code_units=50, encoder_units=(), decoder_units=(), tied=True,
          hidden_activation="sigmoid", output_activation="sigmoid", initial_scale=4.0, activate="after",
          official_seed=None):  # fmt: skip
    """A built CorrNet; see `CorrNet` and `ViewCoder` for the arguments.

    Args:
        official_seed: draw the kernels in the order of the authors' program (`draw_official_kernels`) instead of
            with Keras; only for a tied network without hidden layers.

    Returns:
        CorrNet, its weights created.
    """
    model = CorrNet(left_shape, right_shape, code_units, encoder_units, decoder_units, tied, hidden_activation,
                    output_activation, initial_scale, activate)  # fmt: skip
    model.build()
    if official_seed is not None:
        if not tied or encoder_units:
            raise ValueError(
                "official_seed draws one kernel per view: expected tied=True and no encoder_units, "
                f"received tied={tied} and encoder_units={tuple(encoder_units)}. Pass official_seed=None."
            )
        sizes = [math.prod(shape) for shape in (left_shape, right_shape)]
        for coder, kernel in zip((model.left, model.right), draw_official_kernels(official_seed, *sizes, code_units),
                                 strict=True):  # fmt: skip
            coder.kernels[0].assign(kernel)
    return model


@keras.saving.register_keras_serializable(package=PACKAGE)
class DeepCCA(keras.Model):
    """One tower of dense layers per view, no decoder.

    Args:
        left_shape, right_shape: shape of one sample of each view.
        code_units: size of each code.
        hidden_units: widths of the hidden layers; each is followed by batch normalisation, ReLU and dropout.
        dropout: share of hidden units dropped in training, in [0, 1).
        input_dropout: share of pixels set to 0 in training, in [0, 1).
    """

    def __init__(self, left_shape, right_shape, code_units=50, hidden_units=(1024, 1024), dropout=0.2,
                 input_dropout=0.0, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self.settings = dict(
            left_shape=tuple(left_shape), right_shape=tuple(right_shape), code_units=code_units,
            hidden_units=tuple(hidden_units), dropout=dropout, input_dropout=input_dropout,
        )  # fmt: skip
        shared = code_units, hidden_units, dropout, input_dropout
        self.left = build_tower(left_shape, *shared, name="left")
        self.right = build_tower(right_shape, *shared, name="right")
        self.generator = keras.random.SeedGenerator()  # of the noise of `losses.noise_regularisation`
        self.built = True

    def encode(self, left=None, right=None):
        """Code (n, code_units) of one view; deep CCA has no joint code.

        Raises:
            ValueError: unless exactly one view is given.
        """
        if (left is None) == (right is None):
            count = "neither" if left is None else "both"
            raise ValueError(f"Deep CCA encodes one view at a time: expected left or right, received {count}.")
        return self.right(right, training=False) if left is None else self.left(left, training=False)

    def call(self, inputs, training=None):
        towers = {"left": self.left, "right": self.right}
        return {view: {"code": tower(inputs[view], training=training)} for view, tower in towers.items()}

    def get_config(self):
        return super().get_config() | self.settings


def build_classifiers(*, left_shape, right_shape, classes=10):
    """One convolutional classifier per view: what supervision reaches on half an image.

    Args:
        left_shape, right_shape: (height, width, channels) of each view.
        classes: number of labels.

    Returns:
        Model from {"left": (n, ...), "right": (n, ...)} to logits {"left": (n, classes), "right": (n, classes)}.
    """
    inputs = {"left": keras.Input(left_shape, name="left"), "right": keras.Input(right_shape, name="right")}
    return keras.Model(inputs, {view: classify(x, classes) for view, x in inputs.items()}, name="classifiers")


def classify(x, classes):
    """(n, height, width, channels) -> (n, classes): twice convolution, normalisation, pooling; then dense layers."""
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Dropout(0.5)(layers.Dense(128, activation="relu")(layers.Flatten()(x)))
    return layers.Dense(classes)(x)
