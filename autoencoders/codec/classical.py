"""Image and file compressors as yardsticks for the codec: bytes and PSNR of the same images."""

import bz2
import gzip
import io
import lzma
import math

import numpy as np

LOSSY = {"JPEG": {}, "WEBP": {}, "AVIF": {"subsampling": "4:0:0"}}  # kind -> what it is told of grey pictures


def sheet(images: np.ndarray) -> np.ndarray:
    """uint8 images (n, height, width) side by side in one nearly square picture, padded with zeros."""
    count, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    padded = np.zeros((rows * columns, height, width), np.uint8)
    padded[:count] = images
    return padded.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def cut(picture: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Inverse of `sheet` for images of `shape` (n, height, width)."""
    count, height, width = shape
    rows, columns = picture.shape[0] // height, picture.shape[1] // width
    return picture.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(-1, height, width)[:count]


def save(picture: np.ndarray, kind: str, **options) -> bytes:
    """The picture as a file of the given kind ("PNG", or one of LOSSY)."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture).save(content, kind, **options)
    return content.getvalue()


def lossless_bytes(images: np.ndarray) -> dict[str, int]:
    """Bytes of uint8 images (n, height, width) under lossless compressors.

    `png_each` sums over one file per image; `png_sheet` is one picture of all; the others compress the raw bytes.
    """
    raw = images.tobytes()
    return {
        "raw": len(raw),
        "png_each": sum(len(save(image, "PNG", optimize=True)) for image in images),
        "png_sheet": len(save(sheet(images), "PNG", optimize=True)),
        "gzip": len(gzip.compress(raw, 9)),
        "bz2": len(bz2.compress(raw, 9)),
        "xz": len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)),
    }


def text_bytes(codes: np.ndarray) -> int:
    """Bytes of codes (n, code) as decimal text with six decimals, as `numpy.savetxt(..., fmt="%f")` writes them."""
    content = io.StringIO()
    np.savetxt(content, codes, fmt="%f")
    return len(content.getvalue())


def lossy_curve(images: np.ndarray, kind: str, qualities: tuple[int, ...]) -> list[dict[str, float]]:
    """Bytes and PSNR of one picture of all images, per quality.

    Args:
        images: uint8 (n, height, width).
        kind: a key of LOSSY.
        qualities: 0 to 100.
    """
    from PIL import Image

    from autoencoders.codec.archive import psnr

    points = []
    for quality in qualities:
        data = save(sheet(images), kind, quality=quality, **LOSSY[kind])
        with Image.open(io.BytesIO(data)) as picture:
            decoded = cut(np.asarray(picture.convert("L")), images.shape)
        points.append({"quality": quality, "bytes": len(data), "psnr_db": psnr(images, decoded)})
    return points


def lossy_kinds() -> list[str]:
    """The keys of LOSSY that this machine's Pillow can write."""
    from PIL import features

    return [kind for kind in LOSSY if kind == "JPEG" or features.check(kind.lower())]


def bytes_at(curve: list[dict[str, float]], psnr_db: float) -> float | None:
    """Bytes at a PSNR, between the curve's points along a line of their logarithms; None outside of them."""
    points = np.array(sorted((point["psnr_db"], math.log(point["bytes"])) for point in curve)).T
    if not points[0, 0] <= psnr_db <= points[0, -1]:
        return None
    return math.exp(np.interp(psnr_db, points[0], points[1]))
