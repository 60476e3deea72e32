"""Many gated classifiers as one computation with batched matrix products: same results, no tracing of a model per copy.

`tf.vectorized_map` of the model's own call needs seconds to convert it and many small steps to run; here every product
is one batched `matmul` over all copies. Only for `gmu.model.GatedClassifier` without sub-networks and without missing
modalities.
"""

from keras import layers, ops

from gmu import losses
from gmu.model import GatedClassifier


def can_batch(model) -> bool:
    """Whether `outputs` knows the equations of this model."""
    plain = isinstance(model, GatedClassifier) and all(type(e) is layers.Identity for e in model.encoders)
    return plain and model.fusion.gate in ("tied", "softmax")


def outputs(model, weights, inputs):
    """What every copy says to its own rows.

    Args:
        model: gives the equations, see `can_batch`.
        weights: one tensor (S, *shape) per trainable variable of the model, in their order.
        inputs: the modalities by name, (S, n, width).

    Returns:
        `logits` (S, n, classes), `gates` (S, n, K, D or 1) and, for a model with experts, `expert_logits`
        (S, n, K, classes).
    """
    stacked = {id(variable): value for variable, value in zip(model.trainable_variables, weights, strict=True)}
    unit, views = model.fusion, [ops.cast(inputs[name], "float32") for name in model.modalities]

    def dense(layer, rows):  # (S, n, a) -> (S, n, b)
        product = ops.matmul(rows, stacked[id(layer.kernel)])
        return product + stacked[id(layer.bias)][:, None] if layer.use_bias else product

    projected = [dense(layer, view) for layer, view in zip(unit.projections, views, strict=True)]
    read = projected if unit.gate_reads == "projections" else views
    logits = dense(unit.gate_product, ops.concatenate(read, axis=-1))
    gates = unit.activate(ops.split(logits, unit.gate_count, axis=-1))
    features = [ops.tanh(values) for values in projected]
    found = {
        "logits": dense(model.classifier, sum(gate * values for gate, values in zip(gates, features, strict=True))),
        "gates": ops.stack(gates, axis=-2),
    }
    if model.experts:
        found["expert_logits"] = ops.stack([dense(model.classifier, values) for values in features], axis=-2)
    return found


def losses_of(model, weights, batch, *, cross_entropy="sigmoid", expert_weight=0.0):
    """The loss of every copy on its own rows, (S,): the same as `losses.compute_loss` of each alone.

    Args:
        model, weights: as in `outputs`.
        batch: the modalities (S, n, width) and `label` (S, n).
        cross_entropy, expert_weight: as in `losses.compute_loss`.
    """
    found, labels = outputs(model, weights, batch), batch["label"]
    measure, shape = losses.CROSS_ENTROPIES[cross_entropy], ops.shape(labels)
    flat = {name: ops.reshape(value, (-1, *value.shape[2:])) for name, value in found.items()}  # all rows of all copies
    rows = ops.reshape(labels, (-1,))
    errors = measure(rows, flat["logits"])
    if expert_weight:
        experts = losses.gated_expert_loss(rows, flat["expert_logits"], flat["gates"], measure)
        errors = errors + expert_weight * experts
    return ops.mean(ops.reshape(errors, shape), axis=1)
