"""Paired differences as HTML tables."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.rankings.html_table import Column, html_table, text
from leaderboard.colours import VERDICT_HUES
from leaderboard.markup.conformance import BESIDE
from leaderboard.markup.table import STYLE

Line = Mapping[Hashable, Any]


def verdicts_table(frame: pd.DataFrame) -> str:
    """Return differences with their intervals and verdicts.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.compare.verdict_frame`.
    """
    columns: list[Column[Line]] = [
        Column("Cell", lambda line: text(line["label"]), names_row=True),
        Column("Difference", lambda line: f"<b>{text(line['difference_text'])}</b>", css="num"),
        Column("95 % interval", lambda line: text(line["interval_text"]), css="num"),
        Column("Verdict", _verdict),
        Column("All counted", lambda line: text(line["survives"])),
    ]
    rows: Sequence[Line] = frame.to_dict("records")
    table = html_table(columns, rows, caption="Paired differences, positive is better")
    return f"{STYLE}{BESIDE}<div class='tm-wide'>{table}</div>"


def _verdict(line: Line) -> str:
    hue = VERDICT_HUES[line["verdict"]]
    return f"<span class='verdict' style='--hue:{hue}'>{text(line['verdict'])}</span>"


def views_table(frame: pd.DataFrame) -> str:
    """Return differences under other class weights.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.compare.view_frame`.
    """

    def column(name: str) -> Column[Line]:
        return Column(text(name), lambda line: text(line[name]), css="num")

    first: Column[Line] = Column("Test data", lambda line: text(line["view"]), names_row=True)
    rows: Sequence[Line] = frame.to_dict("records")
    table = html_table(
        [first, *(column(name) for name in frame.columns[1:])],
        rows,
        caption="Differences on test data with other shares of the classes",
    )
    return f"{STYLE}<div class='tm-wide'>{table}</div>"
