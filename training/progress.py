"""Progress of a training: a bar on a terminal, one line per epoch in a pipe."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

SILENT = 2.0  # seconds that a phase may take without a line


class Progress:
    """Shows steps within an epoch on a terminal, and prints one line at the end of each epoch."""

    def __init__(self, epochs: int, steps: int):
        self.console = Console(highlight=False, soft_wrap=True)
        self.epochs, self.steps = epochs, steps
        self.bar: Bar | None = None

    def advance(self, steps: int, loss: float) -> None:
        """Counts `steps` more steps of the epoch."""
        if not self.console.is_terminal:
            return
        if self.bar is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self.bar = Bar(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task("", total=self.steps)
            self.bar.start()
        self.bar.update(self.task, advance=steps, description=f"loss {loss:.4g}")

    def end_epoch(self, row: dict[str, float]) -> None:
        """Prints the epoch's losses and seconds; many short epochs are thinned out to about 20 lines."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        epoch = row["epoch"]
        if epoch % max(1, self.epochs // 20) and epoch != self.epochs:
            return
        terms = [f"{name} {value:.4f}" for name, value in row.items() if name.endswith("/loss")]
        self.console.print(f"epoch {epoch}/{self.epochs}  {'  '.join(terms)}  {row['seconds']:.1f} s")


@contextlib.contextmanager
def phase(name: str) -> Iterator[None]:
    """Names something that may take long: a turning sign on a terminal, one line with its seconds elsewhere."""
    console, start = Console(highlight=False, soft_wrap=True), time.perf_counter()
    with console.status(f"{name} ...") if console.is_terminal else contextlib.nullcontext():
        yield
    seconds = time.perf_counter() - start
    if seconds >= SILENT:
        console.print(f"{name}: {seconds:.1f} s")
