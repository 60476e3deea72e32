"""What the Sub-pixel post says of the two layers that one small example settles, without any training."""

import numpy as np


def subpixel_equals_transposed():
    """Largest difference between `Conv2DTranspose` (4 x 4, stride 2) and its sub-pixel form, integer weights."""
    from keras import layers

    from autoencoders.subpixel.layers import from_transpose

    random = np.random.default_rng(0)
    layer = layers.Conv2DTranspose(1, 4, strides=2, padding="same")
    layer.build((None, 4, 4, 1))
    layer.set_weights([random.integers(-4, 5, weight.shape) for weight in layer.weights])
    image = random.integers(-4, 5, (1, 4, 4, 1)).astype("float32")
    difference = np.abs(np.asarray(layer(image) - from_transpose(layer)(image))).max()
    return difference == 0, {"largest difference": float(difference)}


def zeros_between():
    """Largest difference between `Conv2DTranspose` and a convolution of the image with zeros between its pixels."""
    from keras import layers, ops

    random = np.random.default_rng(0)
    layer = layers.Conv2DTranspose(1, 4, strides=2, padding="same", use_bias=False)
    layer.build((None, 4, 4, 1))
    kernel = random.integers(-4, 5, layer.kernel.shape)
    layer.kernel.assign(kernel)
    image = random.integers(-4, 5, (1, 4, 4, 1)).astype("float32")
    spread = np.zeros((1, 11, 11, 1), "float32")  # 7 x 7 with the zeros between, 2 more on every side
    spread[:, 2:9:2, 2:9:2] = image
    turned = kernel[::-1, ::-1].astype("float32")
    difference = np.abs(np.asarray(layer(image)) - np.asarray(ops.conv(spread, turned, padding="valid"))).max()
    return difference == 0, {"largest difference": float(difference)}


def example_shapes():
    """Shapes (channels, rows, columns) of the post's example, before and after the shuffle."""
    import tensorflow as tf
    from keras import ops

    image, kernel = np.ones((1, 4, 4, 1), "float32"), np.ones((2, 2, 1, 4), "float32")
    maps = ops.conv(image, kernel, padding="same")
    large = tf.nn.depth_to_space(maps, 2)
    found = [(each.shape[-1], *each.shape[1:3]) for each in (maps, large)]
    return found == [(4, 4, 4), (1, 8, 8)], {"maps": found[0], "picture": found[1]}


def transposed_inverts_convolution():
    """Relative error of undoing a convolution by the transposed convolution with the same kernel."""
    from keras import ops

    random = np.random.default_rng(0)
    kernel, image = random.standard_normal((4, 4, 1, 1)), random.standard_normal((1, 8, 8, 1))
    there = ops.conv(image, kernel, strides=2, padding="same")
    back = np.asarray(ops.conv_transpose(there, kernel, strides=2, padding="same"))
    error = float(np.linalg.norm(back - image) / np.linalg.norm(image))
    return error < 1e-3, {"relative error": error}
