"""The gated multimodal unit against its equations, with absent modalities, saved and in mixed precision."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from gmu import losses
from gmu.model import POST_SHAPES, GatedMultimodalUnit, build
from tests.gmu import oracles

random = np.random.default_rng(0)
VIEWS = [random.normal(size=(5, width)) for width in (3, 2, 4)]


def make(views=VIEWS, **settings):
    """A built float64 unit with random weights, biases included."""
    layer = GatedMultimodalUnit(2, return_gates=True, dtype="float64", **settings)
    layer.build([view.shape for view in views])
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
    return layer


CHOICES = [
    (gate, per_unit, bias, reads)
    for gate, per_unit, bias, reads in itertools.product(
        ("tied", "untied", "softmax"), (True, False), (True, False), ("inputs", "projections")
    )
]


@pytest.mark.parametrize(("gate", "per_unit", "bias", "reads"), CHOICES)
def test_unit_equals_the_equations_in_float64(gate, per_unit, bias, reads):
    views = VIEWS[:2] if gate == "tied" else VIEWS
    layer = make(views, gate=gate, per_unit_gate=per_unit, use_bias=bias, gate_reads=reads)
    fused, gates = layer(views)
    expected_fused, expected_gates = oracles.fuse(layer, views)
    np.testing.assert_allclose(fused, expected_fused, rtol=0, atol=1e-14)
    np.testing.assert_allclose(gates, expected_gates, rtol=0, atol=1e-14)
    assert layer.compute_output_shape([view.shape for view in views]) == (fused.shape, gates.shape)


def test_unit_by_hand():
    """x_v = 1, x_t = -2, W_v = .5, W_t = 1, W_z = (2, 1): z = sigmoid(0) = 1/2, h = (tanh .5 + tanh -2) / 2."""
    layer = GatedMultimodalUnit(1, use_bias=False)
    layer.build([(1, 1), (1, 1)])
    layer.set_weights([np.array([[0.5]]), np.array([[1.0]]), np.array([[2.0], [1.0]])])
    fused = layer([np.array([[1.0]]), np.array([[-2.0]])])
    assert float(fused[0, 0]) == pytest.approx((0.46211716 - 0.96402758) / 2, abs=1e-7)


def test_official_variant_gates_on_projections_without_biases():
    """The official code: z = sigmoid([W_v x_v, W_t x_t] W), h = z tanh(W_v x_v) + (1 - z) tanh(W_t x_t)."""
    layer = make(VIEWS[:2], use_bias=False, gate_reads="projections")
    w_v, w_t, w_z = [np.asarray(weight) for weight in layer.weights]
    p_v, p_t = VIEWS[0] @ w_v, VIEWS[1] @ w_t
    z = 1 / (1 + np.exp(-np.concatenate([p_v, p_t], 1) @ w_z))
    np.testing.assert_allclose(layer(VIEWS[:2])[0], z * np.tanh(p_v) + (1 - z) * np.tanh(p_t), atol=1e-14)


def test_softmax_gate_of_two_is_the_tied_gate():
    tied, softmax = make(VIEWS[:2]), make(VIEWS[:2], gate="softmax")
    weights = tied.get_weights()
    kernel, bias = np.zeros((5, 4)), np.zeros(4)
    kernel[:, :2], bias[:2] = weights[-2], weights[-1]  # second modality's logit: 0
    softmax.set_weights([*weights[:-2], kernel, bias])
    for left, right in zip(tied(VIEWS[:2]), softmax(VIEWS[:2]), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-14)


def test_leading_axes_are_kept():
    """A sequence (n, time, width) is fused step by step."""
    layer = make(VIEWS[:2])
    sequences = [np.stack([view, view[::-1]], axis=1) for view in VIEWS[:2]]
    fused = layer(sequences)[0]
    assert fused.shape == (5, 2, 2)
    np.testing.assert_allclose(fused[:, 0], layer(VIEWS[:2])[0], atol=1e-14)


PRESENT = np.array([[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0]], bool)


@pytest.mark.parametrize("gate", ["untied", "softmax"])
@pytest.mark.parametrize("reads", ["inputs", "projections"])
def test_absent_modality_is_renormalised_away(gate, reads):
    layer = make(gate=gate, gate_reads=reads)
    fused, gates = (np.asarray(value) for value in layer(VIEWS, present=PRESENT))
    zeros = [np.where(PRESENT[:, i : i + 1], view, 0) for i, view in enumerate(VIEWS)]
    features, full = oracle_features(layer, zeros), oracles.fuse(layer, zeros)[1]
    for row, present in enumerate(PRESENT):
        kept = full[row] * present[:, None]
        scale = len(present) / max(present.sum(), 1) if gate == "untied" else 1 / np.maximum(kept.sum(0), 1e-300)
        np.testing.assert_allclose(gates[row], kept * scale, atol=1e-13)
        np.testing.assert_allclose(fused[row], (kept * scale * features[row]).sum(0), atol=1e-13)
    assert not fused[4].any()
    if gate == "softmax":
        np.testing.assert_allclose(gates.sum(1)[:4], 1, atol=1e-14)


def oracle_features(layer, views):
    """tanh(W_i x_i + b_i) as (n, K, D), in NumPy."""
    weights = [np.asarray(weight) for weight in layer.weights]
    return np.stack([np.tanh(view @ weights[2 * i] + weights[2 * i + 1]) for i, view in enumerate(views)], axis=1)


def test_one_modality_alone_is_its_own_feature():
    layer = make(VIEWS[:2])
    alone = layer(VIEWS[:2], present=np.array([[True, False]]))[0]
    np.testing.assert_allclose(alone, oracle_features(layer, VIEWS[:2])[:, 0], atol=1e-14)


@pytest.mark.parametrize("gate", ["tied", "untied", "softmax"])
@pytest.mark.parametrize("reads", ["inputs", "projections"])
@pytest.mark.parametrize("rubbish", [np.nan, np.inf, 1e300])
def test_absent_modality_never_leaks_into_value_or_gradient(gate, reads, rubbish):
    layer = make(VIEWS[:2], gate=gate, gate_reads=reads)
    present = tf.constant(PRESENT[:, 1:])
    outcomes = []
    for filler in (0.0, rubbish):
        views = [tf.constant(np.where(present[:, i : i + 1], VIEWS[i], filler)) for i in range(2)]
        with tf.GradientTape() as tape:
            tape.watch(views)
            fused, gates = layer(views, present=present)
            total = tf.reduce_sum(fused**2) + tf.reduce_sum(gates**2)
        outcomes.append([fused, gates, *tape.gradient(total, [*views, *layer.trainable_weights])])
    for clean, dirty in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(clean, dirty)
        assert np.isfinite(dirty).all()


def test_classifier_never_reads_an_absent_modality():
    """Through a sub-network too: NaN in the raw input changes neither logits nor any gradient."""
    keras.utils.set_random_seed(0)
    model = build(units=3, encoders={"visual": keras.layers.Dense(4, activation="relu")}, experts=True)
    outcomes = []
    for filler in (0.0, np.nan):
        batch = {
            "visual": tf.constant([[1.0], [filler]]),
            "textual": tf.constant([[filler], [2.0]]),
            "present": tf.constant([[True, False], [False, True]]),
        }
        with tf.GradientTape() as tape:
            outputs = model(batch)
            total = tf.reduce_sum(outputs["logits"] ** 2) + tf.reduce_sum(outputs["expert_logits"])
        outcomes.append([outputs["logits"], outputs["gates"], *tape.gradient(total, model.trainable_weights)])
    for clean, dirty in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(clean, dirty)


def test_gates_are_all_ones_at_most_and_sum_to_one():
    for gate in ("tied", "softmax"):
        gates = make(VIEWS[:2], gate=gate)([1e6 * view for view in VIEWS[:2]])[1]
        assert np.isfinite(gates).all() and (np.asarray(gates) >= 0).all()
        np.testing.assert_allclose(np.sum(gates, axis=1), 1, atol=1e-14)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("gate", ["tied", "untied", "softmax"])
def test_mixed_precision_computes_in_half_and_stores_in_float32(precision, gate):
    full = GatedMultimodalUnit(8, gate=gate, return_gates=True)
    half = GatedMultimodalUnit(8, gate=gate, return_gates=True, dtype=precision)
    views = [view.astype("float32") for view in VIEWS[:2]]
    for layer in (full, half):
        layer.build([view.shape for view in views])
    half.set_weights(full.get_weights())
    assert {weight.dtype for weight in half.weights} == {"float32"}
    for present in (None, PRESENT[:, 1:]):
        for left, right in zip(full(views, present=present), half(views, present=present), strict=True):
            assert right.dtype == precision.removeprefix("mixed_")
            np.testing.assert_allclose(left, tf.cast(right, "float32"), atol=0.05)


def test_saved_model_loads_in_a_fresh_process_without_custom_objects(tmp_path, fresh):
    model = build(
        shapes={"sound": (3,), "image": (2,), "text": (4,)},
        encoders={"image": keras.layers.Dense(6, activation="relu")},
        units=5,
        gate="softmax",
        per_unit_gate=False,
        gate_reads="projections",
        experts=True,
    )
    model.save(tmp_path / "model.keras")
    batch = {name: view.astype("float32") for name, view in zip(("sound", "image", "text"), VIEWS, strict=True)}
    batch["present"] = PRESENT
    outputs = {name: value.numpy() for name, value in model(batch).items()}
    np.savez(tmp_path / "data.npz", **batch, **{f"expected_{name}": value for name, value in outputs.items()})
    program = (
        "import sys, numpy, keras, gmu.model\n"
        "model = keras.saving.load_model(sys.argv[1] + '/model.keras', compile=False, safe_mode=True)\n"
        "data = dict(numpy.load(sys.argv[1] + '/data.npz'))\n"
        "expected = {k.removeprefix('expected_'): data.pop(k) for k in list(data) if k.startswith('expected_')}\n"
        "got = model(data)\n"
        "assert set(got) == {'logits', 'gates', 'expert_logits'}\n"
        "[numpy.testing.assert_allclose(got[k], v, atol=1e-6) for k, v in expected.items()]\n"
    )
    fresh("-c", program, tmp_path, check=0)


def test_unit_with_a_mask_in_a_functional_model_is_saved_and_loaded(tmp_path):
    inputs = [keras.Input((3,)), keras.Input((2,))]
    present = keras.Input((2,), dtype="bool")
    outputs = GatedMultimodalUnit(4, return_gates=True)(inputs, present=present)
    model = keras.Model([*inputs, present], outputs)
    assert [output.shape for output in outputs] == [(None, 4), (None, 2, 4)]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    batch = [view.astype("float32") for view in VIEWS[:2]] + [PRESENT[:, 1:]]
    for left, right in zip(model(batch), again(batch), strict=True):
        np.testing.assert_array_equal(left, right)


def test_config_round_trip_keeps_every_choice():
    layer = GatedMultimodalUnit(3, "untied", False, False, "projections", True, name="unit")
    again = GatedMultimodalUnit.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("settings", "shapes", "message"),
    [
        ({}, [(None, 2)] * 3, 'gate="softmax"'),
        ({}, [(None, 2)], "at least two"),
        ({}, (None, 2), "at least two"),
        ({"units": 0}, None, "at least 1, received 0"),
        ({"gate": "hard"}, None, "expected one of.*'hard'"),
        ({"gate_reads": "labels"}, None, "expected one of.*'labels'"),
    ],
)
def test_errors_say_expected_received_and_fix(settings, shapes, message):
    with pytest.raises(ValueError, match=message):
        GatedMultimodalUnit(**{"units": 2, **settings}).build(shapes)


def test_a_mask_of_the_wrong_width_is_refused():
    with pytest.raises(ValueError, match=r"expected \(n, 2\), received \(5, 3\)"):
        make(VIEWS[:2])(VIEWS[:2], present=PRESENT)


@pytest.mark.parametrize("gate", ["tied", "untied", "softmax"])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (4, 4), (4, 1), (2, 3, 4)])
@pytest.mark.parametrize("per_step", [False, True])
def test_masks_per_sample_and_per_step_for_inputs_of_any_rank(gate, shape, per_step):
    """Equal to fusing each vector alone with its own mask: also where n = steps and where there is one step."""
    random = np.random.default_rng(1)
    modalities = 2 if gate == "tied" else 3
    layer = GatedMultimodalUnit(4, gate=gate, return_gates=True, dtype="float64")
    views = [random.normal(size=(*shape, width)) for width in (2, 3, 5)[:modalities]]
    leading = shape if per_step else shape[:1]
    present = random.random((*leading, modalities)) < 0.6
    fused, gates = (np.asarray(part) for part in layer(views, present=present))
    spread = np.broadcast_to(
        present.reshape(*leading, *[1] * (len(shape) - len(leading)), modalities), (*shape, modalities)
    )
    for place in np.ndindex(*shape):
        alone, alone_gates = layer([view[place][None] for view in views], present=spread[place][None])
        np.testing.assert_allclose(fused[place], alone[0], atol=1e-12)
        np.testing.assert_allclose(gates[place], alone_gates[0], atol=1e-12)


def test_a_mask_that_does_not_fit_is_refused_with_both_shapes():
    layer = GatedMultimodalUnit(4)
    views = [np.zeros((4, 3, 2)), np.zeros((4, 3, 2))]
    for present in (np.ones((3, 2), bool), np.ones((4, 2, 2), bool), np.ones((4, 3, 2, 2), bool)):
        with pytest.raises(ValueError, match=r"`present` has shape .* and a modality \(4, 3, 2\)"):
            layer(views, present=present)


def test_a_unit_without_experts_is_fitted_as_it_comes():
    network = build()
    assert network.expert_weight == 0 and build(experts=True).expert_weight == 0.3
    network.compile("adam", loss={"logits": losses.sigmoid_cross_entropy})
    points = {name: np.zeros((8, 1), np.float32) for name in POST_SHAPES}
    fitted = network.fit(points, {"logits": np.arange(8) % 2}, verbose=0)
    assert fitted.history["loss"][0] == pytest.approx(np.log(2), abs=0.1)
