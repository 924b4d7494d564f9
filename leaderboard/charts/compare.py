"""Charts of several entries or cells side by side."""

import altair as alt
import pandas as pd

from leaderboard.charts.parts import FOOT, ROW, in_order, named
from leaderboard.colours import BLUE, DEEP, GREEN, NEUTRAL, ORANGE, PINK, RED, VERDICT_HUES
from leaderboard.frames.roughness import LEADS

VERDICTS = ("better", "worse", "same", "cannot tell")
"""In the order of the legend; each stands in words beside its line, too."""
LINE_HUES = (BLUE, ORANGE, GREEN, PINK, RED, DEEP)
"""Entries, in the order in which they were chosen."""

NARROW = 420
"""Pixels of a chart below which its names have no room beside it."""


def order_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw the places of the leaders from calm to rough data, a line per entry.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.roughness.order_frame`.
    """
    shown = frame.assign(column=frame["what"] + "|" + frame["label"])
    columns = in_order(shown, "column")
    colour = alt.Color(
        "leads:N",
        scale=alt.Scale(domain=LEADS, range=[BLUE, RED, GREEN]),
        legend=alt.Legend(orient="top", title="among the first", titleLimit=300),
    )
    tips = [
        alt.Tooltip("name:N", title="entry"),
        alt.Tooltip("what:N", title="what is wrong"),
        alt.Tooltip("label:N", title="cell"),
        alt.Tooltip("place:Q", title="place by value"),
        alt.Tooltip("rank:N", title="ranks that the data allow"),
        alt.Tooltip("value_text:N", title="value"),
    ]
    x = alt.X(
        "column:N",
        sort=columns,
        title=None,
        axis=alt.Axis(labelAngle=0, labelLimit=220, labelExpr="split(datum.label, '|')"),
        scale=alt.Scale(padding=0.6),
    )
    # Places of the leaders lie close together; the last ones need no room.
    y = alt.Y(
        "place:Q",
        scale=alt.Scale(type="log", reverse=True, nice=False),
        title="place, 1 is best",
        axis=alt.Axis(values=[1, 2, 3, 5, 10, 20, 40, 80]),
    )
    root = alt.Chart(shown).encode(x=x, y=y, color=colour)
    lines = root.mark_line(strokeWidth=2, opacity=0.7).encode(detail="name:N")
    points = root.mark_point(filled=True, size=50, opacity=1).encode(tooltip=tips)
    layers = [lines, points]
    # A name stands where its entry leads: at the other end names would lie over each other. On a
    # narrow screen there is no room beside the lines: names lie above them.
    sides = ((columns[0], LEADS[0], "right", -9), (columns[-1], LEADS[1], "left", 9))
    for column, leads, align, shift in sides:
        inwards = "left" if align == "right" else "right"
        place = {
            "align": alt.ExprRef(f"width < {NARROW} ? '{inwards}' : '{align}'"),
            "dx": alt.ExprRef(f"width < {NARROW} ? 0 : {shift}"),
            "dy": alt.ExprRef(f"width < {NARROW} ? -9 : 0"),
        }
        named_here = (shown["column"] == column) & shown["leads"].isin([leads, LEADS[2]])
        ends = alt.Chart(shown[named_here]).encode(x=x, y=y, color=colour)
        layers.append(ends.mark_text(fontSize=11, **place).encode(text="name:N"))
    return alt.layer(*layers).properties(height=430)


def tied_chart(frame: pd.DataFrame) -> alt.Chart:
    """Draw how many entries cannot be told from the best one in each cell.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.roughness.best_frame`, with a column ``label``.
    """
    return (
        alt.Chart(frame)
        .mark_bar(color=BLUE)
        .encode(
            y=alt.Y("label:N", sort=list(frame["label"]), axis=named()),
            x=alt.X("tied:Q", title="entries that cannot be told from the best one",
                    axis=alt.Axis(tickMinStep=1)),
            tooltip=[
                alt.Tooltip("label:N", title="cell"),
                alt.Tooltip("name:N", title="first by value"),
                alt.Tooltip("value_text:N", title="value"),
                alt.Tooltip("tied:Q", title="tie class A"),
                alt.Tooltip("ranked:Q", title="ranked"),
            ],
        )
        .properties(height=FOOT + ROW * len(frame))
    )  # fmt: skip


def verdicts_chart(frame: pd.DataFrame, *, scale: float, title: str) -> alt.LayerChart:
    """Draw paired differences with their intervals around zero.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.compare.verdict_frame`.
    scale : float
        From `leaderboard.frames.ranking.display_scale`.
    title : str
        What a difference is, with its unit.
    """
    shown = frame.assign(**{c: frame[c] * scale for c in ("difference", "low", "high")})
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=VERDICTS, range=[VERDICT_HUES[v] for v in VERDICTS]),
        legend=alt.Legend(orient="top", title=None, columns=2),
    )
    root = alt.Chart(shown).encode(
        y=alt.Y("label:N", sort=list(frame["label"]), axis=named()),
        color=colour,
        tooltip=[
            alt.Tooltip("label:N", title="cell"),
            alt.Tooltip("difference_text:N", title="difference"),
            alt.Tooltip("interval_text:N", title="95 % interval"),
            alt.Tooltip("covers:N", title="covers"),
            alt.Tooltip("verdict:N"),
        ],
    )
    bars = root.mark_rule(strokeWidth=4, opacity=0.5).encode(
        x=alt.X("low:Q", title=title), x2="high:Q"
    )
    points = root.mark_point(filled=True, size=90, opacity=1).encode(x="difference:Q")
    zero = alt.Chart(pd.DataFrame({"difference": [0.0]})).mark_rule(
        strokeDash=[5, 4], color=NEUTRAL
    )
    return alt.layer(zero.encode(x="difference:Q"), bars, points).properties(
        height=FOOT + ROW * len(frame)
    )


def classes_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw the recall of each class from head to tail, a line per entry.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.compare.class_frame`.
    """
    names = in_order(frame, "name")
    hues = [LINE_HUES[i % len(LINE_HUES)] for i in range(len(names))]
    root = alt.Chart(frame).encode(
        x=alt.X("place:O", title="class, the most frequent first", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("recall:Q", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(
            "name:N",
            scale=alt.Scale(domain=names, range=hues),
            legend=alt.Legend(orient="top", title=None, labelLimit=260),
        ),
    )
    tips = [
        "name:N",
        "class:O",
        alt.Tooltip("recall:Q", format=".1%"),
        alt.Tooltip("images:Q", title="training rows (clean)", format=".0f"),
    ]
    points = root.mark_point(filled=True, size=60, opacity=1).encode(tooltip=tips)
    return alt.layer(root.mark_line(opacity=0.6), points).properties(height=320)
