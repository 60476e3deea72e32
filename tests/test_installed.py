"""The wheel, as a user installs it: from an unrelated folder that has folders named like our packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = """
import autoencoders.layers, calibration.model, capsnet.layers, corrmcnn.layers
import corrnet.layers, densenet.model, gmu.model
import numpy as np, keras
import data, training
assert data.__file__ and training.__file__  # not the plain folders of these names beside us
keras.utils.set_random_seed(0)
network = gmu.model.build(units=2)
network.save("model.keras")
x = {"visual": np.ones((3, 1), "float32"), "textual": np.ones((3, 1), "float32")}
again = keras.saving.load_model("model.keras", safe_mode=True)
np.testing.assert_allclose(again(x)["logits"], network(x)["logits"], rtol=1e-6)
from corrnet.estimator import CorrNetEstimator
random = np.random.default_rng(0)
z = random.normal(size=(64, 2))
views = [1 / (1 + np.exp(-(z @ random.normal(size=(2, 4))))) for _ in range(2)]
assert CorrNetEstimator(2, epochs=2).fit(*views).transform(left=views[0]).shape == (64, 2)
from calibration.methods.temperature import fit_temperature
logits = random.normal(size=(500, 3)).astype("float32")
labels = np.array([random.choice(3, p=np.exp(2 * row) / np.exp(2 * row).sum()) for row in logits])
assert 0.3 < fit_temperature(logits, labels).temperature < 0.8
from autoencoders import model
from autoencoders.codec.archive import Archive, compress, decompress
images = random.integers(0, 256, (8, 28, 28), dtype=np.uint8)
archive = Archive.from_bytes(compress(images, model.build(), 0.1).to_bytes())
assert decompress(archive).shape == images.shape
print("fine")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(run, folder): `run(*arguments)` runs Python in `folder` with nothing of ours on the path but the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    skipped = shutil.ignore_patterns(".*", "runs*", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=skipped)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = [*pip, "wheel", str(source), "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("five_documents-*.whl")
    site = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    elsewhere = folder / "elsewhere"
    for name in ("data", "training"):
        (elsewhere / name).mkdir(parents=True)

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(site)}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=300)

    return run, elsewhere


def test_library_works_from_anywhere_and_its_import_is_quiet(installed):
    run, _ = installed
    done = run("-c", LIBRARY)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "fine", done.stderr
    noise = [line for line in done.stderr.splitlines() if "cuInit" not in line]  # a driver's word on the first tensor
    assert not noise


def test_commands_answer_from_anywhere(installed):
    run, _ = installed
    done = run("-m", "gmu.train", "--help")
    assert done.returncode == 0 and "--learning-rate" in done.stdout and not done.stderr
    done = run("-m", "gmu.train", "best", "--epochs", "2", "--samples", "20")
    assert done.returncode == 0 and "Done: runs/gmu/best/synthetic/seed0" in done.stdout, done.stderr
    assert not done.stderr
