"""Published numbers beside ours as an HTML table: one line a number, the miss drawn to scale.

Texts come from submissions and from sources, so every one is escaped.
"""

from collections.abc import Mapping, Sequence
from html import escape

from harness.published.conformance import VERDICTS, ConformanceRow, Verdict
from harness.published.conformance_text import covers_text, ours_text, published_text
from harness.published.protocols import Part
from harness.rankings.display import cell_label, interval_title, metric_title
from leaderboard.markup.ranking import STYLE, badges, entry_link

REACH = 0.10
"""How far the picture goes to either side of the published value: ten points."""
HUES: dict[Verdict, str] = {
    "inside": "#009e73",
    "above": "#2f8fc9",
    "below": "#d55e00",
    "cannot tell": "#e69f00",
    "protocol differs": "#cc79a7",
    "protocol unknown": "#8a8f98",
    "not judged": "#8a8f98",
    "not run": "#8a8f98",
}
"""Verdict → its colour; every verdict stands there in words, too."""
MARKS = {"same": "=", "differs": "≠", "unknown": "?"}
BESIDE = """
<style>
.tm.beside {table-layout:fixed}
.tm.beside td {overflow-wrap:anywhere; vertical-align:top}
.tm.beside .iv {min-width:0; width:19%}
.tm .verdict {display:inline-block; padding:0 .55em; line-height:1.6;
  border-radius:.35em; font-weight:600;
  white-space:nowrap; border:1.5px solid var(--hue);
  background:color-mix(in srgb, var(--hue) 18%, transparent)}
.tm .verdict.idle {border-style:dashed; font-weight:400; background:none}
.tm .band {position:absolute; top:15%; height:70%; opacity:.16; background:currentColor}
.tm .mid {position:absolute; left:50%; top:5%; height:90%; width:1.5px; opacity:.55;
  background:currentColor}
.tm .small {font-size:.78rem; opacity:.75; white-space:normal}
@media (max-width: 640px) { .tm.beside .iv {display:none} }
.tm details summary {cursor:pointer; font-size:.78rem; opacity:.75}
.tm .parts {font-size:.8rem; border-collapse:collapse; margin:.25rem 0}
.tm .parts td, .tm .parts th {padding:.1rem .6rem .1rem 0; font-size:.78rem; border:none}
.tm .parts tr {border:none !important}
.tm .differs td {font-weight:700}
</style>
"""


def verdict_counts(counts: Mapping[Verdict, int]) -> str:
    """Return how many rows have each verdict, all of them named."""
    return counted({_verdict(verdict): n for verdict, n in counts.items()})


def counted(boxes: Mapping[str, int]) -> str:
    """Return boxes in a line as HTML, each before its count.

    Parameters
    ----------
    boxes : mapping of str to int
        Safe HTML → how many rows it stands for.
    """
    pairs = "".join(
        f"<span style='margin-right:.7rem; white-space:nowrap'>{box} {n}</span>"
        for box, n in boxes.items()
    )
    return f"{STYLE}{BESIDE}<div class='tm' style='line-height:2.1'>{pairs}</div>"


def conformance_table(rows: Sequence[ConformanceRow]) -> str:
    """Return comparisons as HTML, in the order given.

    Parameters
    ----------
    rows : sequence of ConformanceRow
        What is shown.
    """
    reach = f"{100 * REACH:.0f} pp"
    head = (
        "<thead><tr><th style='width:19%'>Method and cell</th>"
        "<th style='width:24%'>Published ± band</th>"
        f"<th class='iv'>Ours against it<span class='scale'><span>−{reach}</span>"
        f"<span>0</span><span>+{reach}</span></span></th>"
        "<th class='num' style='width:14%'>Ours</th><th>Verdict</th></tr></thead>"
    )
    before = [None, *(row.cell for row in rows)]
    lines = [_line(row, first=row.cell != cell) for row, cell in zip(rows, before, strict=False)]
    return f"{STYLE}{BESIDE}<table class='tm beside'>{head}<tbody>{''.join(lines)}</tbody></table>"


def _line(row: ConformanceRow, *, first: bool) -> str:
    metric = "" if row.key == "test/balanced_accuracy" else f" · {escape(metric_title(row.key))}"
    cell = f"{row.dataset} · {cell_label(row.cell)}"
    return (
        f"<tr class='{'first' if first else ''}' style='--hue:{HUES[row.verdict]}'>"
        f"<td><b>{escape(row.method)}</b>{metric}"
        f"<br><span class='small'>{escape(cell)}</span></td>"
        f"<td>{escape(published_text(row))}<br><span class='small'>{escape(row.source)}</span> "
        f"{badges([row.trust])}</td>"
        f"<td class='iv'>{_picture(row)}</td>"
        f"<td class='num'>{_ours(row)}</td>"
        f"<td>{_verdict(row.verdict)}{_protocols(row)}</td></tr>"
    )


def _verdict(verdict: Verdict) -> str:
    idle = " idle" if verdict in ("not run", "not judged", "protocol unknown") else ""
    meaning = escape(VERDICTS[verdict])
    return (
        f"<span class='verdict{idle}' style='--hue:{HUES[verdict]}' title='{meaning}'>"
        f"{verdict}</span>"
    )


def _ours(row: ConformanceRow) -> str:
    if row.ours is None:
        return escape(ours_text(row))
    value, _, interval = ours_text(row).partition(" [")
    link = entry_link(row.ours.suite, row.ours.entry)
    return (
        f"<b>{escape(value)}</b><span class='ends'>[{escape(interval)}</span>"
        f"<span class='small' title='{escape(interval_title(row.ours.covers))}'>"
        f"<a href='{link}' target='_self'>{escape(row.ours.entry)}</a> · "
        f"{row.ours.seeds} seed{'s' if row.ours.seeds > 1 else ''}</span>"
    )


def _picture(row: ConformanceRow) -> str:
    """Draw our interval around the published value, or an arrow where it lies beyond."""
    half = 50 * min(row.band / REACH, 1)
    band = f"<span class='band' style='left:{50 - half:.2f}%;width:{2 * half:.2f}%'></span>"
    inner = f"<span class='rail'></span>{band}<span class='mid'></span>"
    if row.ours is not None:
        low, dot, high = (
            50 + 50 * (value - row.published) / REACH
            for value in (row.ours.low, row.ours.value, row.ours.high)
        )
        if high < 0 or low > 100:
            side, arrow = ("left", "←") if high < 0 else ("right", "→")
            inner += f"<span class='off' style='{side}:0' title='beyond this scale'>{arrow}</span>"
        else:
            left, right = max(low, 0), min(high, 100)
            inner += f"<span class='bar' style='left:{left:.2f}%;width:{right - left:.2f}%'></span>"
            if 0 <= dot <= 100:
                inner += f"<span class='dot' style='left:{dot:.2f}%'></span>"
    return f"<div class='track' title='{escape(covers_text(row))}'>{inner}</div>"


def _protocols(row: ConformanceRow) -> str:
    """Return the protocols field by field, folded; how ours differs stands open in front."""
    differing = [part.words for part in row.protocol if row.ours and part.match == "differs"]
    opened = f"<br>{badges(differing)}" if differing else ""
    note = f"<br>{escape(row.note)}" if row.note else ""
    lines = "".join(_part(part, ran=row.ours is not None) for part in row.protocol)
    return (
        f"{opened}<details><summary>protocol</summary>{note}<table class='parts'>"
        f"<tr><th></th><th>published</th><th></th><th>ours</th></tr>{lines}</table></details>"
    )


def _part(part: Part, *, ran: bool) -> str:
    ours = (part.ours or "not known") if ran else "not run"
    mark = MARKS[part.match] if ran else ""
    return (
        f"<tr class='{part.match if ran else ''}'><td>{escape(part.name)}</td>"
        f"<td>{escape(part.published or 'not stated')}</td><td>{mark}</td>"
        f"<td>{escape(ours)}</td></tr>"
    )
