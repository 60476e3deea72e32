"""Rows of results: summarised from runs, saved as results.json, rendered into READMEs between markers."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from reporting.adding import Row, add_seeds, spread, value_at
from reporting.methods import ROOT
from reporting.statistics import paired_p
from reporting.words import direction, header
from training.run import Run, RunError, as_numbers, read_json, write_json
from training.settings import OPERATIONAL

MOST_COLUMNS = 8  # of a table that is read on a screen
MARKER = re.compile(r"(<!-- results: (?P<query>[^>]*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def find_runs(folder: str | Path) -> list[Run]:
    """All finished runs below a runs folder, in the order of their paths; unreadable ones are named and left out."""
    runs = []
    for path in sorted(Path(folder).glob("*/*/*/*/result.json")):
        try:
            runs += [Run(path.parent)] if Run(path.parent).config else []
        except RunError as error:
            print(f"skipped {path.parent}: {error}")
    return runs


def summarise(runs: Iterable[Run], command: str) -> list[Row]:
    """One row per (variant, data) of finished runs: mean, sd (n - 1) and values of each metric over seeds.

    Args:
        runs: finished runs; an unreadable one is named on stdout and left out.
        command: what made the runs, recorded in each row.
    """
    groups: dict[tuple, list[tuple]] = {}
    for run in runs:
        try:
            config, result, environment = run.config, run.result, run.environment
            key = (config["variant"], config["data"])
            groups.setdefault(key, []).append((config["settings"]["seed"], config, result, environment))
        except (RunError, KeyError, TypeError) as error:
            print(f"skipped {run.path}: damaged or from another version ({error})")
    return [summarise_group(key, sorted(group, key=lambda item: item[0]), command) for key, group in groups.items()]


def summarise_group(key: tuple, group: list[tuple], command: str) -> Row:
    """The row of one variant on one data set; `group` holds (seed, config, result, environment) per run."""
    seeds, configs, results, environments = zip(*group, strict=True)
    settings = configs[0]["settings"]
    names = [name for name in results[0]["metrics"] if all(name in result["metrics"] for result in results)]
    return {
        "variant": key[0],
        "data": key[1],
        "data_checksum": environments[0]["data"]["checksum"],
        "epochs": results[0]["epochs"],
        "seeds": list(seeds),
        "settings": recorded(settings),
        "parameters": results[0]["parameters"],
        "seconds": round(float(np.mean([result["seconds"] for result in results])), 1),
        "hardware": environments[0]["hardware"],
        "command": command,
        "commit": environments[-1]["commit"] + ("+" if environments[-1]["dirty"] else ""),
        "versions": environments[0]["versions"],
        "metrics": {name: spread([result["metrics"][name] for result in results]) for name in names},
    }


def recorded(settings: dict) -> dict:
    """Of the settings of a run those that shape its result, without the seed."""
    return {name: value for name, value in settings.items() if name not in OPERATIONAL | {"seed"}}


def read_results(path: Path) -> list[Row]:
    """The rows of a results.json.

    Raises:
        RunError: missing, damaged, or from another version of the schema.
    """
    content = read_json(path)
    rows = content.get("rows") if isinstance(content, dict) else None
    needed = {"variant", "data", "seeds", "epochs", "metrics", "command", "commit"}
    if not isinstance(rows, list) or not all(isinstance(row, dict) and needed <= row.keys() for row in rows):
        raise RunError(
            f"{path} has another schema, expected rows with {', '.join(sorted(needed))}; "
            "make it again with: python compare.py METHOD --save"
        )
    return [{**row, "metrics": as_numbers(row["metrics"])} for row in rows]


def save_results(method: str, rows: list[Row], path: Path, add: bool = False) -> None:
    """Merges `rows` into the method's results.json: a row of the same variant and data is replaced.

    Args:
        add: keep the seeds that such a row has and the new one lacks (`add_seeds`), as when a new machine runs more.

    Raises:
        RunError: with `add`, when the two rows differ in more than their seeds.
    """
    merged = {(row["data"], row["variant"]): row for row in (read_results(path) if path.exists() else [])}
    for row in rows:
        key = (row["data"], row["variant"])
        merged[key] = add_seeds(merged[key], row) if add and key in merged else row
    write_json(path, {"method": method, "rows": [merged[key] for key in sorted(merged)]})


def cell(row: Row, metric: str) -> str:
    """`mean_and_spread` of a metric; '-' when the row lacks it."""
    value = row["metrics"].get(metric)
    if value is None:
        return "-"
    return mean_and_spread(value["mean"], value["sd"], len(value["values"]))


def mean_and_spread(mean: float, sd: float, count: int) -> str:
    """'mean +- sd', to the second digit of the sd; of a single run four digits, or all before the decimal point."""
    if not np.isfinite(mean):
        return "-"
    if count < 2 or not np.isfinite(sd):
        return f"{mean:.0f}" if abs(mean) >= 1000 else f"{mean:.4g}"
    if sd <= 1e-6 * abs(mean):  # the same in every run, up to the order of sums
        return f"{mean:.6g} ± 0"
    digits = int(np.clip(1 - np.floor(np.log10(sd)), 0, 6))
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def markdown(
    rows: list[Row],
    metrics: Sequence[str],
    texts: dict[str, str] | None = None,
    documents: dict[tuple[str, str, str], float] | None = None,
) -> str:
    """A table with one line per row: variant, what changes, data, n, metrics, parameters, seconds.

    Args:
        texts: variant -> what changes.
        documents: (variant, data, metric) -> the document's number, shown in brackets beside ours.
    """
    headers = ["variant", *(["what changes"] if texts else []), "data", "n", *map(header, metrics)]
    headers += ["parameters", "training, s"]
    best, lines = best_rows(rows, metrics), []
    for row in rows:
        change = [texts.get(row["variant"].split("@")[0], "")] if texts else []
        keys = [(row["variant"], row["data"], metric) for metric in metrics]
        numbers = [f" ({documents[key]:g})" if documents and key in documents else "" for key in keys]
        values = [
            (f"**{cell(row, metric)}**" if id(row) in best[metric] else cell(row, metric)) + number
            for metric, number in zip(metrics, numbers, strict=True)
        ]
        size = f"{row['parameters']:,}" if row["parameters"] else "-"
        seconds = f"{row['seconds']:,}" if row["seeds"] and row["seconds"] else "-"
        lines.append([row["variant"], *change, row["data"], len(row["seeds"]), *values, size, seconds])
    return tabulate(lines, headers, tablefmt="pipe", disable_numparse=True)


def best_rows(rows: list[Row], metrics: Sequence[str]) -> dict[str, set[int]]:
    """Metric -> id() of the rows that are best in it among those on the same data; none where nothing says what is."""
    best = {metric: set() for metric in metrics}

    def content(row: Row):  # "predictions" stands for those of several networks
        return row["data"], row.get("data_checksum") if row["data"] == "predictions" else None

    for metric in metrics:
        sign = direction(metric)
        for data in {content(row) for row in rows} if sign else ():
            values = {id(row): sign * row["metrics"][metric]["mean"] for row in rows
                      if content(row) == data and metric in row["metrics"]}  # fmt: skip
            if len(set(values.values())) > 1:
                best[metric] |= {key for key, value in values.items() if value == max(values.values())}
    return best


def as_csv(rows: list[Row], metrics: Sequence[str]) -> str:
    """One line per row with mean, sd and n of every metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    spreads = [f"{metric} {part}" for metric in metrics for part in ("mean", "sd")]
    writer.writerow(["variant", "data", "n", "epochs", "parameters", "seconds", *spreads])
    for row in rows:
        values = [row["metrics"].get(metric, {}).get(part, "") for metric in metrics for part in ("mean", "sd")]
        counts = [len(row["seeds"]), row["epochs"], row["parameters"], row["seconds"]]
        writer.writerow([row["variant"], row["data"], *counts, *values])
    return text.getvalue()


def paired_tests(rows: list[Row], metrics: Sequence[str]) -> list[str]:
    """Lines 'metric: variant - first = difference, p' of paired t-tests against the first variant of each data set."""
    lines = []
    for row in rows:
        first = next(other for other in rows if other["data"] == row["data"])
        seeds = sorted(set(first["seeds"]) & set(row["seeds"]))
        if row is first or len(seeds) < 2:
            continue
        for metric in metrics:
            if metric in first["metrics"] and metric in row["metrics"]:
                pairs = [(value_at(row, metric, seed), value_at(first, metric, seed)) for seed in seeds]
                differences = [left - right for left, right in pairs]
                lines.append(
                    f"{row['data']} {metric}: {row['variant']} - {first['variant']} = {np.mean(differences):+.4g}, "
                    f"paired t-test p = {paired_p(differences):.2g} (n = {len(seeds)})"
                )
    return lines


def metrics_of_readme(path: Path) -> list[str]:
    """Metrics of the tables in a README, in the order in which they are shown."""
    queries = [match["query"] for match in MARKER.finditer(path.read_text())] if path.exists() else []
    return [name for query in queries for name in query.split("metrics=")[1].split()[0].split(",")]


def first_metrics(rows: list[Row], readmes: Sequence[Path]) -> list[str]:
    """The at most eight metrics of the rows that these READMEs show first, or the rows' own first ones."""
    every = dict.fromkeys(name for row in rows for name in row["metrics"])
    shown = dict.fromkeys(name for path in readmes for name in metrics_of_readme(path))
    return ([name for name in shown if name in every] or list(every))[:MOST_COLUMNS]


def minutes_of(method: str, variant: str, data: str) -> float:
    """Minutes that the recorded runs of this variant took for a seed, on these data or on others; 0 if unknown."""
    path = ROOT / method / "results.json"
    rows = [row for row in (read_results(path) if path.exists() else []) if row["variant"] == variant]
    same = [row for row in rows if row["data"] == data] or rows
    return same[0]["seconds"] / 60 if same else 0.0


def select(rows: list[Row], variants: str | None, data: str | None) -> list[Row]:
    """The rows of these variants and data sets (comma-separated; None: all), in the order of `variants`.

    A variant that was not run on any of them becomes a row of `-`, so that the gap shows.
    """
    rows = [row for row in rows if data is None or row["data"] in data.split(",")]
    if variants is None:
        return rows
    empty = {"data": data or "-", "seeds": [], "metrics": {}, "parameters": 0, "seconds": "-"}
    chosen = []
    for name in variants.split(","):
        chosen += [row for row in rows if row["variant"] == name] or [{**empty, "variant": name}]
    return chosen


def render_readme(text: str, folder: Path, most: int = 6) -> str:
    """Replaces what stands between markers by tables made from results.json files, of at most `most` metrics.

    A marker is `<!-- results: method=gmu metrics=test/error_percent,gate_auc [data=...] [variants=a,b] -->`,
    closed by `<!-- end -->`; the file read is `<folder>/<method>/results.json`.
    """

    def table(match: re.Match) -> str:
        query = dict(part.split("=", 1) for part in match["query"].split())
        path = folder / query["method"] / "results.json"
        rows = select(read_results(path) if path.exists() else [], query.get("variants"), query.get("data"))
        ran, metrics = any(row["seeds"] for row in rows), query["metrics"].split(",")
        made = markdown(rows, metrics[:most]) if ran else "Not run yet."
        if ran and len(metrics) > most:
            made += f"\n\n*{len(metrics) - most} more columns: [docs/tables](../docs/tables/{query['method']}.md).*"
        return f"{match[1]}{made}\n{match[3]}"

    return MARKER.sub(table, text)
