"""Every input file of a command wrong, damaged, empty or of another kind: one line, exit code 2, nothing written."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from autoencoders import model
from autoencoders.codec.archive import main as codec
from calibration.report import main as report
from capsnet import predict
from commands.predict import Ask
from commands.predict import main as ask
from training.run import Run, read_json, write_json
from training.settings import one_line_errors

ROOT = Path(__file__).resolve().parents[2]


def refuse(main, argv, capsys):
    """Runs a command that must end with one line and exit code 2; returns the line."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in argv])
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1, error
    return error


@pytest.fixture
def files(tmp_path):
    """A file of every kind that commands read, good and bad."""
    np.savez(tmp_path / "images.npz", images=np.zeros((5, 28, 28), np.uint8))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("no such thing")
    network = model.build(network="dense", widths=(4,), code=2)
    network.save(tmp_path / "codec.keras")
    content = (tmp_path / "codec.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(content[: len(content) // 2])
    (tmp_path / "changed.keras").write_bytes(content[:300] + b"x" * 40 + content[340:])
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    model.build(network="unet", widths=(2, 2)).save(tmp_path / "unet.keras")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "name", ["empty", "text", "cut.keras", "changed.keras", "other.keras", "unet.keras", "images.npz", "folder"]
)
def test_codec_refuses_what_is_no_model_of_its_own(name, files, capsys):
    line = refuse(codec, ["compress", files / "images.npz", files / "out.aez", "--model", files / name], capsys)
    assert name in line and not (files / "out.aez").exists()


@pytest.mark.parametrize("name", ["empty", "text", "codec.keras", "images.npz", "folder", "absent"])
def test_codec_refuses_what_is_no_archive(name, files, capsys):
    refuse(codec, ["decompress", files / name, files / "out.npz"], capsys)
    assert not (files / "out.npz").exists()


@pytest.mark.parametrize("name", ["empty", "text", "codec.keras", "folder", "absent"])
def test_codec_and_report_refuse_what_is_no_array_file(name, files, capsys):
    refuse(codec, ["compress", files / name, files / "out.aez", "--model", files / "codec.keras"], capsys)
    refuse(report, [files / name, "--out", files / "out"], capsys)
    assert not (files / "out.aez").exists() and not (files / "out").exists()


@pytest.mark.parametrize("change", ["absent", "empty", "no result", "damaged config", "other schema", "no model"])
def test_predict_refuses_what_is_no_run(change, files, capsys):
    run = files / "runs" / "capsnet" / "paper" / "mnist" / "seed0"
    if change != "absent":
        run.mkdir(parents=True)
    if change not in ("absent", "empty"):
        write_json(run / "config.json", {"schema": 99 if change == "other schema" else 1, "method": "capsnet"})
        write_json(run / "result.json", {"metrics": {}, "finished": "x"})
        write_json(run / "environment.json", {"data": {"title": "digits"}})
        (run / "model.keras").write_text("no model")
    for name in {"no result": ["result.json"], "no model": ["model.keras"]}.get(change, []):
        (run / name).unlink()
    if change == "damaged config":
        (run / "config.json").write_text("{")

    def main(argv):
        ask("capsnet", Ask, predict.answer, predict.read, argv)

    refuse(main, [run, files / "images.npz", "--out", files / "out.png"], capsys)
    assert not (files / "out.png").exists()


def test_json_is_strict_and_read_back(tmp_path):
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": [1.0, np.float32("inf"), np.arange(2)], "z": -np.inf})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text, parse_constant=lambda word: pytest.fail(word)) == {
        "x": None,
        "y": [1.0, None, [0, 1]],
        "z": None,
    }
    write_json(tmp_path / "result.json", {"metrics": {"ece": float("nan"), "error": 2.0}})
    metrics = Run(tmp_path).result["metrics"]
    assert np.isnan(metrics["ece"]) and metrics["error"] == 2
    (tmp_path / "old.json").write_text('{"ece": NaN}')  # what older versions wrote
    assert np.isnan(read_json(tmp_path / "old.json")["ece"])


def test_every_committed_json_file_is_strict():
    listed = subprocess.run(["git", "ls-files", "*.json"], cwd=ROOT, capture_output=True, text=True)
    for name in listed.stdout.split():
        json.loads((ROOT / name).read_text(), parse_constant=lambda word, name=name: pytest.fail(f"{word} in {name}"))


def test_the_boundary_keeps_the_traceback_of_a_bug():
    with pytest.raises(ZeroDivisionError), one_line_errors():
        1 / 0  # noqa: B018
    with pytest.raises(ValueError, match="a bug"), one_line_errors(OSError):
        raise ValueError("a bug")


def test_a_reader_that_goes_away_is_no_error():
    code = "import sys\nfrom training.settings import one_line_errors\nwith one_line_errors():\n"
    code += "    for _ in range(100000): print('line')\n"
    command = f'{sys.executable} -c "{code}" | head -1'
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "line\n" and not done.stderr
