"""The figures of the posts and of the paper, drawn from finished runs."""

import functools

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from capsnet import evaluate
from capsnet.config import reads_digits
from data.dataset import pixels
from data.splits import first_of_each_class
from reporting import plots, runs
from training import loop
from training.run import Run

SHOWN = 10  # images in a strip
OFFSETS = np.linspace(-0.25, 0.25, 11)  # what the paper adds to one number of a capsule


@functools.lru_cache(maxsize=1)
def load_network(run: Run, finished: str):
    """The network of the run that finished then; all its figures share it."""
    return run.load_model()


def network_of(run: Run):
    """The run's trained network."""
    return load_network(run, run.result["finished"])


def settings_of(run: Run) -> dict:
    """A run's settings."""
    return run.config["settings"]


def has_decoder(run: Run) -> bool:
    """Whether the run trained capsules with a decoder on single digits."""
    settings = settings_of(run)
    return reads_digits(settings) and settings["reconstruction_weight"] > 0


def loss(run: Run) -> Figure:
    """Learning curves of the loss that was minimised."""
    return plots.learning_curves(run, "loss", "loss")


def titles(run: Run, labels, predicted) -> list[str]:
    """What each image is and what it was read as."""
    names = runs.class_names_of(run)
    return [f"is {names[label]},\nread {names[read]}" for label, read in zip(labels, predicted, strict=True)]


def strip(network, images, labels) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows of a reconstruction strip and the predicted labels."""
    outputs = loop.predict(network, images)
    rows = {
        "image": images,
        "drawn from the longest capsule": outputs["reconstruction"],
        "drawn from the true class's": evaluate.decode_capsules(network, outputs["capsules"], labels),
    }
    return rows, outputs["lengths"].argmax(-1)


def grid_row(run: Run) -> dict[str, np.ndarray]:
    """For compare.py: test images, and what the longest capsule of each draws; nothing without a decoder."""
    if not has_decoder(run):
        return {}
    test = runs.dataset_of(run).test
    images = pixels(test["image"][first_of_each_class(test)])
    return {"image": images, "drawn": loop.predict(network_of(run), images)["reconstruction"]}


def reconstructions(run: Run) -> Figure | None:
    """The post's strip: test images above what the decoder makes of them."""
    if not has_decoder(run):
        return None
    test = runs.dataset_of(run).test
    chosen = first_of_each_class(test)
    rows, predicted = strip(network_of(run), test["image"][chosen], test["label"][chosen])
    figure = plots.image_rows(rows, titles=titles(run, test["label"][chosen], predicted))
    metrics = run.result["metrics"]
    return plots.caption(
        figure,
        f"First test image of each class. Test MSE {metrics['test/mse']:.4f} from the longest capsule, "
        f"{metrics['test/mse_true_mask']:.4f} from the labelled one, {metrics['test/class_mean_mse']:.4f} for the mean "
        f"training image of the class. {plots.describe(run)}.",
    )


def first_misread(network, test) -> tuple[np.ndarray, int]:
    """Rows of the first SHOWN misread test images, and how many images were read to find them."""
    wrong, count, read = np.zeros(0, int), len(test["label"]), 0
    while len(wrong) < SHOWN and read < count:
        part = slice(read, read + 1000)
        labels = loop.predict(network, test["image"][part], evaluate.BATCH)["lengths"].argmax(-1)
        wrong = np.append(wrong, read + np.flatnonzero(labels != test["label"][part]))
        read += len(labels)
    return wrong[:SHOWN], read


def failures(run: Run) -> Figure | None:
    """Misread test images, what was seen in them and what should have been."""
    if not has_decoder(run):
        return None
    test, network = runs.dataset_of(run).test, network_of(run)
    wrong, read = first_misread(network, test)
    if not len(wrong):
        return None
    rows, predicted = strip(network, test["image"][wrong], test["label"][wrong])
    figure = plots.image_rows(rows, titles=titles(run, test["label"][wrong], predicted))
    return plots.caption(figure, f"The first misread of the first {read:,} test images. {plots.describe(run)}.")


def perturbations(run: Run) -> Figure | None:
    """What each number of a digit capsule stands for: one number changed, then decoded (paper, Figure 4)."""
    if not has_decoder(run):
        return None
    test = runs.dataset_of(run).test
    network = network_of(run)
    chosen = first_of_each_class(test)[[2, 4] if runs.dataset_of(run).classes > 4 else [0, 1]]
    outputs = loop.predict(network, test["image"][chosen])
    figure, axes = plt.subplots(1, len(chosen), figsize=(4.4 * len(chosen), 7.2), squeeze=False)
    for axis, label, capsules in zip(axes[0], test["label"][chosen], outputs["capsules"], strict=True):
        size = capsules.shape[-1]
        changed = np.tile(capsules, (size, len(OFFSETS), 1, 1))  # (numbers, offsets, C, D)
        changed[np.arange(size)[:, None], np.arange(len(OFFSETS)), label, np.arange(size)[:, None]] += OFFSETS
        images = evaluate.decode_capsules(
            network, changed.reshape(-1, *capsules.shape), np.full(size * len(OFFSETS), label)
        )
        axis.imshow(np.squeeze(mosaic(images, len(OFFSETS))), cmap="gray_r", vmin=0, vmax=1)
        height, width = images.shape[1:3]
        axis.set_yticks(height * (np.arange(size) + 0.5), np.arange(size) + 1, fontsize=7)
        axis.set_xticks(width * (np.arange(0, 11, 5) + 0.5), [f"{offset:+.2f}" for offset in OFFSETS[::5]])
        axis.set(title=f"class {runs.class_names_of(run)[label]}", ylabel="number of the capsule", xlabel="added to it")
        axis.grid(False)
    return plots.caption(figure, f"One number of the labelled capsule changed, then decoded. {plots.describe(run)}.")


def mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """Images (rows * columns, height, width, channels) as one picture."""
    count, height, width, channels = images.shape
    grid = images.reshape(count // columns, columns, height, width, channels)
    return grid.transpose(0, 2, 1, 3, 4).reshape(-1, columns * width, channels)


def couplings(run: Run) -> Figure | None:
    """Where the votes go, iteration by iteration: couplings weighted by the length of the input capsule."""
    if not reads_digits(settings_of(run)):
        return None
    images, labels = (array[: evaluate.VOTERS] for array in evaluate.sample(runs.dataset_of(run).test))
    share = evaluate.vote_shares(network_of(run), images)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
    for iteration, values in enumerate(share[:, 0], 1):
        axes[0].bar(np.arange(values.size) + 0.8 * iteration / (len(share) + 1) - 0.4, values, 0.8 / (len(share) + 1),
                    label=f"iteration {iteration}")  # fmt: skip
    names = runs.class_names_of(run)
    axes[0].set(xlabel="class", ylabel="share of the votes", title=f"One image of class {names[labels[0]]}")
    axes[0].set_xticks(range(share.shape[-1]), names, rotation=45 if len(names[0]) > 1 else 0)
    axes[0].set_ylim(0, 1.35 * share[:, 0].max())  # room for the legend
    axes[0].legend(fontsize=7, ncols=len(share), loc="upper center")
    own = share[:, np.arange(len(labels)), labels]
    axes[1].boxplot(list(own), showfliers=False)
    axes[1].axhline(1 / share.shape[-1], color="0.5", linestyle="--")
    axes[1].set(xlabel="iteration", ylabel="share of the true class", title=f"{len(labels)} test images")
    return plots.caption(
        figure, f"Couplings weighted by the length of the input capsule; dashed: an even share. {plots.describe(run)}."
    )


def overlays(run: Run) -> Figure | None:
    """MultiMNIST: both digits drawn from the two longest capsules, red and green; an absent digit beside them."""
    settings = settings_of(run)
    if not settings["pairs"] or not settings["reconstruction_weight"]:
        return None
    test = runs.dataset_of(run).test
    digits, labels = test["digits"][:SHOWN] / np.float32(255), test["label"][:SHOWN]
    images = np.minimum(digits.sum(-1, keepdims=True), 1)
    network = network_of(run)
    outputs = loop.predict(network, images)
    longest = outputs["lengths"].argsort(-1)[:, :-3:-1]  # (n, 2)
    first = longest == labels[:, :1]
    longest = np.where(first[:, 1:] | (longest[:, :1] == labels[:, 1:]), longest[:, ::-1], longest)  # colours agree
    absent = outputs["lengths"].argmin(-1)
    drawn = [evaluate.decode_capsules(network, outputs["capsules"], label) for label in (*longest.T, absent)]
    blank = np.zeros_like(images)
    rows = {
        "image": np.concatenate([images] * 3, axis=-1),
        "its digits": np.concatenate([digits, blank], axis=-1),
        "drawn, two longest": np.concatenate([*drawn[:2], blank], axis=-1),
        "drawn, shortest": np.concatenate([drawn[2]] * 3, axis=-1),
    }
    titles = [f"is {a} {b}\nread {p} {q}" for (a, b), (p, q) in zip(labels, longest, strict=True)]
    figure = plots.image_rows(rows, titles=titles)
    return plots.caption(
        figure,
        f"The first test pairs. The last row decodes the shortest capsule: nothing to draw. {plots.describe(run)}.",
    )


def pairs_seen(run: Run) -> Figure | None:
    """MultiMNIST: what is misread on validation pairs against the training pairs seen so far."""
    rows = run.metrics() if settings_of(run)["pairs"] else []
    if len(rows) < 2 or "validation/digits" not in rows[0]:
        return None
    figure, axis = plt.subplots(figsize=(6, 3.6))
    seen = [row["epoch"] * run.result["counts"]["train"] for row in rows]
    for term, label in (("accuracy", "pairs: a digit or both"), ("digits", "digits")):
        axis.plot(seen, [100 * (1 - row[f"validation/{term}"]) for row in rows], "o-", label=label)
    axis.set(xscale="log", xlabel="training pairs seen", ylabel="misread (%)", title="Overlapping digits")
    plots.plain_log_scale(axis)
    axis.legend()
    return plots.caption(
        figure, f"5,000 validation pairs, one rate schedule over the whole run. {plots.describe(run)}."
    )


def equivariance(run: Run) -> Figure | None:
    """Length and pose of the true class's capsule while the image moves: the one should stay, the other go along."""
    if not reads_digits(settings_of(run)):
        return None
    images, labels = evaluate.sample(runs.dataset_of(run).test)
    images, labels = images[:200], labels[:200]
    shifts = np.arange(-4, 5)
    moved = [evaluate.transform(images, shift=shift) for shift in shifts]
    capsules = evaluate.predict_each(network_of(run), moved)["capsules"][:, np.arange(len(labels)), labels]
    lengths = np.linalg.norm(capsules, axis=-1)
    units = capsules / (lengths[..., None] + 1e-12)
    cosine = np.sum(units * units[len(shifts) // 2], axis=-1)
    figure, axis = plt.subplots(figsize=(5.4, 3.6))
    for values, label in ((lengths, "length |v|"), (cosine, "cosine to the pose of the unmoved image")):
        axis.plot(shifts, values.mean(-1), marker="o", label=label)
        low, high = np.quantile(values, (0.1, 0.9), axis=-1)
        axis.fill_between(shifts, low, high, alpha=0.2)
    axis.set(
        xlabel="shift to the right (pixels)",
        ylabel="length, cosine",
        ylim=(None, 1.02),
        title="Does the length stay and the pose move?",
    )
    axis.legend(fontsize=8)
    return plots.caption(figure, f"Mean and 10-90 % range over {len(labels)} test images. {plots.describe(run)}.")


def of_trainings(draw):
    """`draw` for the runs of capsnet.train; None for those of a study, which have other settings."""
    return lambda run: draw(run) if "pairs" in settings_of(run) else None


DRAWN = {
    "loss": loss,
    "reconstructions": reconstructions,
    "failures": failures,
    "perturbations": perturbations,
    "couplings": couplings,
    "overlays": overlays,
    "pairs_seen": pairs_seen,
    "equivariance": equivariance,
}
FIGURES = {name: of_trainings(draw) for name, draw in DRAWN.items()}
