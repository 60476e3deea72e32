"""Shared by all tests: no network, no screen, few threads, and a way to run a command as a user would."""

import os

os.environ.setdefault("RESEARCH_OFFLINE", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # the workers use the cores, one each
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

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
