"""The shape of the project: who may import whom, what a room shows, sizes, README tables that equal results."""

import ast
import re
from pathlib import Path

import pytest

from reporting.methods import METHODS
from reporting.readme import full_tables, readmes, render

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("common", "data", "training", "reporting", "commands", "benchmarks", *METHODS)
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
OURS = {*ROOMS, "compare", "reproduce"}
# The rooms from bottom to top: each may import itself and those before it.
ORDER = ("common", "data", "training", "reporting", "commands")
EXCEPTIONS = {("corrmcnn", "corrnet"), ("calibration", "densenet")}
PURE = {"model.py", "losses.py", "layers.py", "networks.py", "fast.py", "efficient.py"}
# What a method shows at its top, beside at most four files of its own mathematics.
SHOWN = {
    "README.md", "__init__.py", "config.py", "model.py", "layers.py", "losses.py", "train.py", "evaluate.py",
    "predict.py", "figures.py", "drawings.py", "claims.py", "results.json",
}  # fmt: skip
OWN = {
    "autoencoders": {"networks.py", "baselines.py", "likelihood.py"},
    "calibration": {"networks.py", "report.py", "estimator.py"},
    "capsnet": {"routing.py", "fast.py", "baselines.py", "efficient.py"},
    "corrmcnn": {"fast.py"},
    "corrnet": {"cca.py", "estimator.py"},
    "densenet": set(),
    "gmu": {"networks.py", "baselines.py", "estimator.py", "fast.py"},
}


def name_of(path):
    return str(path.relative_to(ROOT))


def imports(path):
    """Dotted names of all modules a file imports, also inside functions; `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_arrows(path):
    room = path.relative_to(ROOT).parts[0]
    used = {name.partition(".")[0] for name in imports(path)} & OURS
    if room in ORDER:
        assert used <= set(ORDER[: ORDER.index(room) + 1])
    elif room in METHODS:
        friends = {other for one, other in EXCEPTIONS if one == room} | {room}
        assert used <= friends | ({"common"} if path.name in PURE else set(ORDER))


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name in METHODS], ids=name_of)
def test_studies_use_a_methods_top_files_never_the_other_way_round(path):
    """Only claims.py reads the studies' settings: it judges what they found."""
    method = path.parent.name
    assert path.name == "claims.py" or not any(name.startswith(f"{method}.studies") for name in imports(path))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_shows_the_same_files(method):
    folder = ROOT / method
    shown = {path.name for path in folder.iterdir() if path.is_file()}
    assert {"model.py", "losses.py", "train.py", "config.py", "figures.py", "claims.py", "README.md"} <= shown
    assert shown - SHOWN == OWN[method] and len(OWN[method]) <= 4
    rooms = {path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= {"studies", "codec", "lossless", "subpixel", "metrics", "methods"}


def studies():
    return [path for path in FILES if path.parent.name == "studies" or path.name == "study.py"]


@pytest.mark.parametrize("path", [p for p in studies() if "\nVARIANTS" in p.read_text()], ids=name_of)
def test_all_studies_have_the_same_shape(path):
    """Settings, VARIANTS, load, train and main, run as `python -m <method>.studies.<question>`."""
    text, module = path.read_text(), name_of(path).removesuffix(".py").replace("/", ".")
    defined = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imported = {name.rpartition(".")[2] for name in imports(path)}
    assert {"Config", "load", "train", "main"} <= defined | imported
    assert f"python -m {module}" in ast.get_docstring(ast.parse(text))
    assert f'main("{module}", VARIANTS, load, train)' in text


@pytest.mark.parametrize("path", FILES, ids=name_of)
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


@pytest.mark.parametrize("path", readmes(), ids=name_of)
def test_tables_in_readmes_equal_the_committed_results(path):
    text = path.read_text()
    assert text == render(text, ROOT), "run: python -m reporting.readme"


def test_tests_mirror_the_rooms():
    rooms = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert rooms - {"hostile"} <= set(ROOMS)
    for path in (ROOT / "tests").glob("*/test_*.py"):
        assert path.name.startswith("test_")


COMMANDS = re.compile(r"python -m ((?:" + "|".join(ROOMS) + r")(?:\.\w+)*)")


def documents():
    """Everything that names commands: pages, the Makefile, module texts, committed results."""
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "Makefile"))
    for room in ROOMS:
        yield from (path for path in (ROOT / room).rglob("*") if path.suffix in (".md", ".py", ".json"))


def test_every_command_that_a_text_names_exists():
    for path in documents():
        for module in COMMANDS.findall(path.read_text()):
            target = ROOT / module.replace(".", "/")
            assert target.with_suffix(".py").exists() or (target / "__main__.py").exists(), f"{path}: {module}"


STEP = re.compile(r"\| \[`[^`]+`\]\(([^)]+\.py)\) `([\w.]+)` \|")


@pytest.mark.parametrize("method", METHODS)
def test_the_lines_that_a_readme_names_exist(method):
    """The table 'The document step by step': every file and name in it."""
    steps = STEP.findall((ROOT / method / "README.md").read_text())
    assert len(steps) >= 7
    for file, name in steps:
        tree = ast.parse((ROOT / method / file).read_text())
        for part in name.split("."):
            found = [node for node in ast.iter_child_nodes(tree) if part in names_of(node)]
            assert found, f"{method}/{file}: {name}"
            tree = found[0]


def names_of(node):
    """What a statement defines: a function, a class, an assigned or annotated name."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.AnnAssign):
        return {node.target.id} if isinstance(node.target, ast.Name) else set()
    return {target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)}


@pytest.mark.parametrize("method", METHODS)
def test_tables_with_all_columns_equal_the_committed_results(method):
    assert (ROOT / "docs" / "tables" / f"{method}.md").read_text() == full_tables(method, ROOT), (
        "python -m reporting.readme"
    )
