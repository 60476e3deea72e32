"""The figure of the comparison of solvers, drawn from its finished run."""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import plots
from training.run import Run, read_json


def solvers(run: Run) -> Figure | None:
    """Time against accuracy of the ways to find T."""
    path = run.path / "solvers.json"
    if not path.exists():
        return None
    figure, axis = plt.subplots(figsize=(6.5, 4))
    for name, row in read_json(path).items():
        label = "newton (ours)" if name == "newton" else name
        axis.plot(row["ms"], max(row["relative_error"], 1e-12), "o", label=label, markersize=8)
    axis.set(xscale="log", yscale="log", xlabel="time to fit (ms)", ylabel="relative error of T")
    axis.legend(fontsize=8)
    axis.set_title("Ways to find the temperature: lower left is better")
    return plots.caption(figure, f"{run.environment['data']['title']}, float32; medians of interleaved repeats, CPU.")


FIGURES = {"solvers": solvers}
