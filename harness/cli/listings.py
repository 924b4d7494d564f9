"""What ``tailmark rank`` prints where values alone decide: no intervals, no tie classes."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from harness.cli.console import say, stdout

if TYPE_CHECKING:
    from rich.table import Table

    from harness.rankings.by_value import Listing, RankChange


def print_listing(found: "Listing", suite: str, track: str, form: str) -> None:
    """Print rows in order of a metric whose replicates are not stored."""
    from harness.rankings.by_value import table_text
    from harness.rankings.display import cells_text, metric_title, value_text

    places = list(enumerate(found.values.items(), start=1))
    if form != "table":
        rows = [{"place": at, "entry": name, "value": value} for at, (name, value) in places]
        say(table_text(rows, form))
        return
    direction = "higher" if found.higher_is_better else "lower"
    say(
        f"{suite} · {metric_title(found.key)} ({direction} first) · "
        f"{cells_text(len(found.cells))} · track {track}"
    )
    table = _table(("Place", "Entry", "Value"))
    for at, (name, value) in places:
        table.add_row(str(at), name, value_text(value, found.key))
    stdout().print(table)
    say(
        f"No replicates of {found.key} are stored: no intervals, rank intervals or tie classes. "
        "Places go by value, and small differences may be chance."
    )
    for name in found.missing:
        say(f"no place: {name} — no value in some cell and seed")


def print_truth(changes: Sequence["RankChange"], truth: str, suite: str, form: str) -> None:
    """Print ranks under the published labels beside those under another truth."""
    from harness.rankings.by_value import table_text
    from harness.rankings.display import value_text

    if form != "table":
        say(table_text([asdict(change) for change in changes], form))
        return
    key = f"truth/{truth}/agreement"
    say(f"{suite} · accuracy under the published labels and under {truth} · over the same images")
    table = _table(("Entry", "Published", "Rank", truth, "Rank", "Change"))
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


def _table(heads: Sequence[str]) -> "Table":
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
            max_width=32 if entry else None,
        )
    return table
