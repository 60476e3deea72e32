"""Settings of a capsule network: its command line, its help and its defaults."""

import dataclasses
import functools
from typing import Literal

from training.recipe import Recipe
from training.settings import check, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Recipe):
    """Settings of a capsule network; the defaults are the paper's."""

    network: Literal["capsnet", "efficient", "cnn_paper", "cnn_5x5", "cnn_9x9"] = "capsnet"
    """Routed capsules, Efficient-CapsNet, or one of the convolutional networks they are compared with."""
    iterations: int = 3
    """Routing iterations (>= 1)."""
    gradient: Literal["all", "last"] = "all"
    """Routing iterations that gradients flow through."""
    reconstruction_weight: float = 5e-4
    """Weight of the reconstruction error beside the margin loss (>= 0); 0 leaves the decoder out."""
    reconstruction: Literal["sum", "mean"] = "sum"
    """Squared error summed or averaged over the pixels of an image."""
    max_shift: int = 2
    """Training images are shifted by up to this many pixels in each axis (>= 0)."""
    initial: Literal["keras", "official"] = "keras"
    """Initial weights: Keras' defaults as in the blog, or the authors' program's."""
    schedule: Literal["constant", "exponential", "cosine", "one_cycle"] = "exponential"
    """Rate: constant, x 0.96 every 2,000 steps (authors' program), half a cosine to 0, or up for 30 % and then down."""
    weight_decay: float = 0.0
    """Decoupled weight decay of AdamW (>= 0)."""
    pairs: int = 0
    """MultiMNIST: pairs of digits per training image (>= 0); 0 trains on single digits."""
    fresh_pairs: bool = False
    """MultiMNIST: pair the digits anew in every batch, inside the graph; off: once, before training."""
    filters: int = 256
    """Channels of the first convolution (>= 1)."""
    primary_types: int = 32
    """Primary capsules per position (>= 1)."""
    compiled: bool = True
    """Compile the routing with XLA."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, iterations=1, reconstruction_weight=0, weight_decay=0, pairs=0, filters=1, primary_types=1)
        affine = self.rotation or self.shear or self.scale or self.cutout or self.flip
        check(not affine or self.network == "efficient", "network", "efficient with affine augmentation", self.network)
        check(self.pairs == 1 or not self.fresh_pairs, "fresh_pairs", "given with --pairs 1", f"--pairs {self.pairs}")
        check(not (self.pairs and affine), "pairs", "0 with affine augmentation", self.pairs)

    def fixed_length(self):
        return "its rate rises and falls" if self.schedule in ("cosine", "one_cycle") else ""


def reads_digits(settings: dict) -> bool:
    """Whether the recorded settings of a run describe capsules that were trained on single digits."""
    return settings.get("pairs", 1) == 0 and has_capsules(settings["network"])


def has_capsules(network: str) -> bool:
    """Whether a `Config.network` is made of capsules, not one of the convolutional networks beside them."""
    return not network.startswith("cnn")


def build_capsules(config: Config, **more):
    """The network of capsules that the settings describe."""
    from capsnet import efficient, model

    if config.network == "efficient":
        return efficient.build(**config.augmentation, **more)
    names = ("iterations", "gradient", "max_shift", "filters", "primary_types", "initial", "compiled")
    return model.build(**{name: getattr(config, name) for name in names}, **more)


def make_optimizer(config: Config, steps: int):
    """Adam, or AdamW with weight decay, at the rate of the schedule."""
    import keras

    schedules, largest = keras.optimizers.schedules, config.learning_rate
    rise = max(1, round(0.3 * steps))
    rate = {
        "constant": lambda: largest,
        "exponential": lambda: schedules.ExponentialDecay(largest, 2000, 0.96),
        "cosine": lambda: schedules.CosineDecay(largest, steps),
        "one_cycle": lambda: schedules.CosineDecay(
            largest / 25, max(1, steps - rise), warmup_target=largest, warmup_steps=rise
        ),
    }[config.schedule]()
    if config.weight_decay:
        return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **config.averaging(steps))
    return keras.optimizers.Adam(rate, **config.averaging(steps))


def make_objective(config: Config):
    """`compute_loss` of the network and the data that the settings describe."""
    from capsnet import losses

    if not has_capsules(config.network):
        return losses.compute_cnn_loss
    compute_loss = losses.compute_pair_loss if config.pairs else losses.compute_loss
    weights = {"reconstruction_weight": config.reconstruction_weight, "form": config.reconstruction}
    return functools.partial(compute_loss, **weights)
