"""Several trained networks asked together, on shifted copies of each image: `python -m capsnet.studies.vote`.

A vote is not a network: it costs as many times more, and is never compared with single ones.
"""

import dataclasses
import itertools
from typing import ClassVar

import numpy as np

from commands.train import main
from data import images
from data.dataset import Dataset, pixels
from training.run import Run, RunError
from training.settings import Settings, Variants, check, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a vote."""

    OWN_DATA: ClassVar[bool] = False

    network: str = "efficient"
    """Variant of capsnet.train whose finished runs vote."""
    voters: tuple[int, ...] = (0, 1, 2)
    """Their seeds."""
    largest_shift: int = 1
    """Images are also shown shifted by up to this many pixels in each axis (>= 0)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, largest_shift=0)
        check(self.voters, "voters", "one or more seeds", "none")


VARIANTS: Variants = {"vote": ("three seeds of efficient, nine shifts", Config())}


def load(config: Config) -> Dataset:
    """Images in [0, 1]."""
    return images.load(config.data, **config.loading)


def train(config: Config, dataset: Dataset, run: Run) -> None:
    """Asks the finished runs; the networks themselves are not changed."""
    from capsnet.evaluate import scores
    from training import loop

    pictures, labels = pixels(dataset.test["image"]), dataset.test["label"]
    steps = range(-config.largest_shift, config.largest_shift + 1)
    still, moved = [], []
    for seed in config.voters:
        voter = Run(run.path.parents[2] / config.network / dataset.name / f"seed{seed}")
        if not voter.finished:
            raise RunError(f"{voter.path} is not finished, expected a voter; start with: python -m capsnet.train "
                           f"{config.network} --data {config.data} --seed {seed}")  # fmt: skip
        network = voter.load_model()
        still.append(scores(loop.predict(network, pictures, 500)))
        shifted = [scores(loop.predict(network, shift(pictures, *by), 500)) for by in itertools.product(steps, steps)]
        moved.append(np.mean(shifted, axis=0))

    def error(votes: np.ndarray) -> float:
        return 100 * float(np.mean(votes.argmax(-1) != labels))

    metrics = {
        "test/error_percent_single": float(np.mean([error(votes) for votes in still])),
        "test/error_percent_single_shifts": float(np.mean([error(votes) for votes in moved])),
        "test/error_percent_vote": error(np.mean(still, axis=0)),
        "test/error_percent_vote_shifts": error(np.mean(moved, axis=0)),
    }
    run.finish(None, metrics, dataset.counts(), [{"epoch": 1, "seconds": 0.0}])


def shift(pictures: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Images (n, height, width, channels) moved by whole pixels; 0 comes in from outside."""
    margin = max(abs(rows), abs(columns))
    wide = np.pad(pictures, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    height, width = pictures.shape[1:3]
    return wide[:, margin - rows : margin - rows + height, margin - columns : margin - columns + width]


if __name__ == "__main__":
    main("capsnet.studies.vote", VARIANTS, load, train)
