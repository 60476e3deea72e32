"""Own data by every method's commands: trained, evaluated, asked; and one line for what cannot be used."""

import csv
import importlib

import numpy as np
import pytest
from PIL import Image

from commands.train import main as train_main
from training.run import Run, read_json

FLAGS = {
    "autoencoders": ["plain", "--widths", "3", "--code", "3"],
    "calibration": ["residual", "--width", "2", "--units", "1", "--train-examples", "0"],
    "capsnet": ["paper", "--filters", "4", "--primary-types", "2", "--no-compiled", "--batch-size", "16"],
    "corrmcnn": ["blog", "--filters", "3", "--dense-units", "6", "--code-units", "4", "--batch-size", "16"],
    "corrnet": ["paper", "--code-units", "4", "--batch-size", "16"],
    "densenet": ["blog", "--depth", "1", "--width", "4", "--stem-filters", "4", "--batch-size", "16"],
    "gmu": ["best"],
}
PICTURES = [method for method in FLAGS if method != "gmu"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with RGB pictures in folders and a table of three modalities with holes."""
    root, random = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for level, name in ((40, "night"), (160, "day")):
        (root / "sky" / name).mkdir(parents=True)
        for k in range(30):
            picture = level + random.integers(0, 60, (20, 20, 3))
            Image.fromarray(picture.astype(np.uint8)).save(root / "sky" / name / f"{k:02d}.png")
    with open(root / "three.csv", "w", newline="") as file:
        rows = [[k % 2 + random.normal(), k % 2, "" if k % 3 == 1 else k / 9, k % 2] for k in range(60)]
        csv.writer(file).writerows([["a", "b_0", "c_0", "label"], *rows])
    return root


@pytest.fixture(scope="module")
def runs(home):
    """Method -> its run on the own data, trained for one epoch when it is first asked for."""
    trained = {}

    def run_of(method):
        if method not in trained:
            module = importlib.import_module(f"{method}.train")
            data = home / ("three.csv" if method == "gmu" else "sky")
            flags = [*FLAGS[method], "--epochs", "1", "--data", str(data), "--runs-dir", str(home / "runs")]
            load = module.load
            train_main(f"{method}.train", module.VARIANTS, load, module.train, flags)
            (path,) = (home / "runs" / method / flags[0]).glob("*/seed0")
            trained[method] = Run(path)
        return trained[method]

    return run_of


def ask(method, *arguments):
    """Runs `<method>.predict` in this process."""
    module = importlib.import_module(f"{method}.predict")
    from commands import predict

    options = next((kind for name, kind in vars(module).items() if name.startswith("Ask") and name != "Asked"
                    and kind is not predict.Ask), predict.Ask)  # fmt: skip
    predict.main(
        method, options, module.answer, getattr(module, "read", predict.read_inputs), list(map(str, arguments))
    )


@pytest.mark.parametrize("method", FLAGS)
def test_a_training_on_own_data_ends_with_an_answer_and_can_be_evaluated(method, runs, home, capsys):
    run = runs(method)
    said = capsys.readouterr().out
    if said:  # the first test to need this run
        assert f"python -m {method}.predict {run.path}" in said and f"Done: {run.path}" in said
        assert "commonest class" in said or method in ("autoencoders", "calibration")
    assert run.path.parent.name.startswith("three-" if method == "gmu" else "sky-")
    title = run.environment["data"]["title"]
    assert title.startswith("own ") and "MNIST" not in title
    from commands import evaluate

    data = str(home / ("three.csv" if method == "gmu" else "sky"))
    evaluate.main(method, [str(run.path), "--data", data, "--out", str(home / f"{method}.json")])
    told = capsys.readouterr().out
    assert "60 test rows" in told and "the run" in told
    measured = read_json(home / f"{method}.json")["metrics"]
    assert measured and set(measured) <= set(run.result["metrics"])
    evaluate.main(method, [str(run.path), "--out", str(home / f"{method}.json")])
    again = read_json(home / f"{method}.json")["metrics"]
    for name, value in again.items():
        if not name.endswith("_ms"):
            assert value == pytest.approx(run.result["metrics"][name], rel=1e-4, abs=1e-5), name


@pytest.mark.parametrize("method", PICTURES)
def test_pictures_are_answered_in_a_table_arrays_and_a_drawing(method, runs, home, capsys):
    run = runs(method)
    capsys.readouterr()
    files = [home / "sky" / "day", home / "sky" / "night" / "03.png"]
    ask(method, run.path, *files, "--out", home / "a.csv", home / "a.npz", home / "a.png")
    with open(home / "a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 31 and rows[0][next(iter(rows[0]))] == "00.png"
    with np.load(home / "a.npz") as arrays:
        assert all(len(array) == 31 for array in arrays.values())
    assert Image.open(home / "a.png").size[0] > 100
    if "class" in rows[0]:
        assert {row["class"] for row in rows} <= {"day", "night", "unsure"}


@pytest.mark.parametrize("method", ["capsnet", "calibration", "densenet"])
def test_a_blank_picture_is_unsure(method, runs, home, capsys):
    Image.new("RGB", (20, 20), "white").save(home / "blank.png")
    run = runs(method)
    capsys.readouterr()
    ask(method, run.path, home / "blank.png")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "blank.png" in line]
    assert "unsure" in line and "blank picture" in line


@pytest.mark.parametrize("method", ["corrnet", "corrmcnn"])
def test_the_code_of_one_view_does_not_see_the_other(method, runs, home):
    run, codes = runs(method), []
    whole = np.asarray(Image.open(home / "sky" / "day" / "00.png"))
    for change in (0, 99):
        other = whole.copy()
        other[:, 10:] = change
        Image.fromarray(other).save(home / "half.png")
        ask(method, run.path, home / "half.png", "--given", "left", "--out", home / "codes.npz")
        codes.append(np.load(home / "codes.npz")["code"])
    np.testing.assert_array_equal(*codes)


def test_a_gate_of_a_missing_modality_is_none(runs, home, capsys):
    (home / "few.csv").write_text("a,c_0\n0.5,1\n,2\n1,\n")
    run = runs("gmu")
    capsys.readouterr()
    ask("gmu", run.path, home / "few.csv", "--out", home / "gates.npz")
    with np.load(home / "gates.npz") as arrays:
        np.testing.assert_array_equal(
            arrays["present"], [[True, False, True], [False, False, True], [True, False, False]]
        )
        np.testing.assert_allclose(arrays["gates"].sum(axis=1), 1, rtol=1e-5)
        assert (arrays["gates"][:, 1] == 0).all()
    assert capsys.readouterr().out.count("missing") == 5


@pytest.mark.parametrize(
    ("method", "arguments", "word"),
    [
        ("capsnet", ["nowhere.png"], "nowhere.png does not exist"),
        ("capsnet", ["{home}/three.csv"], "cannot be read as a picture"),
        ("capsnet", [], "no inputs given"),
        ("capsnet", ["{home}/sky", "--out", "a.txt"], "expected .csv, .npz, .png"),
        ("gmu", ["{home}/sky"], "is no table"),
        ("gmu", ["{home}/strange.csv"], "the array 'x', expected a, b, c"),
        ("autoencoders", ["--samples", "3"], "is no variational autoencoder"),
    ],
)
def test_what_cannot_be_asked_is_one_line(method, arguments, word, runs, home, capsys):
    (home / "strange.csv").write_text("x\n1\n")
    with pytest.raises(SystemExit) as stop:
        ask(method, runs(method).path, *(argument.format(home=home) for argument in arguments))
    error = capsys.readouterr().err
    assert stop.value.code == 2 and word in error and error.count("\n") == 1


def test_a_run_of_another_method_is_named(runs, capsys):
    run = runs("gmu")
    with pytest.raises(SystemExit) as stop:
        ask("capsnet", run.path, "x.png")
    assert stop.value.code == 2 and "is a run of gmu" in capsys.readouterr().err
