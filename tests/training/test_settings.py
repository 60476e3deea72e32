"""The command line: defaults, variants, and one clear line with exit code 2 for bad input."""

import dataclasses
from pathlib import Path

import pytest

from commands.train import main
from reporting.methods import METHODS
from training.run import TrainingError
from training.settings import Settings, SettingsError, one_line, parse

ROOT = Path(__file__).resolve().parents[2]
VARIANTS = {
    "blog": ("as the post", Settings()),
    "best": ("ours", Settings(epochs=3, learning_rate=0.01)),
}


def read(*argv):
    return parse("python -m method.train", VARIANTS, list(argv))


def test_the_first_variant_is_the_default_and_flags_lie_over_it():
    assert read() == ("blog", Settings())
    assert read("--epochs", "7") == ("blog", Settings(epochs=7))
    assert read("best", "--seed", "4") == ("best", Settings(epochs=3, learning_rate=0.01, seed=4))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["bets"], r"unknown variant 'bets' \(did you mean best\?\), expected one of blog, best"),
        (["--epoch", "3"], r"--epoch.*Perhaps you meant.*--epochs"),
        (["--epochs", "many"], "--epochs.*invalid literal"),
        (["--epochs", "0"], "--epochs must be at least 1, received 0"),
        (["--batch-size", "-1"], "--batch-size must be at least 1"),
        (["--learning-rate", "0"], "--learning-rate must be > 0"),
        (["--learning-rate", "nan"], "--learning-rate must be a finite number, received nan"),
        (["--device", "tpu"], "--device.*auto"),
        (["--tag", "../x"], "--tag must be letters"),
        (["--resume", "--overwrite"], "one of the two"),
    ],
)
def test_bad_flags_become_one_line(argv, message):
    with pytest.raises(SettingsError, match=message) as caught:
        read(*argv)
    assert "\n" not in str(caught.value) and "│" not in str(caught.value)


def test_one_line_keeps_the_words():
    assert one_line("╭─ Bad ──╮\n│ a   b  │\n│ c      │\n╰────────╯\n") == "Bad a b c"


def test_help_shows_every_default_and_every_variant(capsys):
    with pytest.raises(SystemExit) as stop:
        read("best", "--help")
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for field in dataclasses.fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in text
    assert text.count("(default:") == len(dataclasses.fields(Settings))
    assert "(default: 3)" in text and "as the post" in text and "ours" in text


def test_help_of_a_train_script_does_not_load_tensorflow(command):
    modules = [
        path
        for room in METHODS
        for path in (ROOT / room).rglob("*.py")
        if 'if __name__ == "__main__"' in path.read_text()
    ]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in modules]
    assert len(names) > 25
    script = f"""
import contextlib, runpy, sys
for name in {names}:
    sys.argv = [name, "--help"]
    with contextlib.suppress(SystemExit):
        runpy.run_module(name, run_name="__main__")
    loaded = {{"tensorflow", "keras", "sklearn", "matplotlib"}} & set(sys.modules)
    assert not loaded, (name, loaded)
"""
    command("-c", script, check=0)
    assert "--learning-rate" in command("-m", "gmu.train", "--help", check=0).stdout


def test_bad_settings_and_data_exit_2_with_one_line(command, tmp_path, image_file):
    folder = image_file(x_train=None)
    image = ["-m", "autoencoders.train", "--data", "mnist", "--data-dir"]
    for arguments in (
        ["-m", "gmu.train", "blgo"],
        ["-m", "gmu.train", "--unknown", "1"],
        [*image, folder],
        [*image, tmp_path / "missing"],
        ["-m", "gmu.train", "--runs-dir", "/dev/null/runs"],
        ["compare.py", "gmuu"],
        ["compare.py", "gmu", "--variants", "blgo"],
        ["reproduce.py", "--only", "gmuu"],
    ):
        done = command(*arguments)
        assert done.returncode == 2, (arguments, done)
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("error: "), done.stderr
        assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (
            OSError(28, "No space left on device"),
            1,
            "No space left on device; mend this, then go on with: python -m m.train",
        ),
        (TrainingError("train became not finite in epoch 1"), 1, "not finite"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_happens_while_running_ends_with_one_line(error, code, words, tmp_path, monkeypatch, capsys):
    from data import images

    def raise_error(*_):
        raise error

    monkeypatch.setattr("commands.train.execute", raise_error)
    with pytest.raises(SystemExit) as stop:
        main("m.train", VARIANTS, lambda config: images.load("digits"), None, ["--runs-dir", str(tmp_path)])
    captured = capsys.readouterr()
    assert stop.value.code == code and words in captured.err
    assert code == 130 or captured.err.count("\n") == 1
    assert code == 1 or f"--runs-dir {tmp_path} --resume" in captured.out


def test_a_bug_keeps_its_traceback(tmp_path, monkeypatch):
    from data import images

    monkeypatch.setattr("commands.train.execute", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main("m.train", VARIANTS, lambda config: images.load("digits"), None, ["--runs-dir", str(tmp_path)])


def test_all_steps_of_a_run_count_the_smaller_last_batch():
    assert Settings(epochs=3, batch_size=10).total_steps(25) == 9
    assert Settings(epochs=3, batch_size=10).total_steps(20) == 6
