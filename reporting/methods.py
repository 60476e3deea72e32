"""The methods of the project and the modules each may have."""

import importlib
from pathlib import Path
from typing import Any

METHODS = ("autoencoders", "calibration", "capsnet", "corrmcnn", "corrnet", "densenet", "gmu")
ROOT = Path(__file__).resolve().parent.parent


def figures_of(method: str) -> tuple[dict, tuple[str, ...]]:
    """All figures of a method: its own (`figures.py`) and those of its rooms (`studies/figures.py`, ...).

    Returns:
        (FIGURES: name -> function of a run, COMPARISONS: names of those that lay several runs side by side).
    """
    folder, figures, comparisons = ROOT / method, {}, ()
    for path in (folder / "figures.py", *sorted(folder.glob("*/figures.py"))):
        if path.exists():
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            figures |= module.FIGURES
            comparisons += getattr(module, "COMPARISONS", ())
    return figures, comparisons


def part(method: str, name: str) -> Any:
    """The module `<method>.<name>` (figures, claims, ...), or None where the method has none."""
    if not (ROOT / method / f"{name}.py").exists():
        return None
    return importlib.import_module(f"{method}.{name}")
