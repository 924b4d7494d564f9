"""``tailmark rank``: a suite's ranking, and ranks under another truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.cli.console import remark, say, stdout
from harness.cli.plain_tables import Justify, plain_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from harness.rankings.field import Candidate, Field
    from harness.rankings.other_truth import RankChange
    from harness.types import Ranking

DEFAULT_SUITE = "digits-v1"
HEADS: tuple[tuple[str, Justify], ...] = (
    ("Class", "center"),
    ("Entry", "left"),
    ("Value", "right"),
    ("95 % interval", "right"),
    ("Rank", "right"),
    ("Tier", "left"),
    ("", "left"),
)
"""Columns of a ranking."""


def rank(
    suite: options.Suite = DEFAULT_SUITE,
    metric: options.Metric = None,
    track: options.Track = "open",
    cell: options.Cells = None,
    cells_of: Annotated[
        str | None,
        typer.Option("--cells-of", help="Only the cells that this entry's record has."),
    ] = None,
    seed: options.Seeds = None,
    local: options.Local = False,
    with_local: options.WithLocal = False,
    against_committed: Annotated[
        bool,
        typer.Option(
            "--against-committed",
            help="With --local: say which rows differ; exit code 1 if any does.",
        ),
    ] = False,
    truth: Annotated[
        str | None,
        typer.Option(help="Ranks under the published labels and under this truth, side by side."),
    ] = None,
    stability: Annotated[
        bool,
        typer.Option("--stability", help="How far the order holds over seeds, cells and halves."),
    ] = False,
    by_rank: Annotated[
        bool,
        typer.Option("--mean-ranks", help="Mean ranks over cells, with the critical difference."),
    ] = False,
    robustness: Annotated[
        str | None,
        typer.Option(help="This metric key against the primary metric: who is off the line?"),
    ] = None,
    output: options.Output = "text",
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Print a suite's ranking."""
    from harness.rankings.export import ranking_rows, rows_text
    from harness.rankings.kept import ranked
    from harness.rankings.notes import notes_of

    rows = read_field(suite, submissions, store, local=local, with_local=with_local)
    if cells_of is not None:
        cell = _cells_of(rows, cells_of, suite, cell)
    if truth is not None:
        from harness.rankings.other_truth import change_rows, truth_changes

        changes = truth_changes(rows, truth, suite=suite, track=track, cells=cell)
        if output == "text":
            print_changes(changes, truth, suite)
        else:
            say(rows_text(change_rows(changes), output))
        return
    key = metric and metric_key(metric, rows)
    if stability:
        _say_stability(rows, suite, key, track, cell, output)
        return
    if by_rank:
        _say_mean_ranks(rows, suite, key, track, cell, output)
        return
    if robustness is not None:
        _say_robustness(rows, suite, metric_key(robustness, rows), key, track, cell, output)
        return
    found = ranked(
        rows, suite=suite, key=key, track=track, cells=cell, seeds=seed,
        notes=notes_of(suite), store=store,
    )  # fmt: skip
    if output == "text":
        print_ranking(found)
    else:
        say(rows_text(ranking_rows(found), output))
    if against_committed and _say_agreement(found, submissions, store, text=output == "text"):
        raise typer.Exit(1)


def _cells_of(rows: "Field", entry: str, suite: str, cells: "Sequence[str] | None") -> "list[str]":
    from harness.errors import SpecError
    from harness.rankings.comparing import row_named
    from harness.rankings.field import cells_of_row

    if cells:
        raise SpecError(
            "--cells-of names the cells already; leave --cell out, or name all of them."
        )
    found = cells_of_row(row_named(rows, entry, kind=f"row of {suite}"))
    number = "1 cell" if len(found) == 1 else f"{len(found)} cells"
    remark(f"Over the {number} of {suite} that {entry} has a record of.")
    return found


def _say_stability(
    rows: "Field",
    suite: str,
    key: str | None,
    track: str,
    cells: "Sequence[str] | None",
    output: str,
) -> None:
    from harness.cli.steadiness import print_stability
    from harness.rankings.export import rows_text
    from harness.rankings.stability import order_stability, stability_rows

    found = order_stability(rows, suite=suite, key=key, track=track, cells=cells)
    if output == "text":
        print_stability(found, suite, key)
    else:
        say(rows_text(stability_rows(found), output))


def _say_mean_ranks(
    rows: "Field",
    suite: str,
    key: str | None,
    track: str,
    cells: "Sequence[str] | None",
    output: str,
) -> None:
    from harness.cli.steadiness import print_mean_ranks
    from harness.rankings.export import rows_text
    from harness.rankings.mean_ranks import mean_rank_rows, mean_ranks

    found, compared, left_out = mean_ranks(rows, suite=suite, key=key, track=track, cells=cells)
    if output == "text":
        print_mean_ranks(found, compared, left_out, suite, key)
    else:
        say(rows_text(mean_rank_rows(found), output))


def _say_robustness(
    rows: "Field",
    suite: str,
    shifted: str,
    inside: str | None,
    track: str,
    cells: "Sequence[str] | None",
    output: str,
) -> None:
    from harness.cli.steadiness import print_robustness
    from harness.rankings.export import rows_text
    from harness.rankings.robustness import effective_robustness, robustness_rows

    found, fit = effective_robustness(
        rows, shifted, suite=suite, inside=inside, track=track, cells=cells
    )
    if output == "text":
        print_robustness(found, fit, suite, shifted)
    else:
        say(rows_text(robustness_rows(found), output))


def read_field(
    suite: str,
    submissions: Path | None,
    store: Path | None,
    *,
    local: bool,
    with_local: bool,
    variants: bool = False,
) -> "Field":
    """Read the field: submitted records, this machine's, or both."""
    from harness.paths import record_folders
    from harness.rankings.field import suite_rows

    handed_in, own = record_folders(submissions, store, local=local, with_local=with_local)
    return suite_rows(suite, roots=handed_in, local_roots=own, variants=variants, store=store)


def print_ranking(ranking: "Ranking") -> None:
    """Print a ranking as a table that fits 100 columns, then what is missing and its limits."""
    from harness.rankings.display import cells_text, interval_title, metric_title

    console = stdout()
    direction = "higher is better" if ranking.higher_is_better else "lower is better"
    say(
        f"{ranking.suite} · {metric_title(ranking.key)} ({direction}) · "
        f"{cells_text(len(ranking.cells))} × {len(ranking.seeds)} seed"
        f"{'' if len(ranking.seeds) == 1 else 's'} · track {ranking.track}"
    )
    if ranking.rows or ranking.beside:
        if console.is_terminal:
            console.print(_table(ranking))
        else:
            say(plain_table(HEADS, _lines(ranking)))
    else:
        say("No entry has a value in every cell. Rank some of the cells: --cell CELL, repeated.")
        for line in _rankable(ranking):
            say(line)
    for words, names in _by_words((m.missing, m.name) for m in ranking.missing).items():
        say(f"not ranked: {_counted(names)} — {words}")
    flags = ((flag, r.name) for r in (*ranking.rows, *ranking.beside) for flag in r.flags)
    for flag, names in _by_words(flags).items():
        say(f"look again: {_counted(names)} — {flag}")
    for kind in sorted({row.interval_kind for row in ranking.rows if row.interval_kind}):
        say(f"In brackets: {interval_title(kind)}.")
    if ranking.by_value:
        from harness.metrics.measure import why_by_value

        say(
            f"No replicates of {ranking.key} are stored: no intervals, rank intervals or tie "
            "classes. Rows go by value, and small differences may be chance. "
            + why_by_value(ranking.key)
        )
    else:
        say(
            "Rows of one class cannot be told apart from the first of it (5 % over all pairs). "
            "Ranks: what the data allow."
        )
    for note in ranking.notes:
        say(f"Not covered: {note}")


def _by_words(pairs: "Iterable[tuple[str, str]]") -> dict[str, list[str]]:
    """Return each sentence once, with the names that it is said of."""
    found: dict[str, list[str]] = {}
    for words, name in pairs:
        found.setdefault(words, []).append(name)
    return found


def _counted(names: "Sequence[str]") -> str:
    return names[0] if len(names) == 1 else f"{len(names)} rows ({', '.join(names)})"


def _rankable(ranking: "Ranking") -> list[str]:
    """Return the cells in which rows have every seed, most rows first, at most eight."""
    counts = {
        cell: sum(row.cells[at] is not None for row in ranking.missing)
        for at, cell in enumerate(ranking.cells)
    }
    most = sorted((cell for cell in counts if counts[cell]), key=lambda c: -counts[c])
    lines = [f"can be ranked: --cell {cell} ({counts[cell]} rows)" for cell in most[:8]]
    return lines + ([f"and {len(most) - 8} more cells"] if len(most) > 8 else [])


def _say_agreement(
    ranking: "Ranking", submissions: Path | None, store: Path | None, *, text: bool
) -> int:
    """Say which rows differ from the committed ones by more than the interval; return how many."""
    from harness.paths import entry_roots, records_folder, store_folder
    from harness.rankings.display import value_text
    from harness.rankings.reproduction import agreements

    found = agreements(ranking, entry_roots(submissions), records_folder(store_folder(store)))
    differing = [row for row in found if not row.inside]
    identical = sum(row.identical for row in found)
    tell = say if text else remark  # other forms are read by programs
    tell(
        f"Against the committed records: {len(found)} rows compared, {identical} identical to the "
        f"last digit, {len(differing)} differ by more than the interval."
    )
    for row in differing:
        ours, theirs = (value_text(v, ranking.key) for v in (row.ours, row.committed))
        tell(f"differs: {row.name} — {ours} here, {theirs} committed")
    return len(differing)


def print_changes(changes: "Sequence[RankChange]", truth: str, suite: str) -> None:
    """Print ranks under the published labels beside those under another truth."""
    from harness.rankings.display import value_text
    from harness.rankings.other_truth import AGREEMENT

    key = AGREEMENT.format(truth)
    say(f"{suite} · accuracy under the published labels and under {truth} · over the same images")
    table = _plain_table(("Entry", "Published", "Rank", truth, "Rank", "Change"))
    for row in changes:
        table.add_row(
            row.name,
            value_text(row.published, key),
            str(row.published_rank),
            value_text(row.value, key),
            str(row.rank),
            _moved(row.published_rank - row.rank),
        )
    stdout().print(table)
    moved = sum(row.rank != row.published_rank for row in changes)
    say(
        f"{moved} of {len(changes)} ranks change under {truth}. Ranks go by value, ties by name; "
        f"what the data can tell apart: tailmark rank --suite {suite} --metric {key}"
    )


def _moved(places: int) -> str:
    return "" if places == 0 else f"{'▲' if places > 0 else '▼'} {abs(places)}"


def _plain_table(heads: "Sequence[str]") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    for head in heads:
        entry = head == "Entry"
        table.add_column(
            head,
            justify="left" if entry else "right",
            no_wrap=True,
            overflow="ellipsis",
            max_width=32 if entry and stdout().is_terminal else None,
        )
    return table


def _table(ranking: "Ranking") -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    for head, justify in HEADS:
        named = head == "Entry"
        table.add_column(
            head,
            justify=justify,
            no_wrap=named,
            overflow="ellipsis" if named else "fold",
            max_width=32 if named and stdout().is_terminal else None,
        )
    for line in _lines(ranking):
        table.add_row(*line)
    return table


def _lines(ranking: "Ranking") -> list[tuple[str, ...]]:
    from harness.rankings.display import (
        interval_text,
        rank_text,
        tie_letter,
        value_text,
    )

    beside = {row.name for row in ranking.beside}
    return [
        (
            "·" if row.name in beside else tie_letter(row.tie_class),
            row.name,
            value_text(row.value, ranking.key),
            interval_text(row.low, row.high, ranking.key),
            "beside" if row.name in beside else rank_text(row),
            row.tier,
            ("local" if row.local else "") + (" !" if row.flags else ""),
        )
        for row in (*ranking.rows, *ranking.beside)
    ]


def metric_key(name: str, rows: "Sequence[Candidate]") -> str:
    """Return the metric key that was asked for, by its name alone where one is meant."""
    from harness.rankings.field import key_named

    return key_named(name, rows)
