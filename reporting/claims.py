"""Claims of the documents as data, and the checks that turn evidence into a verdict."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from reporting import statistics
from reporting.methods import part
from reporting.statistics import paired_p
from reporting.tables import Row, spread

VERDICTS = ("replicated", "exceeded", "not replicated", "inconclusive", "not run", "not testable")
OF_GOALS = {"replicated": "met", "exceeded": "met", "not replicated": "missed"}  # a goal is nobody's claim


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a check found: one of VERDICTS, the numbers, and where they come from."""

    verdict: str
    measured: Any = None
    evidence: str = ""


@dataclasses.dataclass(frozen=True)
class Claim:
    """One statement of a document.

    Args:
        id: unique, `<method>-<words>`.
        source: title of the document.
        claim: short paraphrase.
        expected: number or direction the document gives.
        unit: of expected and measured; "" for directions.
        how: how it is measured and what decides.
        check: evidence -> Outcome, made by one of the functions below.
        reading: how a sentence that can be read in several ways is read; None where there is one way.
    """

    id: str
    source: str
    claim: str
    expected: float | str
    unit: str
    how: str
    check: Callable[["Evidence"], Outcome]
    reading: str | None = None


class Evidence:
    """Finds measured values in the rows of one method.

    Args:
        any_amount: a run on fewer training examples may stand for the claim's ("mnist-1000" for "mnist"): quick runs.
    """

    def __init__(self, method: str, rows: list[Row], any_amount: bool = False):
        self.method, self.rows, self.any_amount = method, rows, any_amount

    def row(self, variant: str, data: str) -> Row | None:
        """The row of a variant on a data set, or None."""

        def name(data: str) -> str:
            return data.partition("-")[0] if self.any_amount else data

        return next((row for row in self.rows if (row["variant"], name(row["data"])) == (variant, name(data))), None)

    def values(self, variant: str, data: str, metric: str) -> dict[int, float]:
        """Seed -> value; empty when it was not run."""
        row = self.row(variant, data)
        if row is None or metric not in row["metrics"]:
            return {}
        return dict(zip(row["seeds"], row["metrics"][metric]["values"], strict=True))

    def where(self, variant: str, data: str, metric: str) -> str:
        """Text that names a cell of the results."""
        return f"{self.method}/results.json variant={variant} data={data} {metric}"


def measured(values: dict[int, float]) -> dict:
    """Mean, sd and n of values over seeds."""
    summary = spread(list(values.values()))
    return {"mean": summary["mean"], "sd": summary["sd"], "n": len(values)}


def number(variant: str, data: str, metric: str, expected: float, tolerance: float, better: str) -> Callable:
    """Checks a number: replicated within `tolerance` of `expected`, exceeded beyond it on the `better` side.

    Args:
        better: "higher", "lower", or "same" where neither side is better.
    """

    def check(evidence: Evidence) -> Outcome:
        values = evidence.values(variant, data, metric)
        if not values:
            return Outcome("not run")
        difference = measured(values)["mean"] - expected
        gain = {"higher": difference, "lower": -difference, "same": 0}[better]
        verdict = "not replicated"
        if abs(difference) <= tolerance:
            verdict = "replicated"
        elif gain > 0:
            verdict = "exceeded"
        return Outcome(verdict, measured(values), evidence.where(variant, data, metric))

    check.document = {(variant, data, metric): expected}  # type: ignore[attr-defined]
    return check


def one_of_our_runs(variant: str, data: str, metric: str, expected: float, precise: float) -> Callable:
    """Checks a number that a document has from a single run: could it be one more of ours?

    The 95 % prediction interval for one more seed, mean +- t_(n-1) sd sqrt(1 + 1/n) (Student). Inside it: replicated,
    or inconclusive where the interval is wider than `precise` to either side. Beyond it: exceeded where ours are
    higher, else not replicated.
    """

    def check(evidence: Evidence) -> Outcome:
        from scipy.stats import t

        values = evidence.values(variant, data, metric)
        if len(values) < 2:
            return Outcome("not run")
        summary = measured(values)
        half = float(t.ppf(0.975, len(values) - 1) * summary["sd"] * np.sqrt(1 + 1 / len(values)))
        low, high = summary["mean"] - half, summary["mean"] + half
        verdict = "replicated" if half <= precise else "inconclusive"
        if not low <= expected <= high:
            verdict = "exceeded" if expected < low else "not replicated"
        outcome = {**summary, "interval": [round(low, 4), round(high, 4)]}
        return Outcome(verdict, outcome, evidence.where(variant, data, metric))

    check.document = {(variant, data, metric): expected}  # type: ignore[attr-defined]
    return check


def documents_of(method: str) -> dict[tuple[str, str, str], float]:
    """(variant, data, metric) -> the document's number, from the method's claims that state one."""
    module = part(method, "claims")
    numbers = {}
    for claim in module.CLAIMS if module else ():
        numbers |= getattr(claim.check, "document", {})
    return numbers


def at_least(variant: str, data: str, metric: str, bound: float, significantly: bool = False) -> Callable:
    """Checks that the mean over seeds is at least `bound`.

    Args:
        significantly: with a t-test over seeds, p < 0.05, else inconclusive: for claims about the sign of an effect.
    """
    return _bounded(variant, data, metric, bound, 1, significantly)


def at_most(variant: str, data: str, metric: str, bound: float, significantly: bool = False) -> Callable:
    """Checks that the mean over seeds is at most `bound`; `significantly` as in `at_least`."""
    return _bounded(variant, data, metric, bound, -1, significantly)


def _bounded(variant: str, data: str, metric: str, bound: float, sign: int, significantly: bool) -> Callable:
    def check(evidence: Evidence) -> Outcome:
        values = evidence.values(variant, data, metric)
        if not values:
            return Outcome("not run")
        gains = [sign * (value - bound) for value in values.values()]
        verdict = "replicated" if np.mean(gains) >= 0 else "not replicated"
        numbers = measured(values)
        if significantly:
            p, found = paired_p(gains), statistics.effect([sign * gain for gain in gains])
            numbers, verdict = numbers | {"p": p, "effect": found}, direction(float(np.mean(gains)), p)
        return Outcome(verdict, numbers, evidence.where(variant, data, metric))

    return check


def better_than(
    first: tuple[str, str],
    second: tuple[str, str],
    metric: str,
    better: str,
    margin: float = 0.0,
    against: str | None = None,
    factor: float = 1.0,
) -> Callable:
    """Checks that (variant, data) `first` beats `factor` x `second` by more than `margin`: paired t-test over seeds.

    Replicated when the mean difference exceeds the margin with p < 0.05 (two-sided), not replicated when it is
    significantly below the margin, inconclusive otherwise or with fewer than two common seeds.

    Args:
        better: "higher" or "lower": the side on which `first` should be.
        against: metric of `second` where it is another one, for example of the same runs.
        factor: 0.5 asks for half of `second`.
    """

    def check(evidence: Evidence) -> Outcome:
        left, right = evidence.values(*first, metric), evidence.values(*second, against or metric)
        seeds = sorted(left.keys() & right.keys())
        if not seeds:
            return Outcome("not run")
        sign = 1 if better == "higher" else -1
        gains = {seed: sign * (left[seed] - factor * right[seed]) - margin for seed in seeds}
        p = paired_p(list(gains.values()))
        differences = [sign * (gain + margin) for gain in gains.values()]  # as measured, whatever was asked for
        found = statistics.effect(differences)
        numbers = {"first": measured(left), "second": measured(right), "p": p, "effect": found}
        if found and margin:
            found["asked"] = sign * margin
        where = f"{evidence.where(*first, metric)} against {' '.join(filter(None, (*second, against)))}"
        return Outcome(direction(float(np.mean(list(gains.values()))), p), numbers, where)

    return check


def equivalent(first: tuple[str, str], second: tuple[str, str], metric: str, margin: float) -> Callable:
    """Checks that two (variant, data) are as good as each other: by less than `margin`, stated beforehand, apart.

    Replicated where two one-sided t-tests over common seeds (TOST) have p < 0.05, not replicated where the difference
    is significantly beyond the margin, inconclusive otherwise.
    """

    def check(evidence: Evidence) -> Outcome:
        left, right = evidence.values(*first, metric), evidence.values(*second, metric)
        seeds = sorted(left.keys() & right.keys())
        if not seeds:
            return Outcome("not run")
        differences = [left[seed] - right[seed] for seed in seeds]
        side = np.sign(np.mean(differences))  # of the mean, which is what may lie beyond the margin
        p, beyond = statistics.equivalence_p(differences, margin), [side * value - margin for value in differences]
        verdict = "replicated" if p is not None and p < statistics.ALPHA else "inconclusive"
        outside = paired_p(beyond)
        if verdict == "inconclusive" and np.mean(beyond) > 0 and outside is not None and outside < statistics.ALPHA:
            verdict = "not replicated"
        numbers = {"first": measured(left), "second": measured(right), "p": p, "effect": statistics.effect(differences)}
        return Outcome(verdict, numbers, f"{evidence.where(*first, metric)} against {' '.join(second)}")

    return check


def direction(gain: float, p: float | None) -> str:
    """Verdict of a paired test with mean `gain` in the claimed direction; p is None for a single pair."""
    if p is None or not p < 0.05:
        return "inconclusive"
    return "replicated" if gain > 0 else "not replicated"


def exact(test: Callable[[], tuple[bool, Any]], where: str) -> Callable:
    """Checks an equation or architecture by running `test() -> (holds, measured)`; `where` names the code.

    Each starts from the same random seed, so that what it measures is the same every time.
    """

    def check(_: Evidence) -> Outcome:
        from training.quiet import load_tensorflow

        load_tensorflow()
        import keras

        keras.utils.set_random_seed(0)
        holds, value = test()
        return Outcome("replicated" if holds else "not replicated", value, where)

    return check


def not_testable(reason: str) -> Callable:
    """For opinions and statements about the future."""
    return lambda _: Outcome("not testable", None, reason)


def judge(claim: Claim, evidence: Evidence, kind: str = "document", why: str = "") -> dict:
    """The claim's entry of results/claims.json.

    Args:
        claim, evidence: what is judged, by what.
        kind: one of KINDS.
        why: the verdict's reason for a reader of the document, where the numbers alone do not say it.
    """
    outcome = claim.check(evidence)
    if outcome.verdict not in VERDICTS:
        raise ValueError(f"claim {claim.id}: verdict {outcome.verdict!r}, expected one of {VERDICTS}")
    return {
        "id": claim.id,
        "method": evidence.method,
        "source": claim.source,
        "claim": claim.claim,
        "expected": claim.expected,
        "measured": outcome.measured,
        "unit": claim.unit,
        "how": claim.how,
        "kind": kind,
        "reading": claim.reading,
        "why": why,
        "verdict": OF_GOALS.get(outcome.verdict, outcome.verdict) if kind == "goal" else outcome.verdict,
        "evidence": outcome.evidence,
    }
