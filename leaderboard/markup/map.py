"""Imbalance × noise as an HTML table: each field one cell of the suite."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.rankings.html_table import Column, Field, html_table, text
from leaderboard.colours import DEEP, INK, PALE, RED, WHITE
from leaderboard.markup.cells import HEAT
from leaderboard.markup.parts import entry_link
from leaderboard.markup.table import STYLE

Line = Mapping[Hashable, Any]


def grid_map(
    frame: pd.DataFrame,
    *,
    field: Callable[[Line], Field],
    caption: str,
) -> str:
    """Return cells as a table, imbalance downwards and label noise across.

    Parameters
    ----------
    frame : DataFrame
        A line per cell, with columns ``imbalance`` and ``noise`` and what `field` reads.
    field : callable
        From a line to its field.
    caption : str
        What the map shows.
    """
    noises = list(dict.fromkeys(frame["noise"]))
    rows = [
        (str(name), {line["noise"]: line for line in group.to_dict("records")})
        for name, group in frame.groupby("imbalance", sort=False)
    ]

    def column(noise: str) -> Column[tuple[str, Mapping[Hashable, Line]]]:
        return Column(
            text(noise), lambda row: field(row[1][noise]) if noise in row[1] else Field("", "none")
        )

    first: Column[tuple[str, Mapping[Hashable, Line]]] = Column(
        "Imbalance, label noise", lambda row: text(row[0]), names_row=True
    )
    table = html_table(
        [first, *(column(noise) for noise in noises)], rows, caption=caption, css="hm map"
    )
    return f"{STYLE}{HEAT}{LOOK}<div class='hm-wrap'>{table}</div>"


LOOK = """
<style>
.tm.hm.map td {padding:.7rem .5rem; min-width:7rem}
.tm.hm.map td a, .tm.hm.map td a:hover {color:inherit; display:block; text-decoration:none}
.tm.hm.map td a:focus-visible {outline:2px solid currentColor}
.tm.hm.map b {font-size:1.05rem}
</style>
"""


def shaded(amount: float, low: float, high: float, *, two_sided: bool = False) -> str:
    """Return the style of a field; deeper is more, red is below zero where `two_sided`."""
    span = max(abs(low), abs(high)) if two_sided else high - low
    share = min(max((abs(amount) if two_sided else amount - low) / max(span, 1e-9), 0.0), 1.0)
    deep = RED if two_sided and amount < 0 else DEEP
    pale = WHITE if two_sided else PALE
    return f"background:color-mix(in oklab, {deep} {100 * share:.0f}%, {pale});color:{INK}"


def best_map(frame: pd.DataFrame, *, suite: str) -> str:
    """Return the best entry of every cell as a map.

    Parameters
    ----------
    frame : DataFrame
        From `leaderboard.frames.roughness.best_frame`.
    suite : str
        Suite id, for the links.
    """
    low, high = float(frame["value"].min()), float(frame["value"].max())

    def field(line: Line) -> Field:
        others = int(line["tied"]) - 1
        more = f"and {others} not told apart" if others else "ahead of all others"
        link = entry_link(suite, line["name"], cell=line["cell"])
        inner = (
            f"<a href='{link}' target='_self'><b>{text(line['value_text'])}</b>"
            f"<small>{text(line['name'])}</small><small>{text(more)}</small></a>"
        )
        return Field(inner, style=shaded(float(line["value"]), low, high))

    return grid_map(frame, field=field, caption=f"Best entry of every cell of {suite}")


def value_map(
    frame: pd.DataFrame, *, links: Sequence[str], caption: str, two_sided: bool, rising: bool
) -> str:
    """Return values or differences of every cell as a map, each with its interval.

    Parameters
    ----------
    frame : DataFrame
        A line per cell: ``imbalance``, ``noise``, ``amount`` (natural units), ``text``,
        ``interval_text`` and ``more`` (a few words).
    links : sequence of str
        Address of each line, safe inside an attribute.
    caption : str
        What the map shows.
    two_sided : bool
        Amounts are differences: below zero is red.
    rising : bool
        Whether more is better; the deeper shade is the better one.
    """
    sign = 1 if rising or two_sided else -1
    amounts = sign * frame["amount"].astype(float)
    low, high = float(amounts.min()), float(amounts.max())

    def field(line: Line) -> Field:
        if pd.isna(line["amount"]):
            return Field("–", css="none")
        inner = (
            f"<a href='{line['link']}' target='_self'><b>{text(line['text'])}</b>"
            f"<small>{text(line['interval_text'])}</small><small>{text(line['more'])}</small></a>"
        )
        amount = sign * float(line["amount"])
        return Field(inner, style=shaded(amount, low, high, two_sided=two_sided))

    return grid_map(frame.assign(link=list(links)), field=field, caption=caption)
