"""The methods of the project and the modules each may have."""

import importlib
from pathlib import Path
from types import ModuleType

METHODS = ("autoencoders", "calibration", "capsnet", "corrmcnn", "corrnet", "densenet", "gmu")
ROOT = Path(__file__).resolve().parent.parent


def part(method: str, name: str) -> ModuleType | None:
    """The module `<method>.<name>` (figures, claims, ...), or None where the method has none."""
    if not (ROOT / method / f"{name}.py").exists():
        return None
    return importlib.import_module(f"{method}.{name}")
