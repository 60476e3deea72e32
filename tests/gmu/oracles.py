"""Loop-written NumPy versions of the GMU's equations; nothing here is shared with the code under test."""

import math

import numpy as np


def dot(vector, matrix, bias):
    """vector @ matrix + bias, number by number."""
    width = len(matrix[0])
    return [bias[j] + sum(vector[i] * matrix[i][j] for i in range(len(vector))) for j in range(width)]


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def fuse_sample(views, kernels, biases, gate_kernel, gate_bias, gate, per_unit, on_projections):
    """Fused vector and gates [modality][unit or 0] of one sample with every modality present."""
    modalities, units = len(views), len(kernels[0][0])
    projected = [dot(views[i], kernels[i], biases[i]) for i in range(modalities)]
    read = [value for part in (projected if on_projections else views) for value in part]
    logits = dot(read, gate_kernel, gate_bias)
    width = units if per_unit else 1
    gates = [[0.0] * width for _ in range(modalities)]
    for unit in range(width):
        if gate == "tied":
            z = sigmoid(logits[unit])
            gates[0][unit], gates[1][unit] = z, 1 - z
        else:
            own = [logits[i * width + unit] for i in range(modalities)]
            for i in range(modalities):
                gates[i][unit] = (
                    sigmoid(own[i]) if gate == "untied" else math.exp(own[i]) / sum(math.exp(value) for value in own)
                )
    fused = [
        sum(gates[i][unit if per_unit else 0] * math.tanh(projected[i][unit]) for i in range(modalities))
        for unit in range(units)
    ]
    return fused, gates


def fuse(layer, views):
    """`fuse_sample` over a batch, with the weights of a built layer; NumPy arrays (n, D), (n, K, D or 1)."""
    modalities = len(views)

    def parts(dense):
        kernel = np.asarray(dense.kernel)
        return kernel.tolist(), (np.asarray(dense.bias) if dense.use_bias else np.zeros(kernel.shape[1])).tolist()

    kernels, biases = zip(*[parts(dense) for dense in layer.projections], strict=True)
    gate_kernel, gate_bias = parts(layer.gate_product)
    samples = [
        fuse_sample(
            [views[i][row].tolist() for i in range(modalities)],
            kernels,
            biases,
            gate_kernel,
            gate_bias,
            layer.gate,
            layer.per_unit_gate,
            layer.gate_reads == "projections",
        )
        for row in range(len(views[0]))
    ]
    return tuple(np.array(values) for values in zip(*samples, strict=True))
