"""CorrNet's networks: the shared bias, three passes from one encoding, unequal views, saving."""

import json

import keras
import numpy as np
import pytest

from corrnet.layers import ViewCoder, draw_official_kernels
from corrnet.model import DeepCCA, build, build_classifiers
from tests.corrnet.oracles import sigmoid

SETTINGS = [
    {},
    {"tied": False, "hidden_activation": "tanh", "output_activation": "linear"},
    {"encoder_units": (7, 5), "decoder_units": (5, 7), "hidden_activation": "relu"},
    {"encoder_units": (7,), "decoder_units": (), "tied": False},
    {"activate": "before", "hidden_activation": "relu"},
]


def pair(n=6, seed=0):
    random = np.random.default_rng(seed)
    return random.random((n, 4, 3, 1), np.float32), random.random((n, 5), np.float32)


def network(**settings):
    keras.utils.set_random_seed(0)
    model = build(left_shape=(4, 3, 1), right_shape=(5,), code_units=3, **settings)
    model.bias.assign([0.3, -0.2, 0.1])
    return model


def array(x):
    return keras.ops.convert_to_numpy(x)


def test_the_equations_of_one_layer_with_one_shared_bias():
    model, (x, y) = network(), pair()
    left, right, bias = array(model.left.kernels[0]), array(model.right.kernels[0]), array(model.bias)
    joint = sigmoid(x.reshape(6, 12) @ left + y @ right + bias)
    np.testing.assert_allclose(array(model.encode(left=x, right=y)), joint, rtol=1e-5)
    rebuilt = model.decode(joint)
    np.testing.assert_allclose(array(rebuilt["left"]), sigmoid(joint @ left.T).reshape(x.shape), rtol=1e-5)
    np.testing.assert_allclose(array(rebuilt["right"]), sigmoid(joint @ right.T), rtol=1e-5)
    assert len(model.trainable_variables) == 5  # two kernels, one code bias, one output bias per view


def test_a_zero_view_adds_exactly_nothing_without_hidden_layers():
    model, (x, y) = network(), pair()
    np.testing.assert_array_equal(array(model.encode(left=x)), array(model.encode(left=x, right=np.zeros_like(y))))


def test_the_listing_activates_each_view_before_the_sum_and_a_missing_one_adds_its_bias():
    model, (x, y) = network(activate="before", hidden_activation="relu"), pair()
    model.right_bias.assign([-0.5, 0.25, 0.0])
    left = np.maximum(x.reshape(6, 12) @ array(model.left.kernels[0]) + array(model.bias), 0)
    right = np.maximum(y @ array(model.right.kernels[0]) + array(model.right_bias), 0)
    np.testing.assert_allclose(array(model.encode(left=x, right=y)), left + right, rtol=1e-5)
    np.testing.assert_allclose(array(model.encode(left=x)), left + np.float32([0, 0.25, 0]), rtol=1e-5)
    np.testing.assert_allclose(
        array(model.encode(left=x, right=np.zeros_like(y))), array(model.encode(left=x)), rtol=1e-6
    )


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_call_gives_the_codes_and_views_of_the_three_passes(settings):
    model, (x, y) = network(**settings), pair()
    outputs = model({"left": x, "right": y})
    given = {"both": {"left": x, "right": y}, "left": {"left": x}, "right": {"right": y}}
    for name, views in given.items():
        code = model.encode(**views)
        np.testing.assert_allclose(array(outputs[name]["code"]), array(code), rtol=1e-5, atol=1e-6)
        for view, shape in (("left", x.shape), ("right", y.shape)):
            assert outputs[name][view].shape == shape
            np.testing.assert_allclose(
                array(outputs[name][view]), array(model.decode(code)[view]), rtol=1e-5, atol=1e-6
            )


def test_each_view_is_encoded_once_for_three_passes(monkeypatch):
    calls = []
    encode = ViewCoder.encode
    monkeypatch.setattr(ViewCoder, "encode", lambda self, view: calls.append(self.name) or encode(self, view))
    x, y = pair()
    network(encoder_units=(7,), decoder_units=(7,))({"left": x, "right": y})
    assert sorted(calls) == ["left", "right"]


def test_views_share_no_weight_but_the_code_bias():
    model, y = network(), pair()[1]
    before = array(model.encode(right=y))
    model.left.kernels[0].assign(model.left.kernels[0] * 3.0)
    np.testing.assert_array_equal(array(model.encode(right=y)), before)
    model.bias.assign(model.bias + 1.0)
    assert (array(model.encode(right=y)) != before).all()


@pytest.mark.parametrize("settings", SETTINGS)
def test_saved_and_loaded_is_the_same_network(settings, tmp_path):
    model, (x, y) = network(**settings), pair()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for name, views in model({"left": x, "right": y}).items():
        for key, value in views.items():
            np.testing.assert_array_equal(array(value), array(loaded({"left": x, "right": y})[name][key]))
    assert loaded.get_config() == model.get_config()


def test_a_fresh_process_loads_a_saved_network(tmp_path, fresh):
    model, (x, y) = network(), pair()
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "views.npz", x=x, y=y)
    code = (
        "import sys, json, keras, numpy as np, corrnet.model\n"
        f"views = np.load({str(tmp_path / 'views.npz')!r})\n"
        f"model = keras.saving.load_model({str(tmp_path / 'model.keras')!r}, safe_mode=True)\n"
        "print(json.dumps(np.asarray(model.encode(left=views['x'], right=views['y'])).tolist()))"
    )
    done = fresh("-c", code, check=0)
    np.testing.assert_allclose(
        json.loads(done.stdout.splitlines()[-1]), array(model.encode(left=x, right=y)), rtol=1e-6
    )


def test_shapes_are_known_without_computing():
    model = network()
    shapes = model.compute_output_shape({"left": (None, 4, 3, 1), "right": (None, 5)})
    assert shapes["left"] == {"code": (None, 3), "left": (None, 4, 3, 1), "right": (None, 5)}
    assert model.left.compute_output_shape((9, 4, 3, 1)) == (9, 3)


def test_kernels_start_inside_the_limit_and_fill_it():
    keras.utils.set_random_seed(0)
    kernel = array(build(left_shape=(392,), right_shape=(392,), code_units=50).left.kernels[0])
    limit = 4 * np.sqrt(6 / 442)
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    np.testing.assert_allclose(kernel.var(), limit**2 / 3, rtol=0.03)


def test_the_official_kernels_follow_one_integer_draw():
    left, right = draw_official_kernels(123, 392, 392, 50)
    generator = np.random.RandomState(123)
    generator.randint(2**30)
    limit = np.sqrt(6 / 442)
    stream = generator.uniform(-limit, limit, 2 * 392 * 50)
    np.testing.assert_allclose(np.concatenate([left.ravel(), right.ravel()]), 4 * stream, rtol=1e-6)
    model = build(left_shape=(28, 14, 1), right_shape=(392,), official_seed=123)
    np.testing.assert_array_equal(array(model.right.kernels[0]), right)


def test_deep_cca_and_classifiers(tmp_path):
    x, y = pair()
    model = DeepCCA((4, 3, 1), (5,), 3, (6,), dropout=0.5, input_dropout=0.2)
    outputs = model({"left": x, "right": y})
    np.testing.assert_allclose(array(outputs["left"]["code"]), array(model.encode(left=x)), rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(array(loaded.encode(right=y)), array(model.encode(right=y)))
    noisy = model({"left": x, "right": y}, training=True)
    assert (array(noisy["left"]["code"]) != array(outputs["left"]["code"])).any()
    logits = build_classifiers(left_shape=(4, 3, 1), right_shape=(4, 3, 1), classes=10)({"left": x, "right": x})
    assert logits["left"].shape == logits["right"].shape == (6, 10)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: network().encode(), "expected `left`, `right` or both, received neither"),
        (lambda: network(encoder_units=(7, 5), decoder_units=(7, 5)), r"expected decoder_units \(5, 7\)"),
        (lambda: network(tied=False, official_seed=1), "official_seed draws one kernel per view"),
        (lambda: DeepCCA((5,), (5,)).encode(), "received neither"),
        (lambda: DeepCCA((5,), (5,)).encode(left=pair()[1], right=pair()[1]), "received both"),
    ],
)
def test_errors_say_what_was_expected(action, message):
    with pytest.raises(ValueError, match=message):
        action()
