"""Train a variant of gmu.train 1,000 times as one computation: `python -m gmu.studies.seeds [variant] [--flags]`."""

import dataclasses
import time

import numpy as np

from commands.train import main
from data.dataset import Dataset
from data.synthetic import TwoModalities
from gmu import train as single
from gmu.evaluate import wilson_interval
from gmu.studies.many import Config, fit, history, save_copies, stack, study_of
from training.run import Run
from training.settings import Variants

POST = single.VARIANTS["blog"][1]
VARIANTS: Variants = {
    **{f"seeds_{name}": (text, study_of(config)) for name, (text, config) in single.VARIANTS.items()},
    "seeds_blog_500_steps": ("as the post, but 500 steps", study_of(POST, epochs=500)),
    "seeds_restarts": (
        "as the post, the best of 20 restarts by training loss",
        study_of(POST, restarts=20, models=4000),
    ),
    "seeds_logistic_regression": ("scikit-learn's logistic regression", Config(fusion="logistic_regression")),
    "seeds_rbf_svm": ("scikit-learn's SVM with an RBF kernel", Config(fusion="rbf_svm", scaling="standardize")),
}
TINY = ("--models", "4", "--restarts", "2", "--samples", "20", "--test-examples", "50")


def load(config: Config) -> Dataset:
    """Train: a sample for each copy, arrays (copies, samples, ...); validation and test: fresh samples, shared."""
    distribution = TwoModalities().along_diagonal(config.dimensions)
    seeds = [seed // config.restarts for seed in config.seeds()]
    streams = [np.random.default_rng(stream) for stream in np.random.SeedSequence([41, config.seed]).spawn(2)]
    title = f"synthetic two-modality data ({len(set(seeds)):,} samples of n = {config.samples})"
    return Dataset(
        "synthetic",
        title,
        train=stack([distribution.sample(config.samples, np.random.RandomState(seed)) for seed in seeds]),
        validation=distribution.sample(max(1, config.test_examples // 10), streams[0]),
        test=distribution.sample(config.test_examples, streams[1]),
        provenance={"data": "synthetic", "source": "gmu.studies.seeds", **dataclasses.asdict(distribution)},
    )


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Trains all copies, tests each on the same fresh samples; writes shares, intervals and the copies."""
    start = time.perf_counter()
    shared = {name: np.broadcast_to(values, (config.models, *values.shape)) for name, values in dataset.test.items()}
    scores, copies = fit(config, dataset.train, shared, own=True)
    rows = history(copies, time.perf_counter() - start)
    run.write_metrics(rows)
    if copies:
        save_copies(run.path / "copies.npz", scores, copies)
    run.finish(copies and copies["model"], summarise(scores), dataset.counts(), rows)


def summarise(scores: dict[str, np.ndarray]) -> dict[str, float]:
    """Means over the copies, and shares of copies in percent with their 95 % Wilson intervals (`_low`, `_high`).

    Solved: at most 1 % test error. Gate found: AUC of the gate as detector of M above .99; inverted: below .01.
    `own_...`: the same on the copy's own training sample, which is what the post looks at.
    """
    solved = scores["test/error_percent"] <= 1
    events = {"solved_percent": solved, "own_solved_percent": scores["own/error_percent"] <= 1}
    if "own/gate_auc" in scores:
        events["own_gate_found_percent"] = scores["own/gate_auc"] > 0.99
    if "gate_auc" in scores:
        events["gate_found_percent"] = scores["gate_auc"] > 0.99
        events["gate_inverted_percent"] = scores["gate_auc"] < 0.01
        events["solved_by_inverted_gate_percent"] = solved & events["gate_inverted_percent"]
    result = {name: float(values.mean()) for name, values in scores.items()}
    for name, happened in events.items():
        low, high = wilson_interval(int(happened.sum()), len(happened))
        result |= {name: 100 * float(happened.mean()), f"{name}_low": 100 * low, f"{name}_high": 100 * high}
    return result


if __name__ == "__main__":
    main("gmu.studies.seeds", VARIANTS, load, train)
