"""Which verdicts rest on fewer than three seeds, and why: `docs/seeds.toml`, or the time that another one takes."""

import fnmatch
import functools
import re
import tomllib

from tabulate import tabulate

from reporting.methods import METHODS, ROOT
from reporting.tables import Row, read_results
from training.run import read_json

ENOUGH = 3  # seeds of any run
WISHED, SHORT = 5, 600  # seeds of a run that takes fewer than so many seconds


@functools.cache  # asked for once per row
def reasons() -> dict[str, str]:
    """Pattern of method/variant/data -> why one seed says all there is to say."""
    return tomllib.loads((ROOT / "docs" / "seeds.toml").read_text())


@functools.cache  # asked for once per method
def judged() -> set[tuple[str, str, str]]:
    """(method, variant, data) of the rows that verdicts rest on, as the ledger names its evidence."""
    return {
        (entry["method"], *pair)
        for entry in read_json(ROOT / "results" / "claims.json")
        for pair in re.findall(r"(?:variant=|against )(\S+) (?:data=)?(\S+)", entry["evidence"] or "")
    }


def rows_of(method: str) -> list[Row]:
    """The rows of a method that verdicts rest on."""
    used = judged()
    rows = read_results(ROOT / method / "results.json")
    return [row for row in rows if (method, row["variant"], row["data"]) in used]


def few(method: str) -> list[Row]:
    """Those with fewer seeds than ENOUGH."""
    return [row for row in rows_of(method) if len(row["seeds"]) < ENOUGH]


def missing_hours() -> tuple[int, float]:
    """Short runs with fewer seeds than WISHED though no fewer than ENOUGH: how many, and the hours of the others."""
    rows = [row for method in METHODS for row in rows_of(method)]
    short = [row for row in rows if row["seconds"] < SHORT and ENOUGH <= len(row["seeds"]) < WISHED]
    return len(short), sum((WISHED - len(row["seeds"])) * row["seconds"] for row in short) / 3600


def reason_of(method: str, row: Row) -> str | None:
    """Why chance is no matter for this row, or None where only its time is the reason."""
    name = f"{method}/{row['variant']}/{row['data']}"
    return next((why for pattern, why in reasons().items() if fnmatch.fnmatchcase(name, pattern)), None)


def table() -> str:
    """One line per reason with all its rows; one per long run, with the minutes of one of its seeds; what is short."""
    grouped: dict[tuple[str, str], list[str]] = {}
    timed = []
    for method in METHODS:
        for row in few(method):
            if why := reason_of(method, row):
                grouped.setdefault((method, why), []).append(row["variant"])
            else:
                minutes = f"{row['seconds'] / 60:,.0f} min a seed"
                timed.append([method, f"`{row['variant']}`", row["data"], len(row["seeds"]), minutes])
    told = [
        [method, ", ".join(f"`{name}`" for name in dict.fromkeys(names)), why]
        for (method, why), names in grouped.items()
    ]
    by_reason = tabulate(told, ["method", "runs", "why one is enough"], tablefmt="pipe")
    by_time = tabulate(timed, ["method", "run", "data", "seeds", "what one more costs"], tablefmt="pipe")
    count, hours = missing_hours()
    rest = f"{count} runs of less than ten minutes have three or four seeds; five would take {hours:.0f} hours more."
    return f"{by_reason}\n\n{by_time}\n\n{rest}"
