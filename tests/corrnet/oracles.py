"""Slow, plain NumPy statements of CorrNet's formulas, written apart from the package."""

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def pearson(a, b):
    """Correlation of two lists of numbers, term by term, with 1e-8 inside each root."""
    n = len(a)
    mean_a, mean_b = sum(a) / n, sum(b) / n
    cross = square_a = square_b = 0.0
    for x, y in zip(a, b, strict=True):
        cross += (x - mean_a) * (y - mean_b)
        square_a += (x - mean_a) ** 2
        square_b += (y - mean_b) ** 2
    return cross / (np.sqrt(square_a + 1e-8) * np.sqrt(square_b + 1e-8))


def corrnet_gradients(weights, x, y, weight):
    """Loss and gradients of a tied one-layer sigmoid CorrNet by hand: loss = mean of L1 + L2 + L3 - weight corr.

    weights: left (p, k), right (q, k), code bias (k,), left bias (p,), right bias (q,).
    """
    left, right, bias, left_bias, right_bias = weights
    n = len(x)
    gradients = [np.zeros_like(w) for w in weights]
    codes = {
        "both": sigmoid(x @ left + y @ right + bias),
        "left": sigmoid(x @ left + bias),
        "right": sigmoid(y @ right + bias),
    }
    loss, code_gradients = 0.0, {}
    for name, code in codes.items():
        rebuilt_x, rebuilt_y = sigmoid(code @ left.T + left_bias), sigmoid(code @ right.T + right_bias)
        loss += (((rebuilt_x - x) ** 2).sum() + ((rebuilt_y - y) ** 2).sum()) / 2 / n
        back_x = (rebuilt_x - x) * rebuilt_x * (1 - rebuilt_x) / n
        back_y = (rebuilt_y - y) * rebuilt_y * (1 - rebuilt_y) / n
        gradients[0] += back_x.T @ code
        gradients[1] += back_y.T @ code
        gradients[3] += back_x.sum(0)
        gradients[4] += back_y.sum(0)
        code_gradients[name] = back_x @ left + back_y @ right
    a, b = codes["left"] - codes["left"].mean(0), codes["right"] - codes["right"].mean(0)
    cross, norm_a, norm_b = (a * b).sum(0), np.sqrt((a * a).sum(0) + 1e-8), np.sqrt((b * b).sum(0) + 1e-8)
    loss -= weight * (cross / (norm_a * norm_b)).sum()
    slope_a = b / (norm_a * norm_b) - cross * a / (norm_a**3 * norm_b)
    slope_b = a / (norm_a * norm_b) - cross * b / (norm_a * norm_b**3)
    code_gradients["left"] -= weight * (slope_a - slope_a.mean(0))
    code_gradients["right"] -= weight * (slope_b - slope_b.mean(0))
    for name, code in codes.items():
        before = code_gradients[name] * code * (1 - code)
        gradients[2] += before.sum(0)
        if name != "right":
            gradients[0] += x.T @ before
        if name != "left":
            gradients[1] += y.T @ before
    return loss, gradients


def rmsprop(weights, gradients, squares, rate=0.01):
    """One step of RMSprop with decay 0.9 and 1e-8 inside the root; changes weights and squares."""
    for w, g, v in zip(weights, gradients, squares, strict=True):
        v[:] = 0.9 * v + 0.1 * g * g
        w -= rate * g / np.sqrt(v + 1e-8)
