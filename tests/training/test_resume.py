"""A run killed at any moment and resumed ends with the weights of a run that was never killed."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.run import Run

ROOT = str(Path(__file__).resolve().parents[2])
# A method whose model draws random numbers in every step: dropout and Gaussian noise.
NOISY_METHOD = """
import sys, time
sys.path.insert(0, {root!r})
from data import images
from commands.train import main
from training.settings import Settings

VARIANTS = {{"noisy": ("dropout and noise", Settings(data="digits", epochs=4, batch_size=64, steps_per_call=3))}}

def load(config):
    return images.load("digits", train_examples=300)

def train(config, dataset, run):
    import keras
    from keras import layers, ops
    from training import loop

    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.GaussianNoise(0.3),
        layers.Dense(20, "relu"), layers.Dropout(0.4), layers.BatchNormalization(), layers.Dense(10)])

    def compute_loss(model, batch, training):
        logits = model(batch["image"], training=training)
        loss = ops.mean(ops.sparse_categorical_crossentropy(batch["label"], logits, from_logits=True))
        return loss, {{"nll_nats": loss}}

    check = loop.check_finite
    def wait_to_be_killed(values, names, prefix, epoch, step):
        check(values, names, prefix, epoch, step)
        if {stalls} and not config.resume and (prefix, epoch, step) == ("train", 3, 3):
            print("in the third epoch", flush=True)
            time.sleep(120)
    loop.check_finite = wait_to_be_killed
    history = loop.fit(model, compute_loss, dataset, config, run, keras.optimizers.Adam(0.01))
    terms = loop.evaluate(model, compute_loss, dataset.test)
    run.finish(model, {{"test/nll_nats": terms["nll_nats"]}}, dataset.counts(), history)

main("noisy.train", VARIANTS, load, train)
"""


def start(script, *flags):
    return subprocess.Popen(
        [sys.executable, "-u", script, *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore Ctrl-C
    )


def final_state(folder):
    run = Run(folder / "noisy" / "noisy" / "digits-300" / "seed0")
    state, history = run.load_checkpoint()
    return run, state, [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def write_script(path, stalls):
    path.parent.mkdir()
    path.write_text(NOISY_METHOD.format(root=ROOT, stalls=stalls))
    return path


@pytest.fixture(scope="module")
def straight(tmp_path_factory, fresh):
    """A run that was never killed."""
    folder = tmp_path_factory.mktemp("straight")
    fresh(write_script(folder / "a" / "noisy.py", False), "--runs-dir", folder, check=0)
    return folder


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_killed_and_resumed_equals_straight(tmp_path, straight, fresh, stop, code):
    broken = tmp_path / "broken"
    script, stalling = (write_script(tmp_path / folder / "noisy.py", folder == "b") for folder in "ab")
    killed = start(stalling, "--runs-dir", broken)
    assert any(line == "in the third epoch\n" for line in killed.stdout), killed.stderr.read()
    killed.send_signal(stop)
    assert killed.wait(60) == code
    if stop == signal.SIGINT:
        assert "Go on with: python -m noisy.train" in killed.stdout.read()
    run, _, history = final_state(broken)
    assert len(history) == 2 and not run.finished

    assert "--resume" in fresh(script, "--runs-dir", broken, check=2).stderr
    fresh(script, "--runs-dir", broken, "--resume", check=0)
    run, state, history = final_state(broken)
    other, expected, expected_history = final_state(straight)
    assert history == expected_history
    assert len(state) == len(expected) > 10
    for left, right in zip(state, expected, strict=True):
        np.testing.assert_array_equal(left, right)
    assert run.result["metrics"] == other.result["metrics"]
