"""Settings of classifiers whose training images change at random and whose weights are averaged."""

import dataclasses
from typing import Any

from training.settings import Settings, check, check_at_least


@dataclasses.dataclass(frozen=True)
class Recipe(Settings):
    """What a classifier may do against overfitting, in every method that has one; by default nothing."""

    max_shift: int = 0
    """Training images are shifted by up to this many pixels in each axis (>= 0)."""
    rotation: float = 0.0
    """Training images are rotated by up to this many degrees (>= 0)."""
    shear: float = 0.0
    """Largest shear of training images (>= 0)."""
    scale: float = 0.0
    """Largest relative change of size of training images, in [0, 1)."""
    cutout: int = 0
    """Side in pixels of the square blanked in training images (>= 0)."""
    flip: bool = False
    """Mirror half of the training images left to right; for clothes, not for digits."""
    average: float = 0.0
    """Share of the old weights in their moving average, in [0, 1), which the network ends with; 0: the last ones.
    Less where the training is short: the average remembers a tenth of it at most."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, max_shift=0, rotation=0, shear=0, scale=0, cutout=0, average=0)
        check(self.scale < 1 and self.average < 1, "scale and average", "below 1", (self.scale, self.average))

    @property
    def augmentation(self) -> dict[str, Any]:
        """Arguments of `common.augment.RandomAffine`."""
        same = {name: getattr(self, name) for name in ("rotation", "shear", "scale", "cutout", "flip")}
        return {"shift": self.max_shift, **same}

    def averaging(self, steps: int) -> dict[str, Any]:
        """Arguments of a Keras optimizer that make it average the weights; `training.loop.fit` then ends with them.

        mean <- m mean + (1 - m) weights with m = min(average, 1 - 10 / steps): what is older than a tenth of the
        training counts for less than 1 / e, and the initial weights for nothing.
        """
        return {"use_ema": True, "ema_momentum": max(0.0, min(self.average, 1 - 10 / steps))} if self.average else {}
