"""The page: claims, tables and figures in one self-contained HTML file."""

import base64
import dataclasses
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from reporting.claims import count_verdicts, ledgers
from reporting.methods import figures_of
from reporting.tables import Row, cell, find_runs, mean_and_spread
from training.run import write_atomic

MAIN = ("blog", "paper", "best")  # variants whose figures come first


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure of a run, embedded into the page."""

    method: str
    name: str
    caption: str
    path: Path
    data: str


def embed(path: Path, method: str, name: str = "") -> Picture:
    """Reads a PNG with the caption in its metadata; `name` defaults to the file's."""
    from PIL import Image

    with Image.open(path) as image:
        text = image.info.get("Description", "")
    data = base64.b64encode(path.read_bytes()).decode()
    return Picture(method, name or path.stem.replace("_", " "), text, path, f"data:image/png;base64,{data}")


def collect_figures(runs_dir: str | Path, methods: list[str]) -> list[Picture]:
    """The figures of the finished runs of `methods`, the first seed of each variant, in the order of their paths.

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
                candidate = (path.stat().st_mtime, embed(path, method, f"{name} ({label})"))
                key = (method, path.stem, label)
                newest[key] = max(newest.get(key, candidate), candidate, key=itemgetter(0))
            elif (method, variant, data) not in seen:
                pictures.append(embed(path, method, f"{name} ({variant}, {data})"))
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
        if value.keys() == {"first", "second", "p"}:
            first, second = value["first"], value["second"]
            return f"{short(first)} against {short(second)}{p_value(value)}"
        return "; ".join(f"{key} {short(item)}" for key, item in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def write(out: Path, entries: list[dict], rows: dict[str, list[Row]], pictures: list[Picture], title: str = "") -> Path:
    """Writes `<out>/index.html` and returns its path.

    Args:
        out: folder.
        entries: claims with verdicts.
        rows: method -> rows of results.
        pictures: embedded figures.
        title: headline; default: the ledger's.
    """
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(default=True))
    templates.filters |= {"short": short}
    templates.globals |= {"cell": cell, "count_verdicts": count_verdicts}
    metrics = {
        method: list(dict.fromkeys(name for row in table for name in row["metrics"])) for method, table in rows.items()
    }
    text = templates.get_template("page.html").render(
        title=title or "Claims, figures and numbers, each one run again",
        entries=entries,
        ledgers=[(kind, title, ledger) for kind, title, ledger in ledgers(entries) if ledger],
        verdicts=list(dict.fromkeys(entry["verdict"] for entry in entries)),
        rows=rows,
        metrics=metrics,
        pictures=pictures,
    )
    path = out / "index.html"
    write_atomic(path, text)
    return path
