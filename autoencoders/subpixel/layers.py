"""Sub-pixel convolution: a convolution at low resolution, then a shuffle of channels into pixels.

Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?" (arXiv 1609.07009): a
transposed convolution with kernel (r k, r k) and stride r is exactly a convolution with kernel (k, k) and r r
times the filters, followed by the shuffle. `from_transpose` carries the weights over.
"""

import keras
import numpy as np
from keras import layers, ops

from common.options import one_of

PACKAGE = "autoencoders"


@keras.saving.register_keras_serializable(package=PACKAGE)
class ICNR(keras.initializers.Initializer):
    """Gives the r r filters of each output channel the same weights, against checkerboards at the start.

    The layer then begins as a nearest-neighbour enlargement of a convolution (Aitken et al. 2017, arXiv
    1707.02937).

    Args:
        rate: upscaling r >= 1; the last axis of the kernel must be a multiple of r r.
        initializer: draws the kernel of one phase.
    """

    def __init__(self, rate, initializer="glorot_uniform"):
        self.rate = rate
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape, dtype=None):
        *taps, channels = shape
        phase = self.initializer((*taps, channels // self.rate**2), dtype=dtype)
        return ops.tile(phase, [1] * len(taps) + [self.rate**2])  # channel order of the shuffle: (r, r, filters)

    def get_config(self):
        return {"rate": self.rate, "initializer": keras.initializers.serialize(self.initializer)}

    @classmethod
    def from_config(cls, config):
        return cls(config["rate"], keras.initializers.deserialize(config["initializer"]))


@keras.saving.register_keras_serializable(package=PACKAGE)
class SubPixelConv2D(layers.Layer):
    """Upsamples by `rate` like `Conv2DTranspose(filters, kernel_size * rate, strides=rate, padding=padding)`.

    Input (n, h, w, channels). A convolution makes rate * rate * filters channels at low resolution, the
    shuffle moves
    them into space: output[y r + a, x r + b, o] = convolved[y, x, (a r + b) filters + o].

    Args:
        filters: output channels.
        kernel_size: taps k of the convolution, per axis.
        rate: upscaling r >= 1.
        padding: "same": output (n, h r, w r, filters); for odd k an ordinary padded convolution and the
            shuffle. "valid": output (n, (h + k - 1) r, (w + k - 1) r, filters), as a transposed convolution
            without padding.
        activation: applied to the output.
        kernel_initializer: of the kernel (k, k, channels, r r filters); "icnr" for `ICNR`.

    Raises:
        ValueError: unknown padding.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        rate,
        padding="same",
        activation=None,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        one_of("padding", padding, ("same", "valid"))
        self.filters, self.kernel_size, self.rate, self.padding = filters, kernel_size, rate, padding
        self.activation = keras.activations.get(activation)
        icnr = kernel_initializer == "icnr"
        self.kernel_initializer = ICNR(rate) if icnr else keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.rate**2 * self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs):
        k, r = self.kernel_size, self.rate
        before, after = self.crop()
        # Low-resolution pixels that would be cropped whole are never computed: pad that much less.
        pad = (k - 1 - before // r, k - 1 - after // r)
        x = ops.pad(inputs, ((0, 0), pad, pad, (0, 0)))
        x = ops.conv(x, self.kernel, padding="valid")  # (n, h', w', r r filters)
        x = ops.depth_to_space(x, r) if r > 1 else x  # (n, h' r, w' r, filters)
        before, after = before % r, after % r
        kept = slice(before, -after or None)
        x = x[:, kept, kept]
        return self.activation(x + self.bias)

    def crop(self):
        """High-resolution pixels to drop (before, after) on each axis, as `Conv2DTranspose` does."""
        surplus = (self.kernel_size - 1) * self.rate if self.padding == "same" else 0
        return surplus // 2, surplus - surplus // 2

    def compute_output_shape(self, input_shape):
        n, *sides, _ = input_shape
        grow = self.kernel_size - 1 if self.padding == "valid" else 0
        return (n, *(side and (side + grow) * self.rate for side in sides), self.filters)

    def get_config(self):
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "rate": self.rate,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def convert_kernel(kernel, rate):
    """Kernel of the convolution that, shuffled, equals a transposed convolution (Shi et al. 2016, Sect. 2).

    The phase (a, b) of the output sees the taps a, a + r, a + 2 r, ... of the transposed kernel, in reverse
    order.

    Args:
        kernel: (k r, k r, filters, channels), of `Conv2DTranspose` with stride r = `rate`.

    Returns:
        (k, k, channels, r r filters).
    """
    size, _, filters, channels = kernel.shape
    k = size // rate
    taps = np.reshape(kernel, (k, rate, k, rate, filters, channels))
    taps = taps[::-1, :, ::-1]
    taps = np.transpose(taps, (0, 2, 5, 1, 3, 4))  # (k, k, channels, r, r, filters)
    return np.reshape(taps, (k, k, channels, rate * rate * filters))


def widen_kernel(kernel, rate, padding):
    """A kernel with zero rows and columns added up to the next multiple of `rate`, for the same output.

    A 3 x 3 kernel with stride 2 is no multiple: it is a 4 x 4 kernel with one row and one column of zeros.

    Raises:
        ValueError: "valid" padding, whose output would have another size.
    """
    size = kernel.shape[0]
    missing = -size % rate
    if missing and padding == "valid" and size > rate:
        raise ValueError(
            f"a kernel of size {size} with stride {rate} and padding 'valid' has no sub-pixel form, expected a "
            f"multiple of {rate}; use a kernel of size {size + missing}, or padding 'same'"
        )
    front = (size + missing - rate) // 2 - max(size - rate, 0) // 2 if padding == "same" else 0
    width = (front, missing - front)
    return np.pad(kernel, (width, width, (0, 0), (0, 0)))


def convert_model(model):
    """A copy of a functional model in which each `Conv2DTranspose` is the `SubPixelConv2D` of the same function."""
    twins = {layer.name: from_transpose(layer) for layer in model.layers if isinstance(layer, layers.Conv2DTranspose)}
    copy = keras.models.clone_model(
        model, clone_function=lambda layer: twins.get(layer.name) or layer.from_config(layer.get_config())
    )
    for old, new in zip(model.layers, copy.layers, strict=True):
        if old.name not in twins:
            new.set_weights(old.get_weights())
    return copy


def from_transpose(layer):
    """The `SubPixelConv2D` that computes the same function as a built `Conv2DTranspose` layer.

    Args:
        layer: square kernel, equal strides, no dilation, channels last.

    Raises:
        ValueError: the layer is of another form; the message says which.
    """
    if layer.data_format != "channels_last":
        raise ValueError(f"cannot convert a layer with data_format {layer.data_format!r}, expected channels_last")
    rates, sizes = set(layer.strides), set(layer.kernel_size)
    if len(rates) != 1 or len(sizes) != 1 or set(layer.dilation_rate) != {1} or layer.output_padding is not None:
        raise ValueError(
            f"cannot convert kernel {layer.kernel_size}, strides {layer.strides}, "
            f"dilation {layer.dilation_rate}, output padding {layer.output_padding}; "
            "expected a square kernel, equal strides and neither of the two"
        )
    rate = layer.strides[0]
    kernel = widen_kernel(layer.kernel.numpy(), rate, layer.padding)
    same = SubPixelConv2D(
        layer.filters,
        kernel.shape[0] // rate,
        rate,
        padding=layer.padding,
        activation=layer.activation,
        name=layer.name,
    )
    same.build((None, None, None, kernel.shape[-1]))
    same.kernel.assign(convert_kernel(kernel, rate))
    if layer.use_bias:
        same.bias.assign(layer.bias)
    return same
