"""Margin loss of the capsule lengths, squared error of the reconstruction, and their sum."""

from keras import ops

from capsnet.layers import pair_at_random
from capsnet.model import decode
from common.measures import accuracy
from common.options import one_of
from common.shapes import class_labels, class_targets, same_shape

PRESENT, ABSENT, DOWN_WEIGHT = 0.9, 0.1, 0.5  # m+, m- and lambda of the paper, Eq. 4
MARGIN = 4  # MultiMNIST: pixels by which a canvas is larger on every side, and a digit is moved at most
FORMS = {"sum": ops.sum, "mean": ops.mean}


def margin_loss(target, lengths, *, present=PRESENT, absent=ABSENT, down_weight=DOWN_WEIGHT):
    """Separate margin loss of every class (Sabour et al. 2017, Eq. 4).

        L_k = T_k max(0, m+ - |v_k|)^2 + lambda (1 - T_k) max(0, |v_k| - m-)^2

    Args:
        target: T_k, (n, classes): 1 for the classes in the image, else 0; several may be 1. Or the class itself, (n,)
            or (n, 1) integers. First, as Keras passes it: `compile(loss=margin_loss)`.
        lengths: |v_k|, (n, classes) in [0, 1).
        present, absent: the margins m+ and m-.
        down_weight: lambda, weight of absent classes.

    Returns:
        (n,) float32: one value per image, the sum over classes.

    Raises:
        ValueError: a target of another shape.
    """
    lengths = ops.cast(lengths, "float32")
    target = class_targets(target, lengths)
    missed = ops.square(ops.relu(present - lengths))
    invented = ops.square(ops.relu(lengths - absent))
    per_class = target * missed + down_weight * (1.0 - target) * invented  # (n, classes)
    return ops.sum(per_class, axis=-1)


def reconstruction_loss(image, reconstruction, *, form="sum"):
    """Squared error of every reconstruction.

    Args:
        image, reconstruction: (n, height, width, channels) in [0, 1].
        form: `sum` over the pixels and channels of an image, as in the paper, or their `mean`, as Keras' "mse" in
            the blog: 784 times smaller for a grey 28x28 image.

    Returns:
        (n,) float32: one value per image.

    Raises:
        ValueError: another form, or two shapes.
    """
    one_of("form", form, FORMS)
    image, reconstruction = ops.cast(image, "float32"), ops.cast(reconstruction, "float32")
    same_shape("images", image, "reconstructions", reconstruction)
    squares = ops.square(image - reconstruction)
    return FORMS[form](squares, axis=tuple(range(1, len(squares.shape))))


def cross_entropy(label, logits):
    """-log softmax(logits)[label] of every image, (n,): the loss of the CNN baselines; label (n,) or (n, 1)."""
    log_likelihood = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    return -ops.sum(ops.one_hot(class_labels(label, logits), logits.shape[-1]) * log_likelihood, axis=-1)


def compute_cnn_loss(model, batch, training):
    """Cross-entropy of a baseline of `capsnet.baselines`; terms `cross_entropy`, `accuracy`."""
    logits = model(batch["image"], training=training)["logits"]
    loss = ops.mean(cross_entropy(batch["label"], logits))
    return loss, {"cross_entropy": loss, "accuracy": accuracy(batch["label"], logits)}


def compute_pair_loss(model, batch, training, *, reconstruction_weight, form="sum"):
    """Loss of images of two digits (MultiMNIST): both classes present, each digit rebuilt from its own capsule.

    Args:
        batch: `digits` (n, 36, 36, 2), the two placed digits, uint8 or float32 in [0, 1], whose clipped sum is the
            image; `label` (n, 2). Or (n, 36, 36, 1) and (n, 1): single digits, paired here, anew every time.
        reconstruction_weight, form: as in `compute_loss`; the errors of the two digits are added.

    Returns:
        (loss, terms): `margin`, `mse_1` and `mse_2` (means over pixels of either digit), `accuracy` (share of pairs
        with both classes found), `digits` (share of digits whose class is).
    """
    digits = batch["digits"]
    if digits.dtype == "uint8":  # the training loop has done this already
        digits = ops.cast(digits, "float32") / 255.0
    labels = batch["label"]
    if len(labels.shape) != 2 or labels.shape[1] != digits.shape[-1] or labels.shape[1] > 2:
        raise ValueError(f"labels have shape {tuple(labels.shape)}, expected (n, 2): the classes of both digits")
    if digits.shape[-1] == 1:
        digits, labels = pair_at_random(digits, labels, MARGIN, random_stream(model))
    outputs = model(ops.minimum(ops.sum(digits, axis=-1, keepdims=True), 1.0), training=training)
    lengths = outputs["lengths"]
    target = ops.max(ops.one_hot(labels, lengths.shape[-1]), axis=1)  # (n, classes), two ones
    loss = ops.mean(margin_loss(target, lengths))
    found = ops.sum(ops.one_hot(ops.top_k(lengths, 2)[1], lengths.shape[-1]), axis=1)
    both = ops.all(ops.equal(found, target), axis=-1)
    right = ops.sum(found * target, axis=-1) / 2
    terms = {"margin": loss, "accuracy": ops.mean(ops.cast(both, "float32")), "digits": ops.mean(right)}
    if reconstruction_weight:
        for k in range(2):
            rebuilt = decode(model, outputs["capsules"], labels[:, k])
            digit = digits[..., k : k + 1]
            loss = loss + reconstruction_weight * ops.mean(reconstruction_loss(digit, rebuilt, form=form))
            terms[f"mse_{k + 1}"] = ops.mean(reconstruction_loss(digit, rebuilt, form="mean"))
    return loss, terms


def random_stream(model):
    """The generator that the augmentation of a network of capsules draws from; it is saved and resumed with it."""
    return next(layer.generator for layer in model.layers if hasattr(layer, "generator"))


def compute_loss(model, batch, training, *, reconstruction_weight, form="sum"):
    """Margin loss + weighted reconstruction loss; the decoder sees the capsule of the true label.

        L = sum_k L_k + weight * |image - reconstruction|^2

    Args:
        model: made by `capsnet.model.build`.
        batch: `image` (n, height, width, channels) in [0, 1], `label` int (n,).
        training: whether the random shift is active; the target is the shifted image.
        reconstruction_weight: 0 leaves the decoder out; the paper has 0.0005 with form `sum`.
        form: `sum` or `mean` over the pixels of an image, see `reconstruction_loss`.

    Returns:
        (loss, terms): scalar float32 means over the batch: `margin`, `mse` (mean over pixels), `accuracy`.
    """
    outputs = model(batch["image"], training=training)
    lengths = outputs["lengths"]
    label = class_labels(batch["label"], lengths)
    loss = ops.mean(margin_loss(label, lengths))
    terms = {"margin": loss, "accuracy": accuracy(label, lengths)}
    if reconstruction_weight:
        rebuilt = decode(model, outputs["capsules"], label)
        loss = loss + reconstruction_weight * ops.mean(reconstruction_loss(outputs["seen"], rebuilt, form=form))
        terms["mse"] = ops.mean(reconstruction_loss(outputs["seen"], rebuilt, form="mean"))
    return loss, terms
