"""Seeds added to a row of results: what must be the same, and the row with both."""

from collections.abc import Sequence

import numpy as np

from training.run import RunError

Row = dict  # one entry of results.json: variant, data, epochs, seeds, metrics {name: {mean, sd, values}}, ...
FIXED = ("data_checksum", "epochs", "parameters")  # equal, beside the settings, for all seeds of a row


def check_same(old: Row, new: Row) -> None:
    """Refuses to lay two rows together that differ in more than their seeds.

    Args:
        old: a row of results.json.
        new: another one, or what is known of it before its training: variant, data, settings and some of `FIXED`. A
            setting that one of them does not know yet counts as off (0, false, none) there.

    Raises:
        RunError: the rows differ in settings, data, epochs or parameters.
    """
    parts = [part for part in FIXED if part in new]
    known = {**old.get("settings", {"settings": "unknown"}), **{part: old.get(part) for part in parts}}
    wanted = {**new["settings"], **{part: new[part] for part in parts}}
    for part in dict.fromkeys([*known, *wanted]):
        off = (part in known) != (part in wanted) and not (known.get(part) or wanted.get(part))
        if known.get(part) != wanted.get(part) and not off:
            raise RunError(
                f"--add needs the same {part} for {new['variant']} on {new['data']}: {known.get(part)} in "
                f"results.json, now {wanted.get(part)}; without --add the new row replaces it"
            )


def add_seeds(old: Row, new: Row) -> Row:
    """`new` with the seeds that only `old` has.

    Metrics that not all seeds have are left out; `commit` names both; the rest, such as seconds, is of the new runs.

    Raises:
        RunError: see `check_same`.
    """
    check_same(old, new)
    kept = [seed for seed in old["seeds"] if seed not in new["seeds"]]
    holder = {**dict.fromkeys(kept, old), **dict.fromkeys(new["seeds"], new)}
    seeds = sorted(holder)
    names = [name for name in new["metrics"] if name in old["metrics"]]
    metrics = {name: spread([value_at(holder[seed], name, seed) for seed in seeds]) for name in names}
    commits = dict.fromkeys([*(old["commit"].split(", ") if kept else []), new["commit"]])
    return {**new, "seeds": seeds, "commit": ", ".join(commits), "metrics": metrics}


def spread(values: Sequence[float]) -> dict:
    """Mean, sample standard deviation (0 for one value) and the values themselves."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(np.mean(values)), "sd": sd, "values": list(values)}


def value_at(row: Row, metric: str, seed: int) -> float:
    """A row's value of `metric` for one seed."""
    return row["metrics"][metric]["values"][row["seeds"].index(seed)]
