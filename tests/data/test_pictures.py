"""One reader of pictures: every mode, depth, orientation and transparency; damaged and hostile files."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.pictures import PictureError, fit_to, read_ink, read_picture

random = np.random.default_rng(0)
CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "pictures"
SEEN = (
    "digit.png", "rgb.png", "palette.png", "cmyk.tif", "black_on_white.png", "turned_exif6.jpg", "turned_exif3.png",
    "grey16.png", "float01.tif",
)  # fmt: skip
BAD = ("truncated.png", "broken_chunk.png", "bomb_30000x30000.png", "not_a_picture.png")
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="the cases of public reports are not beside the checkout")


@pytest.fixture
def digit():
    """Something drawn light on dark that looks different in every orientation."""
    values = np.zeros((28, 28), np.uint8)
    values[4:24, 12:16] = 255
    values[4:8, 12:20] = 180
    return values


@needs_cases
@pytest.mark.parametrize("name", SEEN)
def test_pictures_of_public_reports_are_the_same_digit(name):
    expected = np.asarray(Image.open(CASES / "digit.png"), np.float32) / 255
    tolerance = 0.03 if name.endswith("jpg") else 0.01
    assert np.abs(read_ink(CASES / name)[..., 0] - expected).mean() <= tolerance


@needs_cases
@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_of_public_reports_are_one_line_and_little_memory(name):
    tracemalloc.start()
    with pytest.raises(PictureError, match=name.replace(".", r"\.")) as caught:
        read_ink(CASES / name)
    assert "\n" not in str(caught.value) and tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def variants(digit):
    """The digit in every mode that files have, name -> Pillow image and options of `save`."""
    grey = Image.fromarray(digit)
    dark = Image.merge("RGBA", [Image.new("L", grey.size, 0)] * 3 + [Image.fromarray(digit)])  # ink on a clear ground
    turned = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180, 8: Image.Transpose.ROTATE_270,
              2: Image.Transpose.FLIP_LEFT_RIGHT, 5: Image.Transpose.TRANSPOSE}  # fmt: skip
    full, colours = Image.new("L", grey.size, 255), grey.convert("RGB")
    light = Image.merge("RGBA", [full] * 3 + [grey])  # white ink on a clear ground
    shown = {
        "L.png": grey, "RGB.png": colours, "P.png": grey.convert("P"), "P.gif": grey.convert("P"), "grey.bmp": grey,
        "CMYK.tif": colours.convert("CMYK"), "LA.png": Image.merge("LA", [grey, full]), "grey.webp": grey,
        "16.png": Image.fromarray(digit.astype(np.uint16) * 257), "I.tif": Image.fromarray(digit.astype(np.int32)),
        "F01.tif": Image.fromarray(digit.astype(np.float32) / 255), "ink.png": dark, "light.png": light,
        "F255.tif": Image.fromarray(digit.astype(np.float32)), "grey.pgm": grey, "JPEG.jpg": grey,
        "inverse.png": Image.fromarray(255 - digit),
    }  # fmt: skip
    for tag, operation in turned.items():
        exif = Image.Exif()
        exif[274] = tag
        picture = grey.transpose(operation)
        picture.info["exif"] = exif.tobytes()
        shown[f"turned{tag}.png"] = picture
    return shown


def test_every_mode_depth_and_orientation_is_the_same_picture(digit, tmp_path):
    for name, picture in variants(digit).items():
        options = {"exif": picture.info["exif"]} if "exif" in picture.info else {}
        options |= {"lossless": True} if name.endswith("webp") else {}
        picture.save(tmp_path / name, **options)
        error = np.abs(read_ink(tmp_path / name)[..., 0] - digit / 255).mean()
        assert error <= (0.03 if name.endswith("jpg") else 0.01), name
        assert read_picture(tmp_path / name, 3).shape == (28, 28, 3)


def test_colours_stay_and_one_bit_is_read(tmp_path):
    red = np.zeros((5, 4, 3), np.uint8)
    red[..., 0] = 255
    Image.fromarray(red).save(tmp_path / "red.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "red.png"), red / np.float32(255))
    assert read_picture(tmp_path / "red.png", 1).shape == (5, 4, 1)
    Image.fromarray(red[..., 0] > 0).save(tmp_path / "bit.png")
    assert read_picture(tmp_path / "bit.png").max() == 1 and read_picture(tmp_path / "bit.png").shape == (5, 4, 1)


def test_a_picture_is_fitted_with_its_proportions_on_its_ground(digit):
    wide = np.zeros((10, 40, 1), np.float32)
    wide[:, :20] = 1
    fitted = fit_to(wide, 28, 28)
    assert fitted.shape == (28, 28, 1) and (fitted[:10] == fitted[0, 0]).all()  # ground above and below
    assert fitted[14, 2, 0] == pytest.approx(1) and fitted[14, 25, 0] == pytest.approx(0)
    np.testing.assert_array_equal(fit_to(digit[..., None] / np.float32(255), 28, 28)[..., 0], digit / np.float32(255))


def test_no_picture_no_file_and_no_folder_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("text.png", "empty.png", "absent.png", "."):
        with pytest.raises(PictureError, match=r"picture"):
            read_picture(tmp_path / name)


def test_any_damage_is_a_line_or_a_picture(digit, tmp_path):
    """Bytes cut off, turned around or added anywhere in files of every format."""
    for name, picture in variants(digit).items():
        picture.save(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        for trial in range(12):
            bad = bytearray(content)
            if trial % 3 == 0:
                del bad[random.integers(1, len(bad)) :]
            for _ in range(1 + trial):
                bad[random.integers(len(bad))] = random.integers(256)
            (tmp_path / f"bad{os.path.splitext(name)[1]}").write_bytes(bad)
            try:
                read = read_picture(tmp_path / f"bad{os.path.splitext(name)[1]}")
            except PictureError as error:
                assert "bad" in str(error) or "picture" in str(error)
            else:
                assert read.ndim == 3 and np.isfinite(read).all() and read.min() >= 0 and read.max() <= 1
