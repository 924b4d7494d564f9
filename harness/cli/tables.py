"""``tailmark list``: what there is, from the literal tables alone."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.console import printable, remark, say, stdout
from harness.cli.plain_tables import Justify, plain_table

if TYPE_CHECKING:
    from harness.types import EntryCard

Kind = Literal["datasets", "suites", "metrics", "methods", "scores", "corruptions", "entries"]


def list_things(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    output: options.Output = "text",
    submissions: options.Submissions = None,
) -> None:
    """List data sets, suites, metrics, methods, scores, corruptions or entries."""
    if kind != "entries":
        heads, rows = _LISTS[kind]()
        answer(heads, list(rows), output)
    else:
        from harness.paths import submissions_folder
        from harness.runs.plan import find_entries

        problems: list[str] = []
        entries = find_entries(  # nothing is imported
            [], submissions_folder(submissions), trust=True, problems=problems, release=True
        )
        named = [(e.card.name, e.card.kind, _what(e.card)) for e in entries]
        answer(("Entry", "Kind", "What it is"), named, output)
        for problem in problems:
            remark(f"tailmark: {problem}")
        if problems:
            raise typer.Exit(2)


def _what(card: "EntryCard") -> str:
    """Return what an entry is, and where it may be run when not everywhere."""
    only = f" (only {', '.join(card.suites)})" if card.suites else ""
    said = (words for words in (card.title, card.summary) if words and words != card.name)
    return ": ".join(dict.fromkeys(said)) + only


def answer(heads: Sequence[str], rows: Sequence[Sequence[object]], form: str) -> None:
    """Print rows as a table, or in a form for other programs."""
    if form != "text":
        from harness.rankings.export import Rows, rows_text

        columns = tuple(head.lower().replace(" ", "_") for head in heads)
        say(rows_text(Rows(columns, rows), form))
        return
    if not sys.stdout.isatty():  # nothing is fitted to a width, and rich takes long to import
        left: list[tuple[str, Justify]] = [(head, "left") for head in heads]
        say(plain_table(left, [[printable(str(field)) for field in row] for row in rows]))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for position, head in enumerate(heads):
        last = position == len(heads) - 1
        table.add_column(head, no_wrap=not last, overflow="fold" if last else "ellipsis")
    for row in rows:
        table.add_row(*(printable(str(field)) for field in row))
    stdout().print(table)


Listing = tuple[Sequence[str], Iterable[Sequence[str]]]


def _datasets() -> Listing:
    from harness.data.sets.datasets import DATASETS

    return (
        ("Data set", "Classes", "Licence", "Title and source"),
        (
            (d.name, str(d.num_classes), d.licence[:24], f"{d.title} · {d.source}")
            for d in DATASETS.values()
        ),
    )


def _suites() -> Listing:
    from harness.data.suites.catalogue import SUITES

    return (
        ("Suite", "Cells", "Seeds", "What it is"),
        (
            (s.id, str(len(s.cells)), str(len(s.seeds)), s.title + _superseded(s.superseded_by))
            for s in SUITES.values()
        ),
    )


def _superseded(by: str | None) -> str:
    return "" if by is None else f" (superseded by {by})"


def _metrics() -> Listing:
    from harness.metrics.table import EXTRA, METRICS

    return (
        ("Metric", "Better", "Computed", "What it is"),
        ((m.key, m.direction, _when(m.key in EXTRA), m.title) for m in METRICS.values()),
    )


def _when(extra: bool) -> str:
    """Return when a metric or score is computed: always, or where ``extra`` on a card says so."""
    return "extra" if extra else "always"


def _methods() -> Listing:
    from harness.models.methods.methods import METHODS

    return (
        ("Method", "Family", "What it is"),
        ((name, m.family, m.title) for name, m in METHODS.items()),
    )


def _scores() -> Listing:
    from harness.scores.ood import OOD_SCORES, STANDARD

    return (
        ("OOD score", "Needs", "Computed", "What it is"),
        (
            (name, ", ".join(sorted(s.needs)), _when(name not in STANDARD), s.title)
            for name, s in OOD_SCORES.items()
        ),
    )


def _corruptions() -> Listing:
    from harness.data.worlds.corruption import CORRUPTIONS

    return (
        ("Corruption", "Strength at severity 1 … 5", "What it does"),
        (
            (name, ", ".join(f"{s:g}" for s in c.strengths), (c.apply.__doc__ or "").split("\n")[0])
            for name, c in CORRUPTIONS.items()
        ),
    )


_LISTS: dict[str, Callable[[], Listing]] = {
    "datasets": _datasets,
    "suites": _suites,
    "metrics": _metrics,
    "methods": _methods,
    "scores": _scores,
    "corruptions": _corruptions,
}
