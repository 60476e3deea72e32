"""Settings of a CorrNet: its command line, its help and its defaults."""

import dataclasses
import functools
from typing import Literal

from training.settings import Settings, check, check_at_least

Activation = Literal["sigmoid", "tanh", "relu", "linear"]


@dataclasses.dataclass(frozen=True)
class TwoViews(Settings):
    """What `corrnet.train.load` makes two views of, for every method that trains on them."""

    views: Literal["halves", "noisy"] = "halves"
    """Halves of each image, or a turned image and a noisy other one of its class (Wang et al. 2015)."""


@dataclasses.dataclass(frozen=True)
class Config(TwoViews):
    """Settings of a CorrNet; the defaults are those of the authors' program."""

    epochs: int = 50
    batch_size: int = 100
    shuffle: bool = False
    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    """RMSprop has a decay of 0.9 and 1e-8 inside the root, as the authors' program."""
    learning_rate: float = 0.01
    code_units: int = 50
    """Size of the common code (>= 1)."""
    encoder_units: tuple[int, ...] = ()
    """Widths of the layers between a view and the code."""
    decoder_units: tuple[int, ...] = ()
    """Widths of the layers between the code and a view."""
    tied: bool = True
    """The decoder uses the transposed kernels of the encoder."""
    hidden_activation: Activation = "sigmoid"
    """Of the code and of the layers before and after it."""
    activate: Literal["after", "before"] = "after"
    """Activation after the sum of the views, with one bias (formula), or before it, with a bias per view (listing)."""
    output_activation: Activation = "sigmoid"
    """Of the rebuilt views."""
    initial_scale: float = 4.0
    """Kernels start uniform in this many times +-sqrt(6 / (fan in + fan out)) (> 0)."""
    official_seed: int | None = None
    """Draw the initial kernels as the authors' program with this seed; theirs is 123."""
    correlation_weight: float = 2.0
    """Lambda: weight of the sum of the units' correlations, which is subtracted from the loss."""
    both_weight: float = 1.0
    """Weight of L1, both views rebuilt from both (>= 0)."""
    single_weight: float = 1.0
    """Weight of L2 and L3, both views rebuilt from one (>= 0)."""
    reconstruction: Literal["half_squared", "mean_squared", "mean_absolute"] = "half_squared"
    """Half the squared error summed over pixels (the authors), or means over pixels (the blog)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, code_units=1, both_weight=0, single_weight=0)
        check(self.batch_size >= 2, "batch_size", "at least 2, a correlation needs two samples", self.batch_size)
        check(self.initial_scale > 0, "initial_scale", "> 0", self.initial_scale)


def make_objective(config: Config):
    """`compute_loss` with the weights of the settings."""
    from corrnet import losses

    return functools.partial(
        losses.compute_loss, correlation_weight=config.correlation_weight, both_weight=config.both_weight,
        left_weight=config.single_weight, right_weight=config.single_weight, reconstruction=config.reconstruction,
    )  # fmt: skip
