"""The run folder: atomic files, nothing overwritten silently, damage named."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reporting.tables import find_runs
from training import environment
from training.environment import git_state
from training.run import Run, RunError, read_json, write_atomic, write_json
from training.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path, **settings):
    return Run.open("method", "blog", Settings(runs_dir=str(tmp_path), **settings), "digits")


def finish(run):
    write_json(run.path / "environment.json", {"commit": "abc", "data": {"title": "digits"}})
    run.finish(None, {"test/mse": np.float64(0.5)}, {"train": 3}, [{"epoch": 1, "seconds": 2.0}])


def test_the_path_is_deterministic(tmp_path):
    assert start(tmp_path, seed=3).path == tmp_path / "method" / "blog" / "digits" / "seed3"
    assert start(tmp_path, tag="wide").path == tmp_path / "method" / "blog@wide" / "digits" / "seed0"


def test_an_existing_run_is_not_overwritten_silently(tmp_path):
    run = start(tmp_path)
    assert start(tmp_path) == run, "a run without a checkpoint has nothing to lose"
    run.save_checkpoint([np.zeros(1)], [{"epoch": 1}])
    with pytest.raises(RunError, match="has begun; add --resume to go on or --overwrite"):
        start(tmp_path)
    finish(run)
    with pytest.raises(RunError, match="is finished"):
        start(tmp_path)
    assert start(tmp_path, resume=True).finished
    assert not start(tmp_path, overwrite=True).finished


def test_resuming_with_another_setting_is_refused_and_named(tmp_path):
    run = start(tmp_path, batch_size=64)
    run.save_checkpoint([np.zeros(1)], [{"epoch": 1}])
    with pytest.raises(RunError, match=r"--batch-size was 64 when .* received 32"):
        start(tmp_path, batch_size=32, resume=True)
    assert start(tmp_path, batch_size=64, epochs=99, device="cpu", resume=True) == run


def test_a_finished_run_answers_its_own_settings_only(tmp_path):
    run = start(tmp_path, epochs=2)
    assert not run.answers(Settings(epochs=2))
    finish(run)
    assert run.answers(Settings(epochs=2)) and run.answers(Settings(epochs=2, runs_dir="elsewhere", device="gpu"))
    assert not run.answers(Settings(epochs=3)) and not run.answers(Settings(epochs=2, batch_size=7))


def test_a_finished_run_is_extended_where_its_rate_allows_it(tmp_path, monkeypatch):
    run = start(tmp_path, epochs=2)
    run.save_checkpoint([np.zeros(1)], [{"epoch": 1}, {"epoch": 2}])
    finish(run)
    with pytest.raises(RunError, match="has 2 epochs already, --epochs is 1"):
        start(tmp_path, epochs=1, resume=True)
    monkeypatch.setattr(Settings, "fixed_length", lambda self: "its rate falls to 0")
    with pytest.raises(RunError, match="cannot be made 3 epochs long: its rate falls to 0 over 2 epochs"):
        start(tmp_path, epochs=3, resume=True)
    assert run.finished
    monkeypatch.undo()
    longer = start(tmp_path, epochs=3, resume=True)
    assert not longer.finished and longer.config["settings"]["epochs"] == 3 and longer.checkpoints()


def test_a_run_goes_on_with_the_same_data_only(tmp_path):
    def begin(name, checksum, **settings):
        config = Settings(runs_dir=str(tmp_path), **settings)
        return Run.open("method", "blog", config, name, checksum)

    run = begin("own-11111111", "a" * 64)
    write_json(run.path / "environment.json", {"data": {"checksum": "a" * 64}})
    run.save_checkpoint([np.zeros(1)], [{"epoch": 1}])
    assert begin("own-11111111", "a" * 64, resume=True) == run
    for name in ("own-11111111", "own-22222222"):  # the same name, or named after its new content
        with pytest.raises(RunError, match=r"begun on other content of auto \(checksum aaaaaaaa, now bbbbbbbb"):
            begin(name, "b" * 64, resume=True)
    assert not (run.path.parents[1] / "own-22222222").exists()
    assert begin("own-22222222-100", "b" * 64, resume=True)  # other numbers of rows: another run


def test_a_run_started_before_a_setting_existed_goes_on_with_its_default(tmp_path):
    run = start(tmp_path)
    run.save_checkpoint([np.zeros(1)], [{"epoch": 1}])
    config = run.config
    del config["settings"]["held_examples"]
    write_json(run.path / "config.json", config)
    with pytest.raises(RunError, match=r"--held-examples was 0 when .* received 50"):
        start(tmp_path, held_examples=50, resume=True)
    assert start(tmp_path, resume=True) == run


def test_result_and_metrics_are_read_as_written(tmp_path):
    run = start(tmp_path)
    run.write_metrics([{"epoch": 1, "train/loss": 0.25}, {"epoch": 2, "train/loss": 0.125, "validation/loss": 3.0}])
    rows = run.metrics()
    assert rows[1] == {"epoch": 2, "train/loss": 0.125, "validation/loss": 3.0}
    assert np.isnan(rows[0]["validation/loss"])
    finish(run)
    assert run.result["metrics"] == {"test/mse": 0.5} and run.result["seconds"] == 2.0 and run.result["epochs"] == 1
    assert find_runs(tmp_path) == [run]


def test_two_checkpoints_are_kept_and_a_damaged_one_is_passed_over(tmp_path, capsys):
    run = start(tmp_path)
    assert run.load_checkpoint() is None
    for epoch in range(1, 5):
        history = [{"epoch": i + 1} for i in range(epoch)]
        run.save_checkpoint([np.full(3, epoch, np.float32), np.arange(2, dtype=np.uint32)], history)
    assert [path.name for path in run.checkpoints()] == ["epoch-00003.npz", "epoch-00004.npz"]
    state, history = run.load_checkpoint()
    assert state[0].tolist() == [4, 4, 4] and state[1].dtype == np.uint32 and len(history) == 4
    newest = run.checkpoints()[-1]
    newest.write_bytes(newest.read_bytes()[:100])
    assert len(run.load_checkpoint()[1]) == 3
    assert "damaged" in capsys.readouterr().err


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    write_atomic(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.run.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old" and [file.name for file in tmp_path.iterdir()] == ["file.json"]


def test_damaged_folders_are_named_and_left_alone(tmp_path, capsys):
    run = start(tmp_path)
    finish(run)
    (run.path / "config.json").write_text("{")
    assert find_runs(tmp_path) == [] and str(run.path) in capsys.readouterr().out
    (run.path / "config.json").write_text(json.dumps({"schema": 0}))
    assert find_runs(tmp_path) == [] and "another schema" in capsys.readouterr().out
    assert run.finished
    with pytest.raises(RunError, match="cannot be read"):
        read_json(tmp_path / "missing.json")


def test_hardware_names_the_widest_vectors():
    assert environment.widest_vectors("flags\t\t: sse4_2 avx2 fma") == " with AVX2"
    assert environment.widest_vectors("flags\t\t: avx2 avx512f amx_tile") == " with AMX"
    assert environment.widest_vectors("flags\t\t: avx avx512f avx2") == " with AVX-512"
    assert environment.widest_vectors("") == "" and re.fullmatch(r"[1-9]\d* x .+, CPU", environment.hardware())


def test_git_state_names_a_commit_here():
    assert set(git_state()) == {"commit", "dirty"}


HOLDER = """
import sys
from training.run import Run
from training.settings import Settings
run = Run.open("method", "blog", Settings(runs_dir=sys.argv[1]), "digits")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("settings", [{}, {"resume": True}, {"overwrite": True}])
def test_two_processes_never_train_into_one_folder(settings, tmp_path):
    """The second is told so in one line, also with --overwrite; a killed process leaves neither lock nor file."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RunError, match="is being trained by another process"):
        start(tmp_path, **settings)
    holder.kill()
    holder.wait(30)
    run = start(tmp_path, **settings)
    assert [path.name for path in run.path.iterdir()] == ["config.json"]
    start(tmp_path, **settings)  # the same process may open its own run again


def test_fewer_epochs_than_were_run_are_refused(tmp_path):
    run = start(tmp_path, epochs=5)
    for epoch in range(1, 5):
        run.save_checkpoint([np.zeros(2)], [{"epoch": float(number)} for number in range(1, epoch + 1)])
    with pytest.raises(RunError, match="has 4 epochs already, --epochs is 3; ask for at least 4"):
        start(tmp_path, epochs=3, resume=True)
    start(tmp_path, epochs=4, resume=True)


def test_what_a_killed_process_left_half_written_is_cleared(tmp_path):
    config = Settings(runs_dir=str(tmp_path))
    run = Run.open("m", "v", config, "digits")
    left = [
        run.path / ".metrics.csv.123.part",
        run.path / ".model.part.keras",
        run.path / "figures" / ".loss.png.9.part",
    ]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    Run.open("m", "v", dataclasses.replace(config, resume=True), "digits")
    assert not any(path.exists() for path in left) and (run.path / "config.json").exists()
