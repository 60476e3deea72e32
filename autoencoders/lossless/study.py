"""Digits without loss: `python -m autoencoders.lossless.study`."""

import dataclasses
import lzma
import time
from typing import ClassVar

import numpy as np

from autoencoders.train import load
from commands.train import main
from data.dataset import Dataset, as_bytes
from training.run import Run, write_atomic
from training.settings import Settings, Variants


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the network that foresees pixels; its rate is `network.RATE`."""

    OWN_DATA: ClassVar[bool] = False

    epochs: int = 12
    batch_size: int = 8
    units: tuple[int, ...] = (128, 128, 32)
    """Of the hidden layers; what a file carries grows with their products."""


VARIANTS: Variants = {"lossless": ("every pixel foreseen from those before it, coded without loss", Config())}
TINY = ("--units", "8", "8")


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains, writes test.aep and train.aep, reads the first back and compares it."""
    from autoencoders.lossless import network
    from training import loop

    train, validation, test = (
        {"image": as_bytes(split["image"])} for split in (dataset.train, dataset.validation, dataset.test)
    )
    dataset = dataclasses.replace(dataset, train=train, validation=validation, test=test)
    model = network.build(image_shape=dataset.train["image"].shape[1:], units=config.units)
    steps = config.total_steps(dataset.counts()["train"])
    optimizer, compute_loss = network.make_training(steps, test["image"].size)
    history = loop.fit(model, compute_loss, dataset, config, run, optimizer)
    ideal = loop.evaluate(model, compute_loss, dataset.test, batch_size=50)
    metrics = {"test/ideal_bits_per_pixel": ideal["bits_per_pixel"]} | write_files(model, dataset, run)
    run.finish(None, metrics, dataset.counts(), history)


def write_files(model, dataset: Dataset, run: Run) -> dict[str, float]:
    """All images but the test images in one file, these in another, each with the network inside; sizes and seconds."""
    from autoencoders.lossless import archive

    test, seen = dataset.test["image"], np.concatenate([dataset.train["image"], dataset.validation["image"]])
    metrics = {}
    for name, images in (("train", seen), ("test", test)):
        start = time.perf_counter()
        integers = archive.in_integers(model, images)
        content = archive.to_bytes(images, integers)
        metrics[f"seconds/encode_{name}"] = time.perf_counter() - start
        write_atomic(run.path / f"{name}.aep", content)
        metrics[f"file/{name}_megabytes"] = len(content) / 1e6
        metrics[f"file/{name}_network_megabytes"] = sum(map(len, archive.tables_of(integers))) / 1e6
    start = time.perf_counter()
    back = archive.from_bytes((run.path / "test.aep").read_bytes())
    metrics["seconds/decode_test"] = time.perf_counter() - start
    xz = len(lzma.compress(test.tobytes(), preset=9 | lzma.PRESET_EXTREME))
    return metrics | {
        "file/test_bits_per_pixel": 8e6 * metrics["file/test_megabytes"] / test.size,
        "file/test_xz_bits_per_pixel": 8 * xz / test.size,
        "file/different_pixels": float(np.sum(back != test)),
    }


if __name__ == "__main__":
    main("autoencoders.lossless.study", VARIANTS, load, train)
