"""The paper's 1,000 experiments with random class means: `python -m gmu.studies.means [variant] [--flags]`.

The paper does not state the law of the means. Here every coordinate of the six means (two classes and noise, for
each modality) is drawn from the grid -10, -8, ..., 10, all values equally likely.
"""

import dataclasses
import time

import numpy as np

from commands.train import main
from data.dataset import Dataset
from data.synthetic import TwoModalities
from gmu import train as single
from gmu.studies import many
from training.run import Run, write_json
from training.settings import Variants, check_at_least

GRID = np.arange(-10.0, 11.0, 2.0)


@dataclasses.dataclass(frozen=True)
class Config(many.Config):
    """Settings of the experiments: those of a study, with random means for every copy."""

    tie: float = 0.5
    """Errors of the unit and of logistic regression that differ by at most this are a tie (points, >= 0)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, tie=0)


VARIANTS: Variants = {
    f"means_r{dimensions}_{name}": (
        f"1,000 experiments in R^{dimensions}: {single.VARIANTS[name][0]}",
        Config(**{**dataclasses.asdict(single.VARIANTS[name][1]), "dimensions": dimensions}),
    )
    for dimensions in (1, 2)
    for name in ("paper", "best")
}
TINY = ("--models", "3", "--samples", "20", "--test-examples", "50")


def draw_means(seed: int, dimensions: int) -> TwoModalities:
    """The distribution of experiment `seed`: six means, each coordinate uniform on GRID."""
    means = np.random.default_rng(seed).choice(GRID, (6, dimensions)).tolist()
    v_0, v_1, v_noise, t_0, t_1, t_noise = map(tuple, means)
    return TwoModalities(mu_v=(v_0, v_1), mu_t=(t_0, t_1), mu_v_noise=v_noise, mu_t_noise=t_noise)


def load(config: Config) -> Dataset:
    """A sample of each experiment, (experiments, samples, ...), and fresh samples, (experiments, n, ...)."""
    laws = [
        (draw_means(seed, config.dimensions), np.random.SeedSequence([7, seed]).spawn(3)) for seed in config.seeds()
    ]
    sizes = {"train": config.samples, "validation": max(1, config.test_examples // 10), "test": config.test_examples}
    splits = {
        name: many.stack([law.sample(size, np.random.default_rng(streams[i])) for law, streams in laws])
        for i, (name, size) in enumerate(sizes.items())
    }
    title = f"synthetic data, {config.models:,} experiments with random means in R^{config.dimensions}"
    provenance = {"data": "synthetic", "source": "gmu.studies.means", "grid": GRID}
    return Dataset("synthetic", title, **splits, provenance=provenance)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Fits the unit and logistic regression to every experiment; writes wins, ties and losses."""
    start = time.perf_counter()
    scores, copies = many.fit(config, dataset.train, dataset.test)
    linear, _ = many.fit(dataclasses.replace(config, fusion="logistic_regression"), dataset.train, dataset.test)
    rows = many.history(copies, time.perf_counter() - start)
    gain = linear["test/error_percent"] - scores["test/error_percent"]
    metrics = {
        "wins_percent": 100 * np.mean(gain > config.tie),
        "ties_percent": 100 * np.mean(np.abs(gain) <= config.tie),
        "losses_percent": 100 * np.mean(gain < -config.tie),
        "test/error_percent_logistic_regression": linear["test/error_percent"].mean(),
        **{name: values.mean() for name, values in scores.items()},
    }
    write_json(run.path / "experiments.json", {"gain": gain, **scores})
    run.write_metrics(rows)
    run.finish(copies["model"], {name: float(value) for name, value in metrics.items()}, dataset.counts(), rows)


if __name__ == "__main__":
    main("gmu.studies.means", VARIANTS, load, train)
