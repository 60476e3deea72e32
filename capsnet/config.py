"""Settings of a capsule network: its command line, its help and its defaults."""

import dataclasses
from typing import Literal

from training.settings import Settings, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a capsule network; the defaults are the paper's."""

    network: Literal["capsnet", "cnn_paper", "cnn_5x5", "cnn_9x9"] = "capsnet"
    """Capsules, or one of the convolutional networks they are compared with."""
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
    schedule: Literal["constant", "exponential", "cosine"] = "exponential"
    """Learning rate: constant, x 0.96 every 2,000 steps as the authors' program, or half a cosine to 0."""
    pairs: int = 0
    """MultiMNIST: pairs of digits per training image (>= 0); 0 trains on single digits."""
    filters: int = 256
    """Channels of the first convolution (>= 1)."""
    primary_types: int = 32
    """Primary capsules per position (>= 1)."""
    compiled: bool = True
    """Compile the routing with XLA."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, iterations=1, reconstruction_weight=0, max_shift=0, pairs=0, filters=1, primary_types=1)
