"""Everything that is not an autoencoder: `python -m autoencoders.studies.baselines`."""

import dataclasses
import time
from typing import ClassVar

import numpy as np

from autoencoders import baselines
from autoencoders.codec import classical
from commands.train import main
from data import images
from data.dataset import Dataset, as_bytes
from training.run import Run, write_json
from training.settings import Settings, Variants


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the study; nothing is trained by gradient descent."""

    OWN_DATA: ClassVar[bool] = False

    components: tuple[int, ...] = (2, 5, 10, 16, 20, 30, 32)
    """Sizes of the principal component codes."""
    qualities: tuple[int, ...] = (1, 5, 10, 20, 40, 60, 80)
    """Qualities of the JPEG, WebP and AVIF sheets."""


LEVELS = (22, 25, 30)  # PSNR in dB at which the pictures are compared
VARIANTS: Variants = {"baseline_study": ("mean image, PCA, classical compressors", Config(epochs=1))}


def load(config: Config) -> Dataset:
    """Images in [0, 1]."""
    return images.load(config.data, **config.loading)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Measures the baselines; the curves of lossy pictures go into curves.json."""
    start = time.perf_counter()
    pixels = dataset.test["image"][0].size
    metrics = {"mean_image/sse": baselines.mean_image_mse(dataset) * pixels}
    for count in config.components:
        metrics[f"pca_{count}/sse"] = baselines.pca_mse(dataset, count) * pixels
    # the images that an .aez file of this data set holds
    stored = np.concatenate([as_bytes(part["image"]) for part in (dataset.train, dataset.validation)])[..., 0]
    for name, count in classical.lossless_bytes(stored).items():
        metrics[f"megabytes/{name}"] = count / 1e6
    curves = {kind: classical.lossy_curve(stored, kind, config.qualities) for kind in classical.lossy_kinds()}
    for kind, curve in curves.items():
        for level in LEVELS:
            if size := classical.bytes_at(curve, level):
                metrics[f"bits/{kind}_at_{level}_dB"] = 8 * size / stored.size
    write_json(run.path / "curves.json", {"pixels": stored.size, "lossy": curves})
    history = [{"epoch": 1, "seconds": round(time.perf_counter() - start, 3)}]
    run.finish(None, metrics, dataset.counts(), history)


if __name__ == "__main__":
    main("autoencoders.studies.baselines", VARIANTS, load, train)
