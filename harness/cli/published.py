"""``tailmark conformance`` and ``claims``: what is published, beside what our records say."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.cli.console import remark, say, stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from harness.published.claims import ClaimRow
    from harness.published.conformance import ConformanceRow


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
    output: options.Output = "text",
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Print published numbers with ours, and how the protocols differ; a miss is never hidden."""
    from harness.paths import record_folders, submissions_folder
    from harness.published.conformance import VERDICTS, misses, published_beside_ours, selected

    handed_in, own = record_folders(submissions, store, local=local, with_local=with_local)
    cards = submissions_folder(submissions)
    found = published_beside_ours([*own, *handed_in], submissions=cards)
    shown = selected(
        found.rows,
        datasets=[dataset] if dataset else (),
        methods=[method] if method else (),
        verdicts=verdict or [v for v in VERDICTS if v != "not run" or not run_only],
        cells=cell or (),
    )
    if output != "text":
        from harness.published.conformance_text import conformance_rows
        from harness.rankings.export import rows_text

        say(rows_text(conformance_rows(shown), output))
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

    from harness.published.conformance_text import source_text

    ordered = sorted(rows, key=lambda r: (source_text(r), r.key, r.cell, r.method))
    for source, group in groupby(ordered, key=source_text):
        say(source)
        _print_table(list(group))


def _print_table(rows: "list[ConformanceRow]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from harness.published.conformance_text import covers_text, ours_text, published_text
    from harness.rankings.display import metric_title

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
    from harness.published.conformance import TRUSTS, VERDICTS, summary

    counts = summary(rows)
    say(f"{len(rows)} comparisons: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}.")
    for verdict, meaning in VERDICTS.items():
        if counts[verdict]:
            say(f"{verdict}: {meaning}.")
    for trust in dict.fromkeys(row.trust for row in rows):
        say(f"({trust}): {TRUSTS[trust]}.")


def claims(
    suite: Annotated[
        list[str] | None,
        typer.Option("--suite", "-s", help="Only this suite; may be repeated."),
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option("--claim", help="Only this claim, by its name; may be repeated."),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="Only this state, e.g. 'does not hold'; may be repeated."),
    ] = None,
    run_only: Annotated[
        bool, typer.Option("--run-only", help="Leave out what lacks a record.")
    ] = False,
    local: options.Local = False,
    with_local: options.WithLocal = False,
    output: options.Output = "text",
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Check what the literature claims on our records: holds, does not hold, cannot tell."""
    from harness.paths import record_folders
    from harness.published.claims import STATES, claims_on_records, selected_rows
    from harness.published.claims_text import claim_rows
    from harness.rankings.export import rows_text

    handed_in, own = record_folders(submissions, store, local=local, with_local=with_local)
    found = claims_on_records([*own, *handed_in])
    shown = selected_rows(
        found.rows,
        suites=suite or (),
        ids=claim or (),
        states=state or [s for s in STATES if s != "not run" or not run_only],
    )
    if output == "text":
        _print_claims(shown)
        _print_states(found.rows, shown)
    else:
        say(rows_text(claim_rows(shown), output))
    for sentence in found.damaged:
        remark(f"Left out: {sentence}")


def _print_claims(rows: "Sequence[ClaimRow]") -> None:
    """Print one table a claim: sentence, source and what is measured stand above it."""
    from rich.padding import Padding

    from harness.published.claims_text import PREFACE, grouped, measured_text, not_run_text

    console = stdout()
    console.print(PREFACE, markup=False)
    for claim, group in grouped(rows):
        say()
        console.print(f"{claim.id}: {claim.sentence}", markup=False)
        for line in filter(None, (claim.source, measured_text(claim), claim.note)):
            console.print(Padding(line, (0, 0, 0, 2), expand=False), markup=False)
        run = [row for row in group if row.found is not None]
        if run:
            console.print(_claim_table(run))
            for line in _covers(run):
                say(line)
        for line in not_run_text(group):
            console.print(line, markup=False)


def _covers(rows: "Sequence[ClaimRow]") -> "list[str]":
    """Return what the intervals cover, and of which rows where they differ."""
    from harness.published.claims_text import covers_text, sides_text

    named: dict[str, list[str]] = {}
    for row in rows:
        named.setdefault(covers_text(row), []).append(f"{row.suite}, {sides_text(row)[0]}")
    if len(named) == 1:
        return list(named)
    return [f"{words}: {'; '.join(names)}" for words, names in named.items()]


def _claim_table(rows: "Sequence[ClaimRow]") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from harness.published.claims_text import gap_text, sides_text, state_text, values_text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    lines = [
        (row.suite, " against ".join(sides_text(row)), *values_text(row), gap_text(row))
        for row in rows
    ]
    for at, head in enumerate(("Suite", "Compared", "First", "Second", "Difference")):
        # Names may fold, numbers may not.
        wide = None if head == "Compared" else max(len(line[at]) for line in lines)
        right = head in ("First", "Second", "Difference")
        justify: Literal["right", "left"] = "right" if right else "left"
        table.add_column(head, justify=justify, overflow="fold", min_width=wide)
    states = [state_text(row).replace(": ", "\n") for row in rows]
    widest = max(len(part) for state in states for part in state.split("\n"))
    table.add_column("State", overflow="fold", min_width=widest)
    for line, state in zip(lines, states, strict=True):
        table.add_row(*line, state)
    return table


def _print_states(rows: "Sequence[ClaimRow]", shown: "Sequence[ClaimRow]") -> None:
    from harness.published.claims import STATES, summary
    from harness.published.claims_text import missing_records

    counts = summary(rows)
    say()
    say(f"{len(rows)} rows: {', '.join(f'{state} {n}' for state, n in counts.items())}.")
    for state, meaning in STATES.items():
        if counts[state]:
            say(f"{state}: {meaning}.")
    hidden = counts["does not hold"] - summary(shown)["does not hold"]
    if hidden:
        say(f"Rows that do not hold and are not shown: {hidden}.")
    for suite, entries in missing_records(shown).items():
        say(f"To run what is missing: tailmark run {' '.join(entries)} --suite {suite}")
