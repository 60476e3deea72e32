"""Whether half precision and XLA change what is learned: the same goals and runs for the methods (docs/speed.md)."""

import dataclasses

from commands.jobs import Job
from reporting.claims import Claim, equivalent

WAYS = {"float32": (), "bfloat16": ("--precision", "mixed_bfloat16"), "xla": ("--jit",)}
WORDS = {"bfloat16": "In half precision (mixed_bfloat16)", "xla": "Compiled by XLA"}
SOURCE = "goal of this project"


@dataclasses.dataclass(frozen=True)
class Unchanged:
    """One small training of a method, made in each of WAYS with the same seeds, and the goals that it ends as well.

    Args:
        module: its train module.
        variant, data, flags: what is trained; `flags` say how small it is.
        row_data: what the results call this part of the data ("mnist-5000").
        metric: compared seed by seed with that of float32 without XLA.
        margin: how much worse or better still counts as unchanged, stated beforehand; in `unit`.
        words: what the metric is.
        seeds: of each way.
    """

    module: str
    variant: str
    data: str
    flags: tuple[str, ...]
    row_data: str
    metric: str
    margin: float
    unit: str
    words: str
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    def jobs(self) -> list[Job]:
        """One per way; not part of quick runs."""
        return [
            Job(self.module, self.variant, self.data, self.seeds, (*self.flags, *flags, "--tag", f"short_{way}"), None)
            for way, flags in WAYS.items()
        ]

    def goals(self) -> list[Claim]:
        """Two one-sided tests each, of half precision and of XLA."""
        method = self.module.partition(".")[0]
        base = (f"{self.variant}@short_float32", self.row_data)
        return [
            Claim(
                f"{method}-same-{way}", SOURCE, f"{WORDS[way]} `{self.variant}` learns as much: {self.words} unchanged",
                f"within {self.margin:g}", self.unit,
                "a short training; two one-sided tests over seeds, margin stated beforehand",
                equivalent((f"{self.variant}@short_{way}", self.row_data), base, self.metric, self.margin),
            )
            for way in WORDS
        ]  # fmt: skip
