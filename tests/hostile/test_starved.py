"""A run without disk, memory, folder or sane clock: one line where there can be one, and the same run afterwards."""

import sys
import textwrap

import numpy as np
import pytest

from training.run import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of files and memory are Linux'")
# Trains the post's GMU for three epochs; argv: what goes wrong, the runs folder, further flags.
TRAINING = """
    import os, resource, sys, time
    what, runs, *flags = sys.argv[1:]
    from commands.train import main
    from gmu import train
    from training import loop
    check, start, clock = loop.check_finite, time.time(), time.time

    def vandal(values, names, prefix, epoch, step):
        check(values, names, prefix, epoch, step)
        if (prefix, epoch) != ("train", 2):
            return
        if what == "full disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        elif what == "moved":
            os.rename(runs, runs + " elsewhere")
        elif what == "memory":
            resource.setrlimit(resource.RLIMIT_DATA, (1 << 20, 1 << 20))
        elif what == "clock":
            time.time = lambda: 2 * start - clock() - 86400

    loop.check_finite = vandal
    main("gmu.train", train.VARIANTS, train.load, train.train, ["blog", "--epochs", "3", "--runs-dir", runs, *flags])
"""


@pytest.fixture(scope="module")
def train(fresh):
    """Runs the training in a process of its own."""
    return lambda what, runs, *flags: fresh("-c", textwrap.dedent(TRAINING), what, runs, *flags)


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    """A run to which nothing happens."""
    runs = tmp_path_factory.mktemp("straight")
    assert train("nothing", runs).returncode == 0
    return of(runs)


def of(runs):
    """Files, weights, epochs (without their seconds) and metrics of the run below a folder."""
    run = Run(runs / "gmu" / "blog" / "synthetic" / "seed0")
    state, history = run.load_checkpoint()
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in history]
    files = sorted(str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file())
    return files, np.concatenate([value.ravel() for value in state]), rows, run.result["metrics"]


def assert_same(found, expected):
    np.testing.assert_array_equal(found[1], expected[1])
    assert (found[0], *found[2:]) == (expected[0], *expected[2:])


@pytest.mark.parametrize(("what", "reason"), [("full disk", "File too large"), ("moved", "No such file or directory")])
def test_a_full_disk_and_a_folder_that_goes_away_end_in_one_line(train, straight, tmp_path, what, reason):
    runs = tmp_path / "runs"
    done = train(what, runs)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert reason in done.stderr and "go on with: python -m gmu.train blog" in done.stderr
    where = tmp_path / "runs elsewhere" if what == "moved" else runs
    assert what != "moved" or not list(runs.rglob("*.npz"))  # nothing goes on in the old place
    assert train("nothing", where, "--resume").returncode == 0
    assert_same(of(where), straight)


def test_without_memory_the_process_dies_and_the_run_does_not(train, straight, tmp_path):
    assert train("memory", tmp_path).returncode != 0
    assert len(Run(tmp_path / "gmu" / "blog" / "synthetic" / "seed0").checkpoints()) >= 1
    assert train("nothing", tmp_path, "--resume").returncode == 0
    assert_same(of(tmp_path), straight)


def test_a_clock_that_goes_back_changes_nothing(train, straight, tmp_path):
    assert train("clock", tmp_path).returncode == 0
    assert_same(of(tmp_path), straight)
    _, history = Run(tmp_path / "gmu" / "blog" / "synthetic" / "seed0").load_checkpoint()
    assert all(0 <= row["seconds"] < 60 for row in history)
