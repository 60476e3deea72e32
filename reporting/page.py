"""The page: findings, pictures, claims and tables in one HTML file beside its pictures."""

import dataclasses
import os
import re
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, select_autoescape

from reporting import gallery, statistics
from reporting.ledgers import count_verdicts, ledgers
from reporting.methods import METHODS, ROOT, figures_of
from reporting.tables import Row, cell, find_runs, first_metrics, mean_and_spread
from reporting.words import header
from training.run import write_atomic

MAIN = ("blog", "paper", "best")  # variants whose figures come first

LEAD = (
    "What five documents on autoencoders, capsules, dense connections, calibration, gated fusion and common "
    "representations say, beside what seeded runs of this code measure. Three ledgers are never added up: what the "
    "documents say, what the papers they lean on report, and goals that we set ourselves. A line opens to show its "
    "document, how it is judged and the runs it rests on."
)
QUICK = (
    f"{LEAD} Quick size: one seed, few epochs, part of the data; it shows that every experiment runs, its numbers are "
    "not the methods'."
)
RUNS = "Runs of this machine."


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture that the page links: its file, as seen from the page's folder, and its size in pixels."""

    method: str
    name: str
    caption: str
    path: Path
    src: str = ""
    width: int = 0
    height: int = 0


def linked(path: Path, name: str, folder: Path, method: str = "") -> Picture:
    """A PNG with the caption in its metadata, to be loaded by a page in `folder`."""
    from PIL import Image

    with Image.open(path) as image:
        text, (width, height) = image.info.get("Description", ""), image.size
    src = quote(Path(os.path.relpath(path, folder)).as_posix())
    return Picture(method, name, text, path, src, width, height)


def collect_figures(runs_dir: str | Path, methods: list[str], folder: str | Path = ".") -> list[Picture]:
    """The figures of the finished runs of `methods`, the first seed of each variant, for a page in `folder`.

    Of a figure that compares runs, named in COMPARISONS of the method's figures.py, only the newest one of each data
    set and tag: it shows the most runs.
    """
    pictures, seen, newest = [], set(), {}
    for run in find_runs(runs_dir):
        config = run.config
        method, variant, data = (config[name] for name in ("method", "variant", "data"))
        if method not in methods:
            continue
        _, comparisons = figures_of(method)
        for path in sorted((run.path / "figures").glob("*.png")):
            name = path.stem.replace("_", " ")
            if path.stem in comparisons:
                label = " ".join(filter(None, (data, variant.partition("@")[2])))
                candidate = (path.stat().st_mtime, linked(path, f"{name} ({label})", Path(folder), method))
                key = (method, path.stem, label)
                newest[key] = max(newest.get(key, candidate), candidate, key=itemgetter(0))
            elif (method, variant, data) not in seen:
                pictures.append(linked(path, f"{name} ({variant}, {data})", Path(folder), method))
        seen.add((method, variant, data))
    return pictures + [picture for _, picture in newest.values()]


def select(pictures: list[Picture], most: int = 3) -> list[Picture]:
    """At most `most` pictures of the same figure for the page, those of the main variants first."""
    kept = []
    for _, same in groupby(sorted(pictures, key=figure_of), key=figure_of):
        kept += sorted(same, key=lambda picture: not any(f"({name}," in picture.name for name in MAIN))[:most]
    return kept


def figure_of(picture: Picture) -> tuple[str, str]:
    """Method and name of the figure, the same for all runs."""
    return picture.method, picture.path.stem


def copy_figures(pictures: list[Picture], folder: Path) -> None:
    """Writes the pictures below `folder`, one folder per method."""
    for picture in pictures:
        name = picture.name.replace(", ", "-").replace(" ", "_").strip(")").replace("(", "")
        write_atomic(folder / picture.method / f"{name}.png", picture.path.read_bytes())


def p_value(record: dict) -> str:
    """Text for a record's p-value; nothing where it has none."""
    return "" if record.get("p") is None else f", p = {record['p']:.2g}"


def short(value: object) -> str:
    """A number, a {mean, sd, n} record, a paired comparison or a text, for a table cell."""
    if isinstance(value, dict):
        if "mean" in value:
            count = value.get("n", 1)
            seeds = f" (n = {count})" if count > 1 else ""
            return f"{mean_and_spread(value['mean'], value.get('sd', 0.0), count)}{seeds}{p_value(value)}"
        if {"first", "second", "p"} <= value.keys():
            first, second = value["first"], value["second"]
            return f"{short(first)} against {short(second)}{p_value(value)}"
        return "; ".join(f"{key} {short(item)}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def findings() -> list[tuple[str, str, str]]:
    """(headline, sentence, method) of each finding of the README, without its marks."""
    text = (ROOT / "README.md").read_text()
    part = re.sub(r"<!--.*?-->", "", text.partition("## What we found")[2].partition("\n## ")[0])
    found = re.findall(r"^- \*\*(.+?)\*\*(.+?)\[(\w+)\]\([^)]*\)", part, re.M | re.S)
    return [(" ".join(head.split()), " ".join(text.split()), method) for head, text, method in found]


def sections_of(entries: list[dict], rows: dict[str, list[Row]], folder: Path) -> list[dict]:
    """One record per method: its documents' pictures, what the documents say, its rows and their first metrics."""
    documents, found = gallery.read(), []
    for method in METHODS:
        shown = [document for document in documents if document.method == method] if entries else []
        claims = [entry for entry in entries if entry["method"] == method and entry["kind"] == "document"]
        table = rows.get(method, [])
        metrics = first_metrics(table, [ROOT / method / "README.md"])
        if shown or claims or table:
            pictures = [{"title": document.title, "entries": [in_page(entry, folder) for entry in document.entries]}
                        for document in shown]  # fmt: skip
            found.append({"method": method, "documents": pictures, "claims": claims, "rows": table, "metrics": metrics})
    return found


def in_page(entry: gallery.Entry, folder: Path) -> dict:
    """An entry of the gallery as the page shows it, its picture linked from `folder`."""
    picture = linked(entry.path, entry.id, folder)
    record = {"src": picture.src, "width": picture.width, "height": picture.height, "caption": picture.caption}
    return {"id": entry.id, "shows": entry.shows, "ours": entry.ours, "how": entry.how, **record,
            "agrees": gallery.AGREES[entry.agrees]}  # fmt: skip


def write(
    out: Path,
    entries: list[dict],
    rows: dict[str, list[Row]],
    pictures: list[Picture],
    title: str = "Five documents, run again",
    yours: str = "Figures of the runs on this machine",
    sentences: Sequence[str] = (),
) -> Path:
    """Writes `<out>/index.html`, which loads its pictures from their files, and returns its path.

    Args:
        out: folder.
        entries: claims with verdicts; without any the page shows the runs alone.
        rows: method -> rows of results.
        pictures: of runs on this machine, shown first.
        title: headline.
        yours: headline of those pictures.
        sentences: what their runs came to.
    """
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(default=True))
    templates.filters |= {"short": short}
    templates.globals |= {
        "cell": cell,
        "count_verdicts": count_verdicts,
        "header": header,
        "how_sure": statistics.sentence,
    }
    text = templates.get_template("page.html").render(
        title=title,
        lead=QUICK if entries and entries[0].get("size") == "quick" else LEAD if entries else RUNS,
        entries=entries,
        findings=findings() if entries else [],
        sections=sections_of(entries, rows, out),
        others=[(kind, name, ledger) for kind, name, ledger in ledgers(entries) if kind != "document" and ledger],
        verdicts=list(dict.fromkeys(entry["verdict"] for entry in entries)),
        pictures=pictures,
        yours=yours,
        sentences=sentences,
    )
    path = out / "index.html"
    write_atomic(path, text)
    return path
