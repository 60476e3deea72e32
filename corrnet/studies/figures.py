"""The figure of the sweep over lambda, drawn from its finished run."""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import plots
from training.run import Run

SWEEP = {
    "sum_correlation": "sum of unit correlations",
    "total_canonical_correlation": "total canonical correlation",
    "effective_rank": "effective rank",
}


def lambda_sweep(run: Run) -> Figure | None:
    """The headline rises with lambda while rank, canonical correlation and transfer fall."""
    metrics = run.result["metrics"]
    weights = run.config["settings"].get("weights")
    if not weights:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 3.8))

    def values(name):
        return [metrics[f"lambda_{weight:g}/{name}"] for weight in weights]

    positions = range(len(weights))
    for name, label in SWEEP.items():
        left.plot(positions, values(name), "o-", ms=4, label=label)
    for pair in ("left_to_right", "right_to_left"):
        right.plot(positions, values(f"transfer_{pair}_percent"), "o-", ms=4, label=pair.replace("_", " "))
    left.set(title="three measures of agreement (at most 50)", ylim=(0, 52))
    right.set(title="transfer accuracy (percent)")
    for axis in (left, right):
        axis.set_xticks(positions, [f"{weight:g}" for weight in weights])
        axis.set(xlabel="lambda, weight of the correlation")
        axis.legend()
    return plots.caption(figure, f"One training per lambda, same initial weights. {plots.describe(run)}.")


FIGURES = {"lambda_sweep": lambda_sweep}
