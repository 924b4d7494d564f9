"""What the literature claims as an HTML table: one line a row, its interval drawn around zero.

Texts come from claims and submissions, so every one is escaped.
"""

from collections.abc import Mapping, Sequence
from html import escape

from harness.published.claims import STATES, Claim, ClaimRow, State
from harness.published.claims_text import (
    cells_text,
    covers_text,
    gap_text,
    grouped,
    measured_text,
    sides_text,
    state_text,
    values_text,
)
from harness.rankings.display import difference_text
from leaderboard.markup.conformance import BESIDE, counted
from leaderboard.markup.ranking import STYLE, entry_link

HUES: dict[State, str] = {
    "holds": "#009e73",
    "does not hold": "#d55e00",
    "cannot tell": "#e69f00",
    "not run": "#8a8f98",
}
"""State → its colour; every state stands there in words, too."""
LOOK = """
<style>
.tm.claims td.head {padding-top:1.1rem; border-top:2px solid
  color-mix(in srgb, currentColor 38%, transparent)}
.tm.claims .iv {width:26%}
.tm.claims td.num {white-space:normal}
@media (max-width: 640px) {
  .tm.claims {table-layout:auto}
  .tm.claims td {overflow-wrap:normal}
}
</style>
"""


def state_counts(counts: Mapping[State, int]) -> str:
    """Return how many rows have each state, all of them named."""
    return counted({_state(state, state): n for state, n in counts.items()})


def claims_table(rows: Sequence[ClaimRow]) -> str:
    """Return claims as HTML, the rows of each below its sentence.

    Parameters
    ----------
    rows : sequence of ClaimRow
        What is shown.
    """
    head = (
        "<thead><tr><th style='width:30%'>Compared</th><th class='num' style='width:12%'>Values"
        "</th><th class='iv'>Difference, 95 % interval; the band counts as equal</th>"
        "<th class='num' style='width:16%'></th><th>State</th></tr></thead>"
    )
    groups = "".join(_group(claim, group) for claim, group in grouped(rows))
    return (
        f"{STYLE}{BESIDE}{LOOK}<table class='tm beside claims'>{head}"
        f"<tbody>{groups}</tbody></table>"
    )


def _group(claim: Claim, rows: Sequence[ClaimRow]) -> str:
    note = f"<br><span class='small'>{escape(claim.note)}</span>" if claim.note else ""
    ends = (abs(end) for row in rows if row.found for end in (row.found.low, row.found.high))
    # The picture reaches as far as the widest row; without any there is none to draw.
    reach = max((2 * claim.margin, *ends), default=0.0) * 1.05 or 1.0
    return (
        f"<tr><td colspan='5' class='head'><b>{escape(claim.sentence)}</b> "
        f"<span class='small'>{escape(claim.source)}</span><br>"
        f"<span class='small'><code>{escape(claim.id)}</code> · {escape(measured_text(claim))}"
        f"</span>{note}</td></tr>" + "".join(_line(row, reach) for row in rows)
    )


def _line(row: ClaimRow, reach: float) -> str:
    first, second = (escape(text) for text in sides_text(row))
    if row.entry != row.against:
        first, second = _link(row, row.entry), _link(row, row.against)
    else:
        first = f"{_link(row, row.entry)}: {first}"
    one, two = (escape(text) for text in values_text(row))
    values = f"<b>{one}</b><span class='ends'>against {two}</span>" if row.found else one
    about = " · ".join(escape(text) for text in (row.suite, covers_text(row)) if text)
    difference, _, ends = gap_text(row).partition(" [")
    numbers = escape(gap_text(row))
    if row.found is not None:
        numbers = f"<b>{escape(difference)}</b><span class='ends'>[{escape(ends)}</span>"
    return (
        f"<tr style='--hue:{HUES[row.state]}'>"
        f"<td>{first} against {second}<br><span class='small'>{about}</span></td>"
        f"<td class='num'>{values}</td>"
        f"<td class='iv'>{_picture(row, reach)}"
        f"<span class='small'>{escape(cells_text(row))}</span></td>"
        f"<td class='num'>{numbers}</td>"
        f"<td>{_state(row.state, state_text(row))}</td></tr>"
    )


def _link(row: ClaimRow, name: str) -> str:
    """Link an entry's page; an entry without a record has none."""
    if row.found is None:
        return escape(name)
    return f"<a href='{entry_link(row.suite, name)}' target='_self'>{escape(name)}</a>"


def _state(state: State, words: str) -> str:
    idle = " idle" if state == "not run" else ""
    label, _, reason = words.partition(": ")
    more = f"<br><span class='small'>{escape(reason)}</span>" if reason else ""
    return (
        f"<span class='verdict{idle}' style='--hue:{HUES[state]}' title='{escape(STATES[state])}'>"
        f"{label}</span>{more}"
    )


def _picture(row: ClaimRow, reach: float) -> str:
    """Draw the interval around zero, with what counts as equal; nothing where nothing was run."""
    if row.found is None:
        return ""
    low, dot, high, down, up = (
        50 + 50 * value / reach
        for value in (
            *(row.found.low, row.found.difference, row.found.high),
            *(-row.claim.margin, row.claim.margin),
        )
    )
    side = "below" if row.claim.expected == "lower" else "above"
    width = difference_text(reach, row.claim.metric).lstrip("+")
    return (
        f"<div class='track' title='from −{width} to +{width}; expected {side} zero'>"
        "<span class='rail'></span>"
        f"<span class='band' style='left:{down:.2f}%;width:{up - down:.2f}%'></span>"
        "<span class='mid'></span>"
        f"<span class='bar' style='left:{low:.2f}%;width:{high - low:.2f}%'></span>"
        f"<span class='dot' style='left:{dot:.2f}%'></span></div>"
    )
