"""``tailmark conformance``: published numbers beside ours."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.console import say, stdout

if TYPE_CHECKING:
    from harness.runs.conformance import ConformanceRow


def conformance(
    cell: options.Cells = None,
    method: Annotated[str | None, typer.Option(help="Only this method.")] = None,
    run_only: Annotated[
        bool, typer.Option("--run-only", help="Leave out what nothing of ours stands against.")
    ] = False,
    local: options.Local = False,
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Print published numbers with ours, and how the protocols differ; a miss is never hidden."""
    from harness.runs.conformance import conformance as compare
    from harness.runs.conformance import load_references, summary
    from harness.runs.field import load_recorded
    from harness.runs.places import records_folder, store_folder, submissions_folder

    root = records_folder(store_folder(store)) if local else submissions_folder(submissions)
    suites = sorted({path.stem for path in root.glob("*/results/*.json")})
    records = [recorded for suite in suites for recorded in load_recorded(suite, [root])]
    rows = compare(records, load_references())
    shown = [
        row
        for row in rows
        if (not cell or row.cell in cell)
        and (method is None or row.method == method)
        and not (run_only and row.ours is None)
    ]
    _print(shown)
    counts = ", ".join(f"{n} {verdict}" for verdict, n in summary(rows).items())
    say(f"{len(rows)} comparisons: {counts}.")
    say("Inside: our 95 % interval meets the published value ± its band. 'Not judged': the ")
    say("published number is only remembered, not read. Every difference of protocol is named.")


def _print(rows: "list[ConformanceRow]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in ("Cell", "Method", "Published", "Ours", "Verdict", "Source; how ours differs"):
        table.add_column(head, justify="right" if head in ("Published", "Ours") else "left")
    for row in rows:
        ours = "–"
        if row.ours is not None:
            value, low, high = (100 * v for v in (row.ours.value, row.ours.low, row.ours.high))
            ours = f"{value:.1f} [{low:.1f}, {high:.1f}]"
        notes = "; ".join((row.source, *row.differences))
        table.add_row(row.cell, row.method, f"{100 * row.published:.1f}", ours, row.verdict, notes)
    stdout().print(table)
