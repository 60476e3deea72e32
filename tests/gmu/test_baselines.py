"""The models a GMU is compared with: their equations, their size, and that they can be saved."""

import keras
import numpy as np
import pytest

from gmu import baselines
from gmu.losses import compute_loss
from gmu.model import build

random = np.random.default_rng(2)
BATCH = {
    "visual": random.normal(size=(5, 1)).astype(np.float32),
    "textual": random.normal(size=(5, 1)).astype(np.float32),
    "label": np.array([0, 1, 1, 0, 1], np.int32),
    "source": np.zeros(5, np.int32),
}
BUILDERS = [
    baselines.build_feed_forward,
    baselines.build_concatenation,
    baselines.build_sum,
    baselines.build_mixture_of_experts,
]


def randomised(model):
    model.set_weights([random.normal(size=weight.shape) for weight in model.weights])
    return {variable.path: np.asarray(variable) for variable in model.variables}, model(BATCH)


def softmax(values):
    return np.exp(values) / np.exp(values).sum(-1, keepdims=True)


def test_feed_forward_is_one_hidden_layer():
    model = baselines.build_feed_forward(units=3)
    (w, b, v, c), outputs = [np.asarray(weight) for weight in model.weights], model(BATCH)
    x = np.concatenate([BATCH["visual"], BATCH["textual"]], 1)
    np.testing.assert_allclose(outputs["logits"], np.tanh(x @ w + b) @ v + c, atol=1e-6)


@pytest.mark.parametrize("builder", [baselines.build_concatenation, baselines.build_sum])
def test_concatenation_and_sum_combine_the_features(builder):
    model = builder(units=3)
    randomised(model)
    w_v, b_v, w_t, b_t, v, c = [np.asarray(weight) for weight in model.weights]
    h_v, h_t = np.tanh(BATCH["visual"] @ w_v + b_v), np.tanh(BATCH["textual"] @ w_t + b_t)
    fused = h_v + h_t if model.name == "sum" else np.concatenate([h_v, h_t], 1)
    np.testing.assert_allclose(model(BATCH)["logits"], fused @ v + c, rtol=1e-5, atol=1e-5)


def test_mixture_of_experts_mixes_probabilities():
    model = baselines.build_mixture_of_experts(units=3)
    weights, outputs = randomised(model)
    gate_kernel, gate_bias = (weights[f"gate/{part}"] for part in ("kernel", "bias"))
    gates = softmax(np.concatenate([BATCH["visual"], BATCH["textual"]], 1) @ gate_kernel + gate_bias)
    features, experts = [], []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense) and layer.name != "gate":
            (features if layer.kernel.shape[0] == 1 else experts).append([np.asarray(w) for w in layer.weights])
    mixed = 0
    for i, name in enumerate(("visual", "textual")):
        hidden = np.tanh(BATCH[name] @ features[i][0] + features[i][1])
        mixed = mixed + gates[:, i : i + 1] * softmax(hidden @ experts[i][0] + experts[i][1])
    np.testing.assert_allclose(np.exp(outputs["logits"]), mixed, atol=1e-5)
    np.testing.assert_allclose(np.exp(outputs["logits"]).sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(outputs["gates"][..., 0], gates, atol=1e-6)


@pytest.mark.parametrize("builder", BUILDERS)
def test_every_baseline_trains_with_the_same_loss_and_saves(builder, tmp_path):
    encoders = {"visual": keras.Sequential([keras.layers.Dense(4, activation="relu")])}
    model = builder(encoders=encoders, units=3)
    loss, _ = compute_loss(model, BATCH, True, cross_entropy="softmax")
    assert np.isfinite(loss)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(model(BATCH)["logits"], again(BATCH)["logits"])


@pytest.mark.parametrize("builder", BUILDERS)
def test_matched_baseline_has_the_fewest_parameters_that_reach_the_target(builder):
    target = build(units=8).count_params()
    model, units = baselines.match_parameters(builder, target)
    assert model.count_params() >= target
    assert builder(units=units - 1).count_params() < target
