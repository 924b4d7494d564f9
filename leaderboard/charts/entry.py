"""Charts of one entry, drawn from the frames of `leaderboard.frames.entry`."""

import altair as alt
import pandas as pd

from leaderboard.charts.parts import FOOT, PANEL, ROW, in_order
from leaderboard.colours import BLUE, DEEP, GREEN, INK, NEUTRAL, ORANGE, PALE, PINK, RED


def interval_chart(frame: pd.DataFrame, *, title: str, scale: float) -> alt.LayerChart:
    """Draw one entry's value with its interval in each cell.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.cells.cell_intervals`.
    title : str
        Unit of the values.
    scale : float
        From `leaderboard.frames.ranking.display_scale`.
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
        From `leaderboard.frames.entry.reliability_frame`, or with a band from
        `leaderboard.frames.calibration.banded_frame`.
    """
    # The number of images is drawn from the floor in a third of the height.
    shown = frame.assign(floor=0.0, pile=frame["images"] / frame["images"].max() / 3)
    unit = alt.Scale(domain=[0, 1])
    share = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
    tips = [
        alt.Tooltip("confidence:Q", format=".1%"),
        alt.Tooltip("right:Q", format=".1%", title="right"),
        alt.Tooltip("images:Q", format=",d", title="test rows, all seeds"),
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
    band = _null_band(shown, x, unit)
    line = root.mark_line(color=BLUE, opacity=0.6, strokeWidth=1.5).encode(x=x, y=y)
    # A bin of three images says little: the area of a point is its number of images.
    area = alt.Size("images:Q", scale=alt.Scale(range=[14, 160]), legend=None)
    points = root.mark_point(color=BLUE, filled=True, opacity=1).encode(
        x=x, y=y, size=area, tooltip=tips
    )
    return alt.layer(counts, *band, _diagonal(), gaps, line, points).properties(height=PANEL)


def _null_band(shown: pd.DataFrame, x: alt.X, unit: alt.Scale) -> list[alt.Chart]:
    """Return the band of a calibrated model where the frame has one."""
    if "band_low" not in shown:
        return []
    low = alt.Y("band_low:Q", scale=unit, title="share that is right")
    area = alt.Chart(shown).mark_area(color=NEUTRAL, opacity=0.25)
    return [area.encode(x=x, y=low, y2="band_high:Q")]


def _diagonal() -> alt.Chart:
    ends = pd.DataFrame({"confidence": [0.0, 1.0], "right": [0.0, 1.0]})
    dashes = alt.Chart(ends).mark_line(strokeDash=[5, 4], color=NEUTRAL)
    return dashes.encode(x="confidence:Q", y="right:Q")


def confusion_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw where the images of each class went; numbers are percent of the true class.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.entry.confusion_frame`.
    """
    shown = frame.assign(words=(100 * frame["share"]).map(lambda s: f"{s:.0f}" if s >= 0.5 else ""))
    root = alt.Chart(shown).encode(
        x=alt.X("predicted:O", title="predicted class", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("true:O", title="true class"),
        tooltip=[
            "true:O",
            "predicted:O",
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("images:Q", title="test rows, all seeds"),
        ],
    )
    scale = alt.Scale(domain=[0, 1], range=[PALE, DEEP])
    cells = root.mark_rect(cornerRadius=2).encode(
        color=alt.Color("share:Q", scale=scale, legend=None)
    )
    text = root.mark_text(fontSize=11).encode(
        text="words:N",
        color=alt.value(INK),
    )
    return alt.layer(cells, text).properties(height=PANEL)


def counts_chart(frame: pd.DataFrame) -> alt.Chart:
    """Draw training counts of each class, clean beside observed.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.entry.counts_frame`.
    """
    colour = alt.Scale(domain=["clean", "observed"], range=[BLUE, ORANGE])
    return (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("class:O", title="class", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("labels:N", sort=["clean", "observed"]),
            y=alt.Y("images:Q", title="training rows"),
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
        From `leaderboard.frames.entry.recall_frame`.
    """
    root = alt.Chart(frame).encode(x=alt.X("class:O", title="class", axis=alt.Axis(labelAngle=0)))
    axis = alt.Axis(format="%")
    points = root.mark_point(filled=True, size=45, opacity=0.6, color=BLUE).encode(
        y=alt.Y("recall:Q", axis=axis, title="recall", scale=alt.Scale(domain=[0, 1])),
        tooltip=[
            "class:O",
            "seed:O",
            alt.Tooltip("recall:Q", format=".1%"),
            alt.Tooltip("images:Q", title="training rows (clean)", format=".0f"),
        ],
    )
    means = root.mark_tick(thickness=3, color=ORANGE, size=18).encode(y="mean(recall):Q")
    return alt.layer(points, means).properties(height=290)


def curves_chart(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw what was followed during training: a thin line per seed, a thick one their mean.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.entry.curves_frame`, of one kind of values.
    """
    names = in_order(frame, "curve")
    colours = alt.Scale(domain=names, range=[BLUE, ORANGE, GREEN, PINK, RED][: len(names)])
    legend = alt.Legend(orient="top", title=None, labelLimit=420, columns=1)
    share = bool(frame["share"].iloc[0])
    axis = alt.Axis(format="%") if share else alt.Axis()
    scale = alt.Scale(domain=[0, 1]) if share else alt.Scale(zero=False)
    root = alt.Chart(frame).encode(
        x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1)),
        color=alt.Color("curve:N", scale=colours, legend=legend, sort=names),
    )
    y = alt.Y("value:Q", axis=axis, scale=scale, title=None)
    seeds = root.mark_line(strokeWidth=1, opacity=0.35).encode(y=y, detail="seed:N")
    mean = alt.Y("mean(value):Q", axis=axis, scale=scale, title=None)
    tips = ["curve:N", "epoch:Q", alt.Tooltip("mean(value):Q", format=".3f", title="mean")]
    means = root.mark_line(strokeWidth=2.5).encode(y=mean, tooltip=tips)
    return alt.layer(seeds, means).properties(height=290)
