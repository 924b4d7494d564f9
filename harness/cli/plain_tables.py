"""Tables for pipes and files: the very text that rich draws there, in a fiftieth of its time.

Where there is no terminal nothing is styled, cut or fitted to a width, and a ranking may have
thousands of rows.
"""

from collections.abc import Sequence
from typing import Literal

Justify = Literal["left", "center", "right"]


def plain_table(heads: Sequence[tuple[str, Justify]], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as rich's ``Table(box=SIMPLE_HEAD, pad_edge=False)`` prints it unlimited.

    Parameters
    ----------
    heads : sequence of (str, str)
        Heading and justification of each column.
    rows : sequence of sequences of str
        Of one line each.

    Returns
    -------
    str
        Lines without a last line break.
    """
    from rich.cells import cell_len

    titles = [title for title, _ in heads]
    widths = [max(map(cell_len, column)) for column in zip(titles, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        placed = (
            _placed(cell, width - cell_len(cell), justify)
            for cell, width, (_, justify) in zip(cells, widths, heads, strict=True)
        )
        return f" {'   '.join(placed)} "

    whole = sum(widths) + 3 * (len(widths) - 1) + 2
    return "\n".join(
        [" " * whole, line(titles), f" {'─' * (whole - 2)} ", *map(line, rows), " " * whole]
    )


def _placed(cell: str, space: int, justify: Justify) -> str:
    before = {"left": 0, "center": space // 2, "right": space}[justify]
    return f"{' ' * before}{cell}{' ' * (space - before)}"
