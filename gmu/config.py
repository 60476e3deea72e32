"""Settings of a gated multimodal unit, and what they mean: its network and its loss. Shared by training and studies."""

import dataclasses
import functools
from typing import ClassVar, Literal

from training.settings import LARGEST_SEED, Settings, check, check_at_least


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of the GMU; the defaults are the post's."""

    NAMED: ClassVar[tuple[str, ...]] = ("synthetic",)

    data: str = "synthetic"
    """synthetic, the two-modality distribution of the post, or the path of a table (.csv, .npz) of two or more
    modalities and label; rows may lack some."""
    samples: int = 400
    """Training samples drawn from it (>= 1)."""
    data_seed: int = 41
    """Seed of the training sample (>= 0); the post's is 41."""
    dimensions: int = 1
    """Each modality is in R^dimensions (>= 1); the means keep their distances."""
    scaling: Literal["none", "center", "standardize"] = "center"
    """What is done to the two inputs, with statistics of the training sample."""
    epochs: int = 100
    batch_size: int = 400
    learning_rate: float = 0.1
    fusion: Literal["gmu", "feed_forward", "concatenation", "sum", "mixture_of_experts"] = "gmu"
    """The gated multimodal unit or one of gmu/baselines.py."""
    units: int = 1
    """Width D of the fused vector, or of the baseline's hidden layer (>= 1)."""
    gate_reads: Literal["inputs", "projections"] = "inputs"
    """What the gate sees: the inputs (the equations) or their projections (the official code)."""
    use_bias: bool = True
    """Biases in projections and gate; the paper's equations have none."""
    cross_entropy: Literal["sigmoid", "softmax"] = "sigmoid"
    """Loss of the two logits."""
    expert_weight: float = 0.0
    """Weight of the gated-expert loss (>= 0)."""

    def __post_init__(self):
        super().__post_init__()
        check_at_least(self, samples=1, data_seed=0, dimensions=1, units=1, expert_weight=0)
        check(self.data_seed <= LARGEST_SEED, "data_seed", f"at most {LARGEST_SEED} (32 bits)", self.data_seed)


def modalities_of(dataset) -> list[str]:
    """Names of the modalities of a data set, in the order of the gates."""
    return dataset.provenance.get("modalities", ["visual", "textual"])


def inputs_of(dataset, split) -> dict:
    """What the network is asked with: the modalities of a split and, where some are missing, `present`."""
    return {name: split[name] for name in (*modalities_of(dataset), "present") if name in split}


def build_network(config: Config, dataset=None):
    """The untrained network of `Config`, for the post's two modalities or those of a data set."""
    from gmu import baselines, model, networks

    names = modalities_of(dataset) if dataset else ("visual", "textual")
    shapes = {name: dataset.train[name].shape[1:] if dataset else (config.dimensions,) for name in names}
    pictures = {name: shape for name, shape in shapes.items() if len(shape) > 1}
    task = {"shapes": shapes, "classes": dataset.classes if dataset else 2}
    task["encoders"] = {name: networks.build_view_encoder(shape, name=name) for name, shape in pictures.items()}
    if config.fusion != "gmu":
        return getattr(baselines, f"build_{config.fusion}")(units=config.units, **task)
    choices = {name: getattr(config, name) for name in ("units", "use_bias", "gate_reads")}
    gate = "tied" if len(shapes) == 2 else "softmax"
    return model.build(experts=config.expert_weight > 0, gate=gate, **choices, **task)


def make_objective(config: Config):
    """`compute_loss` with the hyper-parameters of `Config`."""
    from gmu import losses

    choices = {name: getattr(config, name) for name in ("cross_entropy", "expert_weight")}
    return functools.partial(losses.compute_loss, **choices)
