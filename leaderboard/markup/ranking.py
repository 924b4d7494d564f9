"""The ranking as an HTML table with its intervals drawn: one scale, one line an entry.

Names, flags and facets come from submissions, so every text is escaped. Colours are taken from the
page (``currentColor``), which makes the table readable in light and in dark; tie classes have a
letter and a hue.
"""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from leaderboard.colours import HUES, NEUTRAL

TIERS = {
    "claimed": "numbers only, not checked",
    "rescored": "recomputed from submitted predictions",
    "rerun": "trained or loaded again by a maintainer or on this machine",
}
"""What a tier means, shown when pointing at it."""
LEADERS = 0.75
"""Share of rows that the drawn scale covers when it is zoomed; the rest get an arrow."""

FRAME = """
<style>
[data-testid=stMainBlockContainer] {padding-top:4.2rem; padding-bottom:3rem; max-width:1240px}
h1 {font-size:2rem !important; padding:.4rem 0 .2rem !important}
h2 {font-size:1.5rem !important}
h3 {font-size:1.2rem !important}
@media (max-width: 640px) {
  [data-testid=stMainBlockContainer] {padding-left:.9rem; padding-right:.9rem}
}
</style>
"""
"""How every page is laid out: less empty space above, lines that are not too long."""
STYLE = """
<style>
.tm {width:100%; border-collapse:collapse; font-variant-numeric:tabular-nums; line-height:1.3}
.tm th {font-weight:600; font-size:.8rem; opacity:.7; text-align:left; padding:.3rem .55rem}
.tm td {padding:.45rem .55rem; vertical-align:middle}
.tm tr, .tm th, .tm td {border:none}
.tm tbody tr {border-top:1px solid color-mix(in srgb, currentColor 10%, transparent)}
.tm tbody tr.first {border-top:2px solid color-mix(in srgb, currentColor 38%, transparent)}
.tm tbody tr:hover {background:color-mix(in srgb, currentColor 5%, transparent)}
.tm .num {text-align:right; white-space:nowrap}
.tm th.num {white-space:normal}
.tm-wide {overflow-x:auto}
.tm .iv {width:38%; min-width:9rem}
.tm .ends {display:block; font-size:.78rem; opacity:.65}
.tm a {color:inherit; font-weight:600; text-decoration:underline;
  text-decoration-color:color-mix(in srgb, currentColor 35%, transparent);
  text-underline-offset:.18em}
.tm .tie {display:inline-block; min-width:1.7em; padding:.08em .35em; border-radius:.35em;
  text-align:center; font-weight:700; border:1.5px solid var(--hue);
  background:color-mix(in srgb, var(--hue) 22%, transparent)}
.tm .badge {display:inline-block; margin:.12rem .25rem 0 0; padding:0 .45em; border-radius:.8em;
  font-size:.72rem; white-space:nowrap; opacity:.85;
  border:1px solid color-mix(in srgb, currentColor 30%, transparent)}
.tm .warn {border-color:#d55e00; opacity:1}
.tm .track {position:relative; height:1.5rem}
.tm .rail {position:absolute; left:0; right:0; top:50%; height:1px; opacity:.16;
  background:currentColor}
.tm .bar {position:absolute; top:calc(50% - 4px); height:8px; border-radius:4px;
  min-width:3px; background:var(--hue); opacity:.5}
.tm .dot {position:absolute; top:calc(50% - 6px); width:12px; height:12px; margin-left:-6px;
  border-radius:50%; background:var(--hue)}
.tm .off {position:absolute; top:50%; transform:translateY(-50%);
  font-size:1.15rem; line-height:1; opacity:.8}
.tm .scale {display:flex; justify-content:space-between; font-weight:400}
@media (max-width: 640px) {
  .tm .wide {display:none}
  .tm td, .tm th {padding:.35rem .25rem}
  .tm .iv {width:32%; min-width:5rem}
  .tm {font-size:.86rem}
  .tm .dot {top:calc(50% - 4px); width:8px; height:8px; margin-left:-4px}
}
</style>
"""


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
    low, high = float(rows["low"].min()), float(rows["high"].max())
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
    """
    columns = extra or {}
    more = "".join(f"<th class='num'>{escape(title)}</th>" for title in columns)
    head = (
        "<thead><tr><th title='Rows of one class cannot be told apart from its first'>Class</th>"
        "<th title='The ranks that the data allow'>Rank</th><th>Entry</th>"
        "<th class='num'>Value</th>"
        f"<th class='iv'>{escape(heading)}<span class='scale'><span>{escape(ends[0])}</span>"
        f"<span>{escape(ends[1])}</span></span></th>{more}<th class='wide'>Tier</th></tr></thead>"
    )
    rows = frame.to_dict("records")
    before = [None, *(row["tie_class"] for row in rows)]
    mixed = frame["local"].nunique() > 1
    lines = [
        _line(
            row,
            suite,
            scale,
            first=row["tie_class"] != tie,
            mark_local=mixed,
            more=[texts.get(row["name"], ("–", "")) for texts in columns.values()],
        )
        for row, tie in zip(rows, before, strict=False)
    ]
    table = f"<table class='tm'>{head}<tbody>{''.join(lines)}</tbody></table>"
    return f"{STYLE}<div class='tm-wide'>{table}</div>"


def _line(
    row: Mapping[Hashable, Any],
    suite: str,
    scale: Scale,
    *,
    first: bool,
    mark_local: bool,
    more: Sequence[tuple[str, str]],
) -> str:
    hue = HUES[(row["tie_class"] - 1) % len(HUES)] if row["tie_class"] else NEUTRAL
    own = ["this machine"] if row["local"] and mark_local else []
    marks = [*row["facets"], *own]
    name, tier, meaning = escape(row["name"]), escape(row["tier"]), escape(TIERS[row["tier"]])
    others = "".join(
        f"<td class='num'>{escape(value)}<span class='ends'>{escape(letter and f'class {letter}')}"
        "</span></td>"
        for value, letter in more
    )
    return (
        f"<tr class='{'first' if first else ''}' style='--hue:{hue}'>"
        f"<td><span class='tie'>{escape(row['tie'])}</span></td>"
        f"<td>{escape(row['rank'])}</td>"
        f"<td><a href='{entry_link(suite, row['name'])}' target='_self'>{name}</a>"
        f"<br>{badges(marks)}{_flags(row['flags'])}</td>"
        f"<td class='num'><b>{escape(row['value_text'])}</b>"
        f"<span class='ends'>{escape(row['interval_text'])}</span></td>"
        f"<td class='iv'>{_bar(row['value'], row['low'], row['high'], scale)}</td>"
        f"{others}<td class='wide'><span title='{meaning}'>{tier}</span></td></tr>"
    )


def _bar(value: float, low: float, high: float, scale: Scale) -> str:
    """Draw an interval, or an arrow where it lies beyond the scale."""
    if high < scale.low or low > scale.high:
        side, arrow = ("left", "←") if high < scale.low else ("right", "→")
        inner = f"<span class='off' style='{side}:0' title='beyond this scale'>{arrow}</span>"
    else:
        left, right, dot = (scale.place(v) for v in (low, high, value))
        inner = f"<span class='bar' style='left:{left:.2f}%;width:{right - left:.2f}%'></span>"
        if scale.low <= value <= scale.high:
            inner += f"<span class='dot' style='left:{dot:.2f}%'></span>"
    return f"<div class='track'><span class='rail'></span>{inner}</div>"


def _flags(flags: Sequence[str]) -> str:
    """Return one badge for all flags; their sentences are shown when pointing at it."""
    if not flags:
        return ""
    return f"<span class='badge warn' title='{escape('; '.join(flags))}'>look again</span>"


def badges(labels: Iterable[str]) -> str:
    """Return labels as small rounded boxes; needs STYLE on the page and class ``tm`` around."""
    return "".join(f"<span class='badge'>{escape(label)}</span>" for label in labels)


def plain(words: str) -> str:
    """Return text whose Markdown signs mean themselves, for Streamlit's own elements."""
    return re.sub(r"([\\`*_\[\]()<>#!$:~|])", r"\\\1", words)


def entry_link(suite: str, name: str) -> str:
    """Return the address of an entry's page, relative to the board.

    Examples
    --------
    >>> entry_link("digits-v1", "cnn-ce+la")
    'entry?suite=digits-v1&amp;entry=cnn-ce%2Bla'
    """
    return escape("entry?" + urlencode({"suite": suite, "entry": name}))
