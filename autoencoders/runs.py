"""Finds what a figure needs again: the settings, the data and the neighbours of a run."""

import dataclasses

import numpy as np

from autoencoders.config import Config
from data import images
from data.dataset import Dataset
from training.run import Run


def config_of(run: Run) -> Config:
    """The settings of a run; defaults for those that a study does not have."""
    settings = run.config["settings"]
    known = {field.name: settings[field.name] for field in dataclasses.fields(Config) if field.name in settings}
    return Config(**known)


def dataset_of(run: Run) -> Dataset:
    """The data set of a run, loaded again with its settings."""
    config = config_of(run)
    return images.load(config.data, config.data_dir, **config.reductions)


def sibling(run: Run, variant: str) -> Run | None:
    """The finished run of another variant on the same data with the same seed, or None."""
    other = run.beside(variant)
    return other if other.finished else None


def siblings(run: Run, base: str) -> list[Run]:
    """All finished runs of a variant and its tagged forms (`base`, `base@...`), same data and seed."""
    folders = sorted(run.path.parents[2].glob(f"{base}*"))
    names = [path.name for path in folders if path.name.partition("@")[0] == base]
    return [other for name in names if (other := sibling(run, name))]


def first_of_each_class(labels: np.ndarray) -> np.ndarray:
    """Row of the first image of every class, in the order of the classes."""
    return np.array([np.flatnonzero(labels == label)[0] for label in np.unique(labels)])
