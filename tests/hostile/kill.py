"""Runs killed at random and at chosen moments, resumed, and held against runs that were never killed.

`python tests/hostile/kill.py --kills 100` prints a line per run and exits with 1 where anything differs: weights,
metrics.csv, result.json, and the names of the files. `--jobs 2` kills two runs at a time.

A chosen moment is the n-th time that a run is about to flush a file's bytes (it exists in part), to put it in place, to
save the model, or to draw a figure. What a clock gives (seconds, dates) is not compared.
"""

import argparse
import concurrent.futures
import csv
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
IMAGES = "--data digits --train-examples 200 --held-examples 100 --batch-size 50 --epochs 3 --device cpu"
RUNS = (
    "gmu.train best --epochs 4",
    f"autoencoders.train denoising {IMAGES}",
    f"autoencoders.train variational {IMAGES}",
    f"corrnet.train paper {IMAGES}",
    f"corrmcnn.train l7 {IMAGES} --filters 3 --dense-units 6 5 --code-units 4",
    f"capsnet.train paper {IMAGES} --filters 8 --primary-types 2 --no-compiled",
    f"densenet.train fixed {IMAGES} --depth 2",
    f"calibration.train lenet {IMAGES}",
    "gmu.studies.seeds seeds_blog --models 20 --epochs 5 --test-examples 100",
    f"corrnet.studies.missing missing_pairs {IMAGES} --pairs 100 --alone 50",
)
MOMENTS = {  # what is counted, in the process itself
    "flushing": "import os; real = os.fsync; os.fsync = lambda *a: (at(), real(*a))[1]",
    "placing": "import pathlib as p; real = p.Path.replace; p.Path.replace = lambda *a: (at(), real(*a))[1]",
    "saving": "import training.quiet, keras; real = keras.Model.save; "
    "keras.Model.save = lambda *a, **k: (real(*a, **k), at())[0]",
    "drawing": "from reporting import plots; real = plots.save; plots.save = lambda *a: (at(), real(*a))[1]",
}
DRIVER = """
import os, runpy, signal, sys
left = [int(sys.argv.pop(1))]
patch, module = sys.argv.pop(1), sys.argv.pop(1)
def at():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
exec(patch)
sys.argv[0] = module
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def start(run: str, folder: Path, *more: str, moment: str = "", count: int = 0) -> subprocess.Popen:
    """A process that trains `run` into `folder`; it kills itself at the count-th `moment`, where one is given."""
    module, *flags = run.split()
    call = ["-c", DRIVER, str(count), MOMENTS[moment], module] if moment else ["-m", module]
    command = [sys.executable, *call, *flags, "--runs-dir", str(folder), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def without_clock(value):
    """JSON without what a clock gives."""
    if isinstance(value, dict):
        clock = ("seconds", "finished", "fit_ms")
        return {key: without_clock(item) for key, item in value.items() if not key.endswith(clock)}
    return value


def content(folder: Path) -> dict[str, str]:
    """Name -> digest of every file of a run, hidden ones included; pictures and records of the machine by name only."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, digest = str(path.relative_to(folder)), "there"
        if path.name == "metrics.csv":
            rows = list(csv.DictReader(path.open()))
            digest = json.dumps([without_clock(row) for row in rows])
        elif path.name == "result.json":
            digest = json.dumps(without_clock(json.loads(path.read_text())))
        elif path.suffix == ".npz":
            with np.load(path) as archive:
                digest = " ".join(
                    hashlib.md5(archive[key].tobytes()).hexdigest() for key in archive.files if key != "note"
                )
        elif path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                digest = hashlib.md5(archive.read("model.weights.h5")).hexdigest()  # config.json holds addresses
        found[name] = digest
    return found


def differences(straight: dict[str, str], broken: dict[str, str]) -> list[str]:
    """Files that only one of two runs has, or that differ."""
    return sorted(name for name in straight.keys() | broken.keys() if straight.get(name) != broken.get(name))


def torture(run: str, kills: int, seed: int) -> tuple[str, int, list[str], float]:
    """(run, kills that hit, files that differ, seconds) of a run that is killed until so many kills have hit."""
    draw, began = random.Random(f"{run}{seed}"), time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        first = time.monotonic()
        straight = start(run, Path(place) / "straight")
        _, said = straight.communicate()
        assert straight.returncode == 0, said
        length, hit, wrong = time.monotonic() - first, 0, []
        expected = content(Path(place) / "straight")
        while hit < kills:
            broken, tries = Path(place) / f"broken{hit}", 0
            while True:
                resume = ["--resume"] if broken.exists() else []
                moment = draw.choice([*MOMENTS, "", "", ""]) if hit < kills and tries < 4 else ""
                process = start(run, broken, *resume, moment=moment, count=draw.randint(1, 9))
                if not moment and hit < kills and tries < 4:
                    try:
                        process.wait(draw.uniform(0.3, 1.0) * length)
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                _, said = process.communicate()
                tries += 1
                if process.returncode == -signal.SIGKILL:
                    hit += 1
                    continue
                if process.returncode != 0:
                    wrong.append(said.strip()[-300:])
                break
            wrong += differences(expected, content(broken))
    return run, hit, wrong, time.monotonic() - began


def main() -> None:
    """Tortures every run, one after another or several at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="in all, shared among the runs")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    each = -(-options.kills // len(RUNS))
    kills, failures = 0, 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for run, hit, wrong, seconds in pool.map(lambda run: torture(run, each, options.seed), RUNS):
            kills, failures = kills + hit, failures + bool(wrong)
            print(
                f"{' '.join(run.split()[:2]):40} {hit} kills, {seconds:.0f} s: {'; '.join(wrong) or 'the same'}",
                flush=True,
            )
    print(f"{kills} kills, {failures} runs of {len(RUNS)} differ")
    raise SystemExit(failures > 0)


if __name__ == "__main__":
    main()
