"""Effects with intervals, equivalence, corrections for many tests, and power: scipy's and statsmodels', in our words.

docs/statistics.md explains each in plain words.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

LEVEL = 0.95
ALPHA = 0.05
POWER = 0.8


def effect(gains: Sequence[float]) -> dict[str, Any] | None:
    """The mean of paired differences, how sure it is, how large it is, and how small a one would have been seen.

        g = mean / sd * (1 - 3 / (4 n - 5))   (Hedges' correction of Cohen's d for paired differences)

    Args:
        gains: one difference per seed.

    Returns:
        `difference`, `low`, `high` (95 % t-interval), `g` (standard deviations; None where all are equal), `n`, and
        `detectable`: the smallest difference that a paired t-test with this n and sd shows in 80 % of repetitions. None
        for fewer than two differences.
    """
    from scipy import stats
    from statsmodels.stats.power import TTestPower

    values = np.asarray(gains, float)
    n = len(values)
    if n < 2:
        return None
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * sd / n**0.5
    found: dict[str, Any] = {"difference": mean, "low": mean - half, "high": mean + half, "n": n}
    if sd <= 1e-12 * max(1.0, abs(mean)):
        return found | {"g": None, "detectable": 0.0}
    size = mean / sd * (1 - 3 / (4 * n - 5))
    needed = TTestPower().solve_power(nobs=n, alpha=ALPHA, power=POWER)
    return found | {"g": float(size), "detectable": float(np.ravel(needed)[0]) * sd}


def paired_p(differences: list[float]) -> float | None:
    """Two-sided p-value of the paired t-test on the differences; None for fewer than two, 0 for equal non-zero ones."""
    from scipy import stats

    if len(differences) < 2:
        return None
    if np.ptp(differences) == 0:
        return 1.0 if differences[0] == 0 else 0.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def equivalence_p(gains: Sequence[float], margin: float) -> float | None:
    """p of two one-sided t-tests (TOST): small where the mean difference is surely within +-margin; None below two."""
    from statsmodels.stats.weightstats import DescrStatsW

    values = np.asarray(gains, float)
    if len(values) < 2:
        return None
    if np.ptp(values) == 0:
        return 0.0 if abs(values[0]) < margin else 1.0
    return float(DescrStatsW(values).ttost_mean(-margin, margin)[0])


def adjust(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries with `p_holm` (among the tests of their document) and `p_bh` (among all tests), where they have a p.

    Holm bounds the chance of one false finding in a document; Benjamini-Hochberg the share of false ones in all.
    """
    from statsmodels.stats.multitest import multipletests

    tested = [k for k, entry in enumerate(entries) if p_of(entry) is not None]
    groups = defaultdict(list)
    for k in tested:
        groups[entries[k]["source"]].append(k)
    holm, false_share = {}, {}
    for members in groups.values():
        holm |= dict(zip(members, multipletests([p_of(entries[k]) for k in members], method="holm")[1], strict=True))
    if tested:
        corrected = multipletests([p_of(entries[k]) for k in tested], method="fdr_bh")[1]
        false_share = dict(zip(tested, corrected, strict=True))
    return [
        {**entry, "p_holm": float(holm[k]), "p_bh": float(false_share[k])} if k in holm else entry
        for k, entry in enumerate(entries)
    ]


def p_of(entry: dict[str, Any]) -> float | None:
    """The p of an entry's test, or None."""
    measured = entry["measured"]
    return measured.get("p") if isinstance(measured, dict) else None


def sentence(entry: dict[str, Any]) -> str:
    """How sure the entry is, in a sentence; "" where nothing was compared over seeds."""
    measured = entry["measured"]
    found = measured.get("effect") if isinstance(measured, dict) else None
    if not found:
        return ""
    text = (
        f"Difference {found['difference']:.3g}, 95 % interval {found['low']:.3g} to {found['high']:.3g}, "
        f"{found['n']} seeds"
    )
    text += f" (asked for: beyond {found['asked']:g})" if "asked" in found else ""
    if found["g"] is not None:
        text += f", {abs(found['g']):.1f} standard deviations"
    if "p_holm" in entry:
        text += f"; p = {p_of(entry):.2g}, {entry['p_holm']:.2g} among its document's tests (Holm), "
        text += f"{entry['p_bh']:.2g} among all (Benjamini-Hochberg)"
    if entry["verdict"] == "inconclusive":
        largest = max(abs(found["low"]), abs(found["high"]))
        text += (
            f". So many seeds would show a difference of {found['detectable']:.3g} four times in five; one larger than "
            f"{largest:.3g} is ruled out"
        )
    return text + "."
