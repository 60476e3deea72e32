"""The figures of the autoencoder posts, drawn from a finished run."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from autoencoders import baselines
from autoencoders.evaluate import ACTIVE_SHARE, corrupt, in_batches, linear_denoiser
from data.dataset import pixels
from data.splits import first_of_each_class
from reporting import plots
from reporting.runs import config_of, dataset_of, finished_beside, siblings
from training.run import Run

SHOWN = 5000  # test images of a scatter


def reconstructions(run: Run) -> Figure | None:
    """Test images above their reconstructions, as in the post, with a PCA row of equal code size."""
    config, metrics = config_of(run), run.result["metrics"]
    if "test/pca_sse" not in metrics or not run.has_model:
        return None
    dataset = dataset_of(run)
    shown = pixels(dataset.test["image"][first_of_each_class(dataset.test)])
    pca = baselines.pca_reconstruct(dataset.train["image"], shown, config.code)
    rows = {
        "original": shown,
        "autoencoder": np.asarray(run.load_model().reconstruct(shown)),
        f"PCA, {config.code}": np.clip(pca, 0, 1),
    }
    return plots.caption(
        plots.image_rows(rows),
        f"First test image of each class, its reconstruction from {config.code} numbers, and PCA's from as many. "
        f"Squared error per test image: {metrics['test/sse']:.2f}, PCA {metrics['test/pca_sse']:.2f}. "
        f"{plots.describe(run)}.",
    )


def grid_row(run: Run) -> dict[str, np.ndarray]:
    """For compare.py: test images, and what this network makes of them (corrupted, if that is what it learned)."""
    if not run.has_model:  # a study
        return {}
    config, dataset = config_of(run), dataset_of(run)
    chosen = first_of_each_class(dataset.test)
    rows = {"original": pixels(dataset.test["image"][chosen])}
    if config.corruption != "none":
        name = f"{config.corruption.replace('_', '-')} {config.amount:g}"
        rows[name] = corrupt(dataset.test, config, stream=1)[chosen]
    network = run.load_model()
    batch = {name: array[chosen] for name, array in dataset.test.items()} | {"image": list(rows.values())[-1]}
    return rows | {"rebuilt": np.asarray(network.reconstruct(network.inputs_of(batch)))}


def loss(run: Run) -> Figure | None:
    """Learning curves of the reconstruction."""
    if not run.has_model:  # a study
        return None
    config = config_of(run)
    unit = "nats" if config.reconstruction == "cross_entropy" else "squared error"
    return plots.learning_curves(run, "reconstruction", f"reconstruction per image ({unit})")


def denoising(run: Run) -> Figure | None:
    """The Denoising post's figure: clean, corrupted, restored, with the baselines between them."""
    config, metrics = config_of(run), run.result["metrics"]
    if config.corruption == "none":
        return None
    dataset = dataset_of(run)
    chosen = first_of_each_class(dataset.test)
    noisy = corrupt(dataset.test, config, stream=1)[chosen]
    linear = linear_denoiser(dataset, config)
    rows = {
        "original": dataset.test["image"][chosen],
        f"corrupted, {metrics['test/noisy_psnr_db']:.1f} dB": noisy,
        f"median 3 x 3, {metrics['test/median_psnr_db']:.1f} dB": baselines.median_filter(noisy),
        f"best linear map, {metrics['test/linear_psnr_db']:.1f} dB": linear(noisy),
        f"autoencoder, {metrics['test/denoised_psnr_db']:.1f} dB": np.asarray(run.load_model().reconstruct(noisy)),
    }
    kind = config.corruption.replace("_", "-")
    return plots.caption(
        plots.image_rows(rows),
        f"Corruption: {kind} {config.amount}. PSNR over all test images. {plots.describe(run)}.",
    )


def sparse_activations(run: Run) -> Figure | None:
    """How active the units of the code are, beside the unconstrained code of the same width where that was run."""
    config = config_of(run)
    if not config.probe:
        return None
    images = dataset_of(run).test["image"][:1000]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    other = finished_beside(run, "wide") if run.config["variant"].startswith("sparse") else None
    for each in filter(None, (other, run)):
        codes = np.abs(in_batches(each.load_model().encode, images))
        shares = 100 * (codes > ACTIVE_SHARE * codes.max()).mean(axis=1)
        name = each.config["variant"]
        axes[0].hist(codes.ravel() / codes.max(), bins=50, log=True, histtype="step", label=name)
        axes[1].hist(shares, bins=np.linspace(0, 100, 51), histtype="step", label=name)
    axes[0].set(xlabel="activation, share of the largest", ylabel="count", title="Activations of all units")
    axes[1].set(xlabel="active units (%)", ylabel="test images", title=f"Units above {ACTIVE_SHARE:.0%} of the largest")
    axes[1].legend()
    return plots.caption(figure, f"First {len(images):,} test images. {plots.describe(run)}.")


def atoms(run: Run) -> Figure | None:
    """What the most active units draw: the decoder's weights of a single-layer autoencoder."""
    config = config_of(run)
    if config.network != "dense" or config.widths or config.kind == "gaussian":
        return None
    dataset, network = dataset_of(run), run.load_model()
    codes = np.abs(in_batches(network.encode, dataset.test["image"][:1000]))
    units = np.argsort(-codes.mean(axis=0))[:60]
    weights = network.decoder.get_layer("logits").kernel.numpy()[units]  # (60, pixels)
    shape = dataset.test["image"].shape[1:]
    pictures = 0.5 + 0.5 * weights / np.abs(weights).max(axis=1, keepdims=True)
    rows = {f"{15 * i + 1}-{15 * i + 15}": part for i, part in enumerate(pictures.reshape(4, 15, *shape))}
    return plots.caption(
        plots.image_rows(rows, cell=0.55),
        "What each of the 60 units with the largest mean activation adds to the logits: black more ink, white less, "
        f"each scaled to its own largest weight. {plots.describe(run)}.",
    )


def samples(run: Run) -> Figure | None:
    """Digits decoded from draws of the prior."""
    config = config_of(run)
    if config.kind != "gaussian":
        return None
    drawn = np.asarray(run.load_model().sample(60, seed=0))
    rows = {f"draws {12 * i + 1}-{12 * i + 12}": part for i, part in enumerate(np.split(drawn, 5))}
    parts = config.prior_components
    prior = f"a learned mixture of {parts} normal distributions" if parts else "N(0, 1)"
    text = f"Decoded from 60 draws of {prior} in {config.code} dimensions. {plots.describe(run)}."
    return plots.caption(plots.image_rows(rows, cell=0.6), text)


def latent(run: Run) -> Figure | None:
    """Test images as points in a code of two numbers, coloured by digit, beside two principal components."""
    config = config_of(run)
    if config.code != 2 or config.network == "unet":
        return None
    dataset = dataset_of(run)
    if "label" not in dataset.test:
        return None
    images, labels = dataset.test["image"][:SHOWN], dataset.test["label"][:SHOWN]
    pca = baselines.fit_pca(dataset.train["image"], 2)
    panels = {
        "autoencoder, 2 numbers": in_batches(run.load_model().encode, images),
        "PCA, 2 components": pca.transform(baselines.flat(images)),
    }
    colours = "tab10" if dataset.classes <= 10 else "tab20"
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4))
    for axis, (title, points) in zip(axes, panels.items(), strict=True):
        dots = axis.scatter(*points.T, c=labels, cmap=colours, vmin=-0.5, vmax=dataset.classes - 0.5, s=3)
        axis.set(title=title, xlabel="first", ylabel="second")
    figure.colorbar(dots, ax=axes, ticks=range(min(dataset.classes, 20)), label="class")
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
    images = np.asarray(run.load_model().decode(points))
    height, width, channels = images.shape[1:]
    images = images.reshape(count, count, height, width, channels).transpose(0, 2, 1, 3, 4)
    figure, axis = plt.subplots(figsize=(6.5, 6.5))
    axis.imshow(np.squeeze(images.reshape(height * count, width * count, channels)), cmap="gray_r", vmin=0, vmax=1)
    places = [0, count // 2, count - 1]
    axis.set_xticks([width * (i + 0.5) for i in places], [f"{ticks[i]:.1f}" for i in places])
    axis.set_yticks([height * (i + 0.5) for i in places], [f"{ticks[::-1][i]:.1f}" for i in places])
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


FIGURES = {
    "reconstructions": reconstructions,
    "loss": loss,
    "denoising": denoising,
    "sparse_activations": sparse_activations,
    "atoms": atoms,
    "samples": samples,
    "latent": latent,
    "manifold": manifold,
    "dimensions": dimensions,
}
# Figures that show several runs side by side: reproduce.py draws them again when all runs are there.
COMPARISONS = ("dimensions",)
