"""Every method's model in plain compile, fit and predict, on arrays and on tf.data: the same as the project's loop."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import autoencoders.losses
import autoencoders.model
import calibration.losses
import calibration.model
import capsnet.losses
import capsnet.model
import corrmcnn.losses
import corrmcnn.model
import corrnet.losses
import corrnet.model
import densenet.losses
import densenet.model
import gmu.losses
import gmu.model
from data.dataset import Dataset
from training import loop
from training.run import Run
from training.settings import Settings

random = np.random.default_rng(0)
IMAGES = random.random((48, 12, 12, 1), np.float32)
LABELS = (np.arange(48) % 3).astype(np.int32)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
LEFT, RIGHT = IMAGES[:, :, :6], IMAGES[:, :, 6:]
VIEWS = {"left": LEFT, "right": RIGHT}
SHAPES = {"left_shape": (12, 6, 1), "right_shape": (12, 6, 1)}
PAIR = {"a": random.random((48, 3), np.float32), "b": random.random((48, 2), np.float32)}
FEW = functools.partial(capsnet.model.build, image_shape=(12, 12, 1), classes=3, filters=4, kernel_size=3,
                        primary_types=2, decoder_units=(8,), compiled=False)  # fmt: skip


def capsules():
    network = FEW()
    drawn = {"lengths": capsnet.losses.margin_loss,
             "reconstruction": functools.partial(capsnet.losses.reconstruction_loss, form="sum")}  # fmt: skip
    compiled = capsnet.model.with_label(network)
    objective = functools.partial(capsnet.losses.compute_loss, reconstruction_weight=5e-4)
    plain = {"loss": drawn, "loss_weights": {"lengths": 1.0, "reconstruction": 5e-4}}
    arrays = {"image": IMAGES, "label": LABELS}
    return network, compiled, objective, arrays, arrays, {"lengths": ONE_HOT, "reconstruction": IMAGES}, plain


def gated():
    network = gmu.model.build(shapes={"a": (3,), "b": (2,)}, units=4, classes=3, experts=True)
    objective = functools.partial(gmu.losses.compute_loss, cross_entropy="softmax", expert_weight=0.3)
    plain = {"loss": {"logits": gmu.losses.softmax_cross_entropy}}
    return network, network, objective, {**PAIR, "label": LABELS}, PAIR, {"logits": LABELS}, plain


def correlated():
    network = corrnet.model.build(**SHAPES, code_units=4)
    network.objective = {"correlation_weight": 0.5}
    objective = functools.partial(corrnet.losses.compute_loss, correlation_weight=0.5)
    return network, network, objective, VIEWS, VIEWS, None, {}


def convolved():
    network = corrmcnn.model.build(**SHAPES, code_units=4, filters=(3,), dense_units=(6,), dropout=0.0)
    return network, network, corrmcnn.losses.compute_loss, VIEWS, VIEWS, None, {}


def classifier(build, loss, objective):
    network = build(classes=3, image_shape=(12, 12, 1))
    return network, network, objective, {"image": IMAGES, "label": LABELS}, IMAGES, LABELS, {"loss": loss}


def dense():
    build = functools.partial(densenet.model.build, blocks=2, depth=1, dropout=0.0)
    return classifier(build, densenet.losses.cross_entropy, densenet.losses.compute_loss)


def residual():
    build = functools.partial(calibration.model.build, network="lenet")
    return classifier(build, densenet.losses.cross_entropy, calibration.losses.compute_loss)


def autoencoder():
    network = autoencoders.model.build(image_shape=(12, 12, 1), network="dense", widths=(16,), code=4, kind="relu",
                                       l1=0.01)  # fmt: skip
    return network, network, autoencoders.losses.compute_loss, {"image": IMAGES}, IMAGES, None, {}


METHODS = {"autoencoders": autoencoder, "calibration": residual, "capsnet": capsules, "corrmcnn": convolved,
           "corrnet": correlated, "densenet": dense, "gmu": gated}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.usefixtures("without_graphs")  # README's examples run in graphs
def test_plain_fit_on_arrays_and_tf_data_reaches_the_loss_of_the_loop(method, tmp_path):
    def made():
        keras.utils.set_random_seed(0)
        return METHODS[method]()

    def optimizer():
        return keras.optimizers.Adam(0.01)

    network, _, objective, arrays, _, _, _ = made()
    dataset = Dataset("tiny", "tiny", arrays, arrays, arrays)
    config = Settings(epochs=3, batch_size=16, shuffle=False, runs_dir=str(tmp_path))
    history = loop.fit(network, objective, dataset, config, Run.open("m", "v", config, "tiny"), optimizer())
    expected = history[-1]["train/loss"]
    assert abs(history[0]["train/loss"] - expected) > 1e-4 * abs(expected), "it learned nothing: the test shows nothing"
    for streamed in (False, True):
        _, compiled, _, _, inputs, targets, plain = made()
        compiled.compile(optimizer(), **plain, jit_compile=False)  # on a CPU XLA compiles longer than it saves here
        if streamed:
            parts = (inputs,) if targets is None else (inputs, targets)
            given = (tf.data.Dataset.from_tensor_slices(parts).batch(16),)
            seen = compiled.fit(*given, epochs=3, verbose=0).history["loss"][-1]
        else:
            seen = compiled.fit(inputs, targets, batch_size=16, shuffle=False, epochs=3, verbose=0).history["loss"][-1]
        assert seen == pytest.approx(expected, rel=0.05)
        compiled.predict(inputs, verbose=0)


@pytest.mark.parametrize("method", ["corrnet", "corrmcnn"])
def test_weights_of_samples_count_in_plain_fit(method):
    keras.utils.set_random_seed(0)
    _, network, *_ = METHODS[method]()
    network.compile("sgd")
    network.objective = {"correlation_weight": 0.0}
    if method == "corrmcnn":
        network.objective |= {"step_correlation_weights": ()}
    weights = (np.arange(48) < 16).astype("float32")
    one = network.evaluate({view: x[:16] for view, x in VIEWS.items()}, batch_size=48, verbose=0)
    weighted = network.evaluate({**VIEWS, "sample_weight": weights}, batch_size=48, verbose=0)
    assert weighted == pytest.approx(one / 3, rel=1e-3)


def test_a_sample_of_weight_two_counts_twice_in_a_correlation():
    codes = random.normal(size=(2, 6, 3)).astype("float32")
    twice = [np.concatenate([view, view[:2]]) for view in codes]
    weighted = corrnet.losses.correlation(*codes, weights=np.array([2, 2, 1, 1, 1, 1]))
    np.testing.assert_allclose(weighted, corrnet.losses.correlation(*twice), rtol=1e-5)
