"""Digits on demand, what the Variational post announces next: `python -m autoencoders.studies.conditional`."""

import dataclasses
from typing import ClassVar

import numpy as np

from autoencoders.config import cosine_adam
from autoencoders.train import load as load_images
from commands.train import main
from data.dataset import Dataset, pixels
from training.run import Run
from training.settings import Settings, Variants, check_at_least

JUDGED = 10_000  # training images that the judge of the samples learns from, and at most as many samples


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the study: those of the variant `variational`."""

    OWN_DATA: ClassVar[bool] = False

    epochs: int = 15
    batch_size: int = 64
    learning_rate: float = 2e-3
    latent: int = 2
    """Numbers in a code, beside the class (>= 1)."""
    units: tuple[int, ...] = (512, 256)
    """Units of the encoder's layers; the decoder mirrors them."""
    samples: int = 2000
    """New digits that are judged (>= 1)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, latent=1, samples=1)

    def fixed_length(self):
        return "its rate rises and falls"


VARIANTS: Variants = {"conditional": ("the network of variational, told the class", Config())}


def load(config: Config) -> Dataset:
    """Images in [0, 1] and their classes."""
    return load_images(config)  # type: ignore[arg-type]


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains; the bound on the test split; how many new digits a judge takes for what they were to be."""
    from autoencoders import losses, model
    from training import loop

    network = model.build_conditional(
        image_shape=dataset.train["image"].shape[1:],
        classes=dataset.classes,
        latent=config.latent,
        widths=config.units,
    )
    steps = config.total_steps(dataset.counts()["train"])
    optimizer = cosine_adam(config.learning_rate, steps)
    history = loop.fit(network, losses.compute_loss, dataset, config, run, optimizer)
    terms = loop.evaluate(network, losses.compute_loss, dataset.test)
    wished = np.arange(config.samples, dtype=np.int32) % dataset.classes
    drawn = np.asarray(network.sample(wished, seed=config.seed))
    metrics = {
        "test/negative_elbo_nats": terms["reconstruction"] + terms["kl_nats"],
        "test/reconstruction_nats": terms["reconstruction"],
        "test/kl_nats": terms["kl_nats"],
        **judge(dataset, drawn, wished),
    }
    run.finish(network, metrics, dataset.counts(), history)


def judge(dataset: Dataset, drawn: np.ndarray, wished: np.ndarray) -> dict[str, float]:
    """What a support vector machine, taught on real images, says of new ones.

    Args:
        dataset: real images and labels of every split.
        drawn: (n, height, width, channels) in [0, 1], new images.
        wished: (n,) the classes they were to be.

    Returns:
        `samples/recognised_percent`: new images taken for the class they were to be; `judge/recognised_percent`: real
        test images taken for their class, the most one can ask for.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def rows(images):
        return pixels(images).reshape(len(images), -1)

    machine = make_pipeline(StandardScaler(with_std=False), SVC(C=10.0))
    machine.fit(rows(dataset.train["image"][:JUDGED]), dataset.train["label"][:JUDGED])
    test = {name: dataset.test[name][:JUDGED] for name in ("image", "label")}
    return {
        "samples/recognised_percent": 100 * float(np.mean(machine.predict(rows(drawn)) == wished)),
        "judge/recognised_percent": 100 * float(np.mean(machine.predict(rows(test["image"])) == test["label"])),
    }


if __name__ == "__main__":
    main("autoencoders.studies.conditional", VARIANTS, load, train)
