"""The board's charts (altair), drawn from the frames of `table` and `details`.

No background and no text colour is set: the page's theme gives them, in light and in dark.
Colours are Okabe and Ito's for kinds, one hue for amounts, two for signed differences.
"""

import altair as alt
import pandas as pd

from leaderboard.markup import LEADERS

BLUE, ORANGE, GREEN, PINK, RED = ("#2f8fc9", "#e69f00", "#009e73", "#cc79a7", "#d55e00")
"""Kinds; the blue is light enough for a dark page."""
PALE, DEEP, WHITE, INK = "#eef4f9", "#0072b2", "#f3f4f6", "#20242b"
"""Amounts from pale to deep, the middle of differences, and text on pale."""
NEUTRAL = "#8a8f98"
ROW = 30
"""Height of one row of a chart in pixels."""
PANEL = 330
"""Height of a square picture."""
HEAD, FOOT = 150, 64
"""Height of slanted labels with a title above rows, and of an axis with its title below."""


def _rows(frame: pd.DataFrame, column: str) -> list[str]:
    """Return a column's values once each, in the frame's order."""
    return list(dict.fromkeys(frame[column]))


def heat_map(
    frame: pd.DataFrame, *, title: str, differences: bool, higher_is_better: bool, scale: float
) -> alt.LayerChart:
    """Draw cells × entries; deeper blue is better in either form.

    Shades cover the first three quarters of the rows: beyond them they do not change, so that one
    control far away does not make all others look alike.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.table.cells_frame`.
    title : str
        What the numbers are, with their unit.
    differences : bool
        Draw the distance to the best tie class instead of the value.
    higher_is_better : bool
        Direction of the metric.
    scale : float
        From `leaderboard.table.display_scale`.
    """
    shown = frame.assign(amount=frame["good" if differences else "value"] * scale)
    words = "difference_text" if differences else "text"
    axis = alt.Axis(labelAngle=-38, labelLimit=200, title=None, orient="top", labelOverlap=False)
    names = alt.Axis(title=None, labelLimit=150, labelOverlap=False)
    root = alt.Chart(shown).encode(
        x=alt.X("label:N", sort=_rows(shown, "label"), axis=axis),
        y=alt.Y("name:N", sort=_rows(shown, "name"), axis=names),
        tooltip=[
            alt.Tooltip("name:N", title="entry"),
            alt.Tooltip("label:N", title="cell"),
            alt.Tooltip("text:N", title="value"),
            alt.Tooltip("difference_text:N", title="to class A"),
        ],
    )
    leading = shown[shown["name"].isin(_rows(shown, "name")[: _leaders(shown)])]["amount"]
    colour, threshold = _shades(leading, differences=differences, rising=higher_is_better)
    cells = root.mark_rect(cornerRadius=3, stroke="transparent", strokeWidth=2).encode(
        color=alt.Color("amount:Q", scale=colour, legend=None)
    )
    text = root.mark_text(fontSize=12).encode(
        text=f"{words}:N",
        color=alt.condition(threshold, alt.value("white"), alt.value(INK)),
    )
    height = HEAD + ROW * shown["name"].nunique()
    return alt.layer(cells, text).properties(title=title, height=height)


def _leaders(shown: pd.DataFrame) -> int:
    """Return how many rows decide the shades."""
    return max(1, round(LEADERS * shown["name"].nunique()))


def _shades(amount: pd.Series, *, differences: bool, rising: bool) -> tuple[alt.Scale, str]:
    """Return the colour scale, and when text on it must be light."""
    if differences:
        reach = max(float(amount.abs().max()), 1e-9)
        colour = alt.Scale(
            domain=[-reach, 0, reach], range=[RED, WHITE, DEEP], clamp=True, interpolate="lab"
        )
        return colour, f"abs(datum.amount) > {0.62 * reach}"
    low, high = float(amount.min()), float(amount.max())
    span = max(high - low, 1e-9)
    ends = [PALE, DEEP] if rising else [DEEP, PALE]
    colour = alt.Scale(domain=[low, low + span], range=ends, clamp=True, interpolate="lab")
    if rising:
        return colour, f"datum.amount > {low + 0.55 * span}"
    return colour, f"datum.amount !== null && datum.amount < {low + 0.45 * span}"


def interval_chart(frame: pd.DataFrame, *, title: str, scale: float) -> alt.LayerChart:
    """Draw one entry's value with its interval in each cell.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.table.cell_intervals`.
    title : str
        Unit of the values.
    scale : float
        From `leaderboard.table.display_scale`.
    """
    present = frame[frame["value"].notna()]
    shown = present.assign(
        value=present["value"].astype(float) * scale,
        low=present["low"].astype(float) * scale,
        high=present["high"].astype(float) * scale,
    )
    names = alt.Axis(title=None, labelLimit=190)
    root = alt.Chart(shown).encode(
        y=alt.Y("label:N", sort=list(frame["label"]), axis=names),
        tooltip=[
            alt.Tooltip("label:N", title="cell"),
            alt.Tooltip("value_text:N", title="value"),
            alt.Tooltip("interval_text:N", title="95 % interval"),
            alt.Tooltip("interval:N", title="covers"),
            alt.Tooltip("rank:N", title="rank in this cell"),
        ],
    )
    ends = alt.X("low:Q", scale=_around(shown, scale), title=title)
    bars = root.mark_rule(strokeWidth=4, opacity=0.45, color=BLUE).encode(x=ends, x2="high:Q")
    points = root.mark_point(filled=True, size=90, opacity=1, color=BLUE).encode(x="value:Q")
    return alt.layer(bars, points).properties(height=FOOT + ROW * len(frame))


def _around(shown: pd.DataFrame, scale: float) -> alt.Scale:
    """Return a scale around all intervals that does not blow up a control without any spread."""
    low, high = float(shown["low"].min()), float(shown["high"].max())
    pad = max(0.05 * (high - low), 0.01 * scale)
    return alt.Scale(domain=[low - pad, high + pad], nice=False, zero=False)


def reliability_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw accuracy against confidence over the share of images in each bin.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.details.reliability_frame`.
    """
    # The number of images is drawn from the floor in a third of the height.
    shown = frame.assign(floor=0.0, pile=frame["images"] / frame["images"].max() / 3)
    unit = alt.Scale(domain=[0, 1])
    share = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
    tips = [
        alt.Tooltip("confidence:Q", format=".1%"),
        alt.Tooltip("right:Q", format=".1%", title="right"),
        alt.Tooltip("images:Q", format=",d", title="images, all seeds"),
    ]
    root = alt.Chart(shown)
    x = alt.X("confidence:Q", scale=unit, axis=share, title="confidence")
    y = alt.Y("right:Q", scale=unit, axis=share, title="share that is right")
    counts = root.mark_rect(color=NEUTRAL, opacity=0.3).encode(
        x=alt.X("low:Q", scale=unit, title="confidence"),
        x2="high:Q",
        y=alt.Y("floor:Q", scale=unit, title="share that is right"),
        y2="pile:Q",
        tooltip=tips,
    )
    gaps = root.mark_rule(strokeWidth=4, color=ORANGE, opacity=0.7).encode(
        x=x, y=y, y2="confidence:Q"
    )
    line = root.mark_line(color=BLUE, opacity=0.6, strokeWidth=1.5).encode(x=x, y=y)
    # A bin of three images says little: the area of a point is its number of images.
    area = alt.Size("images:Q", scale=alt.Scale(range=[14, 160]), legend=None)
    points = root.mark_point(color=BLUE, filled=True, opacity=1).encode(
        x=x, y=y, size=area, tooltip=tips
    )
    return alt.layer(counts, _diagonal(), gaps, line, points).properties(height=PANEL)


def _diagonal() -> alt.Chart:
    ends = pd.DataFrame({"confidence": [0.0, 1.0], "right": [0.0, 1.0]})
    dashes = alt.Chart(ends).mark_line(strokeDash=[5, 4], color=NEUTRAL)
    return dashes.encode(x="confidence:Q", y="right:Q")


def confusion_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw where the images of each class went; numbers are percent of the true class.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.details.confusion_frame`.
    """
    shown = frame.assign(words=(100 * frame["share"]).map(lambda s: f"{s:.0f}" if s >= 0.5 else ""))
    root = alt.Chart(shown).encode(
        x=alt.X("predicted:O", title="predicted class", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("true:O", title="true class"),
        tooltip=[
            "true:O",
            "predicted:O",
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("images:Q", title="images, all seeds"),
        ],
    )
    scale = alt.Scale(domain=[0, 1], range=[PALE, DEEP])
    cells = root.mark_rect(cornerRadius=2).encode(
        color=alt.Color("share:Q", scale=scale, legend=None)
    )
    text = root.mark_text(fontSize=11).encode(
        text="words:N",
        color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value(INK)),
    )
    return alt.layer(cells, text).properties(height=PANEL)


def counts_chart(frame: pd.DataFrame) -> alt.Chart:
    """Draw training counts of each class, clean beside observed.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.details.counts_frame`.
    """
    colour = alt.Scale(domain=["clean", "observed"], range=[BLUE, ORANGE])
    return (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("class:O", title="class", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("labels:N", sort=["clean", "observed"]),
            y=alt.Y("images:Q", title="training images"),
            color=alt.Color(
                "labels:N", scale=colour, legend=alt.Legend(orient="top", title="labels")
            ),
            tooltip=["class:O", "labels:N", alt.Tooltip("images:Q", format=".1f")],
        )
        .properties(height=290)
    )


def recall_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw each class's recall: a point a seed, a tick for their mean.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.details.recall_frame`.
    """
    root = alt.Chart(frame).encode(x=alt.X("class:O", title="class", axis=alt.Axis(labelAngle=0)))
    axis = alt.Axis(format="%")
    points = root.mark_point(filled=True, size=45, opacity=0.6, color=BLUE).encode(
        y=alt.Y("recall:Q", axis=axis, title="recall", scale=alt.Scale(domain=[0, 1])),
        tooltip=[
            "class:O",
            "seed:O",
            alt.Tooltip("recall:Q", format=".1%"),
            alt.Tooltip("images:Q", title="training images (clean)", format=".0f"),
        ],
    )
    means = root.mark_tick(thickness=3, color=ORANGE, size=18).encode(y="mean(recall):Q")
    return alt.layer(points, means).properties(height=290)


def ood_chart(frame: pd.DataFrame, *, score: str) -> alt.Chart:
    """Draw histograms of the declared OOD score for the test pool and each OOD pool.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.details.ood_frame`.
    score : str
        Name of the score; larger is more OOD.
    """
    pools = _rows(frame, "pool")
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
                legend=alt.Legend(orient="top", title=None, labelLimit=220, columns=3),
            ),
            tooltip=[
                "pool:N",
                alt.Tooltip("low:Q", format=".2f"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .properties(height=290)
    )
