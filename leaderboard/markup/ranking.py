"""The ranking as an HTML table with its intervals drawn: one scale, one line per row.

Names, flags and facets come from submissions, so every text is escaped. Tie classes have a letter
and a hue.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.rankings.html_table import Column, Field, html_table, text
from harness.records.trust import TIERS
from leaderboard.colours import step_hue
from leaderboard.markup.parts import badges, linked
from leaderboard.markup.table import STYLE, hint

LEADERS = 0.75
"""Share of rows that the drawn scale covers when it is zoomed; the rest get an arrow."""
Line = Mapping[Hashable, Any]
"""One row of `leaderboard.frames.ranking.ranking_frame`."""


@dataclass(frozen=True)
class Scale:
    """The stretch of values that intervals are drawn on."""

    low: float
    """Left end, in natural units."""
    high: float
    """Right end."""

    def place(self, value: float) -> float:
        """Return where a value stands, in percent of the width, cut at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return 100 * min(max(share, 0.0), 1.0)


def scale_of(frame: pd.DataFrame, *, zoomed: bool) -> Scale:
    """Return the scale of a ranking's intervals.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.ranking.ranking_frame`, at least one line.
    zoomed : bool
        Cover the first three quarters of the rows only, so that the leaders can be told apart
        when a control stands far away.
    """
    count = max(1, round(LEADERS * len(frame))) if zoomed else len(frame)
    rows = frame.head(count)
    # Rows by value alone have no interval: their values make the scale.
    low = float(rows["low"].fillna(rows["value"]).astype(float).min())
    high = float(rows["high"].fillna(rows["value"]).astype(float).max())
    pad = 0.06 * (high - low) or 0.01
    return Scale(low - pad, high + pad)


def ranking_table(
    frame: pd.DataFrame,
    *,
    suite: str,
    ends: Sequence[str],
    heading: str,
    scale: Scale,
    extra: Mapping[str, Mapping[str, tuple[str, str]]] | None = None,
    cost: Mapping[str, str] | None = None,
    titles: Mapping[str, str] | None = None,
    reference: float | None = None,
    claimed: Mapping[str, str] | None = None,
) -> str:
    """Return a ranking as HTML.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.ranking.ranking_frame`.
    suite : str
        Suite id, for the links to entries.
    ends : sequence of str
        The scale's two ends as people read them.
    heading : str
        What the interval covers.
    scale : Scale
        Where intervals are drawn.
    extra : mapping, optional
        Title of another metric → row's name → its value and tie letter there.
    cost : mapping of str to str, optional
        Row's name → what it costs, in a line.
    titles : mapping of str to str, optional
        Row's name → what its card calls it and cites, safe HTML.
    reference : float, optional
        Value at which a line is drawn through all intervals.
    claimed : mapping of str to str, optional
        Row's name → how far the submitted value lies from the one measured here.
    """
    costs, called, claims = cost or {}, titles or {}, claimed or {}
    classes = int(frame["tie_class"].max())
    sizes = frame["tie_class"].value_counts()
    mark_local = frame["local"].nunique() > 1
    same = hint("Class", "Rows of one class cannot be told apart from its first")
    ranks = hint("Rank", "The ranks that the data allow")
    drawn = (
        f"{text(heading)}<span class='scale'><span>{text(ends[0])}</span>"
        f"<span>{text(ends[1])}</span></span>"
    )
    columns: list[Column[Line]] = [
        Column(same, lambda row: f"<span class='tie'>{text(row['tie'])}</span>"),
        Column(ranks, lambda row: Field(text(row["rank"]), sort=_first_rank(row))),
        Column("Entry", lambda row: Field(
                _named(row, suite, costs, called, mark_local=mark_local), sort=row["name"])),
        Column("Value", _value, css="num"),
        Column(drawn, lambda row: Field(_interval(row, scale, reference), sort=row["value"]),
               css="iv"),
        *(Column(text(title), _other(found), css="num") for title, found in (extra or {}).items()),
        Column("Tier", lambda row: _tier(row, claims.get(row["name"], "")), css="wide"),
    ]  # fmt: skip
    rows: Sequence[Line] = frame.to_dict("records")
    table = html_table(
        columns,
        rows,
        caption=f"Ranking of {suite}",
        line=lambda row: ("", f"--hue:{step_hue(row['tie_class'], classes)}"),
        above=lambda row, old: (
            "" if old and old["tie_class"] == row["tie_class"] else _group(row, sizes)
        ),
    )
    return f"{STYLE}<div class='tm-wide'>{table}</div>"


def _group(row: Line, sizes: "pd.Series[int]") -> str:
    """Return the heading of a tie class."""
    if row["beside"]:
        return "Beside the ranking: these adapt on test inputs"
    if not row["tie_class"]:
        return "In order of values alone"
    count = int(sizes[row["tie_class"]])
    if count == 1:
        return f"{text(row['tie'])} · one entry"
    return f"{text(row['tie'])} · {count} entries that cannot be told apart from the first of them"


def _named(
    row: Line,
    suite: str,
    costs: Mapping[str, str],
    titles: Mapping[str, str],
    *,
    mark_local: bool,
) -> str:
    own = ["not submitted"] if row["local"] and mark_local else []
    marks = badges([*row["facets"], *own])
    title = titles.get(row["name"], "")
    named = f" <span class='small wide'>{title}</span>" if title else ""
    cost = costs.get(row["name"], "")
    line = f"<span class='small wide'> {text(cost)}</span>" if cost else ""
    return (
        f"{linked(suite, row['name'])}{named}<br><span class='wide'>{marks}</span>"
        f"{_flags(row['flags'])}{line}"
    )


def missing_table(frame: pd.DataFrame, *, suite: str) -> str:
    """Return the rows without an overall value as HTML, each with what it lacks.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.ranking.missing_frame`.
    suite : str
        Suite id, for the links to entries.
    """
    columns: list[Column[Line]] = [
        Column("Entry", lambda row: linked(suite, row["name"])),
        Column("What is missing", lambda row: text(row["missing"])),
    ]
    rows: Sequence[Line] = frame.to_dict("records")
    return f"{STYLE}{html_table(columns, rows, caption='Not ranked')}"


def _value(row: Line) -> Field:
    interval = f"<span class='ends'>{text(row['interval_text'])}</span>"
    return Field(f"<b>{text(row['value_text'])}</b>{interval}", sort=float(row["value"]))


def _first_rank(row: Line) -> float:
    """Return the first number of a rank; rows beside the ranking come last."""
    first = row["rank"].partition("–")[0]
    return float(first) if first.isdigit() else float("inf")


def _other(found: Mapping[str, tuple[str, str]]) -> Any:
    """Return a column's fields of another metric: value over tie class."""

    def field(row: Line) -> str:
        value, letter = found.get(row["name"], ("–", ""))
        return f"{text(value)}<span class='ends'>{text(letter and f'class {letter}')}</span>"

    return field


def _tier(row: Line, claimed: str) -> str:
    """Return the tier, and what the submitted value claims beyond the one measured here."""
    beside = f"<span class='ends'>{text(claimed)}</span>" if claimed else ""
    return f"{hint(text(row['tier']), TIERS[row['tier']], css='end')}{beside}"


def _interval(row: Line, scale: Scale, reference: float | None) -> str:
    """Draw an interval, or an arrow where it lies beyond the scale."""
    value = float(row["value"])
    low: float = value if pd.isna(row["low"]) else float(row["low"])
    high: float = value if pd.isna(row["high"]) else float(row["high"])
    if high < scale.low or low > scale.high:
        side, arrow = ("left", "←") if high < scale.low else ("right", "→")
        beyond = "<span class='tm-sr'>beyond this scale</span>"
        inner = f"<span class='off' style='{side}:0'>{arrow}{beyond}</span>"
    else:
        left, right, dot = (scale.place(v) for v in (low, high, value))
        inner = f"<span class='bar' style='left:{left:.2f}%;width:{right - left:.2f}%'></span>"
        if scale.low <= value <= scale.high:
            inner += f"<span class='dot' style='left:{dot:.2f}%'></span>"
    line = ""
    if reference is not None and scale.low <= reference <= scale.high:
        line = f"<span class='ref' style='left:{scale.place(reference):.2f}%'></span>"
    return f"<div class='track'><span class='rail'></span>{line}{inner}</div>"


def _flags(flags: Sequence[str]) -> str:
    """Return one badge for all flags; their sentences appear when it is pointed at or focused."""
    if not flags:
        return ""
    return hint("<span class='badge warn'>look again</span>", "; ".join(flags), css="bare")
