"""Capsule formulas written as loops over images, capsules and classes, in float64."""

import math

import numpy as np


def squash(vector):
    """|s|^2 / (1 + |s|^2) * s / |s| of one vector."""
    length = math.sqrt(sum(float(x) ** 2 for x in vector))
    if length == 0:
        return np.zeros(len(vector))
    return np.array([length**2 / (1 + length**2) * float(x) / length for x in vector])


def softmax(numbers):
    """Of one list of numbers."""
    top = max(numbers)
    powers = [math.exp(x - top) for x in numbers]
    return [power / sum(powers) for power in powers]


def route(inputs, kernel, capsules, iterations, bias=None):
    """Procedure 1 of the paper: inputs (n, I, d), kernel (I, d, C * D) to (v (n, C, D), couplings (r, n, I, C))."""
    count, sources, depth = inputs.shape
    size = kernel.shape[2] // capsules
    outputs = np.zeros((count, capsules, size))
    couplings = np.zeros((iterations, count, sources, capsules))
    for n in range(count):
        votes = np.zeros((sources, capsules, size))
        for i in range(sources):
            for j in range(capsules):
                for k in range(size):
                    column = j * size + k
                    votes[i, j, k] = sum(inputs[n, i, a] * kernel[i, a, column] for a in range(depth))
        logits = np.zeros((sources, capsules))
        for r in range(iterations):
            for i in range(sources):
                couplings[r, n, i] = softmax(logits[i])
            for j in range(capsules):
                total = np.zeros(size) if bias is None else np.array(bias[j], float)
                for i in range(sources):
                    total = total + couplings[r, n, i, j] * votes[i, j]
                outputs[n, j] = squash(total)
            for i in range(sources):
                for j in range(capsules):
                    logits[i, j] += float(votes[i, j] @ outputs[n, j])
    return outputs, couplings


def margin_loss(lengths, target, present=0.9, absent=0.1, down_weight=0.5):
    """Sum over classes, mean over images."""
    total = 0.0
    for row, wanted in zip(lengths, target, strict=True):
        for length, there in zip(row, wanted, strict=True):
            total += there * max(0, present - length) ** 2 + down_weight * (1 - there) * max(0, length - absent) ** 2
    return total / len(lengths)


def squash_exponential(vector):
    """(1 - exp(-length)) times the unit vector."""
    length = np.sqrt((vector**2).sum())
    return (1 - np.exp(-length)) * vector / length if length else vector


def attend(capsules, kernel, bias):
    """Efficient-CapsNet's output capsules (C, D) and couplings (C, I) of one image, number by number."""
    classes, inputs, _, size = kernel.shape
    votes = np.array([[capsules[i] @ kernel[k, i] for i in range(inputs)] for k in range(classes)])
    agreement = np.zeros((classes, inputs))
    for k in range(classes):
        for i in range(inputs):
            agreement[k, i] = sum(votes[k, i] @ votes[k, j] for j in range(inputs)) / np.sqrt(size)
    couplings = np.zeros_like(agreement)
    for i in range(inputs):
        powers = np.exp(agreement[:, i] - agreement[:, i].max())
        couplings[:, i] = powers / powers.sum() + bias[:, i]
    return np.array(
        [squash_exponential(sum(couplings[k, i] * votes[k, i] for i in range(inputs))) for k in range(classes)]
    ), couplings
