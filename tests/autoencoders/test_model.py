"""The models of autoencoders/model.py: any size, probabilities, saving and loading in a fresh process."""

import keras
import numpy as np
import pytest

from autoencoders import losses, model
from autoencoders.networks import BOTTLENECKS, NETWORKS

RANDOM = np.random.default_rng(0)
LOAD = """
import sys, keras, numpy as np, autoencoders.model
folder = sys.argv[1]
network = keras.saving.load_model(f"{folder}/model.keras", compile=False, safe_mode=True)
x = np.load(f"{folder}/x.npy")
np.save(f"{folder}/y.npy", network.reconstruct(x))
print(type(network).__name__, network.encoder.name, network.decoder.name, network.encode(x).shape)
"""


def images(count=3, shape=(12, 12, 1)):
    return RANDOM.random((count, *shape)).astype("float32")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (13, 10, 3), (8, 8, 1)])
def test_any_image_size(network, shape):
    autoencoder = model.build(image_shape=shape, code=4, network=network, widths=(3, 5))
    x = images(2, shape)
    outputs = autoencoder(x)
    assert outputs["image"].shape == outputs["logits"].shape == x.shape
    assert outputs["code"].shape == autoencoder.encode(x).shape == (2, 4)


@pytest.mark.parametrize("upsampling", ["transpose", "subpixel"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (13, 10, 3)])
def test_unet_keeps_the_image_size(upsampling, shape):
    network = model.build(image_shape=shape, network="unet", widths=(3, 4, 5), upsampling=upsampling)
    assert network(images(2, shape))["image"].shape == (2, *shape)


def test_image_is_the_sigmoid_of_the_logits():
    outputs = model.build(image_shape=(12, 12, 1), widths=(2, 2))(images())
    np.testing.assert_allclose(outputs["image"], 1 / (1 + np.exp(-np.asarray(outputs["logits"]))), rtol=1e-5)


@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_call_agrees_with_encode_and_decode(kind):
    autoencoder = model.build(image_shape=(12, 12, 1), code=4, widths=(2, 2), kind=kind, top_k=2)
    x = images()
    image = np.asarray(autoencoder.decode(autoencoder.encode(x)))
    assert image.shape == x.shape
    assert image.min() > 0 and image.max() < 1
    np.testing.assert_array_equal(autoencoder.reconstruct(x), image)
    if kind != "gaussian":  # whose call draws its code
        np.testing.assert_array_equal(autoencoder(x, training=False)["image"], image)


def test_codes_are_as_their_bottleneck_says():
    x = images(5)

    def codes(kind, **more):
        autoencoder = model.build(image_shape=(12, 12, 1), code=6, widths=(2, 2), kind=kind, **more)
        autoencoder.encoder.get_layer("code").kernel.assign(RANDOM.normal(0, 2, (18, 6)))
        return np.asarray(autoencoder.encode(x))

    assert codes("linear").min() < 0
    assert codes("relu").min() == 0
    assert codes("sigmoid").min() >= 0 and codes("sigmoid").max() <= 1
    assert np.all((codes("top_k", top_k=2) != 0).sum(1) == 2)
    quantised = codes("quantized")
    np.testing.assert_array_equal(quantised, np.round(quantised))
    assert np.ptp(quantised) > 0


def test_build_names_an_unknown_bottleneck():
    with pytest.raises(ValueError, match="Unknown kind: expected one of linear"):
        model.build(kind="lineal")


def test_corruption_is_seen_by_the_encoder_and_not_by_the_target():
    autoencoder = model.build(image_shape=(12, 12, 1), widths=(2, 2), corruption="masking", amount=1.0)
    x = images()
    outputs = autoencoder(x, training=True)
    np.testing.assert_array_equal(outputs["target"], x)
    np.testing.assert_array_equal(outputs["code"], autoencoder.encode(np.zeros_like(x)))
    np.testing.assert_array_equal(autoencoder(x, training=False)["code"], autoencoder.encode(x))


def test_variational_code_is_drawn_around_the_mean():
    network = model.build(image_shape=(12, 12, 1), code=2, widths=(2, 2), kind="gaussian")
    network.encoder.get_layer("code").bias.assign([5.0, -5.0, -20.0, -20.0])  # means +- 5, tiny variance
    outputs = network(images())
    assert np.any(np.asarray(outputs["code"]) != np.asarray(outputs["mean"]))
    np.testing.assert_allclose(outputs["code"], outputs["mean"], atol=1e-3)
    np.testing.assert_array_equal(network.encode(images()).shape, (3, 2))


def test_variational_samples_are_images_and_follow_their_seed():
    network = model.build(image_shape=(12, 10, 1), code=3, widths=(2, 2), kind="gaussian")
    first, second = np.asarray(network.sample(4, seed=1)), np.asarray(network.sample(4, seed=1))
    assert first.shape == (4, 12, 10, 1)
    assert first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(first, second)
    assert np.any(np.asarray(network.sample(4, seed=2)) != first)


def test_binarised_target_is_black_and_white():
    network = model.build(image_shape=(12, 12, 1), code=2, widths=(2, 2), kind="gaussian", binarize=True)
    assert set(np.unique(network(images())["target"])) == {0.0, 1.0}


def test_same_seed_same_weights_and_noise():
    outputs = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        network = model.build(image_shape=(12, 12, 1), code=2, widths=(2, 2), kind="gaussian", binarize=True)
        outputs.append(network(np.full((2, 12, 12, 1), 0.5, "float32"), training=True)["image"])
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize("kind", ["linear", "gaussian"])
def test_a_few_steps_lower_the_loss(kind):
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    network = model.build(image_shape=(8, 8, 1), code=3, network="dense", widths=(16,), kind=kind)
    x = np.repeat(images(2, (8, 8, 1)) > 0.5, 8, axis=0).astype("float32")
    optimizer = keras.optimizers.Adam(0.04)
    history = []
    for _ in range(30):
        with tf.GradientTape() as tape:
            loss, _ = losses.compute_loss(network, {"image": x}, training=True)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        history.append(float(loss))
    assert history[-1] < 0.7 * history[0]


def test_loads_in_a_fresh_process_in_safe_mode(tmp_path, fresh):
    parts = {"kind": "gaussian", "binarize": True, "upsampling": "subpixel", "corruption": "masking", "amount": 0.2}
    network = model.build(image_shape=(12, 12, 1), code=3, widths=(2, 2), **parts)
    network.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", images())
    done = fresh("-c", LOAD, tmp_path, check=0)
    assert done.stdout.split() == ["VariationalAutoencoder", "encoder", "decoder", "(3,", "3)"]
    expected = network.reconstruct(np.load(tmp_path / "x.npy"))
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["linear", "gaussian", "relu"])
def test_plain_fit_minimises_what_the_projects_loop_does(kind):
    """compile(optimizer), fit(images): the divergence and the activity regulariser are the model's own business."""
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).random((60, 28, 28, 1), np.float32)
    network = model.build(network="dense", widths=(16,), code=4, kind=kind, l1=0.1 if kind == "relu" else 0.0)
    network.encoder.get_layer("code").bias.assign_add(keras.ops.ones_like(network.encoder.get_layer("code").bias))
    network.compile("adam")
    expected, terms = losses.compute_loss(network, {"image": images}, training=False)
    assert network.evaluate(images, verbose=0, batch_size=60) == pytest.approx(float(expected), rel=1e-3)
    extra = float(terms.get("kl_nats", 0)) + float(terms.get("activity", 0))
    assert (extra > 0.1) == (kind != "linear")  # and so it is seen that it counts
    mean = float(terms["mse"])
    network.compile("adam", loss={"image": "mse"})
    assert network.evaluate(images, {"image": images}, verbose=0, batch_size=60) == pytest.approx(
        mean + extra, rel=2e-2
    )
    before = network.evaluate(images, verbose=0)
    assert network.fit(images, epochs=5, verbose=0).history["loss"][-1] < before


def test_a_compiled_loss_honours_sample_weights():
    images = np.random.default_rng(0).random((8, 28, 28, 1), np.float32)
    network = model.build(network="dense", widths=(4,), code=2)
    network.compile("adam", loss={"logits": losses.binary_cross_entropy})
    weights = np.array([1.0, 0, 0, 0, 0, 0, 0, 0])
    one = network.evaluate(images[:1], {"logits": images[:1]}, verbose=0)
    weighted = network.evaluate(images, {"logits": images}, sample_weight={"logits": weights}, verbose=0)
    assert weighted == pytest.approx(one / 8, rel=1e-4)
