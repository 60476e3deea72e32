"""`make demo`: trains a gated multimodal unit and an autoencoder, says what came of it, and names the page to open."""

import subprocess
import sys
from pathlib import Path

from commands.conclude import sentence
from data import images
from reporting import page, tables
from reporting.methods import METHODS, ROOT
from reporting.runs import dataset_of
from training.run import Run, read_json

RUNS_DIR = "runs_demo"
IMAGES_SEEN = 200_000  # by the autoencoder: 4 epochs of MNIST, or many of the few digits; enough to beat PCA
SHOWN = ("maps", "data", "reconstructions", "loss")  # figures that the page shows of each run
NEXT = (
    "python -m densenet.train fixed --data FOLDER_OF_PICTURES    # your own pictures, a subfolder per class",
    "python compare.py gmu                                       # variants side by side",
    "python -m gmu.studies.seeds seeds_blog                      # the post's run, 1,000 times",
)


def commands() -> list[list[str]]:
    """The trainings of the demo: the first one takes seconds."""
    dataset = images.load("auto")
    epochs = max(4, round(IMAGES_SEEN / dataset.counts()["train"]))
    shape = ["--network", "strided", "--widths", "16", "64", "--batch-size", "64", "--learning-rate", "3e-3"]
    rest = ["--data", images.run_name("auto", None, 0, 0).partition("-")[0], "--epochs", str(epochs), "--no-archive"]
    return [["gmu.train", "best"], ["autoencoders.train", "plain", *shape, *rest, "--no-probe"]]


def main() -> None:
    """Runs the trainings (again, if they were run before), writes the page and names it."""
    for module, *flags in commands():
        command = [sys.executable, "-m", module, *flags, "--runs-dir", RUNS_DIR, "--overwrite"]
        print(f"$ {' '.join(['python', *command[1:]])}", flush=True)
        if code := subprocess.run(command).returncode:
            raise SystemExit(code)
    runs = tables.find_runs(RUNS_DIR)
    out = Path("results")
    pictures = page.collect_figures(RUNS_DIR, sorted({run.config["method"] for run in runs}), out)
    pictures = [picture for picture in pictures if picture.path.stem in SHOWN]
    rows = {method: tables.read_results(ROOT / method / "results.json") for method in METHODS}
    entries = read_json(ROOT / "results" / "claims.json")
    told = [describe(run) for run in runs]
    path = page.write(
        out, entries, rows, pictures, yours="Your demo: two methods trained on this machine", sentences=told
    )
    lines = ["", *told, "", "Three things to try next (python is the one in .venv/bin):", *NEXT, ""]
    print("\n".join([*lines, f"Open {path.resolve()}"]))


def describe(run: Run) -> str:
    """The sentence of a run with its name in front."""
    config, dataset = run.config, dataset_of(run)
    return f"{config['method']} {config['variant']} on {dataset.title}: {sentence(run, dataset)}"


if __name__ == "__main__":
    main()
