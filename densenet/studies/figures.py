"""The figure of the study of gradients, drawn from its finished run."""

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from reporting import plots
from training.run import Run, read_json


def gradients(run: Run) -> Figure | None:
    """Gradient of each convolution by depth, before training."""
    path = run.path / "gradients.json"
    if not path.exists():
        return None
    figure, axis = plt.subplots(figsize=(6, 3.6))
    for name, values in read_json(path).items():
        axis.plot(range(1, len(values) + 1), values, "o-", label=name)
    axis.set(yscale="log", xlabel="3x3 convolution, first to last", ylabel="RMS gradient of the kernel")
    axis.set_title("Gradient by depth, untrained")
    axis.legend()
    settings, title = run.config["settings"], run.environment["data"]["title"]
    return plots.caption(figure, f"{settings['images']} training images of {title}, seed {settings['seed']}.")


FIGURES = {"gradients": gradients}
