"""`python -m autoencoders.lossless compress IN OUT.aep`, and `decompress OUT.aep BACK.npz`: exact to the bit."""

import dataclasses
import lzma
import sys
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from autoencoders.codec.archive import CodecError, read_images
from data import folders
from training.quiet import load_tensorflow
from training.run import write_atomic
from training.settings import Settings, one_line_errors, run_cli

MOST_PIXELS = 1 << 17  # values of one image that are trained on at once
BATCH_VALUES = 6272  # values of a batch: 8 digits


@dataclasses.dataclass(frozen=True)
class Command:
    """Puts images into an .aep file without loss, or takes them out again, bit for bit."""

    action: Annotated[Literal["compress", "decompress"], tyro.conf.Positional]
    """What to do."""
    source: Annotated[Path, tyro.conf.Positional]
    """The file to read: .npz with uint8 images (n, height, width[, channels]), a folder of pictures of one size,
    or .aep."""
    target: Annotated[Path, tyro.conf.Positional]
    """The file to write: .aep, or .npz with the array `images`."""
    array: str = ""
    """Array of the .npz file; default: images, or x_train."""
    like: Path | None = None
    """An .aep file of images of this kind and size, whose network is used; default: one is trained on the images."""
    epochs: int = 5
    """Passes over the images while a network is trained (>= 1)."""
    seed: int = 0
    """Of the initial weights and of the order of the images."""


def run(command: Command) -> str:
    """Does what the command says; returns the line to print."""
    if not command.source.exists():
        raise CodecError(f"{command.source} does not exist, expected what to {command.action}; check the path")
    if command.action == "decompress":
        return decompress(command)
    images = read(command)
    like = command.like.read_bytes() if command.like else None
    load_tensorflow()
    from autoencoders.lossless import archive

    if like:
        integers = archive.read(like)[0]
        if integers.shape != images.shape[1:]:
            raise CodecError(
                f"{command.like} is for images {integers.shape}, received {images.shape[1:]}; leave --like out"
            )
    else:
        integers = archive.in_integers(train(images, command.epochs, command.seed), images)
    content = archive.to_bytes(images, integers)
    if not np.array_equal(archive.from_bytes(content), images):
        raise CodecError("the images that came back are not those that went in; nothing was written")
    write_atomic(command.target, content)
    rival = len(lzma.compress(images.tobytes(), preset=9 | lzma.PRESET_EXTREME))
    line = (
        f"{command.target}: {len(content):,} bytes for {len(images):,} images of {images.nbytes:,} bytes "
        f"({8 * len(content) / images.size:.3f} bits per value), network included; read back and compared: exact. "
        f"xz -9e: {rival:,} bytes"
    )
    small = ". So few images do not pay for a network of their own: use xz, or --like an archive of more of their kind"
    return line + (small if len(content) > rival else "")


def decompress(command: Command) -> str:
    """Writes the images of an .aep file into an .npz file."""
    data = command.source.read_bytes()
    load_tensorflow()
    from autoencoders.lossless import archive

    images = archive.from_bytes(data)
    write_atomic(command.target, lambda file: np.savez_compressed(file, images=images))
    return f"{command.target}: images uint8 {images.shape} from {len(data):,} bytes"


def read(command: Command) -> np.ndarray:
    """The images to compress, uint8 (n, height, width, channels)."""
    if command.source.is_dir():
        files = [file for _, file in folders.pictures_below(command.source)]
        if not files:
            raise CodecError(f"{command.source} holds no pictures, expected PNG, JPEG or the like; check the folder")
        images = folders.decode(files, *folders.common_shape(files, None))
    else:
        images = read_images(command.source, command.array)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        raise CodecError(
            f"cannot compress {images.dtype} {images.shape}, expected uint8 (n, height, width[, channels]), n >= 1; "
            "convert them first"
        )
    if images[0].size > MOST_PIXELS:
        raise CodecError(f"an image has {images[0].size:,} values, expected at most {MOST_PIXELS:,}; cut it into tiles")
    return images


def train(images: np.ndarray, epochs: int, seed: int):
    """A network (`network.build`) trained on the images themselves."""
    import keras

    from autoencoders.lossless import network
    from training import loop

    keras.utils.set_random_seed(seed)
    model = network.build(image_shape=images.shape[1:])
    batch = max(1, BATCH_VALUES // images[0].size)
    steps = Settings(epochs=epochs, batch_size=batch).total_steps(len(images))
    optimizer, compute_loss = network.make_training(steps, images.size)
    loop.fit_arrays(model, compute_loss, {"image": images}, optimizer, epochs, batch, seed)
    return model


def main(argv: list[str] | None = None) -> None:
    """The command line; exits with 2 after one line when a file cannot be used."""
    with one_line_errors(OSError):
        command = run_cli(Command, "python -m autoencoders.lossless", sys.argv[1:] if argv is None else argv)
        if command.epochs < 1:
            raise CodecError(f"--epochs is {command.epochs}, expected >= 1")
        print(run(command))
