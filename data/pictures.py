"""One reader for picture files: every mode, bit depth, transparency and orientation that Pillow opens."""

import warnings
from pathlib import Path

import numpy as np

from common import UserError

MOST_PIXELS = 50_000_000  # of a picture: what is larger is refused before it is decoded
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm")
WHOLE_RANGE = {"I;16": 65535, "I;16B": 65535, "I;16L": 65535}  # largest value of modes with more than 8 bits


class PictureError(UserError):
    """A picture that cannot be read; the message names the file and the reason."""


def read_picture(path: str | Path, channels: int = 0) -> np.ndarray:
    """The picture as it is meant to be seen, float32 (height, width, channels) in [0, 1].

    Turned as its EXIF orientation says, palettes and CMYK as colours, what is transparent on white (light drawings on
    black), 16 bits divided by 65,535, floating-point values as they are where they lie in [0, 1], otherwise from their
    smallest to their largest.

    Args:
        path: of the file; of an animation the first frame.
        channels: 1 for grey, 3 for colours; 0: 3 where the picture has colours, else 1.

    Raises:
        PictureError: no file, no picture, truncated or damaged, or more than 50 million pixels.
    """
    from PIL import Image, ImageOps

    path = Path(path)
    if not path.is_file():
        raise PictureError(f"{path} does not exist, expected the file of a picture; check the path")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit of pixels is lower than the one Pillow warns of
            with Image.open(path) as file:  # reads the header only
                pixels = file.width * file.height
                if pixels > MOST_PIXELS:
                    raise PictureError(
                        f"{path} has {file.width:,} x {file.height:,} pixels, expected at most {MOST_PIXELS:,} in all; "
                        "make it smaller"
                    )
                picture = ImageOps.exif_transpose(file)
                picture.load()
    except PictureError:
        raise
    except Exception as error:  # Pillow's plugins raise what they like on damaged files: OSError, SyntaxError, ...
        reason = str(error).replace(str(path), "it").strip() or type(error).__name__
        raise PictureError(
            f"{path} cannot be read as a picture ({reason}); give a whole PNG, JPEG or TIFF file"
        ) from None
    return as_array(picture, channels)


def as_array(picture, channels: int = 0) -> np.ndarray:
    """A Pillow image as float32 (height, width, channels) in [0, 1]; see `read_picture`."""
    from PIL import Image

    if picture.mode in WHOLE_RANGE or picture.mode in ("I", "F"):
        values = np.asarray(picture, np.float64)
        values = deep_values(values, WHOLE_RANGE.get(picture.mode, 0))
        grey = values.astype(np.float32)[..., None]
        return np.repeat(grey, 3, axis=2) if channels == 3 else grey
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        layer = picture.convert("RGBA")
        ground = "black" if is_light(layer) else "white"
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, ground), layer).convert("RGB")
        if channels != 3 and is_grey(picture):
            picture = picture.convert("L")
    if not channels:
        channels = 1 if picture.mode in ("1", "L") else 3
    return np.asarray(picture.convert("L" if channels == 1 else "RGB"), np.float32).reshape(
        picture.height, picture.width, channels
    ) / np.float32(255)


def deep_values(values: np.ndarray, largest: int) -> np.ndarray:
    """Numbers of more than 8 bits as [0, 1]: divided by their largest possible value, or by the range they use."""
    if not np.isfinite(values).all():
        raise PictureError(f"a picture holds {(~np.isfinite(values)).sum():,} values that are not finite; mend it")
    low, high = values.min(initial=0), values.max(initial=0)
    if largest:
        return values / largest
    if low >= 0 and high <= 1:
        return values
    if low >= 0 and high <= 65535:  # whole numbers of 8 or 16 bits in a wider type
        return values / (255 if high <= 255 else 65535)
    return (values - low) / (high - low)


def is_light(layer) -> bool:
    """Whether what an RGBA picture shows is light on the whole, so that it would vanish on white."""
    *colours, cover = (np.asarray(channel, np.float64) for channel in layer.split())
    return bool((np.mean(colours, axis=0) * cover).sum() > 127.5 * cover.sum())


def is_grey(picture) -> bool:
    """Whether all three channels of an RGB picture are the same."""
    red, green, blue = (np.asarray(channel) for channel in picture.split())
    return bool((red == green).all() and (green == blue).all())


def read_ink(path: str | Path, channels: int = 1, invert: str = "auto") -> np.ndarray:
    """`read_picture`, light on dark as the images of MNIST are: what is drawn is 1, the ground 0.

    Args:
        path: of the file.
        channels: 1 or 3.
        invert: "yes", "no", or "auto": pictures whose border is light are dark on light and are inverted.
    """
    picture = read_picture(path, channels)
    light = border(picture).mean() > 0.5
    return 1 - picture if invert == "yes" or (invert == "auto" and light) else picture


def border(picture: np.ndarray) -> np.ndarray:
    """The pixels (m, channels) along the four sides."""
    sides = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    return np.concatenate([side.reshape(-1, picture.shape[-1]) for side in sides])


def fit_to(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture scaled into (height, width), its proportions kept, on the median colour of its border; bilinear."""
    from PIL import Image

    if picture.shape[:2] == (height, width):
        return picture
    scale = min(height / picture.shape[0], width / picture.shape[1])
    rows, columns = (max(1, round(side * scale)) for side in picture.shape[:2])
    ground = np.median(border(picture), axis=0)
    canvas = np.broadcast_to(ground, (height, width, picture.shape[2])).astype(np.float32)
    top, left = (height - rows) // 2, (width - columns) // 2
    for channel in range(picture.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(picture[..., channel], np.float32), mode="F")
        plane = plane.resize((columns, rows), Image.Resampling.BILINEAR)
        canvas[top : top + rows, left : left + columns, channel] = np.asarray(plane)
    return np.clip(canvas, 0, 1)
