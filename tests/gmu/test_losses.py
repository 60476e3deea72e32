"""The GMU's losses against hand-worked values, loops and invariants."""

import math
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmu import losses
from gmu.model import build

random = np.random.default_rng(1)
LABELS = np.array([0, 2, 1, 2], np.int32)
LOGITS = random.normal(size=(4, 3)).astype(np.float32)


def test_sigmoid_cross_entropy_by_hand():
    """y = 1, a = (0, ln 3): one-hot (0, 1); mean of -log(1 - 1/2) and -log(3/4)."""
    value = losses.sigmoid_cross_entropy(np.array([1]), np.array([[0.0, math.log(3)]]))
    assert float(value[0]) == pytest.approx((math.log(2) + math.log(4 / 3)) / 2, abs=1e-6)


def test_softmax_cross_entropy_by_hand():
    """y = 1, a = (0, ln 3): -log(3/4)."""
    value = losses.softmax_cross_entropy(np.array([1]), np.array([[0.0, math.log(3)]]))
    assert float(value[0]) == pytest.approx(math.log(4 / 3), abs=1e-6)


def test_cross_entropies_equal_loops():
    sigmoid, softmax = losses.sigmoid_cross_entropy(LABELS, LOGITS), losses.softmax_cross_entropy(LABELS, LOGITS)
    for row, (label, values) in enumerate(zip(LABELS, LOGITS.tolist(), strict=True)):
        chances = [1 / (1 + math.exp(-value)) for value in values]
        terms = [-math.log(p if k == label else 1 - p) for k, p in enumerate(chances)]
        assert float(sigmoid[row]) == pytest.approx(sum(terms) / 3, abs=1e-6)
        partition = sum(math.exp(value) for value in values)
        assert float(softmax[row]) == pytest.approx(-math.log(math.exp(values[label]) / partition), abs=1e-6)


@pytest.mark.parametrize("measure", [losses.sigmoid_cross_entropy, losses.softmax_cross_entropy])
def test_cross_entropies_stay_finite_for_huge_half_precision_logits(measure):
    right = measure(np.array([0]), np.array([[6e4, -6e4]], np.float16))
    wrong = measure(np.array([1]), np.array([[6e4, -6e4]], np.float16))
    assert right.dtype == "float32" and float(right[0]) == 0
    assert np.isfinite(wrong).all() and float(wrong[0]) > 1e4


def test_gated_expert_loss_by_hand():
    """Gate units (.2, .6) -> zbar = .4; experts: certain and right (0) against a coin (ln 2)."""
    gates = np.array([[[0.2, 0.6], [0.8, 0.4]]])
    experts = np.array([[[100.0, 0.0], [0.0, 0.0]]])
    value = losses.gated_expert_loss(np.array([0]), experts, gates)
    assert float(value[0]) == pytest.approx(0.6 * math.log(2), abs=1e-6)


def test_gated_expert_loss_equals_a_loop_for_three_modalities():
    experts = random.normal(size=(4, 3, 3)).astype(np.float32)
    gates = random.uniform(size=(4, 3, 5)).astype(np.float32)
    value = losses.gated_expert_loss(LABELS, experts, gates)
    for row, label in enumerate(LABELS):
        expected = 0.0
        for modality in range(3):
            chances = np.exp(experts[row, modality]) / np.exp(experts[row, modality]).sum()
            expected += gates[row, modality].mean() * -math.log(chances[label])
        assert float(value[row]) == pytest.approx(expected, abs=1e-5)


def test_gated_expert_loss_prefers_the_gate_on_the_right_expert():
    experts = np.array([[[3.0, 0.0], [0.0, 3.0]]])
    trust_first, trust_second = np.array([[[1.0], [0.0]]]), np.array([[[0.0], [1.0]]])
    good = losses.gated_expert_loss(np.array([0]), experts, trust_first)
    bad = losses.gated_expert_loss(np.array([0]), experts, trust_second)
    assert float(bad[0] - good[0]) == pytest.approx(3, abs=1e-5)


BATCH = {
    "visual": random.normal(size=(6, 1)).astype(np.float32),
    "textual": random.normal(size=(6, 1)).astype(np.float32),
    "label": np.array([0, 1, 1, 0, 1, 0], np.int32),
    "source": np.zeros(6, np.int32),
}


def test_compute_loss_adds_its_terms():
    keras.utils.set_random_seed(0)
    model = build(units=4, experts=True)
    for kind in losses.CROSS_ENTROPIES:
        loss, terms = losses.compute_loss(model, BATCH, True, cross_entropy=kind, expert_weight=0.3)
        assert set(terms) == {"cross_entropy", "accuracy", "gated_expert"}
        assert float(loss) == pytest.approx(float(terms["cross_entropy"] + 0.3 * terms["gated_expert"]), abs=1e-6)
        right = model(BATCH)["logits"].numpy().argmax(1) == BATCH["label"]
        assert float(terms["accuracy"]) == pytest.approx(right.mean())


def test_compute_loss_without_experts_is_the_cross_entropy():
    loss, terms = losses.compute_loss(build(), BATCH, True)
    assert set(terms) == {"cross_entropy", "accuracy"}
    assert float(loss) == float(terms["cross_entropy"])


def test_gradient_of_compute_loss_equals_finite_differences():
    keras.utils.set_random_seed(1)
    model = build(units=2, experts=True)
    objective = partial(losses.compute_loss, cross_entropy="softmax", expert_weight=0.3)
    with tf.GradientTape() as tape:
        loss = objective(model, BATCH, True)[0]
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        start, direction = variable.numpy(), random.normal(size=variable.shape).astype(np.float32)
        values = []
        for sign in (1, -1):
            variable.assign(start + sign * 1e-2 * direction)
            values.append(float(objective(model, BATCH, True)[0]))
        variable.assign(start)
        slope = (values[0] - values[1]) / 2e-2
        assert slope == pytest.approx(float((gradient * direction).numpy().sum()), abs=2e-3)
