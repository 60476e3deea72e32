"""The lossless codec: the layer against loops, integers against the network, exact round trips, clear errors."""

import dataclasses
import lzma

import keras
import numpy as np
import pytest
import tensorflow as tf
from threadpoolctl import threadpool_limits

from autoencoders.codec.archive import CodecError
from autoencoders.codec.entropy import CodingError
from autoencoders.lossless import archive, coder, command, integers, network
from autoencoders.lossless.network import RADIUS

RANDOM = np.random.default_rng(0)


def drawings(count, shape=(9, 7, 1)):
    """Images with empty and full parts, smooth enough to be foreseen a little."""
    values = np.clip(RANDOM.normal(100, 120, (count, *shape)).cumsum(axis=2) / 3, 0, 255)
    return values.astype(np.uint8)


def shaken(image_shape, units=(12, 8)):
    """A network whose every weight matters, and is what a file can hold."""
    keras.utils.set_random_seed(1)
    model = network.build(image_shape=image_shape, units=units)
    for weight in model.weights:
        weight.assign(weight + RANDOM.normal(0, 0.1, weight.shape))
        weight.assign(network.nearest(weight))
    return model


def logits_everywhere(model, images):
    """(n, height, width, channels, 256), every context looked at."""
    known = np.asarray(network.contexts(images))
    rows = np.broadcast_to(network.rows_of(images.shape[1:]), (*known.shape[:-1], 3))
    logits = model([known.reshape(-1, known.shape[-1]), rows.reshape(-1, 3)], training=False)
    return np.asarray(logits).reshape(*images.shape, 256)


@pytest.fixture(scope="module")
def grey():
    images = drawings(70)
    return images, integers.from_network(shaken((9, 7, 1)), images)


def loop(image, y, x, channel):
    """What is known at one place, pixel by pixel."""
    height, width, channels = image.shape
    before = [(y - RADIUS + i, x - RADIUS + j) for i in range(RADIUS) for j in range(2 * RADIUS + 1)]
    before += [(y, x - RADIUS + j) for j in range(RADIUS)]
    inside = [0 <= row < height and 0 <= column < width for row, column in before]
    known = [image[at] if there else np.zeros(channels) for at, there in zip(before, inside, strict=True)]
    if channels > 1:
        known.append(np.where(np.arange(channels) < channel, image[y, x], 0))
    return np.concatenate(known)


@pytest.mark.parametrize("shape", [(6, 5, 1), (5, 6, 3)])
def test_contexts_in_the_graph_and_in_the_codec_are_what_a_loop_finds(shape):
    images = drawings(3, shape)
    known, canvas = np.asarray(network.contexts(images.astype(np.float32))), archive.padded(images)
    for place in archive.places(shape):
        expected = np.stack([loop(image, *place) for image in images])
        np.testing.assert_array_equal(known[:, *place], expected)
        np.testing.assert_array_equal(integers.contexts(canvas, place, shape[2]), expected)


def test_first_layer_is_a_matrix_of_values_ink_and_place():
    layer, shape = network.Known(3, places=4 + 5 + 1), (4, 5, 1)
    context = RANDOM.uniform(size=(6, 40)) * (RANDOM.uniform(size=(6, 40)) > 0.5)
    rows = network.rows_of(shape).reshape(-1, 3)[[0, 3, 7, 12, 18, 19]]
    layer.build([(None, 40), (None, 3)])
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    one_hot = np.zeros((6, 10))
    for line, (y, x) in zip(one_hot, [(0, 0), (0, 3), (1, 2), (2, 2), (3, 3), (3, 4)], strict=True):
        line[[y, 4 + x, 9]] = 1
    matrix = np.concatenate([np.asarray(each) for each in layer.weights])
    expected = np.concatenate([context, context > 0, one_hot], axis=1) @ matrix
    np.testing.assert_allclose(layer([context.astype(np.float32), rows]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(9, 7, 1), (4, 40, 3)])
def test_nothing_not_yet_known_is_used(shape):
    """Changing a value changes no logits of the values up to it."""
    model, images = shaken(shape), drawings(1, shape) / np.float32(255)
    before = logits_everywhere(model, images).reshape(-1, 256)
    for place in [(0, 0, 0), (2, 3, shape[2] - 1), (shape[0] - 1, shape[1] - 1, 0)]:
        changed = images.copy()
        changed[(0, *place)] = 1 - changed[(0, *place)]
        after = logits_everywhere(model, changed).reshape(-1, 256)
        index = np.ravel_multi_index(place, shape)
        np.testing.assert_array_equal(before[: index + 1], after[: index + 1])
        assert index + 1 == len(before) or np.any(before[index + 1 :] != after[index + 1 :])


@pytest.mark.parametrize("shape", [(9, 7, 1), (4, 6, 3)])
def test_bits_are_those_of_all_contexts_one_by_one(shape):
    """Contexts without ink are looked at once per place only; they count for every image."""
    images, model = drawings(6, shape) / np.float32(255), shaken(shape)
    images[:2] = 0
    chances = np.asarray(keras.ops.softmax(logits_everywhere(model, images)))
    values = np.round(255 * images).astype(int)[..., None]
    expected = -np.log2(np.take_along_axis(chances, values, axis=-1))[..., 0]
    np.testing.assert_allclose(network.pixel_bits(images, model), expected, rtol=1e-4, atol=1e-5)


def test_bits_of_equal_and_of_certain_expectations():
    images = drawings(1) / np.float32(255)
    values = np.round(255 * images[0]).astype(int)[..., 0]

    def certain(known):
        y, x = known[1][:, 0], known[1][:, 1] - len(values)  # columns come after the rows
        return 50.0 * keras.ops.one_hot(values[y, x], 256)

    bits = network.pixel_bits(images, lambda known: keras.ops.zeros((len(known[0]), 256)))
    np.testing.assert_allclose(bits, 8.0, rtol=1e-6)
    np.testing.assert_allclose(network.pixel_bits(images, certain), 0.0, atol=1e-6)


def test_bits_of_weights_are_those_of_a_laplace_distribution_in_steps():
    """Of 200,000 draws with mean 1 and a step of 1/32: log2(2e 32) = 7.44 bits each, as by their entropy."""
    draws = RANDOM.laplace(size=200_000)
    weight = keras.Variable(draws, name="kernel")
    counts = np.unique(np.round(32 * draws), return_counts=True)[1] / len(draws)
    entropy = -(counts * np.log2(counts)).sum()
    assert float(network.weight_bits([weight])) / len(draws) == pytest.approx(entropy, rel=5e-3)
    assert float(network.weight_bits([keras.Variable(np.zeros(9), name="kernel")])) == 0


def test_weights_are_paid_for_in_training_alone():
    model, batch = shaken((9, 7, 1)), {"image": drawings(6) / np.float32(255)}
    compute_loss = network.make_objective(keras.optimizers.SGD(0.0), steps=3, values=1000)
    (paid, terms), (bits, _) = (compute_loss(model, batch, training=training) for training in (True, False))
    assert float(paid - bits) == pytest.approx(float(network.weight_bits(model.weights)) / 1000, rel=1e-4)
    assert float(terms["bits_per_pixel"]) == float(bits)


def test_weights_count_as_those_of_the_file_in_the_last_quarter_and_gradients_pass():
    """Before, as they are; after, as multiples of 1/16 between the first and the last layer, of 1/32 in these."""
    model, batch = shaken((9, 7, 1)), {"image": drawings(6) / np.float32(255)}
    optimizer = keras.optimizers.SGD(0.0)
    compute_loss = network.make_objective(optimizer, steps=4, values=1e12)
    steps = {weight.path: 1 / network.step_of(weight) for weight in model.weights}
    assert {path: step for path, step in steps.items() if step != 32} == {"hidden_2/kernel": 16, "hidden_2/bias": 16}

    def bits():
        with tf.GradientTape() as tape:
            value = compute_loss(model, batch, training=True)[0]
        return float(value), tape.gradient(value, model.trainable_variables)

    multiples, there = bits()
    for weight in model.weights:
        weight.assign(weight + 0.49 * network.step_of(weight) * RANDOM.uniform(-1, 1, weight.shape))
    free = bits()[0]
    optimizer.iterations.assign(3)
    late, gradients = bits()
    assert abs(free - multiples) > 1e-3 and late == pytest.approx(multiples, rel=1e-6)
    for one, other in zip(gradients, there, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 7, 1), (4, 6, 3)])
def test_integers_expect_what_the_network_expects(shape):
    images, model = drawings(20, shape), shaken(shape)
    whole = integers.from_network(model, images)
    chances = np.asarray(keras.ops.softmax(logits_everywhere(model, images / np.float32(255))))
    canvas = archive.padded(images)
    for place in archive.places(shape):
        counts = whole.frequencies(integers.contexts(canvas, place, shape[2]), place)
        assert counts.min() >= 1
        np.testing.assert_array_equal(counts.sum(axis=1), 1 << integers.PRECISION)
        np.testing.assert_allclose(counts / (1 << integers.PRECISION), chances[:, *place], atol=0.01)


def test_sums_are_exact_in_any_order_and_with_any_number_of_threads(grey):
    images, whole = grey
    with threadpool_limits(2):
        threaded = archive.foreseen.__wrapped__(images, whole)
    np.testing.assert_array_equal(threaded, archive.foreseen(images, whole))
    data = archive.encode(images, whole)
    order = [RANDOM.permutation(layer.kernel.shape[1]) for layer in whole.layers[:-1]]
    layers, rows = [], slice(None)
    for layer, columns in zip(whole.layers, [*order, slice(None)], strict=True):
        layers.append(integers.Layer(layer.kernel[rows][:, columns], layer.bias[columns], layer.one, layer.shift))
        rows = columns
    reordered = integers.Integers(whole.shape, tuple(layers), whole.ratio)
    np.testing.assert_array_equal(archive.decode(data, len(images), reordered), images)
    assert all(layer.largest_input * np.abs(layer.kernel).sum(axis=0).max() < 1 << 24 for layer in whole.layers)


def test_table_of_exponentials_is_made_of_integers_and_right():
    table = integers.exponentials(round(np.exp(-1 / 64) * 2**integers.SCALE))
    expected = 2.0**integers.PRECISION * np.exp(-np.arange(len(table) - 1) / 64)
    np.testing.assert_allclose(table[:-1], expected, atol=1.01)
    assert table[-1] == 0 and np.all(table == np.floor(table))


@pytest.mark.parametrize("count", [1, 3, 64, 200, 9000])
def test_coder_gives_back_symbols_whose_frequencies_change(count):
    total, places = 1 << integers.PRECISION, 5
    counts = [
        integers.shares_of(RANDOM.integers(-900, 900, (count, 256), np.int32), 0, table(64)) for _ in range(places)
    ]
    symbols = RANDOM.integers(0, 256, (places, count))
    ends = np.array([np.cumsum(each, axis=1)[np.arange(count), row] for each, row in zip(counts, symbols, strict=True)])
    widths = np.array([each[np.arange(count), row] for each, row in zip(counts, symbols, strict=True)])
    states, words = coder.push(list(zip(ends - widths, widths, strict=True)))
    ideal = np.log2(total / widths).sum() / 8
    assert ideal - 8 <= 4 * len(words) + 8 * len(states) <= 1.001 * ideal + 12 * len(states)
    reader = coder.Reader(states, words)
    for each, row in zip(counts, symbols, strict=True):
        np.testing.assert_array_equal(reader.pop(each, np.arange(count)), row)
    reader.check_end()
    with pytest.raises(CodingError, match="do not end where"):
        coder.Reader(states, np.append(words, 0)).check_end()


def table(steps):
    return integers.exponentials(round(np.exp(-1 / steps) * 2**integers.SCALE))


@pytest.mark.parametrize("shape", [(9, 7, 1), (4, 6, 3)])
def test_a_file_gives_back_every_pixel(shape):
    images = drawings(130, shape)
    content = archive.to_bytes(images, integers.from_network(shaken(shape), images))
    np.testing.assert_array_equal(archive.from_bytes(content), images)


def test_parts_are_coded_side_by_side(grey, monkeypatch):
    images, whole = grey
    monkeypatch.setattr(archive, "PART", 32)
    np.testing.assert_array_equal(archive.from_bytes(archive.to_bytes(images, whole)), images)


def test_weights_too_large_to_be_exact_are_refused():
    model = shaken((9, 7, 1))
    model.layers[-1].kernel.assign(1e6 * model.layers[-1].kernel)
    with pytest.raises(integers.TooLargeError, match="too large for sums"):
        integers.from_network(model, drawings(3))
    with pytest.raises(CodecError, match="train it for fewer epochs"):
        archive.in_integers(model, drawings(3))


def test_damaged_files_are_refused(grey):
    images, whole = grey
    content = archive.to_bytes(images, whole)
    with pytest.raises(CodecError, match=r"not an \.aep file"):
        archive.from_bytes(b"PK" + content)
    for broken in (content[:-1], content[:60] + b"\0" + content[61:]):
        with pytest.raises(CodecError, match="damaged or truncated"):
            archive.from_bytes(broken)


@pytest.mark.parametrize("change", [{"ratio": 1 << 30}, {"ratio": 0}, {"shift": -1}, {"shift": 99}, {"one": 0}])
def test_networks_that_would_never_end_are_refused(grey, change):
    _, whole = grey
    ratio = change.pop("ratio", whole.ratio)
    layers = [dataclasses.replace(layer, **change) for layer in whole.layers]
    with pytest.raises(ValueError, match="outside the range"):
        integers.Integers(whole.shape, tuple(layers), ratio)


def test_command_trains_on_own_pictures_and_gives_them_back(tmp_path, capsys):
    from PIL import Image

    images = drawings(12, (8, 10, 3))
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{index:02}.png")
    target, back = tmp_path / "own.aep", tmp_path / "back.npz"
    command.main(["compress", str(tmp_path), str(target), "--epochs", "1"])
    said = capsys.readouterr().out
    assert "read back and compared: exact" in said and "do not pay for a network of their own" in said
    assert f"xz -9e: {len(lzma.compress(images.tobytes(), preset=9 | lzma.PRESET_EXTREME)):,}" in said
    command.main(["decompress", str(target), str(back)])
    np.testing.assert_array_equal(np.load(back)["images"], images)

    np.savez(tmp_path / "more.npz", images=images[:5])
    command.main(["compress", str(tmp_path / "more.npz"), str(tmp_path / "like.aep"), "--like", str(target)])
    np.testing.assert_array_equal(archive.from_bytes((tmp_path / "like.aep").read_bytes()), images[:5])


@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        (np.zeros((2, 4, 4)), [], "expected uint8"),
        (np.zeros((2, 4), np.uint8), [], "expected uint8"),
        (np.zeros((0, 4, 4), np.uint8), [], "n >= 1"),
        (np.zeros((2, 400, 400), np.uint8), [], "cut it into tiles"),
        (np.zeros((2, 4, 4), np.uint8), ["--epochs", "0"], "expected >= 1"),
    ],
)
def test_command_names_what_it_cannot_do(tmp_path, capsys, content, flags, message):
    np.savez(tmp_path / "in.npz", images=content)
    with pytest.raises(SystemExit) as exit_:
        command.main(["compress", str(tmp_path / "in.npz"), str(tmp_path / "out.aep"), *flags])
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.aep").exists()
