"""Runs on a real Dask cluster, whose processes start in a folder from which the project cannot be imported."""

import importlib.metadata
import json
import os
import subprocess
import sys
import time

import pytest

import reproduce
from commands import cluster
from commands.jobs import Job, execute_all
from training.run import RunError
from training.settings import SettingsError

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Starts a Dask program in a folder of its own, without the project's path."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    started = []

    def start(program, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments, "--no-dashboard"]
        with open(folder / f"{program}.log", "w") as log:
            started.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log))
        return folder

    yield start
    for process in reversed(started):
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def scheduler(elsewhere):
    """The address of a scheduler without workers."""
    found = elsewhere("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "scheduler.json")
    for _ in range(300):
        try:
            return json.loads((found / "scheduler.json").read_text())["address"]
        except (OSError, ValueError):
            time.sleep(0.1)
    raise AssertionError((found / "scheduler.log").read_text())


def tasks(runs):
    """Two seeds of the post's GMU."""
    return Job("gmu.train", "blog", "synthetic", (0, 1), ("--epochs", "2")).tasks("full", str(runs))


def results(runs):
    """What the runs below a folder measured, without their times."""
    found = [json.loads(path.read_text()) for path in sorted(runs.rglob("result.json"))]
    return [{name: value for name, value in one["metrics"].items() if "seconds" not in name} for one in found]


def test_nothing_that_answers_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match="no Dask scheduler answers"), cluster.connected("tcp://127.0.0.1:1", 0.5):
        pass


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match="needs the package distributed"), cluster.connected("tcp://127.0.0.1:1"):
        pass


def test_workers_elsewhere_give_what_this_process_gives(scheduler, elsewhere, tmp_path, monkeypatch):
    with pytest.raises(RunError, match="no worker joined within 4 s"), cluster.connected(scheduler, 4.0):
        pass
    elsewhere("worker", scheduler, "--nworkers", "1", "--nthreads", "1")
    with monkeypatch.context() as other:
        version = importlib.metadata.version
        other.setattr(importlib.metadata, "version", lambda name: "9.9" if name == "keras" else version(name))
        with pytest.raises(RunError, match=r"has keras [\d.]+, expected 9.9"), cluster.connected(scheduler, 60.0):
            pass
    assert execute_all(tasks(tmp_path / "cluster"), cluster=scheduler) == []
    assert execute_all(tasks(tmp_path / "here")) == []
    assert len(results(tmp_path / "here")) == 2
    assert results(tmp_path / "cluster") == results(tmp_path / "here")


def test_a_process_that_sees_another_disk_says_so(tmp_path):
    prepare = cluster.preparation(str(cluster.PROJECT), "/shared", str(tmp_path / "token"), {})
    with pytest.raises(RuntimeError, match="does not see /shared"):
        prepare()


def test_reproduce_hands_its_runs_to_the_cluster(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr(reproduce.jobs, "execute_all", lambda tasks, jobs, cluster: asked.update(cluster=cluster) or [])
    monkeypatch.setattr(reproduce, "judge", lambda *_: ([], []))
    flags = ["--only", "gmu", "--out", str(tmp_path), "--runs-dir", str(tmp_path / "runs")]
    reproduce.main([*flags, "--size", "quick", "--cluster", "tcp://somewhere:8786"])
    assert asked == {"cluster": "tcp://somewhere:8786"}
    with pytest.raises(SystemExit, match="2"):
        reproduce.main([*flags, "--cluster", "tcp://somewhere:8786"])
