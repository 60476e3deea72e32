"""Turns the logits of one trained network into the numbers of the results table.

`python -m calibration.evaluate RUN [--data PATH]` does it for any images.
"""

if __name__ == "__main__":  # before what loads TensorFlow
    from commands.evaluate import main

    main("calibration")

import functools
import time
import warnings

import numpy as np

from calibration.methods.every import METHODS
from calibration.methods.maps import AdamTemperature
from calibration.methods.temperature import fit_temperature
from calibration.metrics import binned, uncertainty
from calibration.metrics.smooth import smooth_ece
from training.run import write_atomic

VALIDATION_SIZES = (50, 100, 200, 500, 1000, 2000, 5000)


def test_metrics(network, dataset, config, run=None) -> dict[str, float]:
    """`everything` about a network, fitted on the validation split; the logits go into the folder of `run`."""
    from training import loop

    pairs = {}
    for name in ("train", "validation", "test"):
        split = getattr(dataset, name)
        pairs[name] = loop.predict(network, split["image"], 500), np.asarray(split["label"])
        if run:
            save = functools.partial(np.savez_compressed, logits=pairs[name][0], labels=pairs[name][1])
            write_atomic(run.path / f"{name}_logits.npz", save)
    metrics = everything(**pairs, solver=config.solver)
    if config.learn_temperature:
        metrics["learned_temperature"] = network.get_layer("temperature").temperature
    return metrics


def overfitting(history: list[dict[str, float]]) -> dict[str, float]:
    """NLL and error on validation after the epoch of the lowest NLL and after the last (Guo et al. 2017, Figure 3)."""
    best = min(history, key=lambda row: row["validation/cross_entropy"])
    return {
        "best_epoch": best["epoch"],
        "best_epoch/validation_nll_nats": best["validation/cross_entropy"],
        "best_epoch/validation_error_percent": 100 * (1 - best["validation/accuracy"]),
        "last_epoch/validation_nll_nats": history[-1]["validation/cross_entropy"],
        "last_epoch/validation_error_percent": 100 * (1 - history[-1]["validation/accuracy"]),
    }


def basic_metrics(probabilities, labels, prefix: str) -> dict[str, float]:
    """`error_percent`, `nll_nats`, `brier` and `ece_percent` under `prefix/`, means over the samples."""
    columns = uncertainty.sample_columns(probabilities, labels)
    error, nll, brier, ece = uncertainty.metrics_of_means(columns.mean(axis=0)).tolist()
    values = {"error_percent": 100 * error, "nll_nats": nll, "brier": brier, "ece_percent": 100 * ece}
    return {f"{prefix}/{name}": value for name, value in values.items()}


def everything(train, validation, test, solver: str = "newton") -> dict[str, float]:
    """All numbers of a run from the (logits, labels) of its splits; methods are fitted on validation.

    Args:
        train, validation, test: (logits, labels) each.
        solver: of temperature scaling, "newton" or "adam".
    """
    metrics = {**uncalibrated(test), **every_method(validation, test), **temperatures(train, validation, test)}
    if solver == "adam":
        start = time.perf_counter()
        fitted = AdamTemperature()
        fitted.fit(*validation)
        metrics |= {"temperature/fit_ms": 1000 * (time.perf_counter() - start), "temperature": fitted.temperature}
        metrics |= basic_metrics(fitted.predict_proba(test[0]), test[1], "temperature")
    return metrics


def uncalibrated(test) -> dict[str, float]:
    """The network as trained: basic metrics, noise floor of its ECE, smooth ECE, mean over- or under-confidence."""
    logits, labels = test
    top = binned.top_one(logits, labels)
    floor = uncertainty.noise_floor(top.confidence, top.correct, complement=top.complement)
    return {
        **basic_metrics(binned.softmax(logits), labels, "test"),
        "test/ece_floor_percent": 100 * floor.mean,
        "test/ece_floor_q95_percent": 100 * floor.q95,
        "test/smooth_ece_percent": 100 * smooth_ece(top.confidence, top.correct, complement=top.complement),
        "test/overconfidence_percent": 100 * float((top.confidence - top.correct).mean()),
    }


def every_method(validation, test) -> dict[str, float]:
    """Each method fitted on validation and measured on test, with its fit time in ms."""
    metrics = {}
    for name, method in METHODS.items():
        start = time.perf_counter()
        fitted = method().fit(*validation)
        metrics[f"{name}/fit_ms"] = 1000 * (time.perf_counter() - start)
        metrics |= basic_metrics(fitted.predict_proba(test[0]), test[1], name)
    return metrics


def temperatures(train, validation, test) -> dict[str, float]:
    """T on validation with its standard error, T on the training set instead, and T from small validation sets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a training set without errors has no T: it stays 1
        fit, on_train = fit_temperature(*validation), fit_temperature(*train)
        metrics = {
            "temperature": fit.temperature,
            "temperature_on_train": on_train.temperature,
            **basic_metrics(binned.softmax(test[0] / on_train.temperature), test[1], "fitted_on_train"),
        }
        if fit.converged:
            metrics["temperature_standard_error"] = fit.standard_error
        floor = uncertainty.noise_floor(*binned.top_one(test[0] / fit.temperature, test[1])[::2])
        metrics["temperature/ece_floor_percent"] = 100 * floor.mean
        order = np.random.default_rng(0).permutation(len(validation[1]))
        for size in (size for size in VALIDATION_SIZES if size <= len(order)):
            small = fit_temperature(*(array[order[:size]] for array in validation)).temperature
            metrics |= basic_metrics(binned.softmax(test[0] / small), test[1], f"validation_size_{size}")
            metrics[f"validation_size_{size}/temperature"] = small
    return metrics
