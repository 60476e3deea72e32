"""What a gated multimodal unit is compared with: four ways to fuse the same modalities.

Each builder takes the arguments of `gmu.model.build` that it can use; its model returns a dict with `logits`.
"""

import keras
from keras import layers, ops

from gmu.model import POST_SHAPES


def encode(shapes, encoders):
    """Inputs by name and what the sub-networks make of them: (list of inputs, list of (n, width_i))."""
    encoders = encoders or {}
    inputs = [keras.Input(shape, name=name) for name, shape in shapes.items()]
    return inputs, [encoders.get(value.name, layers.Identity())(value) for value in inputs]


def build_feed_forward(*, shapes=POST_SHAPES, encoders=None, units=2, classes=2):
    """One hidden layer over all modalities ("a simple FF will do the job"): f(tanh(W [x_1 .. x_K]))."""
    inputs, views = encode(shapes, encoders)
    hidden = layers.Dense(units, activation="tanh", name="hidden")(layers.Concatenate()(views))
    logits = layers.Dense(classes, name="classifier")(hidden)
    return keras.Model(inputs, {"logits": logits}, name="feed_forward")


def build_concatenation(*, shapes=POST_SHAPES, encoders=None, units=1, classes=2):
    """The unit's features side by side, without gates: f([tanh(W_1 x_1) .. tanh(W_K x_K)])."""
    inputs, views = encode(shapes, encoders)
    features = [layers.Dense(units, activation="tanh")(view) for view in views]
    logits = layers.Dense(classes, name="classifier")(layers.Concatenate()(features))
    return keras.Model(inputs, {"logits": logits}, name="concatenation")


def build_sum(*, shapes=POST_SHAPES, encoders=None, units=1, classes=2):
    """The unit with every gate held at one: f(sum_i tanh(W_i x_i))."""
    inputs, views = encode(shapes, encoders)
    features = [layers.Dense(units, activation="tanh")(view) for view in views]
    logits = layers.Dense(classes, name="classifier")(layers.Add()(features))
    return keras.Model(inputs, {"logits": logits}, name="sum")


def build_mixture_of_experts(*, shapes=POST_SHAPES, encoders=None, units=1, classes=2):
    """One classifier per modality, whose probabilities a gate mixes (Jacobs et al. 1991).

        p(y | x) = sum_i g_i p_i(y | x_i),   g = softmax(W [x_1 .. x_K]),   p_i = softmax(f_i(tanh(W_i x_i)))

    `logits` are log p(y | x), so train it with the softmax cross-entropy; `gates` are g as (n, K, 1).
    """
    inputs, views = encode(shapes, encoders)
    features = [layers.Dense(units, activation="tanh")(view) for view in views]
    experts = ops.stack([layers.Dense(classes)(values) for values in features], axis=1)  # (n, K, classes)
    gates = layers.Dense(len(inputs), name="gate")(layers.Concatenate()(views))[..., None]  # (n, K, 1)
    mixed = ops.logsumexp(ops.log_softmax(gates, axis=1) + ops.log_softmax(experts, axis=-1), axis=1)
    return keras.Model(inputs, {"logits": mixed, "gates": ops.softmax(gates, axis=1)}, name="mixture_of_experts")


def match_parameters(builder, parameters, **settings):
    """The model of `builder` with the smallest width that has at least `parameters` trainable numbers.

    Args:
        builder: function with the keyword `units`, whose parameter count grows with it.
        parameters: the count to reach; the baseline never gets fewer.
        settings: the builder's other arguments; `encoders` must be a function returning fresh sub-networks,
            because each width tried is a new model.

    Returns:
        (model, units).
    """
    make_encoders = settings.pop("encoders", None)

    def make(units):
        return builder(units=units, encoders=make_encoders and make_encoders(), **settings)

    def count(units):
        return sum(weight.shape.num_elements() for weight in make(units).trainable_weights)

    low, high = 0, 1
    while count(high) < parameters:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    return make(high), high


def as_large_as(unit, builder, **settings):
    """The model of `builder` with the smallest width that has at least the trainable numbers of `unit`."""
    size = sum(weight.shape.num_elements() for weight in unit.trainable_weights)
    return match_parameters(builder, size, **settings)[0]
