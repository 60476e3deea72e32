"""CorrNet: two views, one common code, either view rebuilt from either (Chandar et al. 2016).

The code of a pair is h = f(W_l x + W_r y + b) with ONE bias b: a missing view adds nothing, so the code of x alone
is f(W_l x + b). The three passes (both, left only, right only) therefore share one encoding of each view.
"""

import math

import keras
import numpy as np
from keras import ops

PACKAGE = "corrnet"
PASSES = ("both", "left", "right")  # which views the code of a pass was made from


@keras.saving.register_keras_serializable(package=PACKAGE)
class ViewCoder(keras.layers.Layer):
    """The layers that belong to one view: into the code (without its bias) and back out of it.

    Args:
        view_shape: shape of one sample of the view, e.g. (28, 14, 1) or (392,); flattened inside.
        code_units: size of the common code.
        encoder_units: widths of the layers between view and code, each with its own bias.
        decoder_units: widths of the layers between code and view.
        tied: the decoder uses the transposed encoder kernels; needs decoder_units == reversed encoder_units.
        hidden_activation, output_activation: names Keras knows.
        initial_scale: kernels start uniform in +-initial_scale * sqrt(6 / (fan_in + fan_out)).
    """

    def __init__(self, view_shape, code_units, encoder_units=(), decoder_units=(), tied=True,
                 hidden_activation="sigmoid", output_activation="sigmoid", initial_scale=4.0, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self.view_shape, self.code_units = tuple(view_shape), code_units
        self.encoder_units, self.decoder_units = tuple(encoder_units), tuple(decoder_units)
        self.tied, self.initial_scale = tied, initial_scale
        self.hidden_activation = keras.activations.get(hidden_activation)
        self.output_activation = keras.activations.get(output_activation)
        if tied and self.decoder_units != self.encoder_units[::-1]:
            raise ValueError(
                f"A tied decoder mirrors its encoder: expected decoder_units {self.encoder_units[::-1]}, "
                f"received {self.decoder_units}. Change decoder_units or pass tied=False."
            )

    def build(self, input_shape=None):
        sizes = (math.prod(self.view_shape), *self.encoder_units, self.code_units)
        back = (self.code_units, *self.decoder_units, sizes[0])
        self.kernels = self._add_kernels("encoder_kernel", sizes)
        self.biases = self._add_biases("encoder_bias", sizes[1:-1])  # the code's bias belongs to CorrNet
        self.decoder_kernels = [] if self.tied else self._add_kernels("decoder_kernel", back)
        self.decoder_biases = self._add_biases("decoder_bias", back[1:])
        self.built = True

    def _add_kernels(self, name, sizes):
        # VarianceScaling draws in +-sqrt(6 * scale / (fan_in + fan_out))
        draw = keras.initializers.VarianceScaling(self.initial_scale**2, "fan_avg", "uniform")
        pairs = enumerate(zip(sizes[:-1], sizes[1:], strict=True))
        return [self.add_weight(shape=pair, initializer=draw.clone(), name=f"{name}_{k}") for k, pair in pairs]

    def _add_biases(self, name, sizes):
        return [self.add_weight(shape=(n,), initializer="zeros", name=f"{name}_{k}") for k, n in enumerate(sizes)]

    def encode(self, view):
        """What this view adds to the code's pre-activation: (n, *view_shape) -> (n, code_units), no bias."""
        x = ops.reshape(view, (-1, math.prod(self.view_shape)))
        for kernel, bias in zip(self.kernels[:-1], self.biases, strict=True):
            x = self.hidden_activation(ops.matmul(x, kernel) + bias)
        return ops.matmul(x, self.kernels[-1])

    def decode(self, code):
        """Rebuild this view: (n, code_units) -> (n, *view_shape)."""
        kernels = [ops.transpose(k) for k in self.kernels[::-1]] if self.tied else self.decoder_kernels
        x = code
        for kernel, bias in zip(kernels[:-1], self.decoder_biases[:-1], strict=True):
            x = self.hidden_activation(ops.matmul(x, kernel) + bias)
        x = self.output_activation(ops.matmul(x, kernels[-1]) + self.decoder_biases[-1])
        return ops.reshape(x, (-1, *self.view_shape))

    def call(self, view):
        return self.encode(view)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.code_units)

    def get_config(self):
        config = {name: getattr(self, name) for name in
                  ("view_shape", "code_units", "encoder_units", "decoder_units", "tied", "initial_scale")}  # fmt: skip
        activations = {name: keras.activations.serialize(getattr(self, name)) for name in
                       ("hidden_activation", "output_activation")}  # fmt: skip
        return super().get_config() | config | activations


@keras.saving.register_keras_serializable(package=PACKAGE)
class CorrNet(keras.Model):
    """h = f(encode(x) + encode(y) + b), CorrNet Eq. 1; each code is decoded to both views.

    A call on {"left": (n, *left_shape), "right": (n, *right_shape)} returns, for each of the passes "both", "left"
    and "right", a dictionary with the "code" (n, code_units) and the rebuilt "left" and "right" views.

    Args:
        left_shape, right_shape: shape of one sample of each view; they may differ.
        code_units: size of the common code.
        hidden_activation: f, of the code and of every hidden layer.
        The others: see `ViewCoder`.
    """

    def __init__(self, left_shape, right_shape, code_units=50, encoder_units=(), decoder_units=(), tied=True,
                 hidden_activation="sigmoid", output_activation="sigmoid", initial_scale=4.0, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
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
        self.built = True

    def encode(self, left=None, right=None):
        """Code (n, code_units) of whichever views are given.

        Raises:
            ValueError: when both views are missing.
        """
        if left is None and right is None:
            raise ValueError("Nothing to encode: expected `left`, `right` or both, received neither.")
        parts = [coder.encode(view) for coder, view in ((self.left, left), (self.right, right)) if view is not None]
        return self.activation(sum(parts) + self.bias)

    def decode(self, code):
        """Both views, as {"left": (n, *left_shape), "right": (n, *right_shape)}, of codes (n, code_units)."""
        return {"left": self.left.decode(code), "right": self.right.decode(code)}

    def call(self, inputs, training=None):
        left, right = self.left.encode(inputs["left"]), self.right.encode(inputs["right"])  # (n, code_units) each
        sums = dict(zip(PASSES, (left + right, left, right), strict=True))
        codes = {name: self.activation(total + self.bias) for name, total in sums.items()}
        return {name: {"code": code} | self.decode(code) for name, code in codes.items()}

    def compute_output_shape(self, input_shape):
        n = input_shape["left"][0]
        views = {"left": (n, *self.left.view_shape), "right": (n, *self.right.view_shape)}
        return {name: {"code": (n, self.left.code_units)} | views for name in PASSES}

    def get_config(self):
        shapes = {"left_shape": self.left.view_shape, "right_shape": self.right.view_shape}
        return super().get_config() | shapes | self.settings


def build(*, left_shape, right_shape, code_units=50, encoder_units=(), decoder_units=(), tied=True,
          hidden_activation="sigmoid", output_activation="sigmoid", initial_scale=4.0, official_seed=None):  # fmt: skip
    """A built CorrNet; see `CorrNet` and `ViewCoder` for the arguments.

    Args:
        official_seed: draw the kernels in the order of the authors' program (`draw_official_kernels`) instead of
            with Keras; only for a tied network without hidden layers.

    Returns:
        CorrNet, its weights created.
    """
    model = CorrNet(left_shape, right_shape, code_units, encoder_units, decoder_units, tied, hidden_activation,
                    output_activation, initial_scale)  # fmt: skip
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


def draw_official_kernels(seed, left_units, right_units, code_units):
    """The authors' initial kernels: U(+-4 sqrt(6 / (fan_in + fan_out))), from one legacy NumPy generator.

    Their program spends one integer draw (the seed of another generator) before the left and the right kernel.

    Returns:
        Two float32 arrays, (left_units, code_units) and (right_units, code_units).
    """
    generator = np.random.RandomState(seed)
    generator.randint(2**30)
    kernels = []
    for units in (left_units, right_units):
        limit = np.sqrt(6.0 / (units + code_units))
        kernels.append(np.float32(4) * generator.uniform(-limit, limit, (units, code_units)).astype("float32"))
    return kernels
