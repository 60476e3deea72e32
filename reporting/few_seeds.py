"""Which results rest on fewer than three seeds, and why: `docs/seeds.toml` where chance is no matter, else the time."""

import fnmatch
import tomllib

from tabulate import tabulate

from reporting.methods import METHODS, ROOT
from reporting.tables import Row, read_results

ENOUGH, SHORT = 3, 600  # seeds; seconds within which a run is too short for time to be a reason


def reasons() -> dict[str, str]:
    """Pattern of method/variant/data -> why one seed says all there is to say."""
    return tomllib.loads((ROOT / "docs" / "seeds.toml").read_text())


def few(method: str) -> list[Row]:
    """The rows of a method with fewer seeds than ENOUGH."""
    return [row for row in read_results(ROOT / method / "results.json") if len(row["seeds"]) < ENOUGH]


def reason_of(method: str, row: Row) -> str | None:
    """Why chance is no matter for this row, or None where only its time is the reason."""
    name = f"{method}/{row['variant']}/{row['data']}"
    return next((why for pattern, why in reasons().items() if fnmatch.fnmatchcase(name, pattern)), None)


def table() -> str:
    """One line per reason with all its rows; then one per long run, with the minutes of one of its seeds."""
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
    return f"{by_reason}\n\n{by_time}"
