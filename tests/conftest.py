"""Shared by all tests: no network, no screen, few threads, and a way to run a command as a user would."""

import os

os.environ.setdefault("RESEARCH_OFFLINE", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # the workers use the cores, one each
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def command(tmp_path):
    """Runs `python arguments...` in the project; runs go to tmp_path/runs unless told otherwise."""

    def run(*arguments, check=None, **environment):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    return run


NURSERY = """
import json, os, runpy, sys, traceback
sys.path.insert(0, os.getcwd())
import training.quiet, keras

for line in sys.stdin:
    arguments, environment, files = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, path in enumerate(files):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
        os.environ.update(environment)
        code = 0
        try:
            kind, *sys.argv = arguments
            if kind == "-c":
                exec(compile(sys.argv[0], "<fresh>", "exec"), {"__name__": "__main__"})
            elif kind == "-m":
                runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
            else:
                sys.argv = arguments
                runpy.run_path(kind, run_name="__main__")
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.fixture(scope="session")
def nursery():
    """A process that has loaded Keras and nothing of the methods, and forks before it does anything with it."""
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="session")
def fresh(nursery, tmp_path_factory):
    """As `command` for `-c CODE`, `-m MODULE` and files, four seconds faster: Keras is loaded, the methods are not."""
    folder = tmp_path_factory.mktemp("fresh")

    def run(*arguments, check=None, **environment):
        files = ["/dev/null", str(folder / "out"), str(folder / "err")]
        for path in files[1:]:
            Path(path).write_text("")
        nursery.stdin.write(json.dumps([[str(each) for each in arguments], environment, files]) + "\n")
        nursery.stdin.flush()
        code = int(nursery.stdout.readline())
        done = subprocess.CompletedProcess(arguments, code, *(Path(path).read_text() for path in files[1:]))
        if check is not None:
            assert done.returncode == check, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session", autouse=True)
def digits_read_once():
    """scikit-learn parses its digits anew for each call; the tests ask for them hundreds of times."""
    from data import sources

    read = sources.digits
    sources.digits = functools.cache(read)
    yield
    sources.digits = read


@pytest.fixture
def without_graphs():
    """Runs what would be a graph step by step: tracing a few steps takes far longer than they do."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def image_file(tmp_path):
    """Writes an .npz in Keras' layout; arguments replace arrays. Returns its folder."""

    def write(name="mnist", **changes):
        random = np.random.default_rng(0)
        arrays = {
            "x_train": random.integers(0, 256, (240, 28, 28), dtype=np.uint8),
            "y_train": np.arange(240, dtype=np.uint8) % 10,
            "x_test": random.integers(0, 256, (50, 28, 28), dtype=np.uint8),
            "y_test": np.arange(50, dtype=np.uint8) % 10,
        } | changes
        np.savez(tmp_path / f"{name}.npz", **{key: value for key, value in arrays.items() if value is not None})
        return tmp_path

    return write
