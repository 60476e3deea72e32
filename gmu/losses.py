"""The losses of the gated multimodal classifier, one function per formula."""

from keras import ops

from common.measures import accuracy
from common.options import one_of
from common.shapes import class_labels


def sigmoid_cross_entropy(labels, logits):
    """Cross-entropy of independent sigmoids against the one-hot label, as the post trains (its cell 5).

        mean over classes k of  -t_k log sigmoid(a_k) - (1 - t_k) log(1 - sigmoid(a_k)),   t = one_hot(y)

    Args:
        labels: integers (n,) or (n, 1) in [0, classes).
        logits: a, (n, classes).

    Returns:
        float32 (n,): one value per sample, nats, the mean over the classes.

    Raises:
        ValueError: labels of another shape.
    """
    logits = ops.cast(logits, "float32")
    targets = ops.one_hot(class_labels(labels, logits), logits.shape[-1], dtype="float32")
    return ops.mean(ops.binary_crossentropy(targets, logits, from_logits=True), axis=-1)


def softmax_cross_entropy(labels, logits):
    """Cross-entropy of a softmax: -log softmax(a)_y.

    Args:
        labels: integers (n,) or (n, 1) in [0, classes).
        logits: a, (n, classes).

    Returns:
        float32 (n,): one value per sample, nats.

    Raises:
        ValueError: labels of another shape.
    """
    logits = ops.cast(logits, "float32")
    return ops.sparse_categorical_crossentropy(class_labels(labels, logits), logits, from_logits=True)


CROSS_ENTROPIES = {"sigmoid": sigmoid_cross_entropy, "softmax": softmax_cross_entropy}


def gated_expert_loss(labels, expert_logits, gates, cross_entropy=softmax_cross_entropy):
    """Ask each modality alone, and blame the gate for trusting one that is wrong (ours, not the paper's).

        sum over modalities i of  zbar_i CE(y, f(h_i)),   zbar_i = mean over the units of the gate z_i

    f is the classifier of the fused vector. A gate that fused its way to the right answer through the wrong
    modality pays here, which is what removes the inverted gates.

    Args:
        labels: integers (n,) in [0, classes).
        expert_logits: f(h_i), (n, K, classes).
        gates: z, (n, K, D) or (n, K, 1), each in [0, 1].
        cross_entropy: function from (labels, logits) to one value per sample.

    Returns:
        float32 (n,): one value per sample, the sum over the modalities.
    """
    modalities = expert_logits.shape[1]
    weights = ops.mean(ops.cast(gates, "float32"), axis=-1)  # (n, K)
    errors = [cross_entropy(labels, expert_logits[:, index]) for index in range(modalities)]
    return ops.sum(weights * ops.stack(errors, axis=1), axis=1)


def compute_loss(model, batch, training, *, cross_entropy="sigmoid", expert_weight=0.0):
    """Loss of one batch: mean over the batch of cross-entropy + expert_weight * gated-expert loss.

    Args:
        model: maps the batch to a dict with `logits` and, when expert_weight is not 0, `gates` and
            `expert_logits` (built with experts=True).
        batch: dict of tensors with the model's modalities and `label` (n,).
        training: bool, passed to the model.
        cross_entropy: "sigmoid" (the post) or "softmax".
        expert_weight: weight of the gated-expert loss, 0 or more.

    Returns:
        (loss, terms): a float32 scalar, and the scalars `cross_entropy`, `accuracy` (fraction in [0, 1]) and,
        with experts, `gated_expert`; each is a mean over the batch.
    """
    one_of("cross_entropy", cross_entropy, CROSS_ENTROPIES)
    outputs = model(batch, training=training)
    labels, measure = class_labels(batch["label"], outputs["logits"]), CROSS_ENTROPIES[cross_entropy]
    loss = ops.mean(measure(labels, outputs["logits"]))
    terms = {"cross_entropy": loss, "accuracy": accuracy(labels, outputs["logits"])}
    if expert_weight:
        terms["gated_expert"] = ops.mean(gated_expert_loss(labels, outputs["expert_logits"], outputs["gates"], measure))
        loss = loss + expert_weight * terms["gated_expert"]
    return loss, terms
