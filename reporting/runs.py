"""What a figure or an answer needs of a run again: its settings, its data, and the runs that lie beside it."""

import dataclasses
import functools
import importlib
from typing import Any

from data import images
from data.dataset import Dataset
from reporting.tables import find_runs
from training.run import Run


def config_of(run: Run) -> Any:
    """The settings of a run as the method's Config; defaults for those that a study does not have."""
    record = run.config
    kind = importlib.import_module(f"{record['method']}.config").Config
    # JSON has lists only
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in record["settings"].items()}
    # a study's own draws, which the method's Config does not take
    if settings["data"] == "synthetic" not in kind.NAMED:
        del settings["data"]
    return kind(**{field.name: settings[field.name] for field in dataclasses.fields(kind) if field.name in settings})


def dataset_of(run: Run) -> Dataset:
    """The data set of a run of `<method>.train`, loaded again with its settings; the last one is kept."""
    return load_again(run.config["method"], config_of(run), run.environment["data"]["checksum"])


@functools.lru_cache(maxsize=1)
def load_again(method: str, config: Any, checksum: str) -> Dataset:
    """What a method's settings load; `checksum` tells other content of the same path apart."""
    return importlib.import_module(f"{method}.train").load(config)


def class_names_of(run: Run) -> tuple[str, ...]:
    """Names of the classes of the run's data set."""
    return tuple(run.environment["data"].get("class_names") or images.class_names(run.config["data"]))


def finished_beside(run: Run, variant: str) -> Run | None:
    """The finished run of another variant on the same data with the same seed, or None."""
    other = run.beside(variant)
    return other if other.finished else None


def siblings(run: Run, base: str) -> list[Run]:
    """All finished runs of a variant and its tagged forms (`base`, `base@...`), same data and seed."""
    folders = sorted(run.path.parents[2].glob(f"{base}*"))
    names = [path.name for path in folders if path.name.partition("@")[0] == base]
    return [other for name in names if (other := finished_beside(run, name))]


def of_the_same_method(run: Run) -> list[Run]:
    """All finished runs of the run's method in the same runs folder: every variant, data set and seed."""
    method = run.config["method"]
    return [other for other in find_runs(run.path.parents[3]) if other.config["method"] == method]
