"""What autoencoders minimise; every function returns one value per image, `compute_loss` their means over the batch."""

from keras import ops


def binary_cross_entropy(images, logits):
    """- sum over pixels of x log p + (1 - x) log(1 - p), p = sigmoid(logits); nats per image.

    Computed as max(l, 0) - x l + log(1 + exp(-|l|)), which never overflows. Grey pixels (0 < x < 1) put a floor under
    it, the entropy of the image itself: see `bernoulli_entropy`.

    Args:
        images: (n, height, width, channels) in [0, 1].
        logits: same shape, any real number.

    Returns:
        (n,) float32, summed over pixels and channels.
    """
    images, logits = ops.cast(images, "float32"), ops.cast(logits, "float32")
    pixels = ops.relu(logits) - images * logits + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.sum(pixels, axis=(1, 2, 3))


def bernoulli_entropy(images):
    """- sum over pixels of x log x + (1 - x) log(1 - x): the least binary cross-entropy any model can reach.

    Args:
        images: (n, height, width, channels) in [0, 1]. 0 log 0 counts as 0.

    Returns:
        (n,) float32 nats per image, summed over pixels and channels.
    """
    images = ops.cast(images, "float32")
    tiny = 1e-30
    pixels = -images * ops.log(images + tiny) - (1.0 - images) * ops.log(1.0 - images + tiny)
    return ops.sum(pixels, axis=(1, 2, 3))


def squared_error(images, reconstructions):
    """Sum over pixels of (x - y)^2.

    Args:
        images: (n, height, width, channels) in [0, 1].
        reconstructions: same shape.

    Returns:
        (n,) float32, summed over pixels and channels.
    """
    difference = ops.cast(images, "float32") - ops.cast(reconstructions, "float32")
    return ops.sum(ops.square(difference), axis=(1, 2, 3))


RECONSTRUCTION = {
    "cross_entropy": lambda images, outputs: binary_cross_entropy(images, outputs["logits"]),
    "squared_error": lambda images, outputs: squared_error(images, outputs["image"]),
}


def compute_loss(model, batch, training, *, reconstruction="cross_entropy"):
    """Reconstruction loss of a batch, compared with the clean images.

    Args:
        model: an `Autoencoder`.
        batch: {"image": (n, height, width, channels) in [0, 1]}.
        training: whether training-time randomness is on.
        reconstruction: "cross_entropy" (nats) or "squared_error"; both sum over pixels.

    Returns:
        The loss, and {"reconstruction": mean over the batch of the sum over pixels, "mse": mean squared error per
        pixel in [0, 1]}.
    """
    images = batch["image"]
    outputs = model(images, training=training)
    loss = ops.mean(RECONSTRUCTION[reconstruction](images, outputs))
    pixels = images.shape[1] * images.shape[2] * images.shape[3]
    mse = ops.mean(squared_error(images, outputs["image"])) / pixels
    return loss, {"reconstruction": loss, "mse": mse}
