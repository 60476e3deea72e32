"""Test error against the number of training samples: `python -m gmu.studies.samples [variant] [--flags]`."""

import dataclasses
import time

import numpy as np

from commands.train import main
from data.dataset import Dataset
from gmu.studies import many, seeds
from training.run import Run, write_json
from training.settings import Variants, check


@dataclasses.dataclass(frozen=True)
class Config(many.Config):
    """Settings of the curve: those of a study; every size uses the first rows of each copy's sample."""

    models: int = 100
    sizes: tuple[int, ...] = (10, 20, 50, 100, 200, 400, 1000)
    """Numbers of training samples, increasing (each >= 2)."""

    def __post_init__(self):
        super().__post_init__()
        increasing = self.sizes and list(self.sizes) == sorted(set(self.sizes)) and self.sizes[0] >= 2
        check(increasing, "sizes", "increasing numbers >= 2", self.sizes)


COMPARED = ("best", "wide", "feed_forward", "mixture_of_experts", "logistic_regression", "rbf_svm")
VARIANTS: Variants = {}
for name in COMPARED:
    text, recipe = seeds.VARIANTS[f"seeds_{name}"]
    VARIANTS[f"samples_{name}"] = (text, Config(**{**dataclasses.asdict(recipe), "models": 100}))
TINY = ("--models", "2", "--sizes", "10", "20", "--test-examples", "50")


def load(config: Config) -> Dataset:
    """The samples of the seed study, as large as the largest size."""
    return seeds.load(dataclasses.replace(config, samples=config.sizes[-1]))


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Fits every copy at every size; writes the mean errors, and all errors as curve.json."""
    test = {name: np.broadcast_to(values, (config.models, *values.shape)) for name, values in dataset.test.items()}
    metrics, curve, rows = {}, [], []
    for size in config.sizes:
        start = time.perf_counter()
        scores, _ = many.fit(config, {name: values[:, :size] for name, values in dataset.train.items()}, test)
        metrics |= {
            f"{name}_n{size}": float(scores[name].mean())
            for name in ("test/error_percent", "gate_auc")
            if name in scores
        }
        curve.append(scores["test/error_percent"].tolist())
        rows.append({"epoch": len(rows) + 1, "seconds": time.perf_counter() - start, "samples": size})
        run.write_metrics(rows)
    write_json(run.path / "curve.json", {"sizes": config.sizes, "error_percent": curve})
    run.finish(None, metrics, dataset.counts(), rows)


if __name__ == "__main__":
    main("gmu.studies.samples", VARIANTS, load, train)
