"""A chart with what it shows in words and numbers, for those who do not see or point."""

from collections.abc import Mapping

import altair as alt
import pandas as pd
import streamlit as st

from harness.rankings.html_table import text
from leaderboard.markup.plain import plain_table

MOST = 400
"""Lines of a table behind a chart; longer ones say that they end."""


def draw(
    chart: alt.Chart | alt.LayerChart,
    frame: pd.DataFrame,
    says: str,
    columns: Mapping[str, tuple[str, str]],
) -> None:
    """Draw a chart, and behind it the numbers that it is drawn from.

    Parameters
    ----------
    chart : Chart or LayerChart
        Drawn from `frame`.
    frame : DataFrame
        What it shows.
    says : str
        What it shows, in a sentence; read aloud in place of the picture.
    columns : mapping of str to (str, str)
        Column → its heading and how its values are written, such as ``.1%`` or ``s`` for text.
    """
    st.altair_chart(chart.properties(description=says), width="stretch")
    shown = pd.DataFrame(
        {
            heading: [_written(value, form) for value in frame[name].head(MOST)]
            for name, (heading, form) in columns.items()
        }
    )
    more = "" if len(frame) <= MOST else f"<p>The first {MOST} of {len(frame)} lines.</p>"
    table = plain_table(shown, caption=says)
    st.html(
        f"<details class='tm-data'><summary>{text(says)}: the numbers</summary>{table}{more}"
        "</details>"
    )


def _written(value: object, form: str) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    return str(value) if form == "s" else format(value, form)
