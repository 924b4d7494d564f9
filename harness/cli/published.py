"""``tailmark conformance``: published numbers beside ours."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.console import remark, say, stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.runs.conformance import ConformanceRow


def conformance(
    cell: options.Cells = None,
    dataset: Annotated[str | None, typer.Option(help="Only this data set.")] = None,
    method: Annotated[str | None, typer.Option(help="Only this method.")] = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option("--verdict", help="Only this verdict, e.g. 'below'; may be repeated."),
    ] = None,
    run_only: Annotated[
        bool, typer.Option("--run-only", help="Leave out what nothing of ours stands against.")
    ] = False,
    local: options.Local = False,
    with_local: options.WithLocal = False,
    output: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Print published numbers with ours, and how the protocols differ; a miss is never hidden."""
    from harness.runs.conformance import VERDICTS, misses, published_beside_ours, selected
    from harness.runs.places import records_folder, store_folder, submissions_folder

    handed_in, own = submissions_folder(submissions), records_folder(store_folder(store))
    roots = ([own] if local or with_local else []) + ([] if local else [handed_in])
    found = published_beside_ours(roots, submissions=handed_in)
    shown = selected(
        found.rows,
        datasets=[dataset] if dataset else (),
        methods=[method] if method else (),
        verdicts=verdict or [v for v in VERDICTS if v != "not run" or not run_only],
        cells=cell or (),
    )
    if output != "table":
        from harness.runs.conformance_text import conformance_text

        say(conformance_text(shown, output))
        return
    _print(shown)
    _print_summary(found.rows)
    hidden = misses(found.rows) - misses(shown)
    if hidden:
        say(f"{hidden} misses (above or below) are not among the rows shown.")
    for sentence in found.damaged:
        remark(f"Left out: {sentence}")


def _print(rows: "Sequence[ConformanceRow]") -> None:
    """Print one table a source: what all of its numbers share stands in its heading."""
    from itertools import groupby

    from harness.runs.conformance_text import source_text

    ordered = sorted(rows, key=lambda r: (source_text(r), r.key, r.cell, r.method))
    for source, group in groupby(ordered, key=source_text):
        say(source)
        _print_table(list(group))


def _print_table(rows: "list[ConformanceRow]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from harness.runs.conformance_text import covers_text, ours_text, published_text
    from harness.runs.display import metric_title

    keys = {row.key for row in rows}
    if len(keys) == 1:
        say(metric_title(rows[0].key))
    heads = ["Cell", "Method", *(["Metric"] if len(keys) > 1 else []), "Published", "Ours"]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in (*heads, "Verdict"):
        right = head in ("Published", "Ours")
        table.add_column(head, justify="right" if right else "left", overflow="fold")
    for row in rows:
        metric = [metric_title(row.key)] if len(keys) > 1 else []
        cells = [row.cell, row.method, *metric, published_text(row), ours_text(row), row.verdict]
        table.add_row(*cells)
    stdout().print(table)
    for row in rows:
        if row.ours is not None:
            said = "; ".join(row.differences) or "same protocol"
            say(f"{row.cell}: {covers_text(row)}. {said}.")


def _print_summary(rows: "Sequence[ConformanceRow]") -> None:
    from harness.runs.conformance import TRUSTS, VERDICTS, summary

    counts = summary(rows)
    say(f"{len(rows)} comparisons: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}.")
    for verdict, meaning in VERDICTS.items():
        if counts[verdict]:
            say(f"{verdict}: {meaning}.")
    for trust in dict.fromkeys(row.trust for row in rows):
        say(f"({trust}): {TRUSTS[trust]}.")
