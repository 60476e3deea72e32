"""The study of all methods on published predictions, here on a file like theirs."""

import numpy as np
import pytest

from calibration.methods.every import METHODS
from calibration.methods.temperature import fit_temperature
from calibration.studies import methods
from commands.train import main
from data.dataset import DataError
from training.run import Run
from training.settings import parse


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (600, 4))
    labels = (logits / 2 + random.gumbel(size=logits.shape)).argmax(axis=1)  # the right T is 2
    predictions = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    (tmp_path / "calibration").mkdir()
    np.savez(tmp_path / "calibration" / "lenet-5-cifar-10.npz", predictions=predictions, ground_truth=labels)
    return tmp_path, logits, labels


def test_every_method_is_fitted_on_the_first_half_and_measured_on_the_second(folder):
    path, logits, labels = folder
    flags = ["lenet_10", "--data-dir", str(path), "--runs-dir", str(path / "runs")]
    main("calibration.studies.methods", methods.VARIANTS, methods.load, methods.train, flags)
    metrics = Run(path / "runs" / "calibration" / "lenet_10" / "predictions" / "seed0").result["metrics"]
    scaled = logits[300:] / fit_temperature(logits[:300], labels[:300]).temperature
    nll = np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(300), labels[300:]])
    assert metrics["temperature/nll_nats"] == pytest.approx(nll, rel=1e-5)
    assert metrics["temperature/error_percent"] == metrics["test/error_percent"]
    assert {f"{name}/nll_nats" for name in METHODS} <= set(metrics)


def test_missing_predictions_are_named(tmp_path):
    _, config = parse("m", methods.VARIANTS, ["densenet_100", "--data-dir", str(tmp_path)])
    with pytest.raises(DataError, match="does not exist, expected published predictions"):
        methods.load(config)
