"""What ``tailmark rank --stability``, ``--mean-ranks`` and ``--robustness`` print."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.cli.console import say, stdout

if TYPE_CHECKING:
    from harness.rankings.mean_ranks import RankRow
    from harness.rankings.robustness import Robustness
    from harness.rankings.stability import Stability
    from harness.stats.critical_difference import MeanRanks
    from harness.stats.robust_fit import RobustFit


def print_stability(found: "Sequence[Stability]", suite: str, key: str | None) -> None:
    """Print how far the order agrees over each thing that could have been otherwise."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    say(f"{suite} · {key or 'primary metric'} · Kendall's τ_b between orders, 1 is the same order")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    for head in ("Orders differ in", "τ", "Orders", "Rows"):
        table.add_column(head, justify="left" if head == "Orders differ in" else "right")
    for row in found:
        if row.tau is not None:
            table.add_row(row.between, f"{row.tau:.3f}", str(row.orders), str(row.entries))
    if table.row_count:
        stdout().print(table)
    for row in found:
        if row.tau is None:
            say(f"undefined: {row.between} — {row.reason}")


def print_robustness(
    found: "Sequence[Robustness]", fit: "RobustFit", suite: str, shifted: str
) -> None:
    """Print each row's distance from the line of the others, most robust first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    say(
        f"{suite} · {shifted} · line of all {len(found)} rows on logits: slope {fit.slope:.3f}, "
        f"intercept {fit.intercept:.3f}"
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    table.add_column("Entry", no_wrap=True, overflow="ellipsis")
    for head in ("Inside", "Shifted", "Expected", "Residual", "95 % interval"):
        table.add_column(head, justify="right")
    for row in found:
        table.add_row(
            row.name,
            *(f"{100 * v:.1f}" for v in (row.inside, row.shifted, row.expected)),
            f"{100 * row.residual:+.1f}",
            f"[{100 * row.low:+.1f}, {100 * row.high:+.1f}]",
        )
    stdout().print(table)
    off = sum(row.low > 0 or row.high < 0 for row in found)
    say(
        f"{off} of {len(found)} rows lie off the line of the others: their interval leaves 0 out. "
        "It holds the scatter of this field, not the size of the test set."
    )


def print_mean_ranks(
    found: "Sequence[RankRow]",
    compared: "MeanRanks",
    left_out: "Sequence[str]",
    suite: str,
    key: str | None,
) -> None:
    """Print entries by mean rank, best first, with what tells them apart."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    say(f"{suite} · {key or 'primary metric'} · mean rank over cells, 1 is best")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    table.add_column("Entry", no_wrap=True, overflow="ellipsis")
    for head in ("Mean rank", "Mean value", "First in"):
        table.add_column(head, justify="right")
    table.add_column("Not told apart")
    for row in found:
        table.add_row(
            row.name, f"{row.mean_rank:.2f}", f"{row.value:.3f}", str(row.first), row.groups
        )
    stdout().print(table)
    chance = "below 0.001" if compared.p_value < 0.001 else f"{compared.p_value:.3f}"
    say(
        f"Mean ranks {compared.distance:.2f} apart are told apart (Nemenyi, 5 %); entries with a "
        f"letter in common are not. Chance of such ranks among equal entries: {chance} (Friedman, "
        "Iman and Davenport). Cells are taken for independent."
    )
    if left_out:
        say(f"not ranked: {', '.join(left_out)} — no value in some cell")
