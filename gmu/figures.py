"""The figures of the GMU post, drawn from a finished run of gmu.train, over the plane of its two modalities."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from data.synthetic import TwoModalities, two_modalities
from gmu.evaluate import bayes_log_odds, log_odds
from reporting import plots
from training.run import Run

COLOURS = ("tab:blue", "tab:red")
EXTENT = (-3.0, 21.0, 6.0, 23.0)  # visual from, to, textual from, to
RESOLUTION = 200
LAW = TwoModalities()


def is_post(run: Run) -> bool:
    """Whether this is a run of gmu.train whose two modalities are numbers, so that they span a plane."""
    settings = run.config["settings"]
    return settings["data"] == "synthetic" and settings.get("dimensions") == 1 and "models" not in settings


def raw_sample(run: Run):
    """The training sample of a run of gmu.train in data units, and the shift and scale its model was given."""
    settings = run.config["settings"]
    provenance = run.environment["data"]
    sample = two_modalities(settings["samples"], settings["data_seed"], "none", test_examples=1).train
    return sample, provenance["shift"], provenance["scale"]


def scatter(axis, sample) -> None:
    """Training points coloured by class C."""
    for value in (0, 1):
        rows = sample["label"] == value
        points = sample["visual"][rows], sample["textual"][rows]
        axis.scatter(*points, s=12, c=COLOURS[value], edgecolors="black", linewidths=0.25)
    axis.set(xlabel="visual modality")
    axis.grid(False)


def grid() -> dict[str, np.ndarray]:
    """The points of the plane, as columns (RESOLUTION^2, 1), in data units."""
    visual, textual = np.meshgrid(np.linspace(*EXTENT[:2], RESOLUTION), np.linspace(*EXTENT[2:], RESOLUTION))
    return {"visual": visual.reshape(-1, 1), "textual": textual.reshape(-1, 1)}


def draw_map(axis, sample, values, colours: str, bayes) -> object:
    """Values in [0, 1] over the plane, the Bayes boundary, and the sample; returns the image for a colour bar."""
    picture = axis.imshow(
        values.reshape(RESOLUTION, RESOLUTION),
        origin="lower",
        extent=EXTENT,
        aspect="auto",
        cmap=colours,
        alpha=0.6,
        vmin=0,
        vmax=1,
    )
    boundary = bayes(grid()).reshape(RESOLUTION, RESOLUTION)
    axis.contour(boundary, [0], extent=EXTENT, colors="black", linestyles="dashed", linewidths=1)
    scatter(axis, sample)
    axis.set(xlim=EXTENT[:2], ylim=EXTENT[2:])
    return picture


def bayes_class(points):
    return bayes_log_odds(LAW, points["visual"], points["textual"])[0]


def bayes_source(points):
    return bayes_log_odds(LAW, points["visual"], points["textual"])[1]


def ask(model, shift, scale, cross_entropy: str):
    """Gate z and P(C = 1) of a model over the plane; z is None without gates."""
    from training.loop import predict

    inputs = {name: ((values - shift[name]) / scale[name]).astype(np.float32) for name, values in grid().items()}
    outputs = predict(model, inputs)
    gate = outputs["gates"][:, 0].mean(-1) if "gates" in outputs else None
    return gate, 1 / (1 + np.exp(-log_odds(outputs["logits"], cross_entropy)))


def graph(run: Run) -> Figure | None:
    """The post's generating graph."""
    if run.config["variant"] != "blog":
        return None
    places = {
        "$C$": (5, 3, "0.8"), "$M$": (5, 1.3, "white"),
        "$y_v$": (1, 1.7, "white"), r"$\hat y_v$": (3.2, 1.7, "white"),
        "$y_t$": (6.8, 1.7, "white"), r"$\hat y_t$": (9, 1.7, "white"),
        "$x_v$": (2.6, 0.3, "0.8"), "$x_t$": (7.4, 0.3, "0.8"),
    }  # fmt: skip
    arrows = [("$C$", "$y_v$"), ("$C$", "$y_t$")]
    arrows += [(source, "$x_v$") for source in ("$y_v$", r"$\hat y_v$", "$M$")]
    arrows += [(source, "$x_t$") for source in ("$y_t$", r"$\hat y_t$", "$M$")]
    figure, axis = plt.subplots(figsize=(6, 3))
    for start, end in arrows:
        ends = [places[name][:2] for name in (start, end)]
        axis.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, shrinkA=17, shrinkB=17, color="0.4"))
    for name, (x, y, colour) in places.items():
        axis.add_patch(Circle((x, y), 0.4, facecolor=colour, edgecolor="black", zorder=2))
        axis.text(x, y, name, ha="center", va="center", zorder=3)
    axis.set(
        xlim=(0.3, 9.7), ylim=(-0.2, 3.5), aspect="equal", title="C sets both signals; M picks the one that is kept"
    )
    axis.axis("off")
    text = "x_v = M y_v + (1 - M) noise_v, x_t = M noise_t + (1 - M) y_t. Grey: seen in training; M is never shown"
    return plots.caption(figure, f"{text}.")


def data(run: Run) -> Figure:
    """The post's scatter of the training data, in data units."""
    sample = raw_sample(run)[0]
    figure, axis = plt.subplots(figsize=(5, 4))
    scatter(axis, sample)
    axis.set(ylabel="textual modality", title="Four clusters, two classes (blue C = 0, red C = 1)")
    return plots.caption(figure, f"Training sample, before centring; {plots.describe(run)}.")


def loss(run: Run) -> Figure:
    """The post's loss curve."""
    return plots.learning_curves(run, "cross_entropy", "cross-entropy (nats)")


def maps(run: Run) -> Figure:
    """The post's last figure: which modality the gate attends to, and the predicted class, over the plane."""
    sample, shift, scale = raw_sample(run)
    gate, chance = ask(run.load_model(), shift, scale, run.config["settings"]["cross_entropy"])
    panels = [("Predicted class: P(C = 1)", chance, "bwr", bayes_class, "", ("C = 0", "C = 1"))]
    if gate is not None:
        attends = ("x_t decides", "x_v decides")
        panels.insert(0, ("Which modality the gate z attends to", gate, "gray", bayes_source, "", attends))
    figure, axes = plt.subplots(1, len(panels), figsize=(5 * len(panels), 4.2), sharey=True, squeeze=False)
    for axis, (title, values, colours, bayes, label, ends) in zip(axes[0], panels, strict=True):
        picture = draw_map(axis, sample, values, colours, bayes)
        bar = figure.colorbar(picture, ax=axis, ticks=[0, 0.5, 1], label=label)
        bar.ax.set_yticklabels([f"0: {ends[0]}", "0.5", f"1: {ends[1]}"])
        axis.set_title(title)
    axes[0, 0].set_ylabel("textual modality")
    text = "Points: training sample, blue C = 0, red C = 1. Dashed: boundary of the Bayes rule"
    return plots.caption(figure, f"{text}. {plots.describe(run)}.")


FIGURES = {
    name: lambda run, draw=draw: draw(run) if is_post(run) else None
    for name, draw in {"graph": graph, "data": data, "loss": loss, "maps": maps}.items()
}
