"""Training on arrays that stay on the disk: bit for bit as in memory, resumed too, and with less memory than data."""

import sys
import textwrap

import keras
import numpy as np
import pytest
from keras import ops

from data.dataset import Dataset
from training import loop
from training.run import Run
from training.settings import Settings


def arrays(folder, mapped):
    """Three splits of pictures and labels, in memory or on the disk."""
    random, splits = np.random.default_rng(0), {}
    for name, count in (("train", 53), ("validation", 11), ("test", 17)):
        path = folder / f"{name}.npy"
        np.save(path, random.integers(0, 256, (count, 5, 4, 1), np.uint8))
        splits[name] = {"image": np.load(path, mmap_mode="r" if mapped else None), "label": np.arange(count) % 3}
    return Dataset("small", "small", **splits)


def cross_entropy(model, batch, training):
    logits = model(batch["image"], training=training)
    loss = ops.mean(ops.sparse_categorical_crossentropy(batch["label"], logits, from_logits=True))
    return loss, {"nll_nats": loss}


def trained(tmp_path, mapped, **settings):
    """Weights, history and test terms of a small noisy network."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential([keras.Input((5, 4, 1)), layers.Flatten(), layers.Dropout(0.3), layers.Dense(3)])
    config = Settings(**{"epochs": 2, "batch_size": 8, "steps_per_call": 3, "runs_dir": str(tmp_path)} | settings)
    run, data = Run.open("method", "v", config, "small"), arrays(tmp_path, mapped)
    history = loop.fit(model, cross_entropy, data, config, run, keras.optimizers.Adam(0.05))
    history = [{name: value for name, value in row.items() if name != "seconds"} for row in history]
    return model.get_weights(), history, loop.evaluate(model, cross_entropy, data.test, 5)


def test_results_are_those_of_arrays_in_memory_bit_for_bit(tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "disk").mkdir()
    expected = trained(tmp_path / "memory", mapped=False)
    found = trained(tmp_path / "disk", mapped=True)
    for one, other in zip(found[0], expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[1:] == expected[1:]
    (tmp_path / "resumed").mkdir()
    trained(tmp_path / "resumed", mapped=True, epochs=1)
    resumed = trained(tmp_path / "resumed", mapped=True, resume=True)
    assert resumed[1:] == expected[1:]


def test_no_call_brings_more_than_its_share(tmp_path):
    disk = loop.OnDisk({"image": arrays(tmp_path, True).train["image"]}, None)
    assert disk.steps_at_once(100, 8) == 100
    assert disk.steps_at_once(100, 8, most=8 * 20 * 7) == 7  # a row has 20 bytes
    assert disk.steps_at_once(100, 8, most=10) == 1


LARGE = """
    import resource, sys, numpy as np
    import keras
    from data.dataset import Dataset
    from training import loop
    from training.run import Run
    from training.settings import Settings
    sys.path.insert(0, "tests/training")
    import test_disk
    folder, mib = sys.argv[1], 2**20
    image = np.lib.format.open_memmap(folder + "/image.npy", "w+", np.uint8, (350 * 1024, 32, 32, 1))  # a sparse file
    label = np.zeros(len(image), np.int32)
    del image
    image = np.load(folder + "/image.npy", mmap_mode="r")
    few = {"image": image[:50], "label": label[:50]}
    data = Dataset("large", "large", {"image": image, "label": label}, few, few)
    model = keras.Sequential([keras.Input((32, 32, 1)), keras.layers.AveragePooling2D(8), keras.layers.Flatten(),
        keras.layers.Dense(3)])
    model(np.zeros((2, 32, 32, 1), np.float32))
    config = Settings(epochs=1, batch_size=2048, steps_per_call=8, runs_dir=folder)
    with open("/proc/self/status") as status:
        used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + 250 * mib,) * 2)
    try:
        np.array(image)
    except MemoryError:
        print("does not fit")
    history = loop.fit(model, test_disk.cross_entropy, data, config, Run.open("m", "v", config, "large"),
        keras.optimizers.SGD(0.1))
    print(history[-1]["train/nll_nats"] < 1.1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux'")
def test_data_larger_than_the_memory_that_there_is(fresh, tmp_path):
    done = fresh("-c", textwrap.dedent(LARGE), tmp_path, check=0)
    said = done.stdout.splitlines()
    assert "does not fit" in said and said[-1] == "True", done.stdout
