"""Structured scaling against the public program of its authors, interleaved in one process.

`pip install probmetrics numba` (which brings PyTorch) into an environment of its own; then, with RESEARCH_DATA_DIR set,
`python -m benchmarks structured_scaling`. Without that program, or without the published predictions, there is no row.
"""

import functools
import warnings

import numpy as np
from scipy.special import log_softmax

from benchmarks import timing
from calibration.methods.structured import StructuredMatrixScaling, StructuredVectorScaling
from calibration.metrics.binned import nll
from calibration.studies.methods import Config, load
from data.dataset import DataError

PREDICTIONS = {
    "10 classes": "wideresnet-16-4-cifar-10",
    "100 classes": "wideresnet-16-4-cifar-100",
    "100 classes, DenseNet": "densenet-bc-100-cifar-100",
}
LEAST = 1e-12  # their program takes the logarithm of every probability


def run(repeats: int = 7) -> list[dict]:
    """One row for each method and set of 5,000 predictions: seconds of a fit, and what both reach on 5,000 others."""
    try:
        from probmetrics.calibrators import SMSCalibrator, SVSCalibrator
    except ImportError:
        print("probmetrics is not installed: no row")
        return []
    warnings.filterwarnings("ignore", module="probmetrics")
    rows = []
    for words, predictions in PREDICTIONS.items():
        try:
            dataset = load(Config(predictions=predictions))
        except DataError as error:
            print(f"{error}: no row")
            return rows
        (fit, labels), (test, truth) = (
            (log_softmax(split["logits"].astype(np.float64), axis=1), split["label"])
            for split in (dataset.validation, dataset.test)
        )
        for name, ours, theirs in (
            ("SVS", StructuredVectorScaling, SVSCalibrator),
            ("SMS", StructuredMatrixScaling, SMSCalibrator),
        ):
            calls = {
                "ours": functools.partial(ours().fit, fit, labels),
                "theirs": functools.partial(theirs().fit, probabilities(fit), labels),
            }
            found = {
                "ours": calls["ours"]().predict_proba(test),
                "theirs": calls["theirs"]().predict_proba(probabilities(test)),
            }
            reached = {f"test_nll_nats_{key}": float(nll(np.log(p), truth).mean()) for key, p in found.items()}
            seconds = timing.interleaved(calls, repeats)
            title = f"{name} fitted on {len(labels):,} samples of {words} vs probmetrics"
            row = timing.smaller_is_better(title, seconds["ours"], seconds["theirs"], "s", repeats)
            rows.append({**row, **reached})
    return rows


def probabilities(log_probabilities: np.ndarray) -> np.ndarray:
    """What their program takes: rows that sum to 1, none exactly 0."""
    clipped = np.maximum(np.exp(log_probabilities), LEAST)
    return clipped / clipped.sum(axis=1, keepdims=True)
