"""The lossless codec: the layer against loops, integers against the network, exact round trips, clear errors."""

import dataclasses
import lzma

import keras
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from autoencoders.codec.archive import CodecError
from autoencoders.codec.entropy import CodingError
from autoencoders.lossless import archive, coder, command, integers, network
from autoencoders.lossless.network import RADIUS, CausalNeighbours

RANDOM = np.random.default_rng(0)


def drawings(count, shape=(9, 7, 1)):
    """Images with empty and full parts, smooth enough to be foreseen a little."""
    values = np.clip(RANDOM.normal(100, 120, (count, *shape)).cumsum(axis=2) / 3, 0, 255)
    return values.astype(np.uint8)


def shaken(image_shape, units=(12, 8)):
    """A network whose every weight matters."""
    keras.utils.set_random_seed(1)
    model = network.build(image_shape=image_shape, units=units)
    for weight in model.weights:
        weight.assign(weight + RANDOM.normal(0, 0.1, weight.shape))
    return model


@pytest.fixture(scope="module")
def grey():
    images = drawings(70)
    return images, integers.from_network(shaken((9, 7, 1)), images, 1 / 64)


def loops(layer, image, y, x, channel):
    """What `CausalNeighbours` says of one value, pixel by pixel."""
    height, width, channels = image.shape
    total = np.asarray(layer.row)[layer.places[0][y]] + np.asarray(layer.column)[layer.places[1][x]]
    total = total + np.asarray(layer.channel)[channel]

    def add(kernel, row, column, c):
        if 0 <= row < height and 0 <= column < width:
            value = image[row, column, c]
            return value * kernel[c] + (value > 0) * kernel[channels + c]
        return 0.0

    above, left = np.asarray(layer.above), np.asarray(layer.left)
    for c in range(channels):
        for i in range(RADIUS):
            total = total + add(left[0, i], y, x - RADIUS + i, c)
            for j in range(2 * RADIUS + 1):
                total = total + add(above[i, j], y - RADIUS + i, x - RADIUS + j, c)
    for c in range(channel):
        total = total + add(np.asarray(layer.own), y, x, c)
    return total


@pytest.mark.parametrize("shape", [(6, 5, 1), (5, 6, 3)])
def test_layer_sees_what_a_loop_sees(shape):
    layer = CausalNeighbours(4)
    layer.build((None, *shape))
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    image = drawings(1, shape)[0] / np.float32(255)
    seen = np.asarray(layer(image[None]))[0]
    for place in archive.places(shape):
        np.testing.assert_allclose(seen[place], loops(layer, image, *place), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(9, 7, 1), (4, 40, 3)])
def test_nothing_not_yet_known_is_used(shape):
    """Changing a value changes no logits of the values up to it."""
    model, images = shaken(shape), drawings(1, shape) / np.float32(255)
    before = np.asarray(model(images)).reshape(-1, 256)
    for place in [(0, 0, 0), (2, 3, shape[2] - 1), (shape[0] - 1, shape[1] - 1, 0)]:
        changed = images.copy()
        changed[(0, *place)] = 1 - changed[(0, *place)]
        after = np.asarray(model(changed)).reshape(-1, 256)
        index = np.ravel_multi_index(place, shape)
        np.testing.assert_array_equal(before[: index + 1], after[: index + 1])
        assert index + 1 == len(before) or np.any(before[index + 1 :] != after[index + 1 :])


def test_bits_of_equal_and_of_certain_expectations():
    images = drawings(2) / np.float32(255)
    logits = np.zeros((*images.shape, 256), np.float32)
    np.testing.assert_allclose(network.pixel_bits(images, logits), 8.0, rtol=1e-6)
    np.put_along_axis(logits, np.round(255 * images).astype(int)[..., None], 50.0, axis=-1)
    np.testing.assert_allclose(network.pixel_bits(images, logits), 0.0, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 7, 1), (4, 6, 3)])
def test_integers_expect_what_the_network_expects(shape):
    images, model = drawings(20, shape), shaken(shape)
    whole = integers.from_network(model, images, 1 / 128)
    logits = np.asarray(keras.ops.softmax(model(images / np.float32(255))))
    canvas = archive.padded(images)
    for place in archive.places(shape):
        counts = whole.frequencies(integers.contexts(canvas, place, shape[2]), place)
        assert counts.min() >= 1
        np.testing.assert_array_equal(counts.sum(axis=1), 1 << integers.PRECISION)
        np.testing.assert_allclose(counts / (1 << integers.PRECISION), logits[:, *place], atol=0.03)


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
    content = archive.to_bytes(images, integers.from_network(shaken(shape), images, 1 / 32))
    np.testing.assert_array_equal(archive.from_bytes(content), images)


def test_parts_are_coded_side_by_side(grey, monkeypatch):
    images, whole = grey
    monkeypatch.setattr(archive, "PART", 32)
    np.testing.assert_array_equal(archive.from_bytes(archive.to_bytes(images, whole)), images)


def test_weights_too_large_to_be_exact_are_refused():
    model = shaken((9, 7, 1))
    model.layers[-1].kernel.assign(1e6 * model.layers[-1].kernel)
    with pytest.raises(ValueError, match="choose a coarser step"):
        integers.from_network(model, drawings(3), 1 / 128)
    with pytest.raises(CodecError, match="train it for fewer epochs"):
        archive.smallest(model, drawings(3))


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
