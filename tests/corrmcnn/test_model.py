"""CorrMCNN's network: the slides' table, layers against loops, one encoding for three passes, absent views, saving."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from corrmcnn.layers import Decoder, Encoder, NearestUpsampling, PairDistortion, TransposedDense, source_indices
from corrmcnn.model import CorrMCNN, build, layer_table
from tests.corrmcnn import oracles as oracle

SHAPE = (12, 10, 1)
SMALL = {"filters": (3, 2), "dense_units": (6, 5), "code_units": 4}
# The slides' summary, channels last; the encoder and the decoder stand there once per view.
ENCODER = [
    ("Conv2d", (26, 12, 128), 1280), ("MaxPool2d", (13, 6, 128), 0), ("BatchNorm2d", (13, 6, 128), 256),
    ("Conv2d", (11, 4, 64), 73792), ("MaxPool2d", (5, 2, 64), 0), ("BatchNorm2d", (5, 2, 64), 128),
    ("Linear", (500,), 320500), ("Dropout", (500,), 0), ("Linear", (300,), 150300),
]  # fmt: skip
DECODER = [("Linear", (294,), 14994), ("Upsample", (26, 12, 3), 0), ("ConvTranspose2d", (28, 14, 1), 28)]
SETTINGS = [
    {},
    {"fusion": "code_sum", "absent": "zero_image", "padding": "same", "batch_norm": "all"},
    {"fusion": "code_mean", "deconvolution": False, "decoder_units": (7,), "filters": ()},
    {"tied": True, "decoder_units": (5, 6), "absent": "zero_batch", "activation": "sigmoid"},
    {"tied": True, "decoder_units": (5, 6), "fusion": "code_sum", "deconvolution": False, "shift": 1.0, "stretch": 0.1},
]


def pair(n=5, seed=0):
    random = np.random.default_rng(seed)
    return {view: random.random((n, *SHAPE), np.float32) for view in ("left", "right")}


def network(**settings):
    keras.utils.set_random_seed(0)
    return build(left_shape=SHAPE, right_shape=SHAPE, **SMALL | settings)


def array(x):
    return keras.ops.convert_to_numpy(x)


def randomise(model, seed=0):
    """Gives every weight a random value, biases and statistics included; only kernels get either sign."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        sign = random.choice((-1, 1), weight.shape) if weight.name == "kernel" else 1
        weight.assign(sign * random.uniform(0.2, 0.8, weight.shape))


def test_the_slides_summary_layer_by_layer():
    model = build(left_shape=(28, 14, 1), right_shape=(28, 14, 1))
    assert layer_table(model) == [*ENCODER, *ENCODER, ("Linear", (50,), 15050), *DECODER, *DECODER]
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 1_137_606
    assert model.count_params() == 1_137_606 + 768  # moving means and variances: 4 x (128 + 64)


def test_rows_of_the_upsampling():
    assert source_indices(7, 12) == [0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6]
    rows = source_indices(14, 26)
    assert rows[:14] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7] and rows[13:] == [7 + row for row in rows[:13]]
    # the slides' framework multiplies in single precision
    for size, new_size in ((7, 12), (14, 26)):
        scale = np.float32(size) / np.float32(new_size)
        assert source_indices(size, new_size) == [int(np.float32(i) * scale) for i in range(new_size)]


def test_upsampling_copies_pixels_and_keras_resizing_picks_others():
    x = np.arange(14 * 7 * 3, dtype=np.float32).reshape(1, 14, 7, 3)
    layer = NearestUpsampling((26, 12))
    np.testing.assert_array_equal(array(layer(x))[0], oracle.enlarge(x[0], 26, 12))
    assert layer.compute_output_shape(x.shape) == (1, 26, 12, 3)
    assert (array(keras.ops.image.resize(x, (26, 12), interpolation="nearest")) != array(layer(x))).any()


def test_an_encoder_by_loops():
    encoder, x = Encoder(filters=(3, 2), dense_units=(6, 5)), pair()["left"]
    encoder.build((None, *SHAPE))
    randomise(encoder)
    by_kind = {kind: [layer for layer in encoder.chain if isinstance(layer, kind)]
               for kind in (layers.Conv2D, layers.BatchNormalization, layers.Dense)}  # fmt: skip
    weights = [
        [array(w) for w in (c.kernel, c.bias, n.gamma, n.beta, n.moving_mean, n.moving_variance)]
        for c, n in zip(by_kind[layers.Conv2D], by_kind[layers.BatchNormalization], strict=True)
    ] + [[array(d.kernel), array(d.bias)] for d in by_kind[layers.Dense]]
    steps = [array(step) for step in encoder(x, training=False)]
    for i, image in enumerate(x):
        for step, expected in zip(steps, oracle.encode(image, weights), strict=True):
            np.testing.assert_allclose(step[i], expected, rtol=1e-4, atol=1e-5)
    assert (steps[0] > 0).any() and [step.shape for step in steps] == encoder.compute_output_shape(x.shape)


def test_a_decoder_by_loops():
    decoder, code = Decoder(SHAPE, units=(3,)), np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    decoder.build((None, 4))
    randomise(decoder)
    (first, second), deconvolution = decoder.hidden, decoder.picture[-1]
    view, steps = decoder(code)
    for i in range(5):
        hidden = oracle.relu(code[i] @ array(first.kernel) + array(first.bias))
        wide = oracle.relu(hidden @ array(second.kernel) + array(second.bias))
        small = wide.reshape(6, 5, 3)
        picture = oracle.transposed_convolve(
            oracle.enlarge(small, 10, 8), array(deconvolution.kernel), array(deconvolution.bias)[0]
        )
        np.testing.assert_allclose(array(view)[i], oracle.sigmoid(picture), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(array(steps[0])[i], hidden, rtol=1e-5)
        np.testing.assert_allclose(array(steps[1])[i], wide, rtol=1e-4)


def test_the_code_is_one_dense_layer_of_the_sum_or_a_sum_or_mean_of_codes():
    views = pair()
    hidden = {}
    for fusion, combine in (("hidden_sum", None), ("code_sum", sum), ("code_mean", lambda codes: sum(codes) / 2)):
        model = network(fusion=fusion, code_activation="sigmoid")
        hidden = {view: array(model.encoders[view](x, training=False)[-1]) for view, x in views.items()}
        if combine is None:
            joint = model.joints["joint"]
            total = hidden["left"] + hidden["right"]
            expected = oracle.sigmoid(total @ array(joint.kernel) + array(joint.bias))
        else:
            codes = [oracle.sigmoid(hidden[v] @ array(joint.kernel) + array(joint.bias))
                     for v, joint in model.joints.items()]  # fmt: skip
            expected = combine(codes)
            np.testing.assert_allclose(array(model.encode(left=views["left"])), codes[0], rtol=1e-5)
        np.testing.assert_allclose(array(model.encode(**views)), expected, rtol=1e-5)


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_call_gives_the_codes_and_views_of_the_three_passes(settings):
    model, views = network(**settings), pair()
    outputs = model(views)
    given = {"both": views, "left": {"left": views["left"]}, "right": {"right": views["right"]}}
    for name, some in given.items():
        code = model.encode(**some)
        np.testing.assert_allclose(array(outputs[name]["code"]), array(code), rtol=1e-5, atol=1e-6)
        for view, rebuilt in model.decode(code).items():
            np.testing.assert_allclose(array(outputs[name][view]), array(rebuilt), rtol=1e-5, atol=1e-6)
    shapes = model.compute_output_shape({view: x.shape for view, x in views.items()})
    assert keras.tree.map_structure(lambda x: tuple(x.shape), outputs) == shapes


def test_each_view_is_encoded_and_decoded_once_for_three_passes(monkeypatch):
    calls = []
    for kind in (Encoder, Decoder):
        call = kind.call
        monkeypatch.setattr(kind, "call", lambda self, *a, _c=call, **k: calls.append(self.name) or _c(self, *a, **k))
    network()(pair())
    assert sorted(calls) == ["left_decoder", "left_encoder", "right_decoder", "right_encoder"]


def test_an_absent_view_adds_nothing_or_what_an_image_of_zeros_adds():
    views = pair()
    zeros = np.zeros_like(views["right"])
    for absent in ("nothing", "zero_image"):
        model = network(absent=absent)
        randomise(model)
        gap = np.abs(array(model.encode(left=views["left"])) - array(model.encode(left=views["left"], right=zeros)))
        assert (gap.max() < 1e-5) == (absent == "zero_image")


def test_only_batches_of_zeros_pollute_the_statistics():
    statistics = {}
    for absent in ("nothing", "zero_image", "zero_batch"):
        model = network(absent=absent)
        model(pair(), training=True)
        moving = [array(w).ravel() for w in model.non_trainable_weights if "moving" in w.name]
        statistics[absent] = np.concatenate(moving)
    np.testing.assert_array_equal(statistics["nothing"], statistics["zero_image"])
    assert (statistics["nothing"] != statistics["zero_batch"]).any()


def test_training_normalises_each_channel_over_batch_and_pixels():
    encoder, x = Encoder(filters=(3,), dense_units=(5,)), pair(20)["left"]
    encoder.build((None, *SHAPE))
    norm = next(layer for layer in encoder.chain if isinstance(layer, layers.BatchNormalization))
    out = array(norm(np.float32(3.0) + np.repeat(x, 3, axis=-1), training=True))
    np.testing.assert_allclose(out.mean(axis=(0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(out.var(axis=(0, 1, 2)), 1.0, rtol=1e-3)


@pytest.mark.parametrize("fusion", ["hidden_sum", "code_sum"])
def test_a_tied_decoder_has_biases_only_and_follows_its_encoder(fusion):
    model = network(tied=True, decoder_units=(5, 6), fusion=fusion, deconvolution=False)
    decoder, code = model.decoders["left"], np.random.default_rng(0).random((3, 4), np.float32)
    assert [w.path.split("/")[-1] for w in decoder.trainable_weights] == ["bias", "bias", "kernel", "bias"]
    joint = model.joints["joint" if fusion == "hidden_sum" else "left"].kernel
    dense = [layer.kernel for layer in model.encoders["left"].chain if isinstance(layer, layers.Dense)]
    first = oracle.relu(code @ array(joint).T)
    second = oracle.relu(first @ array(dense[1]).T)
    steps = decoder(code, model.tied_kernels("left"))[1]
    np.testing.assert_allclose(array(steps[0]), first, rtol=1e-5)
    np.testing.assert_allclose(array(steps[1]), second, rtol=1e-5, atol=1e-6)
    before = array(model.decode(code)["left"])
    dense[1].assign(dense[1] * -2.0)
    assert (array(model.decode(code)["left"]) != before).any()


def test_a_shift_moves_content_across_the_cut(monkeypatch):
    views, layer = pair(), PairDistortion(shift=2.0)
    picture = np.concatenate([views["left"], views["right"]], axis=2)
    monkeypatch.setattr(
        keras.random, "uniform", lambda shape, *_, **__: np.ones(shape, np.float32)
    )  # the largest shift
    moved = np.concatenate([array(x) for x in layer(views["left"], views["right"], training=True)], axis=2)
    np.testing.assert_allclose(moved[:, 2:, 2:], picture[:, :-2, :-2], atol=1e-6)
    assert not moved[:, :2].any() and not moved[:, :, :2].any()
    still = layer(views["left"], views["right"], training=False)
    np.testing.assert_array_equal(array(still[0]), views["left"])


def test_a_stretch_keeps_the_centre_and_each_pair_has_its_own():
    ramp = np.broadcast_to(np.arange(12, dtype=np.float32)[None, :, None, None], (4, 12, 10, 1))
    layer = PairDistortion(stretch=0.3, seed=1)
    left = array(layer(ramp, ramp, training=True)[0])[..., 3, 0]  # (4, 12): a column of each
    inside = left[:, 4:8]
    np.testing.assert_allclose(inside.mean(axis=1), 5.5, rtol=1e-4)  # rows 4..7 stay symmetric about 5.5
    slopes = np.diff(inside, axis=1)[:, 0]  # 1 / factor
    assert len(set(np.round(slopes, 5))) == 4 and (slopes > 1 / 1.3).all() and (slopes < 1 / 0.7).all()
    np.testing.assert_allclose(array(PairDistortion().draw_resampling(2, 7)), np.stack([np.eye(7)] * 2), atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_saved_and_loaded_is_the_same_network(settings, tmp_path):
    model, views = network(**settings), pair()
    model(views, training=True)  # moves statistics
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.get_config() == model.get_config()
    one, two = (keras.tree.flatten(each(views)) for each in (model, loaded))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(array(a), array(b))


def test_a_fresh_process_loads_a_saved_network(tmp_path, fresh):
    model, views = network(absent="zero_image"), pair()
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "left.npy", views["left"])
    code = (
        "import json, keras, numpy as np, corrmcnn.model\n"
        f"model = keras.saving.load_model({str(tmp_path / 'model.keras')!r}, safe_mode=True)\n"
        f"print(json.dumps(np.asarray(model.encode(left=np.load({str(tmp_path / 'left.npy')!r}))).tolist()))"
    )
    done = fresh("-c", code, check=0)
    np.testing.assert_allclose(
        json.loads(done.stdout.splitlines()[-1]), array(model.encode(left=views["left"])), rtol=1e-5
    )


def test_parts_come_back_from_their_settings():
    for layer in (Encoder((2,), "same", (3,)), Decoder(SHAPE, (3,), False), NearestUpsampling((3, 4)),
                  TransposedDense(3, "relu"), PairDistortion(1.0, 0.1, 2)):  # fmt: skip
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: network().encode(), "expected `left`, `right` or both, received neither"),
        (lambda: network(tied=True), r"expected decoder_units \(5, 6\)"),
        (lambda: network(fusion="max"), "Unknown fusion: expected one of hidden_sum, code_sum, code_mean"),
        (lambda: network(absent="mean"), "Unknown absent"),
        (lambda: CorrMCNN(SHAPE, SHAPE, dense_units=()), "expected dense_units of length 1 or more"),
    ],
)
def test_errors_say_what_was_expected(action, message):
    with pytest.raises(ValueError, match=message):
        action()


def test_initial_weights_of_the_slides_framework():
    """Uniform in +-1 / sqrt(fan in), biases too; a transposed convolution counts its output channels."""
    keras.utils.set_random_seed(0)
    network = build(left_shape=(28, 14, 1), right_shape=(28, 14, 1), initial_weights="pytorch")
    first, second = (layer for layer in network.encoders["left"].chain if isinstance(layer, keras.layers.Conv2D))
    deconvolution = network.decoders["right"].picture[-1]
    fans = [(first, 9), (second, 9 * 128), (network.joints["joint"], 300), (deconvolution, 9)]
    for layer, fan_in in fans:
        kernel, bound = np.asarray(layer.kernel), fan_in**-0.5
        assert np.abs(kernel).max() <= bound and 0 < np.abs(np.asarray(layer.bias)).max() <= bound
        if kernel.size > 1000:
            np.testing.assert_allclose(kernel.std(), bound / 3**0.5, rtol=0.03)  # of a uniform draw
    again = keras.models.model_from_json(network.to_json())
    assert again.settings["initial_weights"] == "pytorch"
