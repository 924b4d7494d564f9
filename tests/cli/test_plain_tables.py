"""What goes into a pipe is what rich would have drawn there, to the last space."""

from io import StringIO

import pytest
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harness.cli.plain_tables import plain_table

HEADS = (("Class", "center"), ("Entry", "left"), ("Value", "right"), ("", "left"))


def drawn(rows):
    out = StringIO()
    console = Console(file=out, width=10_000, highlight=False, markup=False, emoji=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    for head, justify in HEADS:
        table.add_column(head, justify=justify)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return out.getvalue()


@pytest.mark.parametrize(
    "rows",
    [
        [("A", "cnn", "93.7 %", "")],
        [("A", "x" * 180, "1", " !"), ("AB", "y", "−10.25 pp", "local !")],
        [("·", "日本語", "9", ""), ("B", "a+la", "10", "")],
    ],
)
def test_it_is_what_rich_draws(rows):
    assert plain_table(HEADS, rows) + "\n" == drawn(rows)
