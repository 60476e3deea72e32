"""The settings of an autoencoder: its command line and its help text."""

import dataclasses
import functools
from typing import Literal

from training.settings import Settings, check, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of an autoencoder; the defaults are those of the "Autoencoders" post where it states them."""

    code: int = 32
    """Features the image is squeezed into (>= 1)."""
    network: Literal["pooled", "strided", "dense", "unet"] = "pooled"
    """Layers: the post's max-pooling, convolutions of stride 2, fully connected, or a U-Net without code."""
    widths: tuple[int, ...] = (16, 32)
    """Filters or units of the encoder's layers; the decoder mirrors them."""
    residual: int = 0
    """Residual convolutions at the lowest resolution of the decoder (>= 0)."""
    upsampling: Literal["transpose", "subpixel"] = "transpose"
    """How the decoder doubles its images."""
    kind: Literal["linear", "relu", "sigmoid", "top_k", "winners", "gaussian", "quantized"] = "linear"
    """The code; gaussian makes the autoencoder variational."""
    l1: float = 0.0
    """Weight of the post's activity_regularizer: times sum over units of |code| (>= 0)."""
    top_k: int = 1
    """Units that stay active with kind top_k (>= 1)."""
    winners: float = 0.05
    """Share of a batch in which a unit keeps its value with kind winners, in (0, 1]."""
    corruption: Literal["none", "masking", "salt_and_pepper", "gaussian"] = "none"
    """What is done to the training images before they are encoded."""
    amount: float = 0.0
    """Share of corrupted pixels, or standard deviation of Gaussian noise (>= 0)."""
    binarize: bool = False
    """Draw black-and-white images anew each time, with the grey values as probabilities."""
    reconstruction: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    """What is minimised, summed over pixels."""
    kl_weight: float = 1.0
    """Weight of the divergence of a variational code from N(0, 1) (>= 0); 1 is the evidence lower bound."""
    importance_samples: int = 1
    """Draws of a variational code per image in training (>= 1); above 1 the importance-weighted bound (IWAE)."""
    prior_components: int = 0
    """Normal distributions in the learned prior of a variational code (>= 0); 0 for the fixed N(0, 1)."""
    sparsity_weight: float = 0.0
    """Weight of the divergence between mean activations and the target (>= 0)."""
    sparsity_target: float = 0.05
    """Wished-for mean activation of a sigmoid unit."""
    rate_weight: float = 0.0
    """Cross-entropy that one bit of a quantized code is worth (>= 0)."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate over the run; cosine warms up for 3 % and ends at 2 % of it."""
    probe: bool = False
    """Report sparsity and the error of a linear classifier on the code."""
    probe_c: float = 1.0
    """C of that classifier: one over the weight of its L2 penalty (> 0)."""
    archive: bool = False
    """Write the training images to an .aez file and report its size."""
    likelihood_images: int = 10_000
    """Test images whose likelihood is importance-sampled when binarize is on (>= 1)."""
    likelihood_samples: int = 1000
    """Samples per image, a multiple of 250 above that."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, code=1, residual=0, l1=0, top_k=1, amount=0, kl_weight=0, sparsity_weight=0)
        for name, other in (("importance_samples", 1), ("prior_components", 0)):
            value = getattr(self, name)
            check(self.kind == "gaussian" or value == other, name, f"{other} unless --kind is gaussian", value)
        check_at_least(self, importance_samples=1, prior_components=0, rate_weight=0)
        check_at_least(self, likelihood_images=1, likelihood_samples=1)
        check(self.probe_c > 0, "probe_c", "above 0", self.probe_c)
        check(0 < self.winners <= 1, "winners", "above 0, at most 1", self.winners)
        check(0 < self.sparsity_target < 1, "sparsity_target", "between 0 and 1", self.sparsity_target)

    def fixed_length(self):
        return "its rate rises and falls" if self.schedule == "cosine" else ""


def make_objective(config: Config):
    """`compute_loss` with the weights of the settings."""
    from autoencoders import losses

    weights = ("reconstruction", "kl_weight", "sparsity_weight", "sparsity_target", "rate_weight", "importance_samples")
    return functools.partial(losses.compute_loss, **{name: getattr(config, name) for name in weights})


def cosine_adam(learning_rate: float, steps: int, last: float = 0.02):
    """Adam (b2 = .99) whose rate warms up for 3 % of the steps and falls as a cosine to `last` of `learning_rate`."""
    import keras

    warm = max(1, round(0.03 * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm), alpha=last, warmup_target=learning_rate, warmup_steps=warm
    )
    return keras.optimizers.Adam(rate, beta_2=0.99)
