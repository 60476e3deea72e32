"""Slow, plain NumPy statements of CorrMCNN's layers, written apart from the package.

Images are (height, width, channels).
"""

import numpy as np


def convolve(image, kernel, bias):
    """3x3 'valid' cross-correlation, pixel by pixel; kernel (3, 3, channels, filters)."""
    height, width, _ = image.shape
    out = np.zeros((height - 2, width - 2, kernel.shape[-1]))
    for i in range(height - 2):
        for j in range(width - 2):
            for filter_ in range(kernel.shape[-1]):
                out[i, j, filter_] = (image[i : i + 3, j : j + 3] * kernel[..., filter_]).sum() + bias[filter_]
    return out


def max_pool(image):
    """Largest of each 2x2 block; an odd last row or column is left out."""
    height, width, channels = image.shape[0] // 2, image.shape[1] // 2, image.shape[2]
    out = np.zeros((height, width, channels))
    for i in range(height):
        for j in range(width):
            out[i, j] = image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(0, 1))
    return out


def transposed_convolve(image, kernel, bias):
    """Every pixel lays a weighted 3x3 stamp onto a picture two rows and columns larger; kernel (3, 3, 1, channels)."""
    height, width, channels = image.shape
    out = np.full((height + 2, width + 2, 1), float(bias))
    for i in range(height):
        for j in range(width):
            for channel in range(channels):
                out[i : i + 3, j : j + 3, 0] += image[i, j, channel] * kernel[:, :, 0, channel]
    return out


def enlarge(image, height, width):
    """Nearest upsampling: pixel (i, j) copies (floor(i h / height), floor(j w / width))."""
    out = np.zeros((height, width, image.shape[2]))
    for i in range(height):
        for j in range(width):
            out[i, j] = image[int(np.floor(i * image.shape[0] / height)), int(np.floor(j * image.shape[1] / width))]
    return out


def relu(x):
    return np.maximum(x, 0.0)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def encode(image, weights):
    """The slides' order: convolution, ReLU, pooling, normalisation (twice), then two dense layers with ReLU.

    weights: per convolution (kernel, bias, gamma, beta, mean, variance), then per dense layer (kernel, bias).
    """
    x = image
    for kernel, bias, gamma, beta, mean, variance in weights[:2]:
        x = max_pool(relu(convolve(x, kernel, bias)))
        x = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
    x, steps = x.ravel(), []
    for kernel, bias in weights[2:]:
        x = relu(x @ kernel + bias)
        steps.append(x)
    return steps


def squared_error(a, b):
    """Mean over all numbers of (a - b)^2, one by one."""
    total = 0.0
    for x, y in zip(np.ravel(a), np.ravel(b), strict=True):
        total += (float(x) - float(y)) ** 2
    return total / np.size(a)
