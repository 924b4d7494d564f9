"""A frame of texts as an HTML table: its columns as they are, the first naming the row."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.rankings.html_table import Column, html_table, text
from leaderboard.markup.table import STYLE

Line = Mapping[Hashable, Any]


def plain_table(frame: pd.DataFrame, *, caption: str, left: Collection[str] = ()) -> str:
    """Return a frame of texts as HTML.

    Parameters
    ----------
    frame : DataFrame
        Every value is written as text and escaped.
    caption : str
        What the table shows.
    left : collection of str
        Columns of words; all others are numbers and stand to the right.
    """

    def column(name: str, *, first: bool) -> Column[Line]:
        css = "" if first or name in left else "num"
        return Column(text(name), lambda line: text(line[name]), css=css, names_row=first)

    columns = [column(str(name), first=i == 0) for i, name in enumerate(frame.columns)]
    rows: Sequence[Line] = frame.to_dict("records")
    return f"{STYLE}<div class='tm-wide'>{html_table(columns, rows, caption=caption)}</div>"
