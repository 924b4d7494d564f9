"""Charts of OOD detection, drawn from the frames of `leaderboard.frames.ood`."""

import altair as alt
import pandas as pd

from leaderboard.charts.parts import FOOT, in_order
from leaderboard.colours import BLUE, GREEN, HUES, NEUTRAL, ORANGE, PINK, RED


def ood_chart(frame: pd.DataFrame, *, score: str) -> alt.Chart:
    """Draw histograms of the declared OOD score for the test pool and each OOD pool.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.entry.ood_frame`.
    score : str
        Name of the score; larger is more OOD.
    """
    pools = in_order(frame, "pool")
    colours = [BLUE, ORANGE, RED, PINK, GREEN][: len(pools)]
    return (
        alt.Chart(frame)
        .mark_area(opacity=0.4, interpolate="step", line=True)
        .encode(
            x=alt.X(
                "low:Q",
                title=f"{score} score (larger: more OOD)",
                axis=alt.Axis(grid=False, tickCount=8),
            ),
            y=alt.Y("share:Q", stack=None, title="share of the pool", axis=alt.Axis(format="%")),
            color=alt.Color(
                "pool:N",
                scale=alt.Scale(domain=pools, range=colours),
                legend=alt.Legend(orient="top", title=None, labelLimit=240, columns=1),
            ),
            tooltip=[
                "pool:N",
                alt.Tooltip("low:Q", format=".2f"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .properties(height=360)
    )


def scores_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw OOD AUROC of each score: a point near, a point far, a line between them.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.entry.scores_frame`.
    """
    order = in_order(frame, "score")
    colour = alt.Scale(domain=["near OOD", "far OOD"], range=[RED, ORANGE])
    y = alt.Y("score:N", sort=order, axis=alt.Axis(title=None, labelLimit=190))
    root = alt.Chart(frame).encode(y=y)
    x = alt.X("auroc:Q", axis=alt.Axis(format="%"), title="OOD AUROC", scale=alt.Scale(zero=False))
    points = root.mark_point(filled=True, size=80, opacity=1).encode(
        x=x,
        color=alt.Color("sets:N", scale=colour, legend=alt.Legend(orient="top", title=None)),
        tooltip=["score:N", "sets:N", alt.Tooltip("auroc:Q", format=".1%"), "seeds:Q"],
    )
    chance = (
        alt.Chart(pd.DataFrame({"auroc": [0.5]}))
        .mark_rule(strokeDash=[5, 4], color=NEUTRAL)
        .encode(x="auroc:Q")
    )
    return alt.layer(chance, points).properties(height=FOOT + 26 * len(order))


def cells_chart(frame: pd.DataFrame, *, title: str, over: str = "noise") -> alt.LayerChart:
    """Draw a share over noise, a line an imbalance, or the other way round.

    Parameters
    ----------
    frame : DataFrame
        With columns ``imbalance``, ``noise``, ``value`` in [0, 1] and ``text``.
    title : str
        What the share is.
    over : {"noise", "imbalance"}
        What runs to the right.
    """
    lines = "imbalance" if over == "noise" else "noise"
    kinds = in_order(frame, lines)
    words = {"noise": "label noise of the training data", "imbalance": "imbalance"}
    root = alt.Chart(frame).encode(
        x=alt.X(f"{over}:N", sort=in_order(frame, over), title=words[over],
                axis=alt.Axis(labelAngle=0)),
        y=alt.Y("value:Q", axis=alt.Axis(format="%"), title=title, scale=alt.Scale(zero=False)),
        color=alt.Color(
            f"{lines}:N",
            scale=alt.Scale(domain=kinds, range=[HUES[i % len(HUES)] for i in range(len(kinds))]),
            legend=alt.Legend(orient="top", title=lines),
        ),
    )  # fmt: skip
    tips = ["imbalance:N", "noise:N", alt.Tooltip("text:N", title=title)]
    points = root.mark_point(filled=True, size=70, opacity=1).encode(tooltip=tips)
    return alt.layer(root.mark_line(opacity=0.6), points).properties(height=300)


def roc_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw ROC points of each OOD set, joined by a line.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.ood.curves_frame`.
    """
    return _curve(frame, ("fpr", "share of ID that is flagged"), ("tpr", "share of OOD caught"))


def precision_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw precision over recall of each OOD set, with as many OOD as ID images.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.ood.curves_frame`; points without a precision are left out.
    """
    there = frame[frame["precision"].notna()]
    right = ("precision", "precision")
    return _curve(there, ("tpr", "recall: share of OOD caught"), right)


def _curve(frame: pd.DataFrame, x: tuple[str, str], y: tuple[str, str]) -> alt.LayerChart:
    """Draw points of each pool, joined along the first axis."""
    pools = in_order(frame, "pool")
    share, unit = alt.Axis(format="%"), alt.Scale(domain=[0, 1])
    root = alt.Chart(frame).encode(
        x=alt.X(f"{x[0]}:Q", axis=share, scale=unit, title=x[1]),
        y=alt.Y(f"{y[0]}:Q", axis=share, scale=unit, title=y[1]),
        color=alt.Color(
            "pool:N",
            scale=alt.Scale(domain=pools, range=[ORANGE, RED, PINK, GREEN, BLUE][: len(pools)]),
            legend=alt.Legend(orient="top", title=None, labelLimit=240, columns=1),
        ),
    )
    tips = [
        alt.Tooltip("pool:N", title="OOD set"),
        alt.Tooltip("fpr:Q", format=".1%", title="ID flagged"),
        alt.Tooltip("tpr:Q", format=".1%", title="OOD caught (recall)"),
        alt.Tooltip("precision:Q", format=".1%"),
    ]
    points = root.mark_point(filled=True, size=30, opacity=1).encode(tooltip=tips)
    line = root.mark_line(opacity=0.5).encode(order=f"{x[0]}:Q")
    return alt.layer(line, points).properties(height=340)
