"""Calibrates and reports on anybody's saved logits: `python -m calibration.report predictions.npz`."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from calibration.methods.inputs import check_labels, check_logits, logits_from_probabilities
from calibration.methods.temperature import fit_temperature
from calibration.metrics import binned, uncertainty
from calibration.metrics.smooth import smooth_ece
from data.arrays import read_npy, read_npz
from data.dataset import DataError
from data.tables import read_csv
from training.settings import check, one_line_errors, run_cli


def calibration_report(logits, labels, draws: int = 1000, seed: int = 0) -> dict:
    """Everything about the calibration of one set of predictions.

    Args:
        logits: (n, classes); log-probabilities are logits too.
        labels: (n,) integers.
        draws: simulations of the noise floor and resamples of the bootstrap (>= 1).
        seed: of both.

    Returns:
        A dict that JSON can hold: `samples`, `classes`, `error_percent`, `mean_confidence`, `nll_nats`, `brier` and
        its decomposition, the errors of calibration in per cent (`ece`, `equal_mass_ece`, `sweep_ece`,
        `debiased_ece`, `debiased_rms`, `classwise_ece`, `smooth_ece`, each `..._percent`; `mce` with its bin),
        `noise_floor` of the ECE with its p-value, 95 % bootstrap `intervals`, and the per-bin table `bins`.

    Raises:
        TypeError, ValueError: unusable logits or labels, see `calibration.methods.inputs`.
    """
    logits = check_logits(logits)
    labels = check_labels(labels, *logits.shape)
    probabilities = binned.softmax(logits)
    top = binned.top_one(logits, labels)
    pair = top.confidence, top.correct
    floor = uncertainty.noise_floor(*pair, draws=draws, seed=seed, complement=top.complement)
    intervals = uncertainty.bootstrap(uncertainty.sample_columns(probabilities, labels), draws, seed)
    sweep, sweep_bins = binned.sweep_ece(*pair)
    errors = {
        "ece": binned.ece(*pair),
        "equal_mass_ece": binned.ece(*pair, binned.equal_mass_edges(top.confidence)),
        "sweep_ece": sweep,
        "debiased_ece": binned.debiased_ece(*pair),
        "debiased_rms": binned.debiased_rms(*pair),
        "classwise_ece": binned.classwise_ece(probabilities, labels),
        "smooth_ece": smooth_ece(*pair, complement=top.complement),
    }
    bins = [row._asdict() for row in binned.reliability_table(*pair)]
    return {
        "samples": len(labels),
        "classes": logits.shape[1],
        "error_percent": 100 * (1 - float(top.correct.mean())),
        "mean_confidence": float(top.confidence.mean()),
        "nll_nats": float(binned.nll(logits, labels).mean()),
        "brier": binned.brier_decomposition(probabilities, labels),
        **{f"{name}_percent": 100 * value for name, value in errors.items()},
        "sweep_bins": sweep_bins,
        "mce": binned.mce(*pair)._asdict(),
        "noise_floor": {
            "mean_percent": 100 * floor.mean,
            "q95_percent": 100 * floor.q95,
            "p_value": floor.p_value,
        },
        "intervals": {name: interval._asdict() for name, interval in intervals.items()},
        "bins": [{key: None if value != value else value for key, value in row.items()} for row in bins],
    }


@dataclasses.dataclass(frozen=True)
class Report:
    """Fits the temperature on one part of the samples and reports on the rest, before and after."""

    predictions: Annotated[Path, tyro.conf.Positional]
    """Logits (n, classes), or (n,) of a binary model, and labels (n,): an .npz file with arrays of these names, a .csv
    file with a column `label` and one column per class, or an .npy file with <name>_labels.npy beside it."""
    validation: Path | None = None
    """A second file to fit on; none given: a random share of the first."""
    fit_share: float = 0.5
    """That share, in (0, 1)."""
    probabilities: bool = False
    """The file holds softmax probabilities, or P(class 1) of a binary model; their logarithm is used."""
    logits_name: str = "logits"
    """Name of the array of logits or probabilities."""
    labels_name: str = "labels"
    """Name of the array of labels."""
    draws: int = 1000
    """Simulations of the noise floor and resamples of the bootstrap (>= 1)."""
    seed: int = 0
    """Of the random share, the simulations and the bootstrap (>= 0)."""
    out: Path = Path("results/report")
    """Folder for <name>.json and <name>.png."""

    def __post_init__(self):
        check(0 < self.fit_share < 1, "fit_share", "in (0, 1)", self.fit_share)
        check(self.draws >= 1, "draws", "at least 1", self.draws)
        check(self.seed >= 0, "seed", "at least 0", self.seed)


def read(path: Path, options: Report) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of a file; DataError when it cannot be used."""
    if path.suffix == ".npy":
        logits, labels = read_npy(path), read_npy(path.with_name(f"{path.stem}_labels.npy"))
    elif path.suffix.lower() == ".csv":
        names, values = read_csv(path)
        if "label" not in names:
            raise DataError(f"{path} has columns {', '.join(names)}, expected one called label; rename it")
        labels = values[:, names.index("label")]
        logits = np.delete(values, names.index("label"), axis=1)
    else:
        logits, labels = read_npz(path, (options.logits_name, options.labels_name)).values()
    if logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1):
        logits = of_two_classes(logits.reshape(-1), options.probabilities)
    if options.probabilities:
        logits = logits_from_probabilities(logits)
    logits = check_logits(logits)
    return logits, check_labels(labels, *logits.shape)


def of_two_classes(values: np.ndarray, probabilities: bool) -> np.ndarray:
    """Two columns for a binary model's one: 0 and its logit, or 1 - p and p."""
    first = 1 - values if probabilities else np.zeros_like(values)
    return np.stack([first, values], axis=1)


def divide(options: Report) -> tuple[tuple, tuple]:
    """(logits, labels) to fit on and to report on."""
    logits, labels = read(options.predictions, options)
    if options.validation is not None:
        return read(options.validation, options), (logits, labels)
    order = np.random.default_rng(options.seed).permutation(len(labels))
    fitted = round(options.fit_share * len(labels))
    if not 0 < fitted < len(labels):
        raise DataError(f"{len(labels)} samples cannot be divided with --fit-share {options.fit_share}")
    first, second = order[:fitted], order[fitted:]
    return (logits[first], labels[first]), (logits[second], labels[second])


def draw(path: Path, test: tuple, temperature: float, reports: dict[str, dict]) -> None:
    """The picture: confidence histograms and reliability diagrams, before and after."""
    from matplotlib import pyplot as plt

    from calibration.metrics import diagrams
    from reporting import plots

    panels = {}
    for (title, report), divisor in zip(reports.items(), (1.0, temperature), strict=True):
        panels[title] = (binned.top_one(test[0] / divisor, test[1]), diagrams.summary_lines(report))
    figure = plt.figure(figsize=(7.5, 6))
    diagrams.reliability_columns(figure, panels)
    plots.caption(figure, f"{len(test[1]):,} samples that the temperature {temperature:.4f} was not fitted on.")
    plots.save(figure, path)


def main(argv: list[str] | None = None) -> None:
    """Reads, fits, reports, draws."""
    from training.run import write_json

    with one_line_errors(OSError):
        options = run_cli(Report, "python -m calibration.report", sys.argv[1:] if argv is None else argv)
        validation, test = divide(options)
        fit = fit_temperature(*validation)
        scaled = test[0] / fit.temperature
        reports = {
            "before": calibration_report(*test, options.draws, options.seed),
            "after": calibration_report(scaled, test[1], options.draws, options.seed),
        }
        stem = options.out / options.predictions.stem
        fitted = {**dataclasses.asdict(fit), "samples": len(validation[1])}
        write_json(stem.with_suffix(".json"), {"temperature": fitted, **reports})
        draw(stem.with_suffix(".png"), test, fit.temperature, reports)
    print(f"T = {fit.temperature:.4f} +- {fit.standard_error:.4f} ({fit.status}, {len(validation[1]):,} samples)")
    for title, report in reports.items():
        floor = report["noise_floor"]
        print(
            f"{title:<7} error {report['error_percent']:.2f} %  NLL {report['nll_nats']:.4f}  "
            f"Brier {report['brier']['brier']:.4f}  ECE {report['ece_percent']:.2f} % "
            f"(floor {floor['mean_percent']:.2f}, p {floor['p_value']:.3f})  "
            f"smooth ECE {report['smooth_ece_percent']:.2f} %"
        )
    print(f"Wrote {stem}.json and {stem}.png")


if __name__ == "__main__":
    main()
