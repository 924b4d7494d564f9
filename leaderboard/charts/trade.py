"""One metric or cost against another: a point an entry, and the entries that nothing beats."""

import altair as alt
import pandas as pd

from leaderboard.charts.parts import in_order
from leaderboard.colours import NEUTRAL, step_hue

UNCLASSED = "none"
"""The tie class of rows that are beside the ranking or not in it."""
LABELS = 24
"""Most names that are written beside points; beyond, they would lie over each other."""


def trade_chart(
    frame: pd.DataFrame,
    *,
    x: str,
    y: str,
    x_unit: bool,
    y_unit: bool,
    logarithmic: tuple[bool, bool] = (False, False),
) -> alt.LayerChart:
    """Draw one metric against another; a point leads to its entry.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.trade.trade_frame` and `with_front`, and a column ``link``.
    x, y : str
        Titles of the two metrics.
    x_unit, y_unit : bool
        Whether each is a share, which people read in percent.
    logarithmic : pair of bool
        Whether each axis is on a log scale, as costs are.
    """
    scales = [
        alt.Scale(type="log", nice=True, padding=14)
        if log
        else alt.Scale(zero=False, nice=False, padding=14)
        for log in logarithmic
    ]
    axes = [alt.Axis(format="%") if unit else alt.Axis() for unit in (x_unit, y_unit)]
    across = alt.X("x:Q", title=x, scale=scales[0], axis=axes[0])
    upwards = alt.Y("y:Q", title=y, scale=scales[1], axis=axes[1])
    ties = in_order(frame[frame["tie_class"] > 0].sort_values("tie_class"), "tie")
    last = int(frame["tie_class"].max())
    hues = [step_hue(k, last) for k in sorted(set(frame["tie_class"]) - {0})]
    aside = [UNCLASSED] if (frame["tie_class"] == 0).any() else []
    frame = frame.assign(tie=frame["tie"].where(frame["tie_class"] > 0, UNCLASSED))
    colour = alt.Scale(domain=[*ties, *aside], range=[*hues, *([NEUTRAL] * len(aside))])
    pick = alt.selection_point(fields=["tie"], bind="legend")
    # Where no row has a class there is nothing to tell apart.
    legend = alt.Legend(title="tie class") if ties else None
    points = (
        alt.Chart(frame)
        .mark_point(filled=True, size=85)
        .encode(
            x=across,
            y=upwards,
            color=alt.Color("tie:N", scale=colour, sort=[*ties, *aside], legend=legend),
            opacity=alt.condition(pick, alt.value(0.9), alt.value(0.12)),
            href="link:N",
            tooltip=[
                alt.Tooltip("name:N", title="entry"),
                alt.Tooltip("x_text:N", title=x),
                alt.Tooltip("y_text:N", title=y),
                alt.Tooltip("tie:N", title="tie class"),
            ],
        )
        .add_params(pick)
    )
    front = alt.Chart(frame[frame["front"]]).encode(x=across, y=upwards)
    line = front.mark_line(color=NEUTRAL, strokeDash=[5, 4], strokeWidth=1.5).encode(order="x:Q")
    layers = [line, points]
    if 0 < frame["front"].sum() <= LABELS:
        names = front.mark_text(align="left", dx=8, dy=-7, fontSize=11, color=NEUTRAL)
        layers.append(names.encode(text="name:N"))
    return alt.layer(*layers).properties(height=480)
