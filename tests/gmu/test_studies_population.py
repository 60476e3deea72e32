"""Many copies trained as one computation end where each would have ended alone."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from data.synthetic import two_modalities
from gmu import baselines
from gmu.losses import compute_loss
from gmu.model import build
from gmu.studies import population

SEEDS = (0, 7)


def stacked_data(names, split="train"):
    sets = [two_modalities(50, seed, test_examples=30) for seed in SEEDS]
    return {name: np.stack([getattr(dataset, split)[name] for dataset in sets]) for name in names}


def train_alone(model, objective, batch, steps):
    """An ordinary Keras training loop on one model."""
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = objective(model, batch, True)[0]
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return [float(step()) for _ in range(steps)]


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (build, {"cross_entropy": "sigmoid"}),
        (partial(build, units=3, gate="softmax", experts=True), {"cross_entropy": "softmax", "expert_weight": 0.3}),
        (baselines.build_mixture_of_experts, {"cross_entropy": "softmax"}),
    ],
    ids=["post", "experts", "mixture"],
)
def test_copies_end_where_sequential_keras_training_ends(make, settings):
    model, objective = make(), partial(compute_loss, **settings)
    data = stacked_data(("visual", "textual", "label"))
    start = population.initial_weights(model, SEEDS)
    weights, losses = population.train(model, objective, start, data, steps=30, learning_rate=0.1)
    fresh = {name: values for name, values in stacked_data(("visual", "textual"), "test").items()}
    outputs = population.predict(model, weights, fresh, copies_at_once=1)
    for copy in range(len(SEEDS)):
        population.set_copy(model, start, copy)
        alone = train_alone(model, objective, {name: values[copy] for name, values in data.items()}, 30)
        np.testing.assert_allclose(losses[:, copy], alone, rtol=1e-4, atol=1e-5)
        for together, variable in zip(weights, model.trainable_variables, strict=True):
            np.testing.assert_allclose(together[copy], variable, rtol=1e-3, atol=1e-4)
        said = model({name: values[copy] for name, values in fresh.items()})
        np.testing.assert_allclose(outputs["logits"][copy], said["logits"], rtol=1e-3, atol=1e-3)


def test_a_copy_does_not_depend_on_its_neighbours():
    model = build()
    data = stacked_data(("visual", "textual", "label"))
    start = population.initial_weights(model, SEEDS)
    together, _ = population.train(model, compute_loss, start, data, steps=5, learning_rate=0.1)
    last = [value[1:] for value in start], {name: values[1:] for name, values in data.items()}
    alone, _ = population.train(model, compute_loss, *last, steps=5, learning_rate=0.1)
    for left, right in zip(together, alone, strict=True):
        np.testing.assert_allclose(left[1:], right, rtol=1e-5, atol=1e-6)


def test_training_leaves_the_model_and_its_start_untouched():
    model = build()
    before, start = model.get_weights(), population.initial_weights(model, SEEDS)
    kept = [value.copy() for value in start]
    population.train(
        model, compute_loss, start, stacked_data(("visual", "textual", "label")), steps=2, learning_rate=1.0
    )
    for left, right in zip([*before, *kept], [*model.get_weights(), *start], strict=True):
        np.testing.assert_array_equal(left, right)


def test_initial_weights_are_glorot_uniform_and_depend_on_the_seed_alone():
    model = build(units=40)
    first, second = population.initial_weights(model, range(50)), population.initial_weights(model, [3, 49])
    for variable, many, two in zip(model.trainable_variables, first, second, strict=True):
        np.testing.assert_array_equal(many[[3, 49]], two)
        if len(variable.shape) == 1:
            assert not many.any()
            continue
        limit = np.sqrt(6 / sum(variable.shape))
        assert np.abs(many).max() <= limit
        assert many.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


@pytest.mark.parametrize("settings", [{}, {"gate": "softmax"}, {"gate_reads": "projections", "use_bias": False},
                                      {"per_unit_gate": False, "units": 3, "experts": True}])  # fmt: skip
def test_batched_products_are_the_models_own_equations(settings):
    from gmu import fast

    model = build(**{"units": 2, **settings})
    assert fast.can_batch(model)
    data = stacked_data(("visual", "textual", "label"))
    weights = [value + 0.1 for value in population.initial_weights(model, SEEDS)]
    found = fast.outputs(model, weights, data)
    options = {"cross_entropy": "softmax", "expert_weight": 0.3 if settings.get("experts") else 0.0}
    losses = fast.losses_of(model, weights, data, **options)
    for copy in range(len(SEEDS)):
        population.set_copy(model, weights, copy)
        own = {name: values[copy] for name, values in data.items()}
        for name, value in model(own).items():
            np.testing.assert_allclose(found[name][copy], value, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(losses[copy], compute_loss(model, own, False, **options)[0], rtol=1e-5)


def test_what_has_no_batched_form_is_left_to_the_general_one():
    from gmu import fast

    encoders = {"visual": keras.layers.Dense(2)}
    assert not fast.can_batch(baselines.build_sum()) and not fast.can_batch(build(encoders=encoders))
    assert not fast.can_batch(build(gate="untied"))
