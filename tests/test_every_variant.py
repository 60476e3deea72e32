"""Every variant of every train module and study: trained on a tiny slice, saved, loaded, drawn."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from commands.train import draw_figures, execute
from reporting.methods import METHODS
from training.run import Run
from training.settings import parse

ROOT = Path(__file__).resolve().parent.parent
# Flags every module understands; a module's own TINY is added.
COMMON = ("--epochs", "1", "--device", "cpu")
IMAGES = ("--data", "digits", "--train-examples", "100", "--held-examples", "100", "--batch-size", "50")


def modules():
    """Names of all modules `<method>.<name>` with VARIANTS."""
    for method in METHODS:
        for path in sorted((ROOT / method).rglob("*.py")):
            if "\nVARIANTS" in path.read_text():
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


CASES = [(name, variant) for name in modules() for variant in importlib.import_module(name).VARIANTS]


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_variant_trains_saves_and_loads(name, variant, tmp_path):
    module = importlib.import_module(name)
    takes_images = hasattr(module.VARIANTS[variant][1], "data") and "synthetic" not in module.VARIANTS[variant][1].data
    flags = (*(IMAGES if takes_images else ()), *COMMON, *getattr(module, "TINY", ()))
    _, config = parse(name, module.VARIANTS, [variant, *flags, "--runs-dir", str(tmp_path)])
    dataset = module.load(config)
    run = Run.open(name.partition(".")[0], variant, config, dataset.name)
    execute(config, dataset, run, module.train)
    draw_figures(name, run)

    assert run.finished
    result = run.result
    assert result["metrics"] and all(np.isfinite(value) for value in result["metrics"].values())
    assert result["counts"]["test"] == dataset.counts()["test"]
    assert json.loads((run.path / "environment.json").read_text())["data"]["checksum"] == dataset.checksum()
    if (run.path / "model.keras").exists():
        model = run.load_model()
        assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == result["parameters"]


def test_a_saved_model_loads_in_a_fresh_process_without_custom_objects(command, tmp_path):
    import keras

    from gmu import model

    network = model.build(units=4)
    network.save(tmp_path / "model.keras")
    points = {name: np.linspace(-3, 3, 5, dtype=np.float32)[:, None] for name in ("visual", "textual")}
    expected = keras.ops.convert_to_numpy(network(points)["logits"])
    code = (
        "import sys, keras, numpy as np, gmu.model\n"
        f"model = keras.saving.load_model({str(tmp_path / 'model.keras')!r}, safe_mode=True)\n"
        "x = np.linspace(-3, 3, 5, dtype=np.float32)[:, None]\n"
        "print(np.asarray(model({'visual': x, 'textual': x})['logits']).tolist())\n"
    )
    done = command("-c", code, check=0)
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), expected, rtol=1e-6)
