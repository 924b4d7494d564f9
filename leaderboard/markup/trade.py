"""One metric against another as an HTML table: what the chart shows, with links to entries."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.rankings.html_table import Column, Field, html_table, text
from leaderboard.markup.parts import linked
from leaderboard.markup.table import STYLE

Line = Mapping[Hashable, Any]


def trade_table(frame: pd.DataFrame, *, suite: str, titles: tuple[str, str]) -> str:
    """Return the rows of a trade-off as HTML, those of the front marked in words.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.trade.with_front`.
    suite : str
        Suite id, for the links to entries.
    titles : (str, str)
        Of the two metrics or costs.
    """
    columns: list[Column[Line]] = [
        Column("Entry", lambda line: linked(suite, line["name"]), names_row=True),
        *(Column(text(title), _amount(axis), css="num")
          for axis, title in zip("xy", titles, strict=True)),
        Column("Class", lambda line: text(line["tie"])),
        Column("Front", lambda line: "no other beats it in both" if line["front"] else ""),
    ]  # fmt: skip
    rows: Sequence[Line] = frame.to_dict("records")
    table = html_table(columns, rows, caption=f"{titles[1]} against {titles[0]}")
    return f"{STYLE}<div class='tm-wide'>{table}</div>"


def _amount(axis: str) -> Callable[[Line], Field]:
    return lambda line: Field(text(line[f"{axis}_text"]), sort=line[axis])
