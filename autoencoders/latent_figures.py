"""The figures of the Variational post, and what a code of two numbers shows that PCA does not."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from autoencoders import baselines
from autoencoders.evaluation import in_batches
from autoencoders.runs import config_of, dataset_of, siblings
from reporting import plots
from training.run import Run

SHOWN = 5000  # test images of a scatter


def samples(run: Run) -> Figure | None:
    """Digits decoded from draws of the standard normal distribution."""
    if config_of(run).kind != "gaussian":
        return None
    drawn = np.asarray(run.load_model().sample(60, seed=0))
    rows = {f"draws {12 * i + 1}-{12 * i + 12}": part for i, part in enumerate(np.split(drawn, 5))}
    text = f"Decoded from 60 draws of N(0, 1) in {config_of(run).code} dimensions. {plots.describe(run)}."
    return plots.caption(plots.image_rows(rows, cell=0.6), text)


def latent(run: Run) -> Figure | None:
    """Test images as points in a code of two numbers, coloured by digit, beside two principal components."""
    config = config_of(run)
    if config.code != 2 or config.network == "unet":
        return None
    dataset = dataset_of(run)
    images, labels = dataset.test["image"][:SHOWN], dataset.test["label"][:SHOWN]
    pca = baselines.fit_pca(dataset.train["image"], 2)
    panels = {
        "autoencoder, 2 numbers": in_batches(run.load_model().encode, images),
        "PCA, 2 components": pca.transform(baselines.flat(images)),
    }
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4))
    for axis, (title, points) in zip(axes, panels.items(), strict=True):
        dots = axis.scatter(*points.T, c=labels, cmap="tab10", vmin=-0.5, vmax=9.5, s=3)
        axis.set(title=title, xlabel="first", ylabel="second")
    figure.colorbar(dots, ax=axes, ticks=range(10), label="digit")
    metrics = run.result["metrics"]
    return plots.caption(
        figure,
        f"{len(images):,} test images. Test error of 10 nearest neighbours in the plane: autoencoder "
        f"{metrics['test/neighbour_error_percent']:.1f} %, PCA "
        f"{metrics['test/pca_neighbour_error_percent']:.1f} %. {plots.describe(run)}.",
    )


def manifold(run: Run) -> Figure | None:
    """Images decoded from a grid over the plane of a two-dimensional code, evenly spaced in probability."""
    from scipy.stats import norm

    config = config_of(run)
    if config.code != 2 or config.kind != "gaussian":
        return None
    count = 18
    ticks = norm.ppf(np.linspace(0.02, 0.98, count))
    points = np.stack(np.meshgrid(ticks, ticks[::-1]), axis=-1).reshape(-1, 2).astype(np.float32)
    images = np.asarray(run.load_model().decode(points))[..., 0].reshape(count, count, 28, 28)
    figure, axis = plt.subplots(figsize=(6.5, 6.5))
    axis.imshow(images.transpose(0, 2, 1, 3).reshape(28 * count, 28 * count), cmap="gray_r", vmin=0, vmax=1)
    places = [0, count // 2, count - 1]
    axis.set_xticks([28 * i + 14 for i in places], [f"{ticks[i]:.1f}" for i in places])
    axis.set_yticks([28 * i + 14 for i in places], [f"{ticks[::-1][i]:.1f}" for i in places])
    axis.set(xlabel="first number of the code", ylabel="second number")
    axis.grid(False)
    text = "Decoded from a grid of codes at equal steps of the normal distribution's probability"
    return plots.caption(figure, f"{text}. {plots.describe(run)}.")


def dimensions(run: Run) -> Figure | None:
    """What more latent dimensions buy: bound and squared error of the variational runs beside this one."""
    if run.config["variant"] != "variational":
        return None
    runs = sorted(siblings(run, "variational"), key=lambda each: config_of(each).code)
    if len(runs) < 2:
        return None
    codes = [config_of(each).code for each in runs]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
    panels = {
        "test/negative_elbo_nats": "negative bound (nats per image)",
        "test/sse": "squared error per image",
    }
    for axis, (metric, label) in zip(axes, panels.items(), strict=True):
        values = [each.result["metrics"][metric] for each in runs]
        axis.plot(codes, values, "o-")
        for place in zip(codes, values, strict=True):
            axis.annotate(f"{place[1]:.1f}", place, xytext=(4, 5), textcoords="offset points", fontsize=8)
        axis.set(xlabel="latent dimensions", ylabel=label, xticks=codes)
        axis.margins(0.12)
    return plots.caption(figure, f"Test split; same settings but for the latent dimensions. {plots.describe(run)}.")


FIGURES = {"samples": samples, "latent": latent, "manifold": manifold, "dimensions": dimensions}
