"""DenseNet's blocks against their equations, the blog's parameter counts, direct connections, saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from densenet import losses
from densenet.config import NETWORK, Config
from densenet.model import BLOCKS, DenseBlock, NormalisedConvolution, PlainBlock, ResidualBlock, Transition, build
from densenet.train import VARIANTS
from training.settings import SettingsError

IMAGES = np.random.default_rng(0).normal(size=(3, 28, 28, 1)).astype(np.float32)


def parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def convolve_by_loops(x, kernel):
    """3x3 (or 1x1) convolution with zero padding, one output pixel at a time; x (rows, columns, channels)."""
    size = kernel.shape[0]
    padded = np.pad(x, [(size // 2, size // 2)] * 2 + [(0, 0)])
    out = np.empty((*x.shape[:2], kernel.shape[-1]))
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            window = padded[row : row + size, column : column + size]
            out[row, column] = np.einsum("ijc,ijck->k", window, kernel)
    return out


def unit_by_loops(unit, x):
    """BN with the moving statistics, ReLU, convolution."""
    norm = unit.normalise
    scaled = (x - norm.moving_mean) / np.sqrt(norm.moving_variance + norm.epsilon) * norm.gamma + norm.beta
    return convolve_by_loops(np.maximum(np.asarray(scaled), 0), np.asarray(unit.convolve.kernel))


def randomise(layer):
    generator = np.random.default_rng(1)
    layer.set_weights([generator.random(weight.shape) + 0.1 for weight in layer.get_weights()])


def test_the_blogs_network_has_exactly_its_parameters():
    model = build(stem_normalisation=False)
    assert (parameters(model), model.count_params()) == (141_010, 143_890)
    maps = [model.get_layer(f"block{number}").output.shape[1:] for number in (1, 2, 3)]
    assert maps == [(14, 14, 72), (7, 7, 120), (3, 3, 168)]


def test_mended_network_adds_one_normalisation_of_24_channels():
    model = build()
    assert (parameters(model), model.count_params()) == (141_010 + 48, 143_890 + 96)


@pytest.mark.parametrize("connection", BLOCKS)
def test_momentum_reaches_every_normalisation(connection):
    stem = {} if connection == "dense" else {"stem_filters": 12}
    network = build(connection=connection, depth=2, bottleneck=True, momentum=0.7, **stem)
    normalisations = (layer for layer in network._flatten_layers() if hasattr(layer, "moving_mean"))
    found = [layer.momentum for layer in normalisations]
    assert len(found) == 1 + 3 * 2 * 2 + 2 + 1 and set(found) == {0.7}  # stem, units of two, transitions, last


def test_rivals_are_of_equal_size():
    sizes = {}
    for name in VARIANTS.keys() - {"augmented"}:
        config = VARIANTS[name][1]
        sizes[name] = parameters(build(**{field: getattr(config, field) for field in NETWORK}))
    assert sizes["blog"] == 141_010
    deep = {name: sizes.pop(name) for name in list(sizes) if name.startswith("hundred")}
    assert abs(deep["hundred_plain"] / deep["hundred"] - 1) < 0.05, deep
    assert all(abs(size / sizes["fixed"] - 1) < 0.03 for size in sizes.values()), sizes


def test_dense_block_is_its_recursion():
    block = DenseBlock(2, 3)
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 2))
    block.build(x.shape)
    randomise(block)
    features = x[0]
    for (unit,) in block.units:
        features = np.concatenate([features, unit_by_loops(unit, features)], axis=-1)
    np.testing.assert_allclose(block(x)[0], features, rtol=1e-4, atol=1e-5)
    assert block.compute_output_shape(x.shape) == (1, 4, 5, 8)


def test_plain_and_residual_blocks_are_their_recursions():
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 3))
    plain, residual = PlainBlock(2, 3), ResidualBlock(2, 3)
    for block in (plain, residual):
        block.build(x.shape)
        randomise(block)
    units = [unit for (unit,) in plain.units]
    inner = unit_by_loops(units[1], unit_by_loops(units[0], x[0]))
    np.testing.assert_allclose(plain(x)[0], inner, rtol=1e-4)
    np.testing.assert_allclose(residual(x)[0], x[0] + inner, rtol=1e-4)
    with pytest.raises(ValueError, match="even depth"):
        ResidualBlock(3, 3).build(x.shape)
    with pytest.raises(ValueError, match="stem_filters"):
        ResidualBlock(2, 4).build(x.shape)


def test_every_dense_layer_sees_the_blocks_input_unchanged():
    block = DenseBlock(3, 2)
    x = tf.random.stateless_normal((1, 3, 3, 4), (0, 1))
    block.build(x.shape)
    np.testing.assert_array_equal(block(x)[..., :4], x)
    # With all but the last unit silenced, the last one's output still depends on the block's input.
    for (unit,) in block.units[:-1]:
        unit.convolve.kernel.assign(tf.zeros_like(unit.convolve.kernel))
    with tf.GradientTape() as tape:
        tape.watch(x)
        last = tf.reduce_sum(block(x)[..., -2:])
    assert float(tf.norm(tape.gradient(last, x))) > 0.01
    plain = PlainBlock(3, 4)
    plain.build(x.shape)
    for (unit,) in plain.units[:-1]:
        unit.convolve.kernel.assign(tf.zeros_like(unit.convolve.kernel))
    with tf.GradientTape() as tape:
        tape.watch(x)
        last = tf.reduce_sum(plain(x))
    assert float(tf.norm(tape.gradient(last, x))) == 0.0


def test_transition_halves_the_map_and_compresses():
    transition = Transition(compression=0.5)
    x = np.random.default_rng(0).normal(size=(1, 4, 6, 4))
    transition.build(x.shape)
    randomise(transition)
    full = unit_by_loops(transition.convolve, x[0])
    pooled = full.reshape(2, 2, 3, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(transition(x)[0], pooled, rtol=1e-4)
    assert transition.compute_output_shape((None, 7, 7, 9)) == (None, 3, 3, 4)


def test_bottleneck_first_makes_four_times_the_growth_rate():
    block = DenseBlock(2, 3, bottleneck=True)
    block.build((None, 4, 4, 5))
    shapes = [[tuple(layer.convolve.kernel.shape) for layer in unit] for unit in block.units]
    assert shapes == [[(1, 1, 5, 12), (3, 3, 12, 3)], [(1, 1, 8, 12), (3, 3, 12, 3)]]


def test_dropout_acts_only_in_training():
    layer = NormalisedConvolution(8, dropout=0.5)
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(layer(x, training=False), layer(x, training=False))
    zeros = float(np.mean(np.asarray(layer(x, training=True)) == 0))
    assert 0.4 < zeros < 0.65


@pytest.mark.parametrize("connection", BLOCKS)
def test_saved_model_loads_exactly(connection, tmp_path):
    model = build(connection=connection, blocks=2, depth=2, width=8, stem_filters=8, compression=0.5 + 0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def test_loss_is_cross_entropy_plus_weight_decay():
    model = build(blocks=1, depth=1, width=4, stem_filters=4)
    batch = {"image": IMAGES, "label": np.array([1, 0, 9], np.int32)}
    loss, terms = losses.compute_loss(model, batch, False, weight_decay=0.01)
    logits = np.asarray(model(IMAGES), np.float64)
    nll = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(3), batch["label"]]
    squares = sum((weight.numpy() ** 2).sum() for weight in model.trainable_weights if weight.name == "kernel") / 2
    assert float(terms["cross_entropy"]) == pytest.approx(nll.mean(), rel=1e-5)
    assert float(terms["squared_weights"]) == pytest.approx(squares, rel=1e-5)
    assert float(loss) == pytest.approx(nll.mean() + 0.01 * squares, rel=1e-5)
    assert float(losses.cross_entropy(np.array([0]), np.zeros((1, 4)))[0]) == pytest.approx(np.log(4))


def test_unknown_connections_and_settings_are_refused():
    with pytest.raises(ValueError, match="dense, plain, residual"):
        build(connection="sparse")
    for bad in ({"compression": 0.0}, {"dropout": 1.0}, {"depth": 0}, {"weight_decay": -1.0}):
        with pytest.raises(SettingsError, match=next(iter(bad)).replace("_", "-")):
            Config(**bad)


def test_statistics_that_standardise_are_the_training_sets_or_a_splits_own():
    from data.dataset import mean_and_deviation, pixels
    from densenet.train import load

    fixed = load(Config(data="digits"))
    network = build(depth=1, statistics=mean_and_deviation(fixed.train["image"]))
    seen = {
        name: network.get_layer("standardise")(pixels(getattr(fixed, name)["image"])).numpy()
        for name in ("train", "test")
    }
    assert seen["train"].mean() == pytest.approx(0, abs=1e-4) and seen["train"].std() == pytest.approx(1, abs=1e-4)
    assert abs(seen["test"].mean()) > 1e-3
    own = load(Config(data="digits", statistics="own"))
    assert own.test["image"].mean() == pytest.approx(0, abs=1e-4)
