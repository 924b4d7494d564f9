"""``tailmark list``: what there is, from the literal tables alone."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.console import remark, stdout

if TYPE_CHECKING:
    from harness.types import EntryCard

KINDS = ("datasets", "suites", "metrics", "methods", "scores", "entries")


def list_things(
    kind: Annotated[str, typer.Argument(help="|".join(KINDS))],
    submissions: options.Submissions = None,
) -> None:
    """List one kind of things."""
    from harness.lookup import lookup

    show = lookup("list", kind, _LISTS)
    if kind == "entries":
        from harness.paths import submissions_folder
        from harness.runs.plan import find_entries

        problems: list[str] = []
        entries = find_entries([], submissions_folder(submissions), problems=problems)
        _print(
            ("Entry", "Kind", "What it is"),
            ((e.card.name, e.card.kind, _what(e.card)) for e in entries),
        )
        for problem in problems:
            remark(f"tailmark: {problem}")
        if problems:
            raise typer.Exit(2)
        return
    show()


def _what(card: "EntryCard") -> str:
    """Return what an entry is, and where it may be run when not everywhere."""
    only = f" (only {', '.join(card.suites)})" if card.suites else ""
    return (card.summary or card.title) + only


def _print(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for position, head in enumerate(heads):
        last = position == len(heads) - 1
        table.add_column(head, no_wrap=not last, overflow="fold" if last else "ellipsis")
    for row in rows:
        table.add_row(*row)
    stdout().print(table)


def _datasets() -> None:
    from harness.data.sets.datasets import DATASETS

    _print(
        ("Data set", "Classes", "Licence", "Title and source"),
        (
            (d.name, str(d.num_classes), d.licence[:24], f"{d.title} · {d.source}")
            for d in DATASETS.values()
        ),
    )


def _suites() -> None:
    from harness.data.suites.open import SUITES

    _print(
        ("Suite", "Cells", "Seeds", "What it is"),
        (
            (s.id, str(len(s.cells)), str(len(s.seeds)), s.title + _superseded(s.superseded_by))
            for s in SUITES.values()
        ),
    )


def _superseded(by: str | None) -> str:
    return "" if by is None else f" (superseded by {by})"


def _metrics() -> None:
    from harness.metrics.table import METRICS

    _print(
        ("Metric", "Better", "What it is"),
        ((m.key, m.direction, m.title) for m in METRICS.values()),
    )


def _methods() -> None:
    from harness.models.methods.methods import METHODS

    _print(
        ("Method", "Family", "What it is"),
        ((name, m.family, m.title) for name, m in METHODS.items()),
    )


def _scores() -> None:
    from harness.scores.ood import OOD_SCORES

    _print(
        ("OOD score", "Needs", "What it is"),
        ((name, ", ".join(s.needs), s.title) for name, s in OOD_SCORES.items()),
    )


_LISTS = {
    "datasets": _datasets,
    "suites": _suites,
    "metrics": _metrics,
    "methods": _methods,
    "scores": _scores,
    "entries": lambda: None,
}
