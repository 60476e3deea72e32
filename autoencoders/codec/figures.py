"""The figures of the Compression post: digits decoded from the file, bytes, and the rate-distortion curve."""

import dataclasses

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from autoencoders import evaluate
from autoencoders.codec import archive
from data.splits import first_of_each_class
from reporting import plots
from reporting.runs import config_of, dataset_of, siblings
from training.run import Run, read_json


def decoded(run: Run) -> Figure | None:
    """Training images above what the file gives back."""
    if not config_of(run).archive:
        return None
    dataset, path = dataset_of(run), run.path / "images.aez"
    chosen = first_of_each_class(dataset.train)
    stored = archive.Archive.from_bytes(path.read_bytes())
    images = archive.decompress(dataclasses.replace(stored, codes=stored.codes[chosen]))
    metrics, counts = run.result["metrics"], dataset.counts()
    figure = plots.image_rows({"original": dataset.train["image"][chosen], "from the file": images / 255})
    return plots.caption(
        figure,
        f"The file holds all {counts['train'] + counts['validation']:,} images that are not test images, and the "
        f"decoder: {path.stat().st_size:,} bytes, {metrics['file/psnr_db']:.2f} dB. {plots.describe(run)}.",
    )


def strangers(run: Run) -> Figure | None:
    """What the codec makes of images it was not trained for."""
    config, metrics = config_of(run), run.result["metrics"]
    if not config.archive:
        return None
    dataset, network = dataset_of(run), run.load_model()
    step = archive.Archive.from_bytes((run.path / "images.aez").read_bytes()).step
    chosen = first_of_each_class(dataset.test)
    rows = {}
    for name, images in evaluate.others(dataset).items():
        label = name.removeprefix("coded").strip("_") or "test digits"
        rows[label] = images[chosen]
        rows[f"{label}, {metrics[f'test/{name}_psnr_db']:.1f} dB"] = evaluate.quantised(network, images[chosen], step)
    text = "Coded, rounded and decoded by a network that saw upright digits only; PSNR over all test images"
    return plots.caption(plots.image_rows(rows, cell=0.6), f"{text}. {plots.describe(run)}.")


def megabytes(run: Run) -> Figure | None:
    """Bytes of the same images as files of different kinds."""
    study = baseline_study(run)
    if not config_of(run).archive or study is None:
        return None
    metrics, others = run.result["metrics"], study.result["metrics"]
    bars = {name.removeprefix("megabytes/"): value for name, value in others.items() if name.startswith("megabytes/")}
    bars |= {
        "codes as text (the post)": metrics["file/text_megabytes"],
        f".aez, {metrics['file/psnr_db']:.1f} dB": metrics["file/megabytes"],
    }
    names = [name.replace("_", " ") for name in bars]
    figure, axis = plt.subplots(figsize=(7.5, 3.8))
    colours = ["tab:gray"] * (len(bars) - 2) + ["tab:orange", "tab:blue"]
    drawn = axis.barh(names, list(bars.values()), color=colours)
    axis.bar_label(drawn, fmt="%.2f", padding=3)
    axis.invert_yaxis()
    axis.set(xlabel="megabytes (10^6 bytes), decoder included")
    axis.margins(x=0.1)
    return plots.caption(figure, f"Grey: lossless, all images that are not test images. {plots.describe(run)}.")


def rate_distortion(run: Run) -> Figure | None:
    """Bits per pixel against PSNR: our files and pictures of all images as JPEG, WebP and AVIF."""
    study = baseline_study(run)
    runs = siblings(run, "compression")
    if run.config["variant"] != "compression" or study is None:
        return None
    figure, axis = plt.subplots(figsize=(6.5, 4.2))
    points = sorted(
        (each.result["metrics"]["file/bits_per_pixel"], each.result["metrics"]["file/psnr_db"]) for each in runs
    )
    axis.plot(*zip(*points, strict=True), "o-", label=".aez, decoder included")
    curves = read_json(study.path / "curves.json")
    for name, curve in curves["lossy"].items():
        axis.plot([8 * p["bytes"] / curves["pixels"] for p in curve], [p["psnr_db"] for p in curve], ".-", label=name)
    for name in ("xz", "png_sheet"):
        bits = 8e6 * study.result["metrics"][f"megabytes/{name}"] / curves["pixels"]
        axis.axvline(bits, color="0.6", linestyle=":")
        axis.annotate(
            f"{name.replace('_', ' ')} (lossless)", (bits, axis.get_ylim()[0]), rotation=90, fontsize=7, ha="right",
            va="bottom",
        )  # fmt: skip
    axis.set(xlabel="bits per pixel", ylabel="PSNR (dB)", xscale="log", title="Rate and distortion")
    axis.legend()
    return plots.caption(
        figure,
        f"All images that are not test images; {', '.join(curves['lossy'])} as one sheet. {plots.describe(run)}.",
    )


def baseline_study(run: Run) -> Run | None:
    """The finished run of `autoencoders.studies.baselines` on the same data, or None."""
    found = sorted(run.path.parents[2].glob(f"baseline_study/{run.path.parent.name}/seed*"))
    runs = [other for other in map(Run, found) if other.finished]
    return runs[0] if runs else None


FIGURES = {"decoded": decoded, "strangers": strangers, "megabytes": megabytes, "rate_distortion": rate_distortion}
COMPARISONS = ("rate_distortion",)
