"""``tailmark power``: before training anything, what it takes to see a difference."""

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.console import say, stdout
from harness.cli.rankings import DEFAULT_SUITE, metric_key, read_field


def power(
    detect: Annotated[float, typer.Option(help="Difference to be seen, e.g. 0.01.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Rows that the new entry is like; none: the whole field."),
    ] = None,
    suite: options.Suite = DEFAULT_SUITE,
    metric: options.Metric = None,
    cell: options.Cells = None,
    output: options.Output = "text",
    local: options.Local = False,
    with_local: options.WithLocal = False,
    submissions: options.Submissions = None,
    store: options.Store = None,
) -> None:
    """Say how many seeds, and in which cells, a given difference needs to be seen.

    The spread comes from the records: of pairs of the named rows, of one row with all others, or
    of pairs over the whole field. 80 % power; the spread is taken as the estimate that it is.
    """
    from harness.rankings.export import rows_text
    from harness.rankings.power import plan_power, power_rows

    rows = read_field(suite, submissions, store, local=local, with_local=with_local, variants=True)
    key = metric and metric_key(metric, rows)
    found = plan_power(rows, detect, names=names or (), key=key, cells=cell)
    if output != "text":
        say(rows_text(power_rows(found), output))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from harness.rankings.display import cell_label, difference_text, metric_title

    stamp = rows[0].recorded.record.suite
    asked = key or stamp.primary
    least = difference_text(detect, asked).lstrip("+")
    say(f"{suite} · {metric_title(asked)} · to see {least} with 80 % power")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Cell")
    for head in (
        "Seeds, median pair",
        "Seeds, 9 of 10 pairs",
        f"Seen with {len(stamp.seeds)} seeds",
    ):
        table.add_column(head, justify="right")
    for row in found:
        needs = ("not by seeds" if n is None else str(n) for n in (row.seeds, row.most_seeds))
        table.add_row(
            "mean over cells" if row.cell is None else cell_label(row.cell),
            *needs,
            difference_text(row.detectable, asked).lstrip("+"),
        )
    stdout().print(table)
    say(f"From the spread of {found[0].pairs} pairs. Not by seeds: it needs test inputs.")
