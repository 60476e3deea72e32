"""`make demo`: trains an autoencoder and a gated multimodal unit, draws their figures, writes the page."""

import subprocess
import sys
from pathlib import Path

from data import images
from reporting import page, tables

RUNS_DIR = "runs_demo"
IMAGES_SEEN = 60_000  # by the autoencoder: 2 epochs of MNIST, or many of the few digits


def commands() -> list[list[str]]:
    """The trainings of the demo."""
    dataset = images.load("auto")
    epochs = max(2, round(IMAGES_SEEN / dataset.counts()["train"]))
    return [
        ["gmu.train", "blog"],
        ["gmu.train", "best"],
        ["autoencoders.train", "plain", "--data", dataset.name, "--epochs", str(epochs), "--no-probe", "--no-archive"],
    ]


def main() -> None:
    """Runs the trainings (again, if they were run before), writes the page and names it."""
    for module, *flags in commands():
        command = [sys.executable, "-m", module, *flags, "--runs-dir", RUNS_DIR, "--overwrite"]
        print(f"$ {' '.join(['python', *command[1:]])}", flush=True)
        if code := subprocess.run(command).returncode:
            raise SystemExit(code)
    runs = tables.find_runs(RUNS_DIR)
    rows = {}
    for method in sorted({run.config["method"] for run in runs}):
        rows[method] = tables.summarise([run for run in runs if run.config["method"] == method], "make demo")
    pictures = page.collect_figures(RUNS_DIR, list(rows))
    path = page.write(Path("results"), [], rows, pictures, title="Demo: two methods trained on this machine")
    print(f"Open {path.resolve()}")


if __name__ == "__main__":
    main()
