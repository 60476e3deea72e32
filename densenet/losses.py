"""What an image classifier minimises: cross-entropy plus weight decay."""

import keras
from keras import ops

from common.measures import accuracy
from common.shapes import class_labels


def cross_entropy(labels, logits):
    """-log softmax(z)_label of each sample, in nats.

    Args:
        labels: (n,) or (n, 1) integers.
        logits: (n, classes), any floating dtype; computed in float32.

    Returns:
        (n,) float32.

    Raises:
        ValueError: labels of another shape.
    """
    logits = ops.cast(logits, "float32")
    labels = class_labels(labels, logits)
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def squared_weights(model):
    """sum of squares / 2 of all kernels (not of biases or batch normalisation); scalar float32."""
    kernels = [weight for weight in model.trainable_weights if weight.name == "kernel"]
    return sum(ops.sum(ops.square(ops.cast(kernel, "float32"))) for kernel in kernels) / 2.0


def compute_loss(model, batch, training, *, weight_decay: float = 0.0):
    """loss = mean cross-entropy + weight_decay * sum of squared kernels / 2.

    Args:
        model: images -> logits.
        batch: `image` (n, rows, columns, channels), `label` (n,).
        training: whether dropout and batch normalisation are in training mode.
        weight_decay: >= 0; the gradient it adds is weight_decay * w, as in plain SGD's weight decay.

    Returns:
        loss and {"cross_entropy", "accuracy"}, means over the batch, and {"squared_weights"}.
    """
    logits = model(batch["image"], training=training)
    labels = class_labels(batch["label"], logits)
    nll = ops.mean(cross_entropy(labels, logits))
    squares = squared_weights(model)
    terms = {"cross_entropy": nll, "accuracy": accuracy(labels, logits), "squared_weights": squares}
    return nll + weight_decay * squares, terms
