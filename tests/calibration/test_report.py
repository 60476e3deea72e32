"""The report as a function and as a command: numbers, files, one line for every bad file, no TensorFlow."""

import json

import numpy as np
import pytest

from calibration.methods.temperature import fit_temperature
from calibration.metrics import binned
from calibration.report import calibration_report


def sample(count=600, seed=0):
    generator = np.random.default_rng(seed)
    calibrated = 1.5 * generator.normal(size=(count, 4))
    return 2.0 * calibrated, (calibrated + generator.gumbel(size=(count, 4))).argmax(axis=1)


def test_report_holds_every_estimator_and_is_json():
    logits, labels = sample()
    report = json.loads(json.dumps(calibration_report(logits, labels, draws=100), allow_nan=False))
    top = binned.top_one(logits, labels)
    assert report["ece_percent"] == pytest.approx(100 * binned.ece(*top[::2]))
    assert report["nll_nats"] == pytest.approx(binned.nll(logits, labels).mean())
    assert sum(row["count"] for row in report["bins"]) == report["samples"] == 600
    gap = sum(row["count"] * abs(row["gap"] or 0) for row in report["bins"]) / 600
    assert report["ece_percent"] == pytest.approx(100 * gap)
    assert report["intervals"]["ece"]["low"] < report["ece_percent"] / 100 < report["intervals"]["ece"]["high"]
    assert {"equal_mass_ece_percent", "sweep_ece_percent", "debiased_ece_percent", "classwise_ece_percent"} <= set(
        report
    )
    assert calibration_report(logits, labels, draws=100) == calibration_report(logits, labels, draws=100)


def test_command_writes_json_and_picture(command, tmp_path):
    logits, labels = sample()
    np.savez(tmp_path / "mine.npz", logits=logits.astype(np.float32), labels=labels)
    out = tmp_path / "out"
    done = command("-m", "calibration.report", tmp_path / "mine.npz", "--out", out, "--draws", 50, check=0)
    written = json.loads((out / "mine.json").read_text())
    order = np.random.default_rng(0).permutation(600)
    fit = fit_temperature(logits.astype(np.float32)[order[:300]], labels[order[:300]])
    assert written["temperature"]["temperature"] == pytest.approx(fit.temperature, rel=1e-9)
    assert written["after"]["nll_nats"] < written["before"]["nll_nats"]
    assert written["after"]["error_percent"] == written["before"]["error_percent"]
    assert (out / "mine.png").read_bytes().startswith(b"\x89PNG")
    assert f"T = {fit.temperature:.4f}" in done.stdout
    other = command(
        "-m", "calibration.report", tmp_path / "mine.npz", "--validation", tmp_path / "mine.npz", "--out", out,
        "--draws", 50, check=0,
    )  # fmt: skip
    assert f"T = {fit_temperature(logits.astype(np.float32), labels).temperature:.4f}" in other.stdout


LOGITS, LABELS = sample(50)
FILES = {
    "probabilities": ({"logits": binned.softmax(LOGITS), "labels": LABELS}, "look like probabilities"),
    "names": ({"z": LOGITS, "labels": LABELS}, "holds z, labels"),
    "one-hot": ({"logits": LOGITS, "labels": np.eye(4)[LABELS]}, "argmax"),
    "half": ({"logits": LOGITS.astype(np.float16), "labels": LABELS}, "float16"),
    "not finite": ({"logits": np.where(LOGITS > 1, np.nan, LOGITS), "labels": LABELS}, "NaN"),
    "objects": ({"logits": np.array([LOGITS, None], dtype=object), "labels": LABELS}, "not a readable"),
    "empty": ({"logits": LOGITS[:0], "labels": LABELS[:0]}, "empty"),
    "one sample": ({"logits": LOGITS[:1], "labels": LABELS[:1]}, "cannot be divided"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files_exit_2_with_one_line(name, tmp_path, capsys):
    from calibration.report import main

    arrays, words = FILES[name]
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "bad.npz"), "--out", str(tmp_path)])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    assert words in error


@pytest.mark.parametrize("arguments", [["missing.npz"], [], ["x.npz", "--fit-share", "1.5"], ["x.npz", "--nonsense"]])
def test_bad_arguments_exit_2_with_one_line(arguments, capsys):
    from calibration.report import main

    with pytest.raises(SystemExit) as stop:
        main(arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.count("\n") == 1


def test_report_starts_without_tensorflow(command):
    program = "import sys, calibration.report; print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    assert command("-c", program, check=0).stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["npy", "csv", "binary npz", "binary csv", "binary probabilities"])
def test_every_kind_of_file_is_read_as_the_same_logits(kind, tmp_path):
    from calibration.report import Report, read

    logits, labels = sample(60)
    binary = "binary" in kind
    if binary:
        labels = labels % 2
        z = logits[:, 1] - logits[:, 0]
        logits = np.stack([np.zeros_like(z), z], axis=1)
    if kind == "npy":
        path = tmp_path / "mine.npy"
        np.save(path, logits)
        np.save(tmp_path / "mine_labels.npy", labels)
    elif kind == "binary npz":
        path = tmp_path / "mine.npz"
        np.savez(path, logits=z, labels=labels)
    elif kind == "binary probabilities":
        path = tmp_path / "mine.npz"
        np.savez(path, logits=1 / (1 + np.exp(-z)), labels=labels)
    else:
        path = tmp_path / "mine.csv"
        columns = [z] if binary else list(logits.T)
        table = np.stack([*columns, labels], axis=1)
        header = ",".join([*(f"logit_{k}" for k in range(len(columns))), "label"])
        np.savetxt(path, table, delimiter=",", header=header, comments="")
    found, truth = read(path, Report(path, probabilities="probabilities" in kind))
    np.testing.assert_array_equal(truth, labels)
    np.testing.assert_allclose(np.diff(found, axis=1), np.diff(logits, axis=1), atol=1e-9)
