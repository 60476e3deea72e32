"""How time grows with size: the exponent fitted to median seconds over four sizes, each twice the one before.

1 is time in proportion; fixed costs, which small sizes feel, make it less. `baseline` is what the arithmetic of the
algorithm says, so that a ratio below 1 would be a surprise to explain.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks import timing
from benchmarks.steps import forward_and_backward, loop_epoch

RANDOM = np.random.default_rng(0)


def corrnet_epoch(examples=10_000, units=50) -> Callable[[], object]:
    """An epoch of CorrNet in batches of 100."""
    from corrnet import losses, model

    views = {view: RANDOM.random((examples, 28, 14, 1), np.float32) for view in ("left", "right")}
    network = model.build(left_shape=(28, 14, 1), right_shape=(28, 14, 1), code_units=units)
    return loop_epoch(network, losses.compute_loss, views, 100)


def capsule_layer(capsules=576, batch=32) -> Callable[[], object]:
    """Votes and routing, forward and backward."""
    from capsnet.layers import DigitCapsules

    return forward_and_backward(DigitCapsules(10, 16), tf.random.normal((batch, capsules, 8)))


def temperature(classes) -> Callable[[], object]:
    """Fitting T to 5,000 predictions."""
    from calibration.methods.temperature import fit_temperature

    logits = RANDOM.normal(size=(5000, classes))
    labels = (logits + RANDOM.gumbel(size=logits.shape)).argmax(1)  # drawn from their softmax: T is 1
    return lambda: fit_temperature(logits, labels)


def cca(pixels) -> Callable[[], object]:
    """Linear CCA of 10,000 pairs."""
    from corrnet.cca import fit_cca

    left, right = RANDOM.normal(size=(2, 10_000, pixels))
    return lambda: fit_cca(left, right, 10)


# What grows -> (sizes, exponent of the arithmetic, function from a size to a call).
GROWTH: dict[str, tuple[tuple[int, ...], int, Callable]] = {
    "CorrNet epoch against examples": ((5_000, 10_000, 20_000, 40_000), 1, corrnet_epoch),
    "CorrNet epoch against code size": ((50, 100, 200, 400), 1, lambda units: corrnet_epoch(units=units)),
    "capsule layer against input capsules": ((288, 576, 1152, 2304), 1, capsule_layer),
    "capsule layer against batch": ((16, 32, 64, 128), 1, lambda batch: capsule_layer(batch=batch)),
    "temperature against classes": ((50, 100, 200, 400), 1, temperature),
    "CCA of 10,000 pairs against pixels of a view": ((64, 128, 256, 512), 2, cca),
}


def exponent(sizes, seconds) -> float:
    """Slope of log seconds over log size, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def run(repeats: int) -> list[dict]:
    """One row per quantity that grows."""
    rows = []
    for name, (sizes, expected, make) in GROWTH.items():
        seconds = timing.interleaved({str(size): make(size) for size in sizes}, repeats)
        found = exponent(sizes, [seconds[str(size)] for size in sizes])
        rows.append(timing.smaller_is_better(f"growth of {name}", found, expected, "exponent", repeats))
    return rows
