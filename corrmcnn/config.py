"""The settings of a CorrMCNN: its command line and its help text."""

import dataclasses
import functools
from typing import Literal

from corrnet.config import TwoViews
from training.settings import check, check_at_least

Activation = Literal["relu", "sigmoid", "tanh"]
OutputActivation = Literal["relu", "sigmoid", "linear"]


@dataclasses.dataclass(frozen=True)
class Config(TwoViews):
    """Settings of a CorrMCNN; the defaults are those of the slides."""

    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 0.01
    optimizer: Literal["adam", "rmsprop"] = "adam"
    """RMSprop is what the official code uses."""
    decay: bool = False
    """Lower the learning rate along a half cosine to 0; otherwise it is constant."""
    code_units: int = 50
    """Size of the common code (>= 1)."""
    filters: tuple[int, ...] = (128, 64)
    """Of the 3x3 convolutions, each followed by 2x2 max-pooling."""
    padding: Literal["valid", "same"] = "valid"
    """Of convolutions and pooling."""
    dense_units: tuple[int, ...] = (500, 300)
    """Widths of the dense layers between convolutions and code, where L4 and L7 compare the views (one or more)."""
    batch_norm: Literal["none", "convolutions", "all"] = "convolutions"
    """Where batch normalisation follows: nowhere, after every pooling, between dense layers, too."""
    dropout: float = 0.2
    """Share of units dropped between dense layers, in [0, 1)."""
    activation: Activation = "relu"
    """Of the convolutions."""
    dense_activation: Activation = "relu"
    """Of the encoders' dense layers and the decoders' hidden ones."""
    code_activation: Literal["relu", "sigmoid", "tanh", "linear"] = "relu"
    """Of the code."""
    output_activation: OutputActivation = "sigmoid"
    """Of the rebuilt pixels."""
    decoder_units: tuple[int, ...] = ()
    """Widths of the decoders' dense layers."""
    deconvolution: bool = True
    """Pixels from a small picture, enlarged and convolved; off: from one dense layer."""
    initial_weights: Literal["keras", "pytorch"] = "keras"
    """Glorot-uniform kernels and zero biases, or both uniform within 1 / sqrt(fan in), the slides' framework's."""
    tied: bool = False
    """The decoders' dense layers use the encoders' kernels transposed; needs decoder_units = dense_units reversed."""
    fusion: Literal["hidden_sum", "code_sum", "code_mean"] = "hidden_sum"
    """One code layer for the sum of both views, or the sum or mean of two codes."""
    absent: Literal["nothing", "zero_image", "zero_batch"] = "nothing"
    """What a view that is not given adds: nothing, or what an image of zeros gives on inference or batch statistics."""
    shift: float = 0.0
    """Largest shift of a training pair in pixels (>= 0)."""
    stretch: float = 0.0
    """Largest relative change of size of a training pair, in [0, 1)."""
    both_weight: float = 1.0
    """Weight of L1, both views rebuilt from both (>= 0)."""
    single_weight: float = 1.0
    """Weight of L2 and L3, both views rebuilt from one (>= 0)."""
    step_weight: float = 1.0
    """Weight of L4, hidden layers of the two views alike (>= 0)."""
    difference_weight: float = 1.0
    """Weight of L5, both views rebuild alike (>= 0)."""
    correlation_weight: float = 0.02
    """Lambda of L6, the correlation of the codes."""
    pixel_error: Literal["mean", "sum"] = "mean"
    """Squared errors of L1, L2, L3 and L5: mean or sum over the pixels of a view; the slides do not say."""
    step_error: Literal["mean", "sum"] = "mean"
    """The same for L4, over the units of a hidden layer."""
    step_correlation_weights: tuple[float, ...] = (0.003, 0.05)
    """Lambdas of L7, the correlations of the hidden layers: the encoder's, then the decoder's; missing ones are 0."""
    correlation: Literal["per_unit", "global"] = "per_unit"
    """Sum over units of their correlations, or one correlation of all units together."""
    decoder_steps: Literal["single", "paired"] = "single"
    """L4 and L7 compare decoder layers of the two one-view passes, or of the two decoders in the pass from both."""
    canonical_weight: float = 0.0
    """Weight of the total canonical correlation of the batch (>= 0)."""
    ridge: float = 1e-3
    """Added to the batch covariances of the canonical correlation (> 0)."""
    neighbours: int = 5
    """Images of the batch that count as near to each image (>= 1)."""
    neighbour_share: float = 0.0
    """Share of the canonical correlation taken between a half and the other halves of its neighbours, in [0, 1)."""
    project: bool = False
    """Measure the codes after projection on their canonical directions, fitted on the training codes."""
    lean: float = 0.0
    """Add this many times one function of the projected units to all: a higher sum, the same content."""
    measure_on: Literal["test", "validation"] = "test"
    """Split that the finished network is measured on; validation while settings are being chosen."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, code_units=1, dropout=0, shift=0, stretch=0, both_weight=0, single_weight=0)
        check_at_least(self, step_weight=0, difference_weight=0, canonical_weight=0)
        check_at_least(self, neighbours=1, neighbour_share=0)
        check(self.batch_size >= 2, "batch_size", "at least 2, a correlation needs two samples", self.batch_size)
        check(self.dropout < 1 and self.stretch < 1, "dropout and stretch", "below 1", (self.dropout, self.stretch))
        check(self.neighbour_share < 1, "neighbour_share", "below 1", self.neighbour_share)
        shared = self.strategy != "none" and self.neighbour_share
        check(not shared, "strategy", "none with --neighbour-share, which needs the whole batch", self.strategy)
        check(self.project or not self.lean, "lean", "0 without --project", self.lean)
        check(self.ridge > 0, "ridge", "> 0", self.ridge)
        check(self.dense_units, "dense_units", "one or more widths", "none")
        mirrored = self.dense_units[::-1]
        check(not self.tied or self.decoder_units == mirrored, "decoder_units", f"{mirrored} when tied",
              self.decoder_units)  # fmt: skip

    def fixed_length(self):
        return "its rate falls to 0" if self.decay else ""


# What corrmcnn.model.build and corrmcnn.losses.compute_loss take from the settings, by the same names.
NETWORK = (
    "code_units", "filters", "padding", "dense_units", "batch_norm", "dropout", "activation", "dense_activation",
    "code_activation", "output_activation", "decoder_units", "deconvolution", "tied", "fusion", "absent", "shift",
    "stretch", "initial_weights",
)  # fmt: skip
LOSS = (
    "both_weight", "single_weight", "step_weight", "difference_weight", "correlation_weight", "correlation",
    "step_correlation_weights", "decoder_steps", "canonical_weight", "ridge", "neighbours", "neighbour_share",
    "pixel_error", "step_error",
)  # fmt: skip


def make_objective(config: Config):
    """`compute_loss` with the weights of the settings."""
    from corrmcnn import losses

    return functools.partial(losses.compute_loss, **{name: getattr(config, name) for name in LOSS})


def make_optimizer(config: Config, steps: int):
    """Adam or RMSprop, at a constant rate or along half a cosine over `steps` steps."""
    import keras

    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps) if config.decay else config.learning_rate
    return {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[config.optimizer](rate)
