"""Entries × cells as an HTML table: shades, texts that can be selected, a heading that stays.

Names come from submissions, so every text is escaped.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from leaderboard.colours import DEEP, HUES, INK, NEUTRAL, PALE, RED, WHITE
from leaderboard.markup.ranking import LEADERS, entry_link

FORMS = ("values", "with intervals", "differences to class A", "tie classes in each cell")
"""What a cell of the table can show."""
LIGHT_TEXT = 0.8
"""From this share of the deep colour on, white text has the better contrast."""
HEAT = """
<style>
.hm-wrap {overflow:auto; max-height:82vh}
.hm {border-collapse:separate; border-spacing:2px; width:100%; font-size:.84rem;
  font-variant-numeric:tabular-nums; line-height:1.25}
.hm td, .hm th {border:none; padding:.3rem .35rem; text-align:center}
.hm th {position:sticky; background:light-dark(#ffffff, #14171c)}
.hm thead th {top:0; z-index:2; font-weight:500; font-size:.76rem; vertical-align:bottom;
  min-width:3.6rem}
.hm thead th span {display:block; opacity:.7}
.hm tbody th {left:0; z-index:1; text-align:right; white-space:nowrap; font-weight:500}
.hm thead th:first-child {left:0; z-index:3}
.hm a {color:inherit; text-decoration:none}
.hm a:hover {text-decoration:underline}
.hm td {border-radius:3px}
.hm td.none {opacity:.5}
.hm small {display:block; font-size:.7rem; opacity:.85; white-space:nowrap}
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
        From `leaderboard.frames.ranking.with_intervals` or
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
    heads = frame.drop_duplicates("cell")
    head = "".join(
        f"<th scope='col' title='{escape(cell)}'>{escape(dataset)}{'<br>' * bool(dataset)}"
        f"{escape(imbalance)}"
        f"<span>{escape(noise)}</span></th>"
        for cell, dataset, imbalance, noise in zip(
            heads["cell"], heads["dataset"], heads["imbalance"], heads["noise"], strict=True
        )
    )
    lines = []
    for name, group in frame.groupby("name", sort=False):
        link = f"<a href='{entry_link(suite, str(name))}' target='_self'>{escape(str(name))}</a>"
        cells = "".join(_cell(row, form, shade) for row in group.to_dict("records"))
        lines.append(f"<tr><th scope='row'>{link}</th>{cells}</tr>")
    return (
        f"{HEAT}<div class='hm-wrap'><table class='hm'><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


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
        ink = "#ffffff" if share > LIGHT_TEXT else INK
        return f"background:color-mix(in oklab, {deep} {100 * share:.0f}%, {pale});color:{ink}"


def _shade(leading: pd.DataFrame, form: str, *, rising: bool) -> _Shade:
    if form == FORMS[2]:
        return _Shade(0.0, float(leading["good"].astype(float).abs().max()), two_sided=True)
    sign = 1 if rising else -1
    amount = sign * leading["value"].astype(float)
    return _Shade(float(amount.min()), float(amount.max()), sign)


def _cell(row: Mapping[Hashable, Any], form: str, shade: _Shade) -> str:
    title = f"title='{escape(row['about'])}'"
    value = row["value"]
    if value is None or pd.isna(value):
        return f"<td class='none' {title}>–</td>"
    if form == FORMS[3]:
        hue = HUES[(row["tie_class"] - 1) % len(HUES)] if row["tie_class"] else NEUTRAL
        style = f"background:color-mix(in srgb, {hue} 30%, transparent)"
        return f"<td class='tie' style='{style}' {title}>{escape(row['tie'])}</td>"
    amount = row["good"] if form == FORMS[2] else value
    if amount is None or pd.isna(amount):
        return f"<td class='none' {title}>–</td>"
    text = escape(row["difference_text"] if form == FORMS[2] else row["text"])
    more = f"<small>{escape(row['interval_text'])}</small>" if form == FORMS[1] else ""
    return f"<td style='{shade(float(amount))}' {title}>{text}{more}</td>"
