"""The shape of the project: who may import whom, sizes, and README tables that equal results.json."""

import ast
import re
from pathlib import Path

import pytest

from reporting.methods import METHODS
from reporting.readme import readmes, render

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for path in ROOT.glob("*/*.py") if path.parent.name not in (".venv", "tests"))
OURS = {"data", "training", "reporting", "benchmarks", "compare", "reproduce", *METHODS}
EXCEPTIONS = {("corrmcnn", "corrnet"), ("calibration", "densenet")}
# What a package may import of ours; a method's files are ruled by name below.
ALLOWED = {
    "data": {"data"},
    "training": {"data", "training", "reporting"},  # reporting only to draw the figures of a run
    "reporting": {"data", "training", "reporting"},
    "benchmarks": OURS,
}
PURE = {"model.py", "losses.py", "layers.py", "networks.py"}


def imports(path):
    """Top-level names of all modules a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_arrows(path):
    package, used = path.parent.name, set(imports(path)) & OURS
    if package in ALLOWED:
        assert used <= ALLOWED[package]
        return
    friends = {other for one, other in EXCEPTIONS if one == package} | {package}
    allowed = friends if path.name in PURE else friends | {"data", "training", "reporting"}
    assert used <= allowed


def test_reporting_is_imported_by_training_only_inside_a_function():
    tops = [node for path in ROOT.glob("training/*.py") for node in ast.parse(path.read_text()).body]
    assert not any(isinstance(node, ast.ImportFrom) and node.module.startswith("reporting") for node in tops)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_files_stay_small_and_safe(path):
    text = path.read_text()
    assert text.count("\n") <= 300
    if path.name == "train.py":
        assert text.count("\n") <= 100
    for word in (
        "import pickle",
        "allow_pickle=True",
        r"custom_objects=(?!None)",
        r"plt\.show\(",
        "NotImplementedError",
    ):
        assert not re.search(word, text), word


@pytest.mark.parametrize("path", readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_in_readmes_equal_the_committed_results(path):
    text = path.read_text()
    assert text == render(text, ROOT), "run: python -m reporting.readme"


def test_every_method_folder_has_the_same_files():
    for method in METHODS:
        if (ROOT / method / "train.py").exists():
            missing = {"model.py", "losses.py", "figures.py", "claims.py", "README.md"} - {
                path.name for path in (ROOT / method).iterdir()
            }
            assert not missing, f"{method} lacks {missing}"
