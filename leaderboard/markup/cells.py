"""Entries × cells as an HTML table: shades, texts that can be selected, a heading that stays.

Names come from submissions, so every text is escaped.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.rankings.html_table import Column, Field, html_table, text
from leaderboard.colours import DEEP, HUES, INK, NEUTRAL, PALE, RED, WHITE
from leaderboard.markup.parts import linked
from leaderboard.markup.ranking import LEADERS
from leaderboard.markup.table import STYLE, hint

FORMS = ("values", "with intervals", "differences to class A", "tie classes in each cell")
"""What a cell of the table can show."""
HEAT = """
<style>
.hm-wrap {overflow:auto; max-height:82vh}
.hm.tm {border-collapse:separate; border-spacing:2px; width:100%; font-size:.84rem;
  font-variant-numeric:tabular-nums; line-height:1.25}
.tm.hm td, .tm.hm th {border:none; padding:.3rem .35rem; text-align:center}
.tm.hm th {position:sticky; background:light-dark(#ffffff, #14171c)}
.hm thead th {top:0; z-index:2; font-weight:500; font-size:.76rem; vertical-align:bottom;
  min-width:3.6rem}
.hm thead th .noise {display:block}
.hm tbody th {left:0; z-index:1; text-align:right; white-space:nowrap; font-weight:500}
.hm thead th:first-child {left:0; z-index:3}
.tm.hm a {text-decoration:none}
.tm.hm a:hover, .tm.hm a:focus {text-decoration:underline}
.hm .hint {display:block}
.hm td {border-radius:3px}
.hm small {display:block; font-size:.7rem; white-space:nowrap}
.hm .tie {font-weight:700}
</style>
"""


def heat_table(frame: pd.DataFrame, *, suite: str, form: str, higher_is_better: bool) -> str:
    """Return entries × cells as HTML; deeper blue is better in every form.

    Shades cover the first three quarters of the rows: beyond them they do not change, so that one
    control far away does not make all others look alike.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.cells.with_intervals` or
        `leaderboard.frames.shifts.world_frame`, in the order of the rows.
    suite : str
        Suite id, for the links to entries.
    form : str
        One of FORMS.
    higher_is_better : bool
        Direction of the metric.
    """
    names = list(dict.fromkeys(frame["name"]))
    leading = frame[frame["name"].isin(names[: max(1, round(LEADERS * len(names)))])]
    shade = _shade(leading, form, rising=higher_is_better)
    heads = frame.drop_duplicates("cell").to_dict("records")
    rows = [
        (str(name), {row["cell"]: row for row in group.to_dict("records")})
        for name, group in frame.groupby("name", sort=False)
    ]
    columns: list[Column[_Line]] = [
        Column("Entry", lambda row: linked(suite, row[0]), names_row=True),
        *(Column(_heading(head), _field_of(head["cell"], form, shade)) for head in heads),
    ]
    table = html_table(columns, rows, caption=f"Entries and cells of {suite}", css="hm")
    return f"{STYLE}{HEAT}<div class='hm-wrap'>{table}</div>"


_Line = tuple[str, Mapping[Hashable, Mapping[Hashable, Any]]]
"""A row's name and its fields: cell → line of the frame."""


def _heading(head: Mapping[Hashable, Any]) -> str:
    dataset = f"{text(head['dataset'])}<br>" if head["dataset"] else ""
    return f"{dataset}{text(head['imbalance'])}<span class='noise'>{text(head['noise'])}</span>"


def _field_of(cell: str, form: str, shade: "_Shade") -> Callable[[_Line], Field]:
    return lambda row: _cell(row[1][cell], form, shade)


@dataclass(frozen=True)
class _Shade:
    """From a row's amount to the colours of its field."""

    low: float
    """Amount of the palest field, after the sign."""
    high: float
    """Amount of the deepest one."""
    sign: int = 1
    """−1 where a smaller amount is the deeper one."""
    two_sided: bool = False
    """Amounts below 0 are red."""

    def __call__(self, amount: float) -> str:
        """Return the style of a field."""
        placed = abs(amount) if self.two_sided else self.sign * amount
        share = min(max((placed - self.low) / max(self.high - self.low, 1e-9), 0.0), 1.0)
        deep = RED if self.two_sided and amount < 0 else DEEP
        pale = WHITE if self.two_sided else PALE
        return f"background:color-mix(in oklab, {deep} {100 * share:.0f}%, {pale});color:{INK}"


def _shade(leading: pd.DataFrame, form: str, *, rising: bool) -> _Shade:
    if form == FORMS[2]:
        return _Shade(0.0, float(leading["good"].astype(float).abs().max()), two_sided=True)
    sign = 1 if rising else -1
    amount = sign * leading["value"].astype(float)
    return _Shade(float(amount.min()), float(amount.max()), sign)


def _cell(row: Mapping[Hashable, Any], form: str, shade: _Shade) -> Field:
    value = row["value"]
    if value is None or pd.isna(value):
        return Field(hint("–", row["about"], css="bare"), css="none")
    if form == FORMS[3]:
        hue = HUES[(row["tie_class"] - 1) % len(HUES)] if row["tie_class"] else NEUTRAL
        style = f"background:color-mix(in srgb, {hue} 30%, transparent)"
        return Field(hint(text(row["tie"]), row["about"], css="bare"), "tie", style)
    amount = row["good"] if form == FORMS[2] else value
    if amount is None or pd.isna(amount):
        return Field(hint("–", row["about"], css="bare"), css="none")
    words = text(row["difference_text"] if form == FORMS[2] else row["text"])
    more = f"<small>{text(row['interval_text'])}</small>" if form == FORMS[1] else ""
    return Field(hint(words + more, row["about"], css="bare"), style=shade(float(amount)))
