"""Progress of a run: one bar over all jobs, and what each process is doing now."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.cli.console import remark, stderr

if TYPE_CHECKING:
    from harness.runs.assemble import JobResult


class Shown:
    """Show a run on stderr: a live bar in a terminal, a line every tenth of it elsewhere."""

    def __init__(self) -> None:
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
        console = stderr()
        self._live = console.is_terminal
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[now]}", style="dim"),
            console=console,
            disable=not self._live,
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
        self._progress.update(self._task, total=total)

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
        if not self._live and (self.done % step == 0 or self.done == self.total):
            remark(f"{self.done} of {self.total} jobs done")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
