"""What a variant's settings mean: its network and its loss. Shared by gmu.train and the studies over many copies."""

import functools


def build(config):
    """The untrained network of `gmu.train.Config`."""
    from gmu import baselines, model

    shapes = {"visual": (config.dimensions,), "textual": (config.dimensions,)}
    if config.fusion != "gmu":
        return getattr(baselines, f"build_{config.fusion}")(shapes=shapes, units=config.units)
    choices = {name: getattr(config, name) for name in ("units", "use_bias", "gate_reads")}
    return model.build(shapes=shapes, experts=config.expert_weight > 0, **choices)


def objective(config):
    """`compute_loss` with the hyper-parameters of `gmu.train.Config`."""
    from gmu import losses

    choices = {name: getattr(config, name) for name in ("cross_entropy", "expert_weight")}
    return functools.partial(losses.compute_loss, **choices)
