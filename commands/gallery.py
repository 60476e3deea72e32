"""`python -m commands.gallery`: our counterpart of the documents' figures, from docs/gallery.toml to docs/gallery.md.

Each entry's picture is a drawing of a method (`<method>/drawings.py`) or a figure of a finished run. A run that is not
there leaves the committed picture as it is.
"""

import dataclasses
import importlib
import io
import sys
from pathlib import Path

import numpy as np

from reporting.gallery import DOCS, Entry, markdown, read
from reporting.methods import figures_of
from training.run import Run, RunError, write_atomic
from training.settings import one_line_errors, run_cli

MOST_BYTES = 120_000  # of a picture
WIDEST = 1400  # pixels
MONTAGE = ("gmu-maps", "variational-manifold", "corrnet-completions", "capsnet-perturbations",
           "calibration-reliability", "denoising-digits")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Draws the gallery anew and writes docs/gallery.md."""

    runs_dir: Path = Path("runs")
    """Folder of the runs whose figures are taken."""
    only: tuple[str, ...] = ()
    """Entries to draw; none given: all."""


def fresh(entry: Entry, runs_dir: Path) -> bytes | None:
    """The PNG of an entry, drawn now with all runs beside its own; None where its run is not there."""
    from reporting import plots

    kind, where, name = entry.picture.split()
    if kind == "drawing":
        figure = importlib.import_module(f"{where}.drawings").DRAWINGS[name]()
    elif (run := Run(runs_dir / where)).finished:
        figure = figures_of(where.partition("/")[0])[0][name](run)
    else:
        return None
    return plots.as_png(figure) if figure else None


def small(png: bytes) -> bytes:
    """The picture at most WIDEST pixels wide in as many colours as keep it below MOST_BYTES, with its caption."""
    from PIL import Image, PngImagePlugin

    note, opened = PngImagePlugin.PngInfo(), Image.open(io.BytesIO(png))
    note.add_text("Description", opened.info.get("Description", ""))
    image = opened.convert("RGB")
    if image.width > WIDEST:
        image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
    for colours in (256, 128, 64, 32, 16):
        content = io.BytesIO()
        image.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            content, "PNG", optimize=True, pnginfo=note
        )
        if len(content.getvalue()) <= MOST_BYTES:
            break
    return content.getvalue()


def montage() -> bytes:
    """Some pictures of the gallery side by side, for the README."""
    from PIL import Image

    width, height, gap = 400, 270, 12
    canvas = Image.new("RGB", (3 * width + 4 * gap, 2 * height + 3 * gap), "white")
    for k, name in enumerate(MONTAGE):
        picture = Image.open(DOCS / "gallery" / f"{name}.png").convert("RGB")
        picture.thumbnail((width, height), Image.Resampling.LANCZOS)
        left, top = gap + (k % 3) * (width + gap), gap + (k // 3) * (height + gap)
        canvas.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
    content = io.BytesIO()
    canvas.save(content, "PNG")
    return small(content.getvalue())


def looks_alike(first: bytes, second: Path) -> bool:
    """Whether a picture is the committed one but for what another machine's fonts change: no commit for nothing."""
    from PIL import Image

    if not second.exists():
        return False
    one, two = Image.open(io.BytesIO(first)), Image.open(second)
    if one.size != two.size or one.info.get("Description") != two.info.get("Description"):
        return False
    a, b = (np.asarray(image.convert("L"), float) for image in (one, two))
    return float(np.abs(a - b).mean()) < 1.0


def main(argv: list[str] | None = None) -> None:
    """Draws what can be drawn, says what was left, writes the page."""
    with one_line_errors(OSError):
        options = run_cli(Gallery, "python -m commands.gallery", sys.argv[1:] if argv is None else argv)
        documents = read()
        from training.quiet import load_tensorflow

        load_tensorflow()
        for entry in (entry for document in documents for entry in document.entries):
            if options.only and entry.id not in options.only:
                continue
            png = fresh(entry, options.runs_dir)
            if png is None:
                print(f"{entry.id}: no run {entry.picture.split()[1]}, kept as it is; {entry.how}")
                continue
            png = small(png)
            if not looks_alike(png, entry.path):
                write_atomic(entry.path, png)
                print(f"{entry.id}: {len(png):,} bytes")
        missing = [entry.id for document in documents for entry in document.entries if not entry.path.exists()]
        if missing:
            raise RunError(f"no picture of {', '.join(missing)}, expected one of each; make their runs first")
        together = montage()
        if not looks_alike(together, DOCS / "montage.png"):
            write_atomic(DOCS / "montage.png", together)
        write_atomic(DOCS / "gallery.md", "\n".join(markdown(documents)))
        print(f"wrote {DOCS / 'gallery.md'}")


if __name__ == "__main__":
    main()
