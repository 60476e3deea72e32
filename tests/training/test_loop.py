"""The training loop: order, complete evaluation, true means, NaN guard, precision, devices."""

import json
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from data.dataset import Dataset
from training import loop
from training.run import Run
from training.settings import Settings


def dataset(examples=50):
    random = np.random.default_rng(0)
    x = random.normal(size=(examples, 3)).astype(np.float32)
    split = {"x": x, "y": (x @ np.array([1.0, -2.0, 0.5], np.float32))[:, None]}
    return Dataset("line", "line", split, {key: array[:23] for key, array in split.items()}, split)


def network(seed=0, noise=False):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((3,)), keras.layers.Dense(4, "tanh")]
    if noise:
        layers += [keras.layers.Dropout(0.5), keras.layers.GaussianNoise(0.1)]
    return keras.Sequential([*layers, keras.layers.Dense(1)])


def squared(model, batch, training):
    error = ops.cast(model(batch["x"], training=training), "float32") - batch["y"]
    loss = ops.mean(error**2)
    return loss, {"mse": loss, "mae": ops.mean(ops.abs(error))}


def fit(tmp_path, model, compute_loss=squared, data=None, **settings):
    config = Settings(**{"epochs": 3, "batch_size": 16, "runs_dir": str(tmp_path), "overwrite": True} | settings)
    run = Run.open("method", "blog", config, "line")
    return loop.fit(model, compute_loss, data or dataset(), config, run, keras.optimizers.Adam(0.05)), run


def test_order_depends_only_on_seed_and_epoch_and_covers_every_row():
    np.testing.assert_array_equal(loop.epoch_order(50, 0, 1), loop.epoch_order(50, 0, 1))
    assert sorted(loop.epoch_order(50, 0, 1)) == list(range(50))
    assert (loop.epoch_order(50, 0, 1) != loop.epoch_order(50, 0, 2)).any()
    assert (loop.epoch_order(50, 0, 1) != loop.epoch_order(50, 1, 1)).any()


def test_evaluation_is_the_mean_over_all_examples_for_any_batch_size():
    model, split = network(), dataset().test
    error = model(split["x"]).numpy() - split["y"]
    for batch_size in (1, 7, 16, 50, 64):
        terms = loop.evaluate(model, squared, split, batch_size)
        assert set(terms) == {"loss", "mse", "mae"}
        np.testing.assert_allclose([terms["mse"], terms["mae"]], [np.mean(error**2), np.mean(np.abs(error))], rtol=1e-5)


def test_predict_keeps_rows_and_structure():
    model, split = network(), dataset().test
    np.testing.assert_allclose(loop.predict(model, split["x"], 7), model(split["x"]).numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("jit", [False, True])
def test_pictures_kept_as_bytes_give_the_floats_to_the_bit(jit):
    """The same numbers as NumPy's division in a graph, too, which multiplies by 1 / 255 if it may."""
    grey = np.arange(256, dtype=np.uint8)
    step = tf.function(lambda array, rows: loop.pixels(tf.gather(array, rows)), jit_compile=jit)
    np.testing.assert_array_equal(step(tf.constant(grey), tf.range(256)), grey.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_graph_equals_a_loop_written_by_hand(tmp_path, shuffle):
    data, model, twin = dataset(), network(), network()
    history, _ = fit(tmp_path, model, data=data, steps_per_call=2, shuffle=shuffle)
    optimizer = keras.optimizers.Adam(0.05)
    for epoch in range(1, 4):
        losses, weights = [], []
        order = loop.epoch_order(50, 0, epoch) if shuffle else np.arange(50)
        for rows in np.split(order, [16, 32, 48]):
            batch = {key: array[rows] for key, array in data.train.items()}
            with tf.GradientTape() as tape:
                loss, _ = squared(twin, batch, training=True)
            optimizer.apply(tape.gradient(loss, twin.trainable_variables), twin.trainable_variables)
            losses.append(float(loss))
            weights.append(len(rows))
        assert history[epoch - 1]["train/loss"] == pytest.approx(np.average(losses, weights=weights), rel=1e-5)
    for left, right in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
    assert history[-1]["validation/loss"] < history[0]["validation/loss"]


def test_same_seed_same_weights_whatever_the_steps_per_call(tmp_path):
    weights = []
    for seed, steps in ((1, 1), (1, 100), (2, 100)):
        model = network(seed, noise=True)
        fit(tmp_path, model, seed=seed, steps_per_call=steps)
        weights.append(np.concatenate([value.ravel() for value in model.get_weights()]))
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[1] != weights[2]).any()


def test_xla_agrees_with_the_plain_graph(tmp_path):
    weights = []
    for jit in (False, True):
        model = network()
        fit(tmp_path, model, jit=jit)
        weights.append(model.get_weights())
    for left, right in zip(*weights, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_float32_weights_and_learns(tmp_path, precision):
    keras.mixed_precision.set_global_policy(precision)
    try:
        model = network()
        history, run = fit(tmp_path, model, precision=precision, epochs=8)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert model.layers[0].compute_dtype == precision.removeprefix("mixed_")
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    assert loop.predict(model, dataset().test["x"]).dtype == np.float32  # SciPy knows no bfloat16
    assert history[-1]["train/loss"] < 0.5 * history[0]["train/loss"]
    state, _ = run.load_checkpoint()
    assert np.isfinite(np.concatenate([value.ravel() for value in state if value.dtype == np.float32])).all()


def test_nan_stops_with_step_and_term_and_keeps_the_last_good_checkpoint(tmp_path):
    data = dataset()
    poisoned = np.array(data.train["y"])
    poisoned[7] = np.nan

    def loss_with_poison_after_two_epochs(model, batch, training):
        loss, terms = squared(model, batch, training)
        return loss, {"mse": loss, "mae": terms["mae"] + ops.sum(0.0 / batch["gate"])}

    gate = {key: np.ones((len(array), 1), np.float32) for key, array in (("gate", poisoned),)}
    good = data.map(lambda _, split: {**split, "gate": gate["gate"][: len(split["x"])]})
    model = network()
    _, run = fit(tmp_path, model, loss_with_poison_after_two_epochs, good, epochs=2)
    bad = gate["gate"].copy()
    bad[loop.epoch_order(50, 0, 3)[16]] = 0  # an example of the second batch of epoch 3
    worse = good.map(lambda name, split: {**split, "gate": bad} if name == "train" else split)
    config = Settings(epochs=3, batch_size=16, runs_dir=str(tmp_path), resume=True)
    with pytest.raises(loop.TrainingError, match=r"epoch 3, step 2: mae = nan; the last good checkpoint is kept"):
        loop.fit(network(), loss_with_poison_after_two_epochs, worse, config, run, keras.optimizers.Adam(0.05))
    state, history = run.load_checkpoint()
    assert len(history) == 2 and all(np.isfinite(value).all() for value in state)


def test_a_run_killed_between_checkpoint_and_metrics_gets_its_last_line_back(tmp_path):
    history, run = fit(tmp_path, network())
    lines = (run.path / "metrics.csv").read_text()
    (run.path / "metrics.csv").write_text("".join(lines.splitlines(keepends=True)[:-1]))
    again, _ = fit(tmp_path, network(), overwrite=False, resume=True)
    assert again == history and (run.path / "metrics.csv").read_text() == lines


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    _, run = fit(tmp_path, network())
    wider = keras.Sequential([keras.Input((3,)), keras.layers.Dense(9), keras.layers.Dense(1)])
    config = Settings(epochs=5, batch_size=16, runs_dir=str(tmp_path), resume=True)
    with pytest.raises(loop.TrainingError, match="does not fit the model"):
        loop.fit(wider, squared, dataset(), config, run, keras.optimizers.Adam(0.05))


REPLICAS = """
    import sys, json, numpy as np, tensorflow as tf, keras
    sys.path[:0] = [".", "tests/training"]
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from training import device, loop
    from training.run import Run
    from training.settings import Settings
    import test_loop
    config = Settings(epochs=2, batch_size=15, strategy=sys.argv[1], runs_dir=sys.argv[2])
    strategy, line = device.configure(config)
    with strategy.scope():
        model = test_loop.network(noise=len(sys.argv) > 3)
        run = Run.open("method", "blog", config, "line")
        history = loop.fit(model, test_loop.squared, test_loop.dataset(46), config, run, keras.optimizers.Adam(0.05))
        terms = loop.evaluate(model, test_loop.squared, test_loop.dataset(46).test, 15)
    print(json.dumps([strategy.num_replicas_in_sync, [w.tolist() for w in model.get_weights()], history[-1], terms]))
"""


def test_two_mirrored_replicas_equal_one_device(fresh, tmp_path):
    results = {}
    for strategy in ("none", "mirrored"):
        done = fresh("-c", textwrap.dedent(REPLICAS), strategy, tmp_path / strategy, check=0)
        results[strategy] = json.loads(done.stdout.splitlines()[-1])
    assert results["none"][0] == 1 and results["mirrored"][0] == 2
    for left, right in zip(results["none"][1], results["mirrored"][1], strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
    for term in ("train/loss", "validation/mae"):
        assert results["none"][2][term] == pytest.approx(results["mirrored"][2][term], rel=1e-4)
    assert results["none"][3] == pytest.approx(results["mirrored"][3], rel=1e-4)


def test_one_worker_of_a_cluster_trains_with_noise(fresh, tmp_path):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cluster = {"cluster": {"worker": [address]}, "task": {"type": "worker", "index": 0}}
    done = fresh(
        "-c", textwrap.dedent(REPLICAS), "multiworker", tmp_path, "noise", check=0, TF_CONFIG=json.dumps(cluster)
    )
    assert np.isfinite(json.loads(done.stdout.splitlines()[-1])[2]["train/loss"])


def test_devices_asked_for_and_absent_are_errors(fresh, tmp_path):
    done = fresh("-m", "gmu.train", "--device", "gpu", "--runs-dir", tmp_path)
    assert done.returncode == 2 and "no GPU" in done.stderr and done.stderr.count("\n") == 1
    done = fresh("-m", "gmu.train", "--strategy", "multiworker", "--runs-dir", tmp_path)
    assert done.returncode == 2 and "TF_CONFIG" in done.stderr


FAULTS = """
    import resource, sys
    import numpy as np
    from training.device import keep_freed_memory
    if sys.argv[1] == "kept":
        keep_freed_memory()
    np.ones(2**25)  # 256 MB, freed at once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**25)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's setting")
def test_freed_memory_is_used_again_without_new_pages(command):
    kept, returned = (
        int(command("-c", textwrap.dedent(FAULTS), kind, check=0).stdout) for kind in ("kept", "returned")
    )
    assert kept < 10 < 100 < returned  # 128 of them even where all pages are huge


def test_large_arrays_are_placed_part_by_part():
    for kind in (np.float32, np.uint8, np.int32):
        array = np.arange(70 * 6).reshape(70, 2, 3).astype(kind)
        np.testing.assert_array_equal(loop.as_tensor(array, large=1, rows=16), array)


def test_tensorboard_holds_the_scalars_of_metrics_csv(tmp_path):
    pytest.importorskip("tensorboard")
    config = Settings(epochs=2, batch_size=10, runs_dir=str(tmp_path), tensorboard=True)
    run = Run.open("method", "variant", config, "tiny")
    history = loop.fit(network(), squared, dataset(), config, run, keras.optimizers.Adam(0.05))
    seen = {}
    for path in (run.path / "tensorboard").iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                seen[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    assert seen == {(name, row["epoch"]): pytest.approx(value) for row in history for name, value in row.items()
                    if name != "epoch"}  # fmt: skip


SHARED = """
    import sys, json, functools, numpy as np, tensorflow as tf, keras
    sys.path[:0] = ["."]
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    import autoencoders.losses, autoencoders.model, corrmcnn.losses, corrmcnn.model, corrnet.losses, corrnet.model
    from data.dataset import Dataset
    from training import device, loop
    from training.run import Run
    from training.settings import Settings
    random, half = np.random.default_rng(0), {"left_shape": (8, 4, 1), "right_shape": (8, 4, 1)}
    views = {view: random.random((46, 8, 4, 1), np.float32) for view in ("left", "right")}
    small = dict(filters=(2,), dense_units=(5,), code_units=3, batch_norm="none", dropout=0.0)
    cases = {
        "corrnet": (lambda: corrnet.model.build(**half, code_units=3), corrnet.losses.compute_loss, views),
        "corrmcnn": (lambda: corrmcnn.model.build(**half, **small), functools.partial(corrmcnn.losses.compute_loss,
                     correlation="global", canonical_weight=0.1), views),
        "sparse": (lambda: autoencoders.model.build(image_shape=(8, 4, 1), network="dense", widths=(), code=4,
                   kind="sigmoid"), functools.partial(autoencoders.losses.compute_loss, sparsity_weight=3.0,
                   rate_weight=0.1), {"image": views["left"]}),
    }
    found = {"none": {}, "mirrored": {}}
    for kind in found:
        config = Settings(epochs=2, batch_size=16, strategy=kind, runs_dir=f"{sys.argv[1]}/{kind}", shuffle=False)
        strategy, _ = device.configure(config)
        for name, (build, objective, arrays) in cases.items():
            keras.utils.set_random_seed(0)
            tf.config.run_functions_eagerly(name != "corrnet")  # one as a graph; tracing the others takes half a minute
            with strategy.scope():
                data = Dataset(name, name, arrays, arrays, arrays)
                run = Run.open(name, "v", config, "tiny")
                found[kind][name] = loop.fit(build(), objective, data, config, run, keras.optimizers.SGD(0.01))[-1]
    print(json.dumps(found))
"""


def test_losses_of_a_whole_batch_are_the_same_on_two_replicas(fresh, tmp_path):
    """A correlation, a mean activation and a variance are those of the batch, not of a replica's share of it."""
    done = fresh("-c", textwrap.dedent(SHARED), tmp_path, check=0)
    found = json.loads(done.stdout.splitlines()[-1])
    assert "mirrored" in found
    for name, terms in found["none"].items():
        for term, value in terms.items():
            if term != "seconds":
                assert found["mirrored"][name][term] == pytest.approx(value, rel=2e-4, abs=1e-5), (name, term)
