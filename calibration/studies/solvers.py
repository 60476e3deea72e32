"""Time against accuracy of ways to find the temperature: `python -m calibration.studies.solvers`.

The rivals are the recipes people copy, written again in NumPy on (n, classes) float32 logits, and scikit-learn's own.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from calibration.methods.steps import adam, loss_and_slope
from calibration.methods.temperature import fit_temperature
from commands.train import main
from data.dataset import Dataset
from training.run import Run, write_json
from training.settings import Settings, Variants, check_at_least

Solver = Callable[[np.ndarray, np.ndarray], float]


def newton(logits, labels) -> float:
    """Ours: Newton's method in log(1/T)."""
    return fit_temperature(logits, labels).temperature


def scikit_learn(logits, labels) -> float:
    """The solver inside CalibratedClassifierCV(method="temperature"): bounded search on the loss."""
    from sklearn.calibration import _TemperatureScaling

    return 1.0 / float(_TemperatureScaling().fit(logits, labels).beta_)


def bisection(logits, labels) -> float:
    """scipy's brentq on the derivative in log T."""
    from scipy.optimize import brentq

    return float(np.exp(brentq(lambda log_t: loss_and_slope(np.exp(log_t), logits, labels)[1], -4, 4, xtol=1e-9)))


def lbfgs(logits, labels, iterations: int, rate: float = 0.01, start: float = 1.5) -> float:
    """L-BFGS with a fixed step and no line search, the recipe of the first public implementations.

    In one dimension the quasi-Newton direction is -slope * (last change of T) / (last change of the slope).
    """
    temperature, (loss, slope) = start, loss_and_slope(start, logits, labels)
    step = -slope * rate * min(1.0, 1.0 / max(abs(slope), 1e-12))
    for _ in range(iterations):
        temperature += step
        previous_loss, previous_slope = loss, slope
        loss, slope = loss_and_slope(temperature, logits, labels)
        if abs(slope) <= 1e-7 or abs(step) <= 1e-9 or abs(loss - previous_loss) < 1e-9:
            break
        bend = slope - previous_slope
        step = -slope * rate * (step / bend if bend * step > 1e-10 else 1.0)
    return temperature


SOLVERS: dict[str, Solver] = {
    "newton": newton,
    "scikit_learn": scikit_learn,
    "brentq": bisection,
    "lbfgs_50": lambda logits, labels: lbfgs(logits, labels, 50),
    "lbfgs_200": lambda logits, labels: lbfgs(logits, labels, 200),
    "adam_300": adam,
}


def sample(samples: int, classes: int, temperature: float = 1.7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float32 logits whose calibrated temperature is near `temperature`, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    calibrated = generator.normal(size=(samples, classes), scale=2.0).astype(np.float32)
    calibrated[np.arange(samples), generator.integers(0, classes, samples)] += np.float32(2 + np.log(classes))
    labels = np.empty(samples, np.int64)
    for start in range(0, samples, 4096):
        block = calibrated[start : start + 4096]
        labels[start : start + 4096] = (block + generator.gumbel(size=block.shape)).argmax(axis=1)
    return np.float32(temperature) * calibrated, labels


def reference(logits, labels) -> float:
    """The temperature in float64, by bisection of the slope to full precision."""
    from scipy.optimize import brentq

    double = logits.astype(np.float64)
    near = np.log(fit_temperature(logits, labels).temperature)

    def slope(log_t):
        return loss_and_slope(np.exp(log_t), double, labels)[1]

    return float(np.exp(brentq(slope, near - 0.01, near + 0.01, xtol=1e-13)))


def measure(logits, labels, repeats: int, solvers: dict[str, Solver] = SOLVERS) -> dict[str, dict[str, float]]:
    """Median ms and relative error of every solver, interleaved `repeats` times in this process."""
    exact = reference(logits, labels)
    times: dict[str, list[float]] = {name: [] for name in solvers}
    found = {}
    for _ in range(repeats):
        for name, solver in solvers.items():
            start = time.perf_counter()
            found[name] = solver(logits, labels)
            times[name].append(1000 * (time.perf_counter() - start))
    return {
        name: {"ms": statistics.median(times[name]), "relative_error": abs(found[name] / exact - 1)}
        for name in solvers
    }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the comparison of solvers."""

    OWN_DATA: ClassVar[bool] = False

    NAMED: ClassVar[tuple[str, ...]] = ("synthetic",)

    data: str = "synthetic"
    """Logits drawn from a known temperature."""
    samples: int = 10000
    """Rows (>= 10)."""
    classes: int = 10
    """Columns (>= 2)."""
    repeats: int = 9
    """Interleaved repetitions (>= 1)."""
    epochs: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, samples=10, classes=2, repeats=1)


TINY = ("--samples", "300", "--repeats", "1")  # what a test of every variant adds
VARIANTS: Variants = {
    "solvers": ("10,000 x 10 logits", Config()),
    "solvers_100_classes": ("10,000 x 100 logits", Config(classes=100)),
}


def load(config: Config) -> Dataset:
    """The logits as a data set of one split three times: nothing is trained."""
    logits, labels = sample(config.samples, config.classes, seed=config.seed)
    split = {"logits": logits, "label": labels}
    return Dataset("synthetic", f"synthetic logits {config.samples:,} x {config.classes}", split, split, split)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Times every solver and writes solvers.json."""
    start = time.perf_counter()
    table = measure(dataset.test["logits"], dataset.test["label"], config.repeats)
    write_json(run.path / "solvers.json", table)
    metrics = {f"{name}/{key}": value for name, row in table.items() for key, value in row.items()}
    seconds = time.perf_counter() - start
    run.finish(None, metrics, dataset.counts(), [{"epoch": 1, "seconds": seconds}])


if __name__ == "__main__":
    main("calibration.studies.solvers", VARIANTS, load, train)
