"""`python -m reporting.readme`: renders the tables of all READMEs from the committed JSON files.

They are METHOD/results.json, results/claims.json and benchmarks/results.json.
"""

import re
from collections import Counter
from pathlib import Path

from tabulate import tabulate

from reporting import few_seeds
from reporting.ledgers import ledgers, verdicts_of
from reporting.methods import METHODS, ROOT
from reporting.page import short
from reporting.tables import read_results, render_readme, select
from training.run import read_json, write_atomic

WIDEST = 100  # characters of a cell
# A table stands between one of these and `<!-- end -->`: `<!-- verdicts -->`, `<!-- few seeds -->`,
# `<!-- claims: id id ... -->`, `<!-- benchmarks: module module ... -->`
ASKED = r"verdicts|few seeds|claims: (?P<ids>[^>]*?)|benchmarks: (?P<modules>[^>]*?)"
MARKER = re.compile(rf"(?P<start><!-- ({ASKED}) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)

# `<!--n method/variant/data metric format-->` a number `<!--/-->`, within a sentence
NUMBER = re.compile(r"(<!--n (?P<row>\S+) (?P<metric>\S+) (?P<format>[\w.]+)-->).*?(<!--/-->)")


def readmes() -> list[Path]:
    """README.md of the project and of every method, and the pages in docs/."""
    return sorted([ROOT / "README.md", *ROOT.glob("*/README.md"), *ROOT.glob("docs/*.md")])


def render(text: str, folder: Path) -> str:
    """Replaces what stands between markers by tables made from the JSON files in `folder`."""
    entries = read_json(folder / "results" / "claims.json")

    def table(match: re.Match) -> str:
        if match["ids"]:
            made = claims_table(entries, match["ids"].split())
        elif match["modules"]:
            made = benchmarks_table(read_json(folder / "benchmarks" / "results.json"), match["modules"].split())
        elif "few seeds" in match["start"]:
            made = few_seeds.table()
        else:
            made = verdicts_table(entries)
        return f"{match['start']}{made}\n{match['end']}"

    return NUMBER.sub(lambda match: number(match, folder), MARKER.sub(table, render_readme(text, folder)))


def number(match: re.Match, folder: Path) -> str:
    """The mean of a metric of a committed row, in its format; "not run yet" where there is no such row."""
    method, variant, data = match["row"].split("/")
    rows = select(read_results(folder / method / "results.json"), variant, data)
    value = rows[0]["metrics"].get(match["metric"])
    return f"{match[1]}{format(value['mean'], match['format']) if value else 'not run yet'}{match[5]}"


def verdicts_table(entries: list[dict]) -> str:
    """Number of statements by method and verdict: one table for each kind of them."""
    tables = []
    for kind, title, chosen in ledgers(entries):
        verdicts = verdicts_of(kind)
        counts = Counter((entry["method"], entry["verdict"]) for entry in chosen)
        methods = sorted({entry["method"] for entry in chosen})
        lines = [[method, *(counts[method, verdict] for verdict in verdicts)] for method in methods]
        total = ["all", *(sum(line[column] for line in lines) for column in range(1, len(verdicts) + 1))]
        tables.append(f"**{title}**\n\n" + tabulate([*lines, total], ["method", *verdicts], tablefmt="pipe"))
    return "\n\n".join(tables)


def claims_table(entries: list[dict], ids: list[str]) -> str:
    """One line per claim: what is said, what was expected and measured (the first item of a long list), the verdict.

    Raises:
        KeyError: an id is not in the ledger.
    """
    known = {entry["id"]: entry for entry in entries}
    lines = [
        [
            with_reading(entry),
            short(entry["expected"]),
            entry["unit"],
            abridged(short(entry["measured"])),
            entry["verdict"],
        ]
        for entry in (known[id_] for id_ in ids)
    ]
    return tabulate(lines, ["claim", "expected", "unit", "measured", "verdict"], tablefmt="pipe", disable_numparse=True)


def with_reading(entry: dict) -> str:
    """The claim, and how it is read where it can be read in several ways."""
    return entry["claim"] + (f" ({entry['reading']})" if entry["reading"] else "")


def benchmarks_table(rows: list[dict], modules: list[str]) -> str:
    """One line per measurement of these benchmarks: both speeds and their ratio."""
    lines = [
        [
            row["name"],
            *(three_digits(row[column]) for column in ("ratio", "ours", "baseline")),
            row["unit"],
            row["hardware"].removesuffix(", CPU"),
        ]
        for row in rows
        if row["benchmark"] in modules
    ]
    return tabulate(
        lines, ["measured", "ratio", "ours", "baseline", "unit", "machine"], tablefmt="pipe", disable_numparse=True
    )


def three_digits(value: float) -> str:
    """A positive number to three digits, or to the unit."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def abridged(text: str) -> str:
    """The first of several items where all of them would make a table too wide."""
    first, *rest = text.split("; ")
    return f"{first}; ..." if rest and len(text) > WIDEST else text


def full_tables(method: str, folder: Path) -> str:
    """All columns of the tables in a method's README, under the headers of their sections."""
    text, lines = (folder / method / "README.md").read_text(), [f"# {method}: all columns of its tables\n"]
    lines.append(f"The text that goes with them: [{method}/README.md](../../{method}/README.md).\n")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        markers = re.findall(r"<!-- results: [^>]*? -->\n", section)
        if markers:
            lines.append(f"## {section.splitlines()[0]}\n")
            lines += [render_readme(f"{marker}<!-- end -->\n", folder, most=10**6) for marker in markers]
    return "\n".join(lines)


def main() -> None:
    """Rewrites the READMEs and docs/tables whose tables differ from results.json."""
    for method in METHODS:
        path, text = ROOT / "docs" / "tables" / f"{method}.md", full_tables(method, ROOT)
        if not path.exists() or path.read_text() != text:
            write_atomic(path, text)
            print(f"updated {path.relative_to(ROOT)}")
    for path in readmes():
        text = path.read_text()
        rendered = render(text, ROOT)
        if rendered != text:
            write_atomic(path, rendered)
            print(f"updated {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
