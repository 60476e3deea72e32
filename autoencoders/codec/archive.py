"""Images in one small file: `python -m autoencoders.codec compress IN.npz OUT.aez`, and `decompress OUT.aez BACK.npz`.

The file holds the decoder (architecture and weights of 8 bits) and the entropy-coded, quantised codes of the images:
all that is needed to draw them again. Layout: magic, SHA-256 of the rest, length of the header, header (JSON), then one
coded table for the codes and one per weight. Nothing is ever unpickled.
"""

import dataclasses
import hashlib
import itertools
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from autoencoders.codec import entropy
from common import UserError, reason_of
from data.arrays import read_npz
from data.dataset import DataError, as_bytes, pixels
from training.quiet import load_tensorflow
from training.run import write_atomic
from training.saved import load_keras
from training.settings import one_line_errors, run_cli

MAGIC = b"AEZ\x01"
DIGEST = 32  # bytes of a SHA-256
LENGTH = struct.Struct("<I")
WEIGHT_LEVELS = 127  # a weight becomes integers in -127..127
BATCH = 1000
MOST_HEADER = 16 << 20  # bytes that the description of a decoder may take


class CodecError(UserError):
    """A file that cannot be read or images that cannot be coded; the message says what and how to fix it."""


@dataclasses.dataclass(frozen=True)
class Archive:
    """What an `.aez` file holds.

    Args:
        codes: integers (n, code).
        step: width of a quantisation step of the codes.
        shape: (height, width, channels) of the images; channels 0 when the images came without that axis.
        decoder: configuration of the decoder, from `keras.saving.serialize_keras_object`.
        weights: per weight of the decoder: integers (size,) and the width of their step.
    """

    codes: np.ndarray
    step: float
    shape: tuple[int, int, int]
    decoder: dict
    weights: list[tuple[np.ndarray, float]]

    def to_bytes(self) -> bytes:
        """The content of the file."""
        tables = [self.codes, *(integers[:, None] for integers, _ in self.weights)]
        parts = [entropy.encode(table) for table in tables]
        header = {
            "step": self.step,
            "shape": self.shape,
            "decoder": self.decoder,
            "weight_steps": [step for _, step in self.weights],
            "lengths": [len(part) for part in parts],
        }
        return seal(MAGIC, header, parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Archive":
        """Reads the content of a file.

        Raises:
            CodecError: another kind of file, or one that is truncated or damaged (by its checksum).
        """
        body = unsealed(data, MAGIC, ".aez")
        try:
            header, rest = opened(body, MOST_HEADER)
            codes, *tables = [entropy.decode(piece) for piece in cut(rest, header["lengths"])]
            weights = [(table[:, 0], step) for table, step in zip(tables, header["weight_steps"], strict=True)]
            height, width, channels = map(int, header["shape"])
            return cls(codes, float(header["step"]), (height, width, channels), header["decoder"], weights)
        except (struct.error, zlib.error, ValueError, KeyError, TypeError, IndexError) as error:
            raise CodecError(f"an .aez file of another kind or version ({error}); compress the images again") from None


def seal(magic: bytes, header: dict, parts: list[bytes]) -> bytes:
    """A file: magic, SHA-256 of the rest, length of the header, header as compressed JSON, parts."""
    packed = zlib.compress(json.dumps(header).encode(), 9)
    body = LENGTH.pack(len(packed)) + packed + b"".join(parts)
    return magic + hashlib.sha256(body).digest() + body


def unsealed(data: bytes, magic: bytes, ending: str) -> bytes:
    """What follows the checksum of a file; CodecError where it is of another kind, truncated or damaged."""
    if not data.startswith(magic):
        raise CodecError(f"not an {ending} file: it starts with {data[:4]!r}, expected {magic!r}; see `compress`")
    body = data[len(magic) + DIGEST :]
    if hashlib.sha256(body).digest() != data[len(magic) :][:DIGEST]:
        raise CodecError(
            f"damaged or truncated {ending} file: the checksum of its {len(data):,} bytes is wrong; copy it again"
        )
    return body


def opened(body: bytes, most: int) -> tuple[dict, bytes]:
    """Header and parts of a file whose checksum is right; the header is unpacked to `most` bytes."""
    (size,) = LENGTH.unpack_from(body)
    packed = zlib.decompressobj().decompress(body[LENGTH.size : LENGTH.size + size], most)
    return json.loads(packed), body[LENGTH.size + size :]


def cut(rest: bytes, lengths: list[int]) -> list[bytes]:
    """The parts of these lengths, one after the other."""
    return [rest[first:last] for first, last in itertools.pairwise(np.cumsum([0, *lengths]))]


def compress(images: np.ndarray, model, step: float = 1.0) -> Archive:
    """Codes and decoder of `images`.

    Args:
        images: uint8 (n, height, width[, channels]).
        model: an `Autoencoder` for images of this size.
        step: width of a quantisation step of the codes; 1 suits a model trained with `kind="quantized"`.

    Raises:
        CodecError: images of another type or size than the model's.
    """
    import keras

    expected = model.encoder.input_shape[1:]
    received = images.shape[1:] + (1,) * (images.ndim == 3)
    if images.dtype != np.uint8 or received != expected or len(images) == 0:
        raise CodecError(
            f"cannot compress {images.dtype} {images.shape} with a model for images {expected}; expected uint8 "
            f"(n, {', '.join(map(str, expected))}), n >= 1; train a model on such images and name it with --model"
        )
    stored = images.reshape(-1, *expected)
    batches = (pixels(stored[i : i + BATCH]) for i in range(0, len(stored), BATCH))
    codes = np.concatenate([np.asarray(model.encode(batch)) for batch in batches])
    channels = images.shape[3] if images.ndim == 4 else 0
    return Archive(
        np.round(codes / step).astype(np.int64),
        step,
        (*images.shape[1:3], channels),
        keras.saving.serialize_keras_object(model.decoder),
        [quantise_weight(weight.numpy()) for weight in model.decoder.weights],
    )


def decompress(archive: Archive) -> np.ndarray:
    """Images uint8 (n, height, width[, channels]) drawn by the archive's own decoder."""
    import keras

    import autoencoders.model  # noqa: F401  (registers the layers that a decoder may contain)

    try:
        decoder = keras.saving.deserialize_keras_object(archive.decoder, safe_mode=True)
        decoder.set_weights(
            [(table * step).reshape(w.shape) for (table, step), w in zip(archive.weights, decoder.weights, strict=True)]
        )
    except Exception as error:  # what Keras makes of a description that is none of ours
        raise CodecError(
            f"the decoder in this .aez file cannot be built ({reason_of(error)}); compress the images again"
        ) from None
    codes = archive.codes.astype(np.float32) * np.float32(archive.step)
    batches = (decoder(codes[i : i + BATCH], training=False) for i in range(0, len(codes), BATCH))
    images = np.concatenate([as_bytes(np.asarray(keras.ops.sigmoid(logits))) for logits in batches])
    return images if archive.shape[2] else images[..., 0]


def quantise_weight(weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Integers (size,) in -127..127 and a step whose product is close to `weight`."""
    step = float(np.abs(weight).max()) / WEIGHT_LEVELS or 1.0
    return np.round(weight.ravel() / step).astype(np.int64), step


def psnr(images: np.ndarray, decoded: np.ndarray) -> float:
    """Peak signal-to-noise ratio of uint8 images in dB, from the mean squared error over all pixels."""
    error = np.mean([np.mean((a.astype(float) - b) ** 2) for a, b in zip(images, decoded, strict=True)])
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


@dataclasses.dataclass(frozen=True)
class Command:
    """Compresses images to an .aez file, or draws them again."""

    action: Annotated[Literal["compress", "decompress"], tyro.conf.Positional]
    """What to do."""
    source: Annotated[Path, tyro.conf.Positional]
    """The file to read: .npz with uint8 images (n, height, width[, channels]), or .aez."""
    target: Annotated[Path, tyro.conf.Positional]
    """The file to write: .aez, or .npz with the array `images`."""
    array: str = ""
    """Array of the .npz file; default: images, or x_train."""
    model: Path = Path("runs/autoencoders/compression/mnist/seed0/model.keras")
    """Trained model; default: that of `python -m autoencoders.train compression --data mnist`."""
    step: float = 1.0
    """Width of a quantisation step (> 0); 1 suits the variant compression."""


def read_images(path: Path, name: str) -> np.ndarray:
    """The array `name` of an .npz file; without a name `images` or `x_train`."""
    try:
        arrays = read_npz(path)
    except DataError as error:
        raise CodecError(f"the images cannot be read: {error}") from None
    found = [each for each in ([name] if name else ["images", "x_train"]) if each in arrays]
    if not found:
        raise CodecError(f"{path} has arrays {', '.join(arrays) or 'none'}; name one of them with --array")
    return arrays[found[0]]


def run(command: Command) -> str:
    """Does what the command says; returns the line to print."""
    if command.action == "compress" and not command.model.is_file():
        raise CodecError(
            f"{command.model} does not exist; train it with `python -m autoencoders.train compression --data mnist`, "
            "or name another with --model"
        )
    if not command.source.is_file():
        raise CodecError(f"{command.source} does not exist, expected the file to {command.action}; check the path")
    load_tensorflow()
    if command.action == "decompress":
        images = decompress(Archive.from_bytes(command.source.read_bytes()))
        write_atomic(command.target, lambda file: np.savez_compressed(file, images=images))
        return f"{command.target}: images uint8 {images.shape} drawn from {command.source.stat().st_size:,} bytes"

    import autoencoders.model

    images = read_images(command.source, command.array)
    model = load_keras(command.model)
    if not isinstance(model, autoencoders.model.Autoencoder) or len(model.decoder.inputs) != 1:
        raise CodecError(
            f"{command.model} is a {type(model).__name__}, expected an autoencoder with one code, as "
            "`python -m autoencoders.train compression` makes it"
        )
    write_atomic(command.target, compress(images, model, command.step).to_bytes())
    stored = Archive.from_bytes(command.target.read_bytes())
    size = command.target.stat().st_size
    return (
        f"{command.target}: {size:,} bytes for {len(images):,} images of {images.nbytes:,} bytes "
        f"(1 : {images.nbytes / size:.1f}, {8 * size / images.size:.3f} bits per pixel), decoder included; "
        f"PSNR {psnr(images, decompress(stored)):.2f} dB"
    )


def main(argv: list[str] | None = None) -> None:
    """The command line; exits with 2 after one line when a file cannot be used."""
    with one_line_errors(OSError):
        command = run_cli(Command, "python -m autoencoders.codec", sys.argv[1:] if argv is None else argv)
        if not 0 < command.step < float("inf"):
            raise CodecError(f"--step is {command.step}, expected > 0")
        print(run(command))
