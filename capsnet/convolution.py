"""A strided convolution through Fourier frequencies: a quarter of the multiplications of the direct sum.

The primary convolution (9x9, stride 2, 256 to 256 channels) is 94 % of the network's arithmetic. Cut into blocks of
stride x stride pixels it is an unstrided 5x5 convolution of 10x10 blocks, 900 products per pair of channels; here it
takes 148, as batched matrix products that TensorFlow also differentiates into matrix products. XLA compiles them: its
products of transposed matrices are about twice as fast as TensorFlow's.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from capsnet.compiled import compiled


def strided_convolution(image, kernel, stride):
    """Convolution without padding, `tf.nn.conv2d(image, kernel, stride, "VALID")`, up to rounding.

        y = C^T ((A x) (B k))    A, B, C: see `transforms`; the product over channels is a matrix product

    So in float32 on CPUs; elsewhere it is TensorFlow's operation.

    Args:
        image: (n, height, width, channels); height and width must be static.
        kernel: (size, size, channels, filters).
        stride: step in both directions, at least 1.

    Returns:
        Tensor (n, (height - size) // stride + 1, (width - size) // stride + 1, filters).
    """
    image, kernel = tf.convert_to_tensor(image), tf.convert_to_tensor(kernel)
    if image.dtype != tf.float32 or tf.config.list_logical_devices("GPU"):
        return tf.nn.conv2d(image, kernel, stride, "VALID")
    return through_frequencies(stride)(image, kernel)


@functools.lru_cache
def through_frequencies(stride):
    """`convolve_blocks` with this stride, compiled."""
    return compiled(functools.partial(convolve_blocks, stride=stride))


def convolve_blocks(image, kernel, stride):
    """C^T ((A x) (B k)); arguments and result as in `strided_convolution`."""
    size, _, channels, filters = kernel.shape
    rows, columns = ((side - size) // stride + 1 for side in image.shape[1:3])
    taps = math.ceil(size / stride)  # blocks that a kernel covers, in each direction
    of_image, of_kernel, of_output = transforms(rows, columns, taps)
    count, depth = len(of_image), stride * stride * channels
    blocks = into_blocks(image[..., None], rows + taps - 1, columns + taps - 1, stride)  # (blocks, n * depth)
    taps_ = into_blocks(kernel[None], taps, taps, stride)  # (taps^2, depth * filters)
    seen = tf.reshape(tf.matmul(of_image, blocks), (count, -1, depth))
    weights = tf.reshape(tf.matmul(of_kernel, taps_), (count, depth, filters))
    products = tf.reshape(tf.matmul(seen, weights), (count, -1))  # (count, n * filters)
    output = tf.matmul(of_output, products, transpose_a=True)
    return tf.transpose(tf.reshape(output, (rows, columns, -1, filters)), (2, 0, 1, 3))


def into_blocks(images, rows, columns, stride):
    """Blocks of stride x stride pixels by their place, (rows * columns, n * stride^2 * channels * filters).

    Args:
        images: (n, height, width, channels, filters), cut or padded with zeros at the bottom and the right to fit.
        rows, columns: number of blocks.
        stride: side of a block.
    """
    height, width = rows * stride, columns * stride
    images = images[:, :height, :width]
    missing = [[0, 0], [0, height - images.shape[1]], [0, width - images.shape[2]], [0, 0], [0, 0]]
    images = tf.pad(images, missing)
    inner = images.shape[3] * images.shape[4]
    blocks = tf.reshape(images, (-1, rows, stride, columns, stride * inner))
    return tf.reshape(tf.transpose(blocks, (1, 3, 0, 2, 4)), (rows * columns, -1))


@functools.lru_cache
def transforms(rows, columns, taps):
    """Matrices A, B, C with y = C^T ((A x) * (B k)) for every correlation y[t] = sum_j x[t + j] k[j].

    The discrete Fourier transform over a tile that holds x, for real numbers. Frequencies f and -f say the same; with
    X = sum_s x_s exp(-i f s) = p + i q and K = sum_j k_j exp(i f j) = r + i s, Gauss needs three products for X K:
    m1 = (p + q) r, m2 = p (s - r), m3 = q (r + s), Re = m1 - m3, Im = m1 + m2. No output wraps around the tile.

    Args:
        rows, columns: of the output.
        taps: rows and columns of the kernel.

    Returns:
        float32 arrays A (products, tile size), B (products, taps^2), C (products, rows * columns); the tile has
        rows + taps - 1 by columns + taps - 1 places.
    """
    tile = np.array([rows + taps - 1, columns + taps - 1])

    def places(height, width):
        return np.stack(np.divmod(np.arange(height * width), width), axis=-1)

    of_image, of_kernel, of_output = [], [], []
    for frequency in places(*tile):
        mirrored = -frequency % tile
        if tuple(mirrored) < tuple(frequency):
            continue  # its mirror image came before
        x, k, y = (places(*shape) @ (2 * np.pi * frequency / tile) for shape in (tile, (taps, taps), (rows, columns)))
        if tuple(mirrored) == tuple(frequency):  # a real frequency: one product
            of_image += [np.cos(x)]
            of_kernel += [np.cos(k)]
            of_output += [np.cos(y)]
        else:  # twice the real part of X K exp(i f t)
            of_image += [np.cos(x) - np.sin(x), np.cos(x), -np.sin(x)]
            of_kernel += [np.cos(k), np.sin(k) - np.cos(k), np.cos(k) + np.sin(k)]
            of_output += [2 * (np.cos(y) - np.sin(y)), -2 * np.sin(y), -2 * np.cos(y)]
    return (np.array(of_image, np.float32), np.array(of_kernel, np.float32),
            np.array(of_output, np.float32) / np.float32(tile.prod()))  # fmt: skip
