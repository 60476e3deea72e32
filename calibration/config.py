"""Settings of a network whose calibration is studied: its command line, its help and its defaults."""

import dataclasses
import functools
from typing import Literal

from training.recipe import Recipe
from training.settings import check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Recipe):
    """Settings of a network whose calibration is studied."""

    data: str = "fashion_mnist"
    train_examples: int = 2000
    epochs: int = 30
    batch_size: int = 50
    learning_rate: float = 0.05
    network: Literal["residual", "lenet", "densenet"] = "residual"
    """Which network."""
    units: int = 2
    """Residual units in each of two stages (>= 1)."""
    width: int = 16
    """Channels of the residual network's first stage (>= 1)."""
    batch_normalisation: bool = True
    """Batch normalisation in the residual network."""
    weight_decay: float = 5e-4
    """Factor of half the squared kernels (>= 0)."""
    learn_temperature: bool = False
    """Divide the logits by a temperature that is trained along with the network, which the post warns of."""
    solver: Literal["newton", "adam"] = "newton"
    """How T is fitted on validation: the minimum itself, or 300 steps of Adam on T as in the post's kind of code."""
    temperatures: tuple[float, ...] = ()
    """Temperatures at which the NLL is recorded after every epoch."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, units=1, width=1, weight_decay=0)

    def fixed_length(self):
        return "its rate falls in steps" if not self.temperatures else ""


def make_objective(config: Config):
    """`compute_loss` with the weight decay and the temperatures of the settings."""
    from calibration import losses

    return functools.partial(losses.compute_loss, weight_decay=config.weight_decay, temperatures=config.temperatures)
