"""What a finished training says: its result in a sentence beside a trivial baseline and the document's number."""

import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.dataset import Dataset
from reporting import claims
from training.run import Run
from training.settings import Variants

Metrics = dict[str, float]


class Headline(NamedTuple):
    """One number of a result in words.

    Attributes:
        metric: its key.
        sentence: with `{value}` in it, and `{images}` for the number of test rows.
        unit: of the value.
        baseline: `(metrics, dataset) -> (words, value)`, or None.
    """

    metric: str
    sentence: str
    unit: str
    baseline: Callable[[Metrics, Dataset], tuple[str, float] | None] = lambda metrics, dataset: None


def commonest_error(metrics: Metrics, dataset: Dataset) -> tuple[str, float]:
    """Error of always naming the commonest class of the training split."""
    labels = dataset.test["label"]
    commonest = np.bincount(np.ravel(dataset.train["label"])).argmax()
    return "always naming the commonest class", 100 * float(np.mean(labels != commonest))


def chance_accuracy(metrics: Metrics, dataset: Dataset) -> tuple[str, float] | None:
    """Accuracy of always naming the commonest class; None without labels."""
    if "label" not in dataset.train:
        return None
    words, error = commonest_error(metrics, dataset)
    return words, 100 - error


def other(metric: str, words: str) -> Callable[[Metrics, Dataset], tuple[str, float] | None]:
    """Another number of the same result as the baseline."""
    return lambda metrics, dataset: (words, metrics[metric]) if metric in metrics else None


PAIRS = Headline("test/pairs_wrong_percent", "Of {images} test pairs {value} have a digit that is read wrongly", "%")
ERROR = Headline("test/error_percent", "Of {images} test rows {value} are read wrongly", "%", commonest_error)
ACROSS = Headline(
    "test/transfer_left_to_right_percent",
    "A classifier taught on codes of left views names {value} of right views", "%", chance_accuracy,
)  # fmt: skip
CORRELATION = Headline("test/total_canonical_correlation", "The codes of both views share a correlation of {value}", "")
# The first of a method's headlines whose metric a result has is the one that is told.
HEADLINES = {
    "autoencoders": (
        Headline("test/denoised_psnr_db", "Restored test pictures come within {value} of the clean ones", "dB",
                 other("test/linear_psnr_db", "the best linear map")),
        Headline("test/nll_nats", "A test picture costs {value}", "nats"),
        Headline("test/sse", "Test pictures are rebuilt to a squared error of {value} each", "",
                 other("test/pca_sse", "as many principal components")),
    ),
    "calibration": (
        Headline("temperature/ece_percent", "After temperature scaling the confidence is off by {value}", "%",
                 other("test/ece_percent", "before it")),
    ),
    "capsnet": (PAIRS, ERROR),
    "corrmcnn": (ACROSS, CORRELATION),
    "corrnet": (ACROSS, CORRELATION),
    "densenet": (ERROR,),
    "gmu": (ERROR,),
}  # fmt: skip


def sentence(run: Run, dataset: Dataset) -> str:
    """The headline of a finished run in one sentence, or "" for results without one."""
    config, metrics = run.config, run.result["metrics"]
    for headline in HEADLINES.get(config["method"], ()):
        value = metrics.get(headline.metric, math.nan)
        if not math.isfinite(value):
            continue

        def show(number: float, unit: str = headline.unit) -> str:
            return f"{number:.2f} {unit}".rstrip()

        told = headline.sentence.format(value=show(value), images=f"{dataset.counts()['test']:,}")
        trivial = headline.baseline(metrics, dataset)
        beside = [f"{trivial[0]}: {show(trivial[1])}"] if trivial else []
        documents = claims.documents_of(config["method"])
        stated = documents.get((config["variant"].partition("@")[0], config["data"], headline.metric))
        beside += [f"the document: {show(stated)}"] if stated is not None else []
        return told + (f" ({'; '.join(beside)})" if beside else "") + "."
    return ""


def lines(module: str, variants: Variants, run: Run, dataset: Dataset, figures: list[Path]) -> list[str]:
    """What is printed at the end: the sentence, the figures, and what to do next with this run."""
    method, told = module.partition(".")[0], sentence(run, dataset) if module.endswith(".train") else ""
    said = [told] if told else []
    if figures:
        said.append(f"Figures in {figures[0].parent}: {', '.join(path.stem for path in figures)}")
    if module == f"{method}.train" and run.has_model:
        where, data = shlex.quote(str(run.path)), run.config["settings"]["data"]
        pairs, images = "digits" in dataset.test, "image" in dataset.test or "left" in dataset.test
        inputs = shlex.quote(data) if Path(data).exists() else "PICTURE.png" if images else "TABLE.csv"
        variant = run.config["variant"].partition("@")[0]
        rival = next((name for name in variants if name != variant), "")
        compare = f"python compare.py {method} --variants {variant} {rival} --data {shlex.quote(data)}"
        steps = [compare] if pairs else [f"python -m {method}.predict {where} {inputs}", compare]
        said += [("Next: " if step is steps[0] else "      ") + step for step in steps]
    return [*said, f"Done: {run.path}"]
