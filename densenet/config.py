"""The settings of the densely connected networks and their rivals."""

import functools
from dataclasses import dataclass
from typing import Literal

from training.recipe import Recipe
from training.settings import check, check_at_least

# The settings that `model.build` takes, by the same names.
NETWORK = (
    "connection", "depth", "width", "stem_filters", "stem_normalisation", "bottleneck", "compression", "dropout",
    "momentum",
)  # fmt: skip


@dataclass(frozen=True)
class Config(Recipe):
    """Settings of a densely connected network; the defaults are the post's with its slips mended."""

    batch_size: int = 256
    learning_rate: float = 0.01
    connection: Literal["dense", "plain", "residual"] = "dense"
    """How a unit's output joins its input: concatenated, not at all, or summed around two units."""
    depth: int = 4
    """3x3 convolutions in each of the three blocks (>= 1)."""
    width: int = 12
    """Channels of each of them (>= 1): the growth rate of a dense block."""
    stem_filters: int = 24
    """Channels of the first convolution (>= 1)."""
    stem_normalisation: bool = True
    """Normalise the first convolution; the post computes this and discards it."""
    bottleneck: bool = False
    """1x1 convolution to 4 * width channels before each 3x3 one (DenseNet-B)."""
    compression: float = 1.0
    """Share of channels a transition keeps, in (0, 1] (DenseNet-C: 0.5)."""
    dropout: float = 0.2
    """After every convolution, in [0, 1)."""
    momentum: float = 0.9
    """Of batch normalisation's moving averages, in [0, 1): Torch's 0.9 as in the paper, or Keras' 0.99."""
    weight_decay: float = 1e-4
    """Factor of half the squared kernels (>= 0)."""
    decay: bool = True
    """Lower the learning rate along a half cosine to 0; otherwise it is constant."""
    statistics: Literal["train", "own"] = "train"
    """Mean and deviation that standardise a split: those of the training images, or its own as in the post."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, depth=1, width=1, stem_filters=1, weight_decay=0)
        check(0 < self.compression <= 1, "compression", "in (0, 1]", self.compression)
        for name in ("dropout", "momentum"):
            check(0 <= getattr(self, name) < 1, name, "in [0, 1)", getattr(self, name))

    def fixed_length(self):
        return "its rate falls to 0" if self.decay else ""


def make_objective(config: Config):
    """`compute_loss` with the weight decay of the settings."""
    from densenet import losses

    return functools.partial(losses.compute_loss, weight_decay=config.weight_decay)
