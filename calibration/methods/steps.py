"""The temperature by steps of Adam on T, as the post's TensorFlow code and its many copies find it.

`calibration.methods.temperature` finds the minimum itself; this is here to be compared with it.
"""

import numpy as np


def loss_and_slope(temperature: float, logits, labels) -> tuple[float, float]:
    """Mean NLL of softmax(z / T) and its derivative in T, in the dtype of the logits, as the recipes compute it."""
    rows = np.arange(len(labels))
    scaled = logits / logits.dtype.type(temperature)
    scaled -= scaled.max(axis=1, keepdims=True)
    power = np.exp(scaled)
    total = power.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - scaled[rows, labels]).mean()
    slope = ((power * scaled).sum(axis=1) / total[:, 0] - scaled[rows, labels]).mean()
    return float(loss), -float(slope) / temperature


def adam(logits, labels, iterations: int = 300, rate: float = 0.01) -> float:
    """T after so many steps of Adam (Kingma and Ba 2015, Keras' constants) on the mean NLL, from T = 1.

    Args:
        logits: (n, classes).
        labels: (n,) integers.
        iterations: steps over all samples (the copied code: 300).
        rate: of Adam (the copied code: 0.01); T can move by about this much in a step.
    """
    temperature, mean, square = 1.0, 0.0, 0.0
    for step in range(1, iterations + 1):
        _, slope = loss_and_slope(temperature, logits, labels)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        temperature -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-7)
    return float(temperature)
