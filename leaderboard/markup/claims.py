"""What the literature claims as an HTML table: one line per row, its interval drawn around zero.

Texts come from claims and submissions, so every one is escaped.
"""

from collections.abc import Mapping, Sequence

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
from harness.rankings.html_table import Column, html_table, text
from leaderboard.colours import VERDICT_HUES
from leaderboard.markup.conformance import BESIDE, counted
from leaderboard.markup.parts import linked
from leaderboard.markup.table import STYLE, hint

LOOK = """
<style>
.tm.claims .group td {padding-top:1.1rem; border-top:2px solid
  color-mix(in srgb, currentColor 38%, transparent)}
.tm.claims .iv {width:26%}
.tm.claims td.num {white-space:normal}
@media (max-width: 640px) {
  .tm.claims {table-layout:auto}
  .tm.claims td {overflow-wrap:normal}
  .tm.claims .group td {overflow-wrap:anywhere}
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
    reach = {claim.id: _reach(claim, group) for claim, group in grouped(rows)}
    columns: list[Column[ClaimRow]] = [
        Column("Compared", _compared, width="30%"),
        Column("Values", _values, css="num", width="12%"),
        Column(
            "Difference, 95 % interval; the band counts as equal",
            lambda row: _drawn(row, reach[row.claim.id]),
            css="iv",
        ),
        Column("Difference", _numbers, css="num", width="16%"),
        Column("State", lambda row: _state(row.state, state_text(row))),
    ]
    table = html_table(
        columns,
        [row for _, group in grouped(rows) for row in group],
        caption="What the literature claims, beside what the records say",
        css="beside claims",
        line=lambda row: ("", f"--hue:{VERDICT_HUES[row.state]}"),
        above=lambda row, old: "" if old and old.claim.id == row.claim.id else _head(row.claim),
    )
    return f"{STYLE}{BESIDE}{LOOK}<div class='tm-wide'>{table}</div>"


def _reach(claim: Claim, rows: Sequence[ClaimRow]) -> float:
    """Return how far the picture goes: as far as the widest row of a claim."""
    ends = (abs(end) for row in rows if row.found for end in (row.found.low, row.found.high))
    return max((2 * claim.margin, *ends), default=0.0) * 1.05 or 1.0


def _head(claim: Claim) -> str:
    note = f"<br><span class='small'>{text(claim.note)}</span>" if claim.note else ""
    return (
        f"<b>{text(claim.sentence)}</b> <span class='small'>{text(claim.source)}</span><br>"
        f"<span class='small'><code>{text(claim.id)}</code> · {text(measured_text(claim))}"
        f"</span>{note}"
    )


def _compared(row: ClaimRow) -> str:
    first, second = (text(side) for side in sides_text(row))
    if row.entry != row.against:
        first, second = _link(row, row.entry), _link(row, row.against)
    else:
        first = f"{_link(row, row.entry)}: {first}"
    about = " · ".join(text(words) for words in (row.suite, covers_text(row)) if words)
    return f"{first} against {second}<br><span class='small'>{about}</span>"


def _values(row: ClaimRow) -> str:
    one, two = (text(words) for words in values_text(row))
    return f"<b>{one}</b><span class='ends'>against {two}</span>" if row.found else one


def _numbers(row: ClaimRow) -> str:
    difference, _, ends = gap_text(row).partition(" [")
    if row.found is None:
        return text(gap_text(row))
    return f"<b>{text(difference)}</b><span class='ends'>[{text(ends)}</span>"


def _drawn(row: ClaimRow, reach: float) -> str:
    return f"{_picture(row, reach)}<span class='small'>{text(cells_text(row))}</span>"


def _link(row: ClaimRow, name: str) -> str:
    """Link an entry's page; an entry without a record has none."""
    if row.found is None:
        return text(name)
    return linked(row.suite, name)


def _state(state: State, words: str) -> str:
    idle = " idle" if state == "not run" else ""
    label, _, reason = words.partition(": ")
    more = f"<br><span class='small'>{text(reason)}</span>" if reason else ""
    box = f"<span class='verdict{idle}' style='--hue:{VERDICT_HUES[state]}'>{label}</span>"
    return hint(box, STATES[state], css="bare end") + more


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
    return (
        "<div class='track'><span class='rail'></span>"
        f"<span class='band' style='left:{down:.2f}%;width:{up - down:.2f}%'></span>"
        "<span class='mid'></span>"
        f"<span class='bar' style='left:{low:.2f}%;width:{high - low:.2f}%'></span>"
        f"<span class='dot' style='left:{dot:.2f}%'></span></div>"
    )
