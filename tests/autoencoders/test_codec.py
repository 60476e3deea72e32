"""The entropy coder and the .aez files: exact round trips, honest sizes, clear errors."""

import keras
import numpy as np
import pytest

from autoencoders import model
from autoencoders.codec import archive as codec
from autoencoders.codec import entropy

RANDOM = np.random.default_rng(0)


def table(rows, columns):
    widths, centres = np.linspace(0.1, 9, columns), 7 * np.arange(columns) - 3
    return np.round(RANDOM.normal(centres, widths, (rows, columns))).astype(np.int64)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (3, 2), (127, 3), (128, 1), (5000, 4), (20_001, 2)])
def test_coder_gives_back_every_integer(rows, columns):
    integers = table(rows, columns)
    np.testing.assert_array_equal(entropy.decode(entropy.encode(integers)), integers)


@pytest.mark.parametrize("integers", [np.zeros((0, 3), int), np.full((70, 2), -9), np.arange(16_000)[:, None]])
def test_coder_takes_empty_constant_and_wide_columns(integers):
    np.testing.assert_array_equal(entropy.decode(entropy.encode(integers)), integers)


def test_fewer_states_side_by_side_make_a_small_table_smaller():
    integers = table(20_000, 1)
    few = entropy.encode(integers, most_lanes=8)
    np.testing.assert_array_equal(entropy.decode(few, most_lanes=8), integers)
    assert len(few) < len(entropy.encode(integers)) - 500
    with pytest.raises(entropy.CodingError):
        entropy.decode(few)


def test_size_is_close_to_the_entropy():
    integers = table(60_000, 8)
    counts = [np.unique(column, return_counts=True)[1] for column in integers.T]
    ideal = sum(-(each * np.log2(each / each.sum())).sum() for each in counts) / 8
    assert ideal < len(entropy.encode(integers)) < 1.01 * ideal + 2000


def test_skewed_symbols_cost_little():
    rare = (RANDOM.random((50_000, 1)) < 0.01).astype(int)  # 0.081 bits per symbol
    assert len(entropy.encode(rare)) < 50_000 * 0.085 / 8 + 1200


def test_coder_names_what_it_cannot_write():
    with pytest.raises(entropy.CodingError, match=r"expected integers \(rows, columns\)"):
        entropy.encode(np.zeros((2, 2)))
    with pytest.raises(entropy.CodingError, match="spans 20001 integers"):
        entropy.encode(np.array([[0], [20_000]]))


def test_coder_rejects_truncated_bytes():
    data = entropy.encode(table(500, 3))
    for size in (0, 5, entropy.HEADER.size + 3, len(data) // 2, len(data) - 1):
        with pytest.raises(entropy.CodingError, match="not a coded table"):
            entropy.decode(data[:size])
    rows, columns, tables, words = entropy.HEADER.unpack_from(data)
    fewer = entropy.HEADER.pack(rows, columns, tables, words - 10) + data[entropy.HEADER.size : -20]
    with pytest.raises(entropy.CodingError, match="words end before the table"):
        entropy.decode(fewer)


@pytest.fixture(scope="module")
def autoencoder():
    keras.utils.set_random_seed(0)
    network = model.build(image_shape=(12, 10, 1), code=4, widths=(2, 3), kind="quantized", upsampling="subpixel")
    network.encoder.get_layer("code").kernel.assign(RANDOM.normal(0, 3, network.encoder.get_layer("code").kernel.shape))
    return network


def pictures(count=300, shape=(12, 10)):
    return RANDOM.integers(0, 256, (count, *shape), dtype=np.uint8)


def test_file_gives_back_exactly_the_codes_and_the_decoder(autoencoder):
    x = pictures()
    archive = codec.compress(x, autoencoder)
    assert np.ptp(archive.codes) > 2
    again = codec.Archive.from_bytes(archive.to_bytes())
    np.testing.assert_array_equal(again.codes, np.asarray(autoencoder.encode(x[..., None] / np.float32(255))))
    for (left, left_step), (right, right_step) in zip(archive.weights, again.weights, strict=True):
        np.testing.assert_array_equal(left, right)
        assert left_step == right_step
    np.testing.assert_array_equal(codec.decompress(again), codec.decompress(archive))


def test_decoded_images_are_those_of_the_model_up_to_its_8_bit_weights(autoencoder):
    x = pictures()
    decoded = codec.decompress(codec.compress(x, autoencoder))
    expected = 255 * np.asarray(autoencoder.reconstruct(x[..., None] / np.float32(255)))[..., 0]
    assert decoded.shape == x.shape and decoded.dtype == np.uint8
    assert np.abs(decoded - expected).mean() < 4


def test_images_keep_their_channel_axis():
    network = model.build(image_shape=(8, 8, 3), code=2, widths=(2, 2), kind="quantized")
    x = pictures(5, (8, 8, 3))
    assert codec.decompress(codec.compress(x, network)).shape == x.shape


def test_every_damage_is_found(autoencoder):
    data = codec.compress(pictures(), autoencoder).to_bytes()
    for position in RANDOM.integers(len(codec.MAGIC), len(data), 50):
        damaged = bytearray(data)
        damaged[position] ^= 1
        with pytest.raises(codec.CodecError, match="checksum"):
            codec.Archive.from_bytes(bytes(damaged))
    for size in (4, 20, 40, len(data) // 2, len(data) - 1):
        with pytest.raises(codec.CodecError, match="damaged or truncated"):
            codec.Archive.from_bytes(data[:size])
    with pytest.raises(codec.CodecError, match=r"not an \.aez file"):
        codec.Archive.from_bytes(b"PK\x03\x04")


@pytest.mark.parametrize("wrong", [pictures(3, (10, 12)), pictures(0), np.zeros((3, 12, 10))])
def test_other_images_are_refused(wrong, autoencoder):
    with pytest.raises(codec.CodecError, match="expected uint8"):
        codec.compress(wrong, autoencoder)


def test_a_finer_step_costs_more_and_loses_less():
    keras.utils.set_random_seed(0)
    network = model.build(image_shape=(12, 10, 1), code=4, network="dense", widths=(8,))
    x = pictures()
    exact = np.asarray(network.encode(x[..., None] / np.float32(255)))
    sizes, errors = [], []
    for step in (0.5, 0.05):
        archive = codec.compress(x, network, step)
        sizes.append(len(archive.to_bytes()))
        errors.append(np.abs(archive.codes * step - exact).max())
    assert sizes[0] < sizes[1]
    assert errors[0] > errors[1]


def test_psnr_by_hand():
    x = np.zeros((2, 2, 2), np.uint8)
    y = x.copy()
    y[0, 0, 0] = 51  # MSE 51^2 / 8
    assert codec.psnr(x, y) == pytest.approx(10 * np.log10(8 * 25))
    assert codec.psnr(x, x) == float("inf")


def test_command_line_there_and_back(autoencoder, tmp_path, capsys):
    x = pictures()
    np.savez(tmp_path / "in.npz", images=x)
    autoencoder.save(tmp_path / "model.keras")
    small, back = tmp_path / "out.aez", tmp_path / "back.npz"
    codec.main(["compress", str(tmp_path / "in.npz"), str(small), "--model", str(tmp_path / "model.keras")])
    line = capsys.readouterr().out
    assert f"{small.stat().st_size:,} bytes for 300 images" in line
    codec.main(["decompress", str(small), str(back)])
    with np.load(back, allow_pickle=False) as archive:
        assert f"PSNR {codec.psnr(x, archive['images']):.2f} dB" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decompress", "damaged.aez", "back.npz"], "damaged or truncated"),
        (["decompress", "missing.aez", "back.npz"], "missing.aez"),
        (["compress", "in.npz", "out.aez", "--model", "missing.keras"], "does not exist; train it"),
        (["compress", "in.npz", "out.aez", "--step", "0"], "--step is 0.0, expected > 0"),
        (["pack", "in.npz", "out.aez"], "pack"),
    ],
)
def test_command_line_exits_2_with_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "damaged.aez").write_bytes(codec.MAGIC + b"nothing")
    with pytest.raises(SystemExit) as stop:
        codec.main(arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "back.npz").exists()


def test_arrays_are_found_by_name_and_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.arange(3), other=np.arange(4))
    assert len(codec.read_images(tmp_path / "a.npz", "")) == 3
    assert len(codec.read_images(tmp_path / "a.npz", "other")) == 4
    with pytest.raises(codec.CodecError, match="has arrays x_train, other"):
        codec.read_images(tmp_path / "a.npz", "images")
    np.savez(tmp_path / "b.npz", images=np.array([{}], dtype=object))
    with pytest.raises(codec.CodecError, match="cannot be read"):
        codec.read_images(tmp_path / "b.npz", "")
