"""Every variant of every train module and study: trained on a tiny slice, saved, loaded, drawn."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from commands.train import draw_figures, execute
from data.dataset import pixels
from reporting.methods import METHODS, part
from training.run import Run, write_atomic
from training.settings import parse

ROOT = Path(__file__).resolve().parent.parent
# Flags every module understands; a module's own TINY is added.
COMMON = ("--epochs", "1", "--device", "cpu")
IMAGES = ("--data", "digits", "--train-examples", "100", "--held-examples", "60", "--batch-size", "60")


def modules():
    """Names of all modules `<method>.<name>` with VARIANTS."""
    for method in METHODS:
        for path in sorted((ROOT / method).rglob("*.py")):
            if "\nVARIANTS" in path.read_text():
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


# A vote asks networks that were trained before, methods are fitted to published predictions: tests of their own.
NEEDS_RUNS = {"capsnet.studies.vote", "calibration.studies.methods"}
CASES = [
    (name, variant)
    for name in modules()
    if name not in NEEDS_RUNS
    for variant in importlib.import_module(name).VARIANTS
]


DRAWN = set()  # (method, figure) that this process has put into a file


@pytest.fixture(autouse=True)
def rough_drawings(monkeypatch):
    """Figures without their slow layout and in few pixels, here they need only be drawn; each into a file once.

    All variants of a method share its figures: the second time one is drawn it is not turned into pixels.
    """
    from reporting import plots

    for name, value in {"figure.constrained_layout.use": False, "figure.dpi": 30}.items():
        monkeypatch.setitem(plots.plt.rcParams, name, value)
    save = plots.save

    def save_once(figure, path):
        figure_of_method = (path.parents[4].name, path.stem)
        if figure_of_method in DRAWN:
            plots.plt.close(figure)
            write_atomic(path, b"")
        else:
            DRAWN.add(figure_of_method)
            save(figure, path)

    monkeypatch.setattr(plots, "save", save_once)


@pytest.fixture
def graphs_for_the_first(request):
    """Graphs for the first variant of a module only.

    The others differ from it in numbers and choices, not in what a graph may hold.
    """
    name, variant = (request.node.callspec.params[key] for key in ("name", "variant"))
    if variant != next(iter(importlib.import_module(name).VARIANTS)):
        request.getfixturevalue("without_graphs")


@pytest.mark.parametrize(("name", "variant"), CASES)
@pytest.mark.usefixtures("graphs_for_the_first")
def test_variant_trains_saves_and_loads(name, variant, tmp_path, elsewhere):
    module = importlib.import_module(name)
    takes_images = getattr(module.VARIANTS[variant][1], "data", "") in ("auto", "fashion_mnist")
    flags = (*(IMAGES if takes_images else ()), *COMMON, *getattr(module, "TINY", ()))
    _, config = parse(name, module.VARIANTS, [variant, *flags, "--runs-dir", str(tmp_path)])
    dataset = module.load(config)
    run = Run.open(name.partition(".")[0], variant, config, dataset.name)
    execute(config, dataset, run, module.train)
    draw_figures(name, run)
    beside = getattr(part(name.partition(".")[0], "figures"), "grid_row", lambda _: {})
    assert all(np.isfinite(images).all() for images in beside(run).values()), "what compare.py lays side by side"

    assert run.finished
    result = run.result
    assert result["metrics"] and all(np.isfinite(value) for value in result["metrics"].values())
    assert result["counts"]["test"] == dataset.counts()["test"]
    assert json.loads((run.path / "environment.json").read_text())["data"]["checksum"] == dataset.checksum()
    if (run.path / "model.keras").exists():
        model = run.load_model()
        assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == result["parameters"]
        inputs = model_inputs(name, config, {key: pixels(array[:3]) for key, array in dataset.test.items()}, model)
        expected = numbers(getattr(model, "reconstruct", model)(inputs))  # the part of a VAE that draws nothing
        for ours, theirs in zip(elsewhere(run.path / "model.keras", inputs), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def model_inputs(name, config, batch, model):
    """What the models of a train module are called with, from a batch of its data."""
    if name.startswith("gmu"):
        views = getattr(model, "modalities", None) or [key for key in batch if key not in ("label", "source", "good")]
        return {view: batch[view] for view in views}
    if name.startswith("corr"):
        return {view: batch[view] for view in ("left", "right")}
    if "digits" in batch:  # pairs
        return np.minimum(batch["digits"].sum(-1, keepdims=True), 1)
    return model.inputs_of(batch) if hasattr(model, "inputs_of") else batch["image"]


def numbers(outputs):
    """The arrays of a model's outputs, in one order."""
    import keras

    return [keras.ops.convert_to_numpy(value) for value in keras.tree.flatten(outputs)]


LOADER = """
import sys, importlib, numpy as np
import training.quiet
import keras
for line in sys.stdin:
    path, method, folder = line.split()
    importlib.import_module(f"{method}.model")
    with np.load(f"{folder}/in.npz") as archive:
        inputs = {name: archive[name] for name in archive.files}
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    outputs = keras.tree.flatten(getattr(model, "reconstruct", model)(inputs.get("only", inputs)))
    np.savez(f"{folder}/out.npz", **{f"{i:03d}": keras.ops.convert_to_numpy(value) for i, value in enumerate(outputs)})
    print("done", flush=True)
"""


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    """Outputs of a saved model for inputs, from another process that has seen nothing of ours but `<method>.model`.

    One such process serves all variants of a worker: starting one for each would take most of the suite's time.
    """
    folder = tmp_path_factory.mktemp("loader")
    process = subprocess.Popen(
        [sys.executable, "-c", LOADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )

    def ask(path, inputs):
        np.savez(folder / "in.npz", **(inputs if isinstance(inputs, dict) else {"only": inputs}))
        process.stdin.write(f"{path} {path.parents[3].name} {folder}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
        with np.load(folder / "out.npz") as archive:
            return [archive[name] for name in sorted(archive.files)]

    yield ask
    process.stdin.close()
    process.wait(30)
