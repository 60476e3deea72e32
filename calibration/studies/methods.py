"""All methods on published predictions of five networks: `python -m calibration.studies.methods`.

The predictions are those that come with netcal's tests; `calibration/NAME.npz` in the folder $RESEARCH_DATA_DIR
holds `predictions` (n, classes) and `ground_truth` (n,). The first half fits, the second is measured.
"""

import dataclasses
import os
import time
from pathlib import Path
from typing import ClassVar

from calibration.methods.inputs import logits_from_probabilities
from commands.train import main
from data.arrays import read_npz
from data.dataset import DataError, Dataset
from training.run import Run
from training.settings import Settings, Variants


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the study; nothing is trained."""

    OWN_DATA: ClassVar[bool] = False
    NAMED: ClassVar[tuple[str, ...]] = ("predictions",)

    data: str = "predictions"
    """Published predictions; `--predictions` says which."""
    predictions: str = "wideresnet-16-4-cifar-10"
    """Name of the file in the folder `calibration` of the data folder."""
    epochs: int = 1


VARIANTS: Variants = {
    name: (f"every method on {title}, published predictions", Config(predictions=file))
    for name, file, title in (
        ("wideresnet_10", "wideresnet-16-4-cifar-10", "WideResNet-16-4, CIFAR-10"),
        ("lenet_10", "lenet-5-cifar-10", "LeNet-5, CIFAR-10"),
        ("densenet_100", "densenet-bc-100-cifar-100", "DenseNet-BC-100, CIFAR-100"),
        ("wideresnet_100", "wideresnet-16-4-cifar-100", "WideResNet-16-4, CIFAR-100"),
        ("lenet_100", "lenet-5-cifar-100", "LeNet-5, CIFAR-100"),
    )
}


SIZES = (200, 1000)  # samples to fit on, beside all
FEW = ("temperature", "vector", "matrix", "structured_vector", "structured_matrix")  # methods that are tried there


def load(config: Config) -> Dataset:
    """Logits up to a shift, and labels: the first half to fit, the second to measure."""
    folder = Path(config.data_dir or os.environ.get("RESEARCH_DATA_DIR") or "data")
    path = folder / "calibration" / f"{config.predictions}.npz"
    if not path.is_file():
        raise DataError(
            f"{path} does not exist, expected published predictions; set RESEARCH_DATA_DIR to the folder above "
            "`calibration`, or judge logits of your own with `python -m calibration.report FILE`"
        )
    arrays = read_npz(path, ("predictions", "ground_truth"))
    logits, labels = logits_from_probabilities(arrays["predictions"]), arrays["ground_truth"]
    half = len(labels) // 2
    fit, test = ({"logits": logits[part], "label": labels[part]} for part in (slice(half), slice(half, None)))
    title = f"published predictions {config.predictions}"
    return Dataset("predictions", title, fit, fit, test, provenance={"source": str(path)})


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Fits every method and measures it."""
    from calibration import evaluate
    from calibration.methods.every import METHODS

    start = time.perf_counter()
    fit, test = ((split["logits"], split["label"]) for split in (dataset.validation, dataset.test))
    metrics = evaluate.uncalibrated(test) | evaluate.every_method(fit, test)
    for size in (size for size in SIZES if size < len(fit[1])):
        for name in FEW:
            method = METHODS[name]().fit(fit[0][:size], fit[1][:size])
            found = evaluate.basic_metrics(method.predict_proba(test[0]), test[1], name)
            metrics[f"{name}/nll_nats_n{size}"] = found[f"{name}/nll_nats"]
    run.finish(None, metrics, dataset.counts(), [{"epoch": 1, "seconds": round(time.perf_counter() - start, 3)}])


if __name__ == "__main__":
    main("calibration.studies.methods", VARIANTS, load, train)
