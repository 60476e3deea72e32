"""Read one image with a trained network: `python -m capsnet.predict IMAGE.png [--run FOLDER]`."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from capsnet.config import reads_digits
from data import images
from data.pictures import fit_to, read_ink
from training.quiet import load_tensorflow
from training.run import Run, RunError
from training.settings import one_line_errors, run_cli


@dataclasses.dataclass(frozen=True)
class Predict:
    """Prints the class and the length of every capsule, and draws what the network saw and what it rebuilds."""

    image: Annotated[Path, tyro.conf.Positional]
    """PNG, JPEG or any picture Pillow reads; of any size."""
    run: str = ""
    """Folder of a finished run; none given: the newest one below runs_dir that reads one thing per picture."""
    runs_dir: str = "runs"
    """Folder of all runs."""
    out: Path = Path("prediction.png")
    """Where the picture goes."""
    invert: Literal["auto", "yes", "no"] = "auto"
    """Data sets are light on dark; auto inverts pictures whose border is light."""


def find_run(options: Predict) -> Run:
    """The run to read with: a finished training of capsules."""
    from reporting.tables import find_runs

    if options.run:
        run = Run(Path(options.run))
        if not run.finished or not (run.path / "model.keras").exists():
            raise RunError(f"{run.path} holds no trained model, expected the folder of a finished run; train one first")
        return run
    runs = [run for run in find_runs(options.runs_dir) if run.config["method"] == "capsnet"]
    runs = [run for run in runs if reads_digits(run.config["settings"])]
    if not runs:
        raise RunError(f"no finished run below {options.runs_dir}/capsnet; start with: python -m capsnet.train paper")
    return max(runs, key=lambda run: run.result["finished"])


def read_image(path: Path, shape: tuple[int, int, int], invert: str) -> np.ndarray:
    """The picture as the network wants it, float32 (1, height, width, channels) in [0, 1], light on dark.

    Raises:
        PictureError: it cannot be read, see `data.pictures`.
    """
    height, width, channels = shape
    return fit_to(read_ink(path, channels, invert), height, width)[None]


def draw(path: Path, image, outputs, names: tuple[str, ...], reader: str) -> None:
    """The picture that was read, the lengths, and the reconstruction if there is a decoder.

    Args:
        path: where it goes.
        image: (1, height, width, channels) in [0, 1].
        outputs: of the network, for this image.
        names: of the classes.
        reader: which network it was, for the caption.
    """
    from matplotlib import pyplot as plt

    from reporting import plots

    figure, axes = plt.subplots(1, 3, figsize=(8, 2.6), width_ratios=(1, 2, 1))
    for axis, picture, title in ((axes[0], image, "seen"), (axes[2], outputs.get("reconstruction"), "rebuilt")):
        axis.axis("off")
        if picture is not None:
            axis.imshow(np.squeeze(picture[0]), cmap="gray_r", vmin=0, vmax=1)
            axis.set_title(title)
    lengths = outputs["lengths"][0]
    axes[1].bar(names, lengths)
    axes[1].set(ylim=(0, 1), xlabel="class", ylabel="length of the capsule")
    if max(map(len, names)) > 2:
        axes[1].tick_params(axis="x", rotation=45)
    plots.save(plots.caption(figure, f"Read as {names[lengths.argmax()]} by {reader}."), path)


def main(argv: list[str] | None = None) -> None:
    """Reads the picture, prints class and lengths, writes the drawing; exits 2 with one line on bad input."""
    with one_line_errors():
        options = run_cli(Predict, "python -m capsnet.predict", sys.argv[1:] if argv is None else argv)
        run = find_run(options)
        read_ink(options.image)  # a picture that cannot be read is told before TensorFlow loads
        load_tensorflow()
        from training import loop

        network = run.load_model()
        image = read_image(options.image, network.input_shape[1:], options.invert)
        outputs = loop.predict(network, image)
    lengths, config = outputs["lengths"][0], run.config
    names = images.class_names(config["data"], lengths.size)
    reader = f"{config['method']} {config['variant']} trained on {config['data']}, seed {config['settings']['seed']}"
    draw(options.out, image, outputs, names, f"{reader}, {run.result['epochs']} epochs")
    print(f"network {run.path}")
    print(f"class {names[lengths.argmax()]}")
    print("lengths " + " ".join(f"{length:.3f}" for length in lengths))
    print(f"drawing {options.out}")


if __name__ == "__main__":
    main()
