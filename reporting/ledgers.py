"""The three ledgers that are never added up: documents, papers, goals; and their counts."""

from collections import Counter

from reporting.claims import VERDICTS

KINDS = {  # whose statement it is -> the title of its table; the three are never added up
    "document": "What the five documents say",
    "paper": "What papers and public programs report",
    "goal": "Goals of this project",
}
GOAL_VERDICTS = ("met", "missed", "inconclusive", "not run")


def ledgers(entries: list[dict]) -> list[tuple[str, str, list[dict]]]:
    """(kind, title, its entries of results/claims.json) of each of KINDS; entries that name none are the documents'."""
    return [
        (kind, title, [entry for entry in entries if entry.get("kind", "document") == kind])
        for kind, title in KINDS.items()
    ]


def count_verdicts(entries: list[dict]) -> list[tuple[str, int]]:
    """(verdict, how many entries have it), the most frequent first."""
    return Counter(entry["verdict"] for entry in entries).most_common()


def verdicts_of(kind: str) -> tuple[str, ...]:
    """The verdicts that statements of this kind may get."""
    return GOAL_VERDICTS if kind == "goal" else VERDICTS
