"""Progress on stderr: one bar over jobs, and what is being done now."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.cli.console import remark, stderr

if TYPE_CHECKING:
    from harness.models.passes.parts import Progress
    from harness.runs.assemble import JobResult

SECONDS = 10.0
"""How long work may go on where no bar can be shown before it says how far it is."""


@contextmanager
def recomputing(name: str) -> Iterator["Progress"]:
    """Show how many of a record's jobs are recomputed: a bar, or now and then a line."""
    said = time.monotonic()
    with Shown(transient=True) as shown:

        def progress(done: int, total: int) -> None:
            nonlocal said
            shown.moved(name, done, total)
            if not shown.live and (now := time.monotonic()) - said > SECONDS:
                said = now
                remark(f"{name}: {done} of {total} jobs recomputed")

        yield progress


class Shown:
    """Show a run on stderr: a live bar in a terminal, a line every tenth of it elsewhere.

    Parameters
    ----------
    transient : bool, default=False
        Take the bar away at the end.
    """

    def __init__(self, *, transient: bool = False) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.total = 0
        self.done = 0
        self._since = time.monotonic()
        console = stderr()
        self.live = console.is_terminal
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[now]}", style="dim"),
            console=console,
            disable=not self.live,
            transient=transient,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task("jobs", total=None, now="")

    def __enter__(self) -> "Shown":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, total: int) -> None:
        """Take the number of jobs."""
        self.total = total
        self._since = time.monotonic()
        self._progress.update(self._task, total=total)

    def moved(self, name: str, done: int, total: int) -> None:
        """Show that so many of all jobs are done."""
        self._progress.update(self._task, total=total, completed=done, now=name)

    def report(self, name: str, event: Mapping[str, Any]) -> None:
        """Show what a job says of itself: its epoch with losses, or the pool it passes."""
        parts = [f"{key} {_short(value)}" for key, value in event.items()]
        self._progress.update(self._task, now=f"{name}: {', '.join(parts)}"[:72])

    def finished(self, name: str, result: "JobResult") -> None:
        """Move the bar; where there is no terminal print a line now and then."""
        self.done += 1
        self._progress.update(self._task, advance=1, now=name)
        if result.status != "done":
            self._progress.console.print(f"failed: {name}", style="red")
        step = max(1, self.total // 10)
        if not self.live and (self.done % step == 0 or self.done == self.total):
            remark(f"{self.done} of {self.total} jobs done{self._more()}")

    def _more(self) -> str:
        """Return what the rest takes if it goes on like this; empty where nobody waits for it."""
        took = time.monotonic() - self._since
        if took < SECONDS or self.done == self.total:
            return ""
        from harness.runs.estimate import duration

        return f"; about {duration(took / self.done * (self.total - self.done))} more at this pace"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
