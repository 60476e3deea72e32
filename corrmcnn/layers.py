"""The parts of a CorrMCNN: one view's encoder and decoder, nearest upsampling to any size, distortion of a pair."""

import math

import keras
import numpy as np
from keras import layers, ops

from corrmcnn.fast import PACKAGE, Deconvolution, MaxPooling

# Batch normalisation as in the slides' framework: share of the old moving statistics, and what is added to variances.
MOMENTUM, EPSILON = 0.9, 1e-5
CHANNELS = 3  # of the small picture that the slides' decoder enlarges


def source_indices(size, new_size):
    """The row each of `new_size` rows copies, floor(i * size / new_size): the slides' framework, index for index."""
    return [i * size // new_size for i in range(new_size)]


@keras.saving.register_keras_serializable(package=PACKAGE)
class NearestUpsampling(keras.layers.Layer):
    """Enlarges a picture to any size: pixel (i, j) copies pixel (floor(i h / H), floor(j w / W)).

    Keras' own resizing measures from the centres of pixels and picks other rows when H / h is not an integer.

    Args:
        size: (H, W), rows and columns of the result.
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, x):
        for axis, new_size in enumerate(self.size, start=1):
            x = ops.take(x, source_indices(x.shape[axis], new_size), axis=axis)
        return x  # (n, H, W, channels)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self):
        return super().get_config() | {"size": self.size}


@keras.saving.register_keras_serializable(package=PACKAGE)
class TransposedDense(keras.layers.Layer):
    """f(x K^T + b) with the kernel K of another dense layer, given in the call; only b belongs to it (tied weights).

    Args:
        units: rows of K.
        activation: f, a name Keras knows.
    """

    def __init__(self, units, activation="linear", **kwargs):
        super().__init__(**kwargs)
        self.units, self.activation = units, keras.activations.get(activation)

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x, kernel):
        return self.activation(ops.matmul(x, ops.transpose(ops.cast(kernel, x.dtype))) + self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return super().get_config() | {"units": self.units, "activation": activation}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Encoder(keras.layers.Layer):
    """One view: (convolution, pooling, activation, normalisation) for each of `filters`, then dense layers.

    A call returns the outputs of the dense layers, the steps at which the two views are compared; the last one goes on
    to the code. Pooling comes before the activation: where that never falls, the result is the same and the work a
    quarter.

    Args:
        filters: of each 3x3 convolution; () for dense layers only.
        padding: "valid" or "same", of convolutions and pooling.
        dense_units: widths of the dense layers, at least one.
        batch_norm: "none", "convolutions" (after each pooling) or "all" (between dense layers, too).
        dropout: share of units dropped in training between dense layers, in [0, 1).
        activation, dense_activation: of the convolutions and of the dense layers: "relu", "sigmoid" or "tanh".
    """

    def __init__(self, filters=(128, 64), padding="valid", dense_units=(500, 300), batch_norm="convolutions",
                 dropout=0.2, activation="relu", dense_activation="relu", **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self.settings = dict(
            filters=tuple(filters), padding=padding, dense_units=tuple(dense_units), batch_norm=batch_norm,
            dropout=dropout, activation=activation, dense_activation=dense_activation)  # fmt: skip
        self.chain = []
        for count in filters:
            self.chain += [layers.Conv2D(count, 3, padding=padding), MaxPooling(2, padding=padding)]
            self.chain += [layers.Activation(activation), *normalise(batch_norm != "none")]
        self.chain += [layers.Flatten(), layers.Dense(dense_units[0], activation=dense_activation)]
        for units in dense_units[1:]:
            self.chain += [*normalise(batch_norm == "all"), layers.Dropout(dropout)]
            self.chain += [layers.Dense(units, activation=dense_activation)]

    def build(self, input_shape):
        try:
            build_chain(self.chain, input_shape)
        except ValueError as error:  # from the convolution that finds no pixel left
            raise ValueError(
                f"A view of shape {tuple(input_shape[1:])} is too small for {len(self.settings['filters'])} "
                f"convolutions with pooling. Use fewer filters, padding='same' or larger views. ({error})"
            ) from None

    def call(self, view, training=None):
        x, steps = view, []
        for layer in self.chain:
            x = layer(x)
            if isinstance(layer, layers.Dense):
                steps.append(x)
        return steps

    def compute_output_shape(self, input_shape):
        return [(input_shape[0], units) for units in self.settings["dense_units"]]

    def get_config(self):
        return super().get_config() | self.settings


@keras.saving.register_keras_serializable(package=PACKAGE)
class Decoder(keras.layers.Layer):
    """One view rebuilt from a code: hidden dense layers, then the pixels, by one more or by the slides' deconvolution.

    The deconvolution: a hidden layer seen as 3 channels of half the height and width, nearest upsampling to two pixels
    less than the view, transposed 3x3 convolution. A call returns (view, steps), the outputs of the hidden layers.

    Args:
        view_shape: (height, width, channels) of the view.
        units: widths of the hidden layers; that of the deconvolution comes on top.
        deconvolution: whether the pixels come from the deconvolution or from a dense layer.
        tied: the layers of `units` use kernels given in the call, transposed.
        activation, output_activation: of the hidden layers and of the pixels.
    """

    def __init__(self, view_shape, units=(), deconvolution=True, tied=False, activation="relu",
                 output_activation="sigmoid", **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self.settings = dict(view_shape=tuple(view_shape), units=tuple(units), deconvolution=deconvolution, tied=tied,
                             activation=activation, output_activation=output_activation)  # fmt: skip
        height, width, channels = view_shape
        self.hidden = [(TransposedDense if tied else layers.Dense)(count, activation=activation) for count in units]
        if deconvolution:
            if min(height, width) < 3:
                raise ValueError(
                    f"The deconvolution draws 3 x 3 pixels or more, received a view of shape {tuple(view_shape)}. Use "
                    "deconvolution=False."
                )
            small = (height // 2, width // 2, CHANNELS)
            self.hidden.append(layers.Dense(math.prod(small), activation=activation))
            self.picture = [layers.Reshape(small), NearestUpsampling((height - 2, width - 2))]
            self.picture += [Deconvolution(channels, 3, activation=output_activation)]
        else:
            self.picture = [layers.Dense(math.prod(view_shape), activation=output_activation)]
            self.picture += [layers.Reshape(view_shape)]

    def build(self, input_shape):
        build_chain([*self.hidden, *self.picture], input_shape)

    def call(self, code, kernels=()):
        x, steps = code, []
        for k, layer in enumerate(self.hidden):
            x = layer(x, kernels[k]) if isinstance(layer, TransposedDense) else layer(x)
            steps.append(x)
        for layer in self.picture:
            x = layer(x)
        return x, steps

    def compute_output_shape(self, input_shape):
        n = input_shape[0]
        return (n, *self.settings["view_shape"]), [layer.compute_output_shape((n, 1)) for layer in self.hidden]

    def get_config(self):
        return super().get_config() | self.settings


@keras.saving.register_keras_serializable(package=PACKAGE)
class PairDistortion(keras.layers.Layer):
    """Shifts and stretches two halves as the one picture they are, in training only.

    The halves are joined; each picture is resampled bilinearly with a shift of its own in +-shift pixels and a size of
    its own in 1 +- stretch, separately along rows and columns, and cut again, so that content crosses the cut. Beyond
    the border is 0.

    Args:
        shift: largest shift in pixels (>= 0).
        stretch: largest relative change of size, in [0, 1).
        seed: of the draws.
    """

    def __init__(self, shift=0.0, stretch=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.shift, self.stretch, self.seed = shift, stretch, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, left, right, training=None):
        if not training or (self.shift == 0 and self.stretch == 0):
            return left, right
        picture = ops.concatenate([left, right], axis=2)  # (n, height, width, 1)
        n, height, width, _ = ops.shape(picture)
        rows, columns = self.draw_resampling(n, height), self.draw_resampling(n, width)
        picture = ops.matmul(ops.matmul(rows, picture[..., 0]), ops.swapaxes(columns, 1, 2))[..., None]
        return picture[:, :, : left.shape[2]], picture[:, :, left.shape[2] :]

    def draw_resampling(self, n, size):
        """n random matrices (size, size): row i interpolates at centre + (i - centre) / factor - shift."""
        draw = keras.random.uniform((2, n, 1, 1), -1.0, 1.0, seed=self.generator)
        factor, shift = 1.0 + self.stretch * draw[0], self.shift * draw[1]  # (n, 1, 1)
        index, centre = np.arange(size, dtype="float32"), (size - 1) / 2
        position = centre + (index[None, :, None] - centre) / factor - shift  # (n, size, 1)
        return ops.cast(ops.relu(1.0 - ops.abs(position - index[None, None, :])), self.compute_dtype)

    def compute_output_shape(self, left_shape, right_shape):
        return left_shape, right_shape

    def get_config(self):
        return super().get_config() | {"shift": self.shift, "stretch": self.stretch, "seed": self.seed}


def draw_pytorch_weights(layer):
    """Draws kernels and biases of all dense and convolutional layers within a built `layer` as PyTorch does by default.

    Each is uniform in +-1 / sqrt(fan_in), fan_in the number of inputs that an output sums (Kaiming-uniform with
    a = sqrt(5); a transposed convolution counts rows x columns x output channels, as PyTorch does).
    """
    for part in layer._flatten_layers(include_self=False):
        if not isinstance(part, (layers.Dense, layers.Conv2D, layers.Conv2DTranspose)):
            continue
        # Keras' kernels are (rows, columns, in, out), those of transposed convolutions (rows, columns, out, in).
        fan_in = math.prod(part.kernel.shape[:-1])
        draw = keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
        for weight in (part.kernel, *([part.bias] if part.use_bias else [])):
            weight.assign(draw.clone()(weight.shape))


def normalise(wanted):
    """A list of batch normalisation, or of nothing."""
    return [layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON)] if wanted else []


def build_chain(chain, shape):
    """Builds each layer on the output shape of the one before; returns these shapes."""
    shapes = []
    for layer in chain:
        if not layer.built:
            layer.build(shape)
        shape = layer.compute_output_shape(shape)
        shapes.append(shape)
    return shapes
