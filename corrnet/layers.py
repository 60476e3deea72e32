"""The parts of the networks: one view's encoder and decoder, one view's tower, the authors' initial kernels."""

import itertools
import math

import keras
import numpy as np
from keras import layers, ops

PACKAGE = "corrnet"


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
        pairs = enumerate(itertools.pairwise(sizes))
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


def build_tower(shape, code_units, hidden_units, dropout, input_dropout, name):
    """(n, *shape) -> (n, code_units), the last layer linear."""
    x = inputs = keras.Input(shape)
    x = layers.Flatten()(x)
    if input_dropout:
        # plain dropout would rescale the pixels that stay
        x = layers.Rescaling(1.0 - input_dropout)(layers.Dropout(input_dropout)(x))
    for units in hidden_units:
        x = layers.Activation("relu")(layers.BatchNormalization()(layers.Dense(units, use_bias=False)(x)))
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.Dense(code_units)(x), name=name)


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
