"""The whole network: exact parameter counts, other shapes, saving, `model.fit`, mixed precision."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from capsnet import baselines, losses, model
from capsnet.layers import DigitCapsules, Length, PrimaryCapsules, StridedConv2D

random = np.random.default_rng(0)
SMALL = {"filters": 4, "primary_types": 2, "decoder_units": (8, 8), "compiled": False}
IMAGES = random.random((6, 28, 28, 1), np.float32)


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({"decoder_units": ()}, 6_804_224),
        ({}, 8_215_568),
        ({"image_shape": (36, 36, 1)}, 11_361_808),
        ({"initial": "official"}, 8_215_568 + 160),  # its biases on s_j
    ],
)
def test_parameter_counts(settings, parameters):
    assert model.build(**settings).count_params() == parameters


@pytest.mark.parametrize(
    ("name", "parameters"), [("cnn_paper", 35_445_522), ("cnn_5x5", 2_907_922), ("cnn_9x9", 5_332_234)]
)
def test_parameter_counts_of_the_baselines(name, parameters):
    network = baselines.build(name)
    assert network.count_params() == parameters
    assert network.output["logits"].shape == (None, 10)


def test_strided_layer_of_the_baselines_equals_keras():
    ours = StridedConv2D(4, 3, strides=2, activation="relu")
    theirs = keras.layers.Conv2D(4, 3, strides=2, activation="relu")
    for layer in (ours, theirs):
        layer.build((None, 9, 9, 2))
    theirs.set_weights(ours.get_weights())
    image = random.normal(size=(2, 9, 9, 2)).astype("float32")
    np.testing.assert_allclose(ours(image), theirs(image), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_outputs_for_any_batch_size(count):
    outputs = model.build(**SMALL)(IMAGES[:count])
    assert outputs["lengths"].shape == (count, 10) and outputs["capsules"].shape == (count, 10, 16)
    assert outputs["reconstruction"].shape == (count, 28, 28, 1)
    lengths = np.array(outputs["lengths"])
    assert (lengths >= 0).all() and (lengths < 1).all()


def test_colour_images_and_other_class_counts():
    network = model.build(**SMALL, image_shape=(32, 24, 3), classes=4, capsule_size=5)
    outputs = network(random.random((2, 32, 24, 3), np.float32))
    assert outputs["capsules"].shape == (2, 4, 5) and outputs["reconstruction"].shape == (2, 32, 24, 3)


def test_reconstruction_is_drawn_from_the_longest_capsule():
    network = model.build(**SMALL)
    outputs = network(IMAGES)
    longest = np.array(outputs["lengths"]).argmax(-1)
    np.testing.assert_allclose(
        outputs["reconstruction"], model.decode(network, outputs["capsules"], longest), rtol=1e-6
    )


def test_official_weights_start_as_the_authors():
    network = model.build(**SMALL, initial="official")
    primary, digit = network.get_layer("primary"), network.get_layer("digit")
    assert primary.scale == 1 / 2
    np.testing.assert_allclose(primary.bias, 0.1)
    np.testing.assert_allclose(digit.bias, 0.1)
    assert 0.08 < np.array(digit.kernel).std() < 0.1 and np.abs(digit.kernel).max() <= 0.2  # cut at two deviations
    with pytest.raises(ValueError, match="expected one of keras, official"):
        model.build(initial="zeros")


def test_saved_model_loads_in_a_fresh_process_without_custom_objects(fresh, tmp_path):
    network = model.build(**{**SMALL, "compiled": True}, max_shift=2, initial="official", iterations=2)
    network.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", IMAGES)
    code = (
        "import json, keras, numpy as np, capsnet.model\n"
        f"model = keras.saving.load_model({str(tmp_path / 'model.keras')!r}, safe_mode=True)\n"
        f"outputs = model(np.load({str(tmp_path / 'images.npy')!r}))\n"
        "print(json.dumps({name: np.asarray(value).tolist() for name, value in outputs.items()}))\n"
    )
    loaded = json.loads(fresh("-c", code, check=0).stdout.splitlines()[-1])
    for name, value in network(IMAGES).items():
        np.testing.assert_allclose(loaded[name], value, rtol=1e-4, atol=1e-6)


def test_fit_trains_with_the_true_label_as_mask():
    keras.utils.set_random_seed(0)
    network = model.build(**SMALL, initial="official")
    trained = model.with_label(network)
    labels = np.arange(6, dtype=np.int32)
    trained.compile(
        keras.optimizers.Adam(3e-3),
        loss={
            "lengths": losses.margin_loss,
            "reconstruction": lambda image, drawn: losses.reconstruction_loss(image, drawn, form="mean"),
        },
    )
    before = network.get_layer("digit").get_weights()[0]
    history = trained.fit(
        {"image": IMAGES, "label": labels},
        {"lengths": np.eye(10)[labels], "reconstruction": IMAGES},
        epochs=15,
        verbose=0,
    ).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert np.abs(network.get_layer("digit").get_weights()[0] - before).max() > 1e-3  # weights are shared


def test_layers_fit_into_a_model_of_ones_own():
    image = keras.Input((20, 20, 3))
    features = keras.layers.Conv2D(4, 5, activation="relu")(image)
    capsules = DigitCapsules(capsules=3, size=4, compiled=False)(PrimaryCapsules(2, 4, kernel_size=5)(features))
    network = keras.Model(image, Length()(capsules))
    network.compile("adam", "mse")
    images, target = random.random((8, 20, 20, 3), np.float32), np.eye(3)[np.arange(8) % 3]
    losses_seen = network.fit(images, target, epochs=8, verbose=0).history["loss"]
    assert losses_seen[-1] < losses_seen[0]
    assert network.predict(images[:1], verbose=0).shape == (1, 3)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_capsules_and_loss_in_float32(policy):
    previous = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        network = model.build(**SMALL, max_shift=2)
        outputs = network(IMAGES)
        with tf.GradientTape() as tape:
            loss, _ = losses.compute_loss(
                network, {"image": IMAGES, "label": np.arange(6)}, True, reconstruction_weight=0.01
            )
        gradients = tape.gradient(loss, network.trainable_variables)
    finally:
        keras.mixed_precision.set_global_policy(previous)
    assert network.get_layer("primary").compute_dtype == policy.removeprefix("mixed_")
    assert {str(value.dtype).split("'")[1] for value in outputs.values()} == {"float32"}
    assert loss.dtype == tf.float32 and np.isfinite(loss)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_training_overfits_a_handful_of_images():
    keras.utils.set_random_seed(0)
    network = model.build(**{**SMALL, "filters": 16, "primary_types": 4}, initial="official")
    optimizer = keras.optimizers.Adam(5e-3)
    batch = {"image": tf.constant(IMAGES), "label": tf.constant([7, 2, 1, 0, 4, 9])}

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss, terms = losses.compute_loss(network, batch, True, reconstruction_weight=0.01)
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return terms

    optimizer.build(network.trainable_variables)
    for _ in range(60):
        terms = step()
    assert float(terms["accuracy"]) == 1 and float(terms["margin"]) < 0.05
