"""Published numbers beside ours as an HTML table: one line per number, the miss drawn to scale.

Texts come from submissions and from sources, so every one is escaped.
"""

from collections.abc import Mapping, Sequence

from harness.published.conformance import VERDICTS, ConformanceRow, Verdict
from harness.published.conformance_text import ours_text, published_text
from harness.published.protocols import Part
from harness.rankings.display import cell_label, interval_title, metric_title
from harness.rankings.html_table import Column, html_table, text
from leaderboard.colours import VERDICT_HUES
from leaderboard.markup.parts import badges, linked
from leaderboard.markup.table import STYLE, hint

REACH = 0.10
"""How far the picture goes to either side of the published value: ten points."""
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
@media (max-width: 640px) {
  .tm.beside .iv {display:none}
  .tm.beside .num, .tm.beside .verdict {white-space:normal}
  .tm.published th:nth-child(1) {width:29% !important}
  .tm.published th:nth-child(2), .tm.published th:nth-child(4) {width:24% !important}
}
.tm details summary {cursor:pointer; font-size:.78rem}
.tm.parts {font-size:.8rem; margin:.25rem 0}
.tm.parts td, .tm.parts th {padding:.1rem .6rem .1rem 0; font-size:.78rem; border:none}
.tm.parts tr {border:none !important}
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
    drawn = (
        f"Ours against it<span class='scale'><span>−{reach}</span>"
        f"<span>0</span><span>+{reach}</span></span>"
    )
    columns: list[Column[ConformanceRow]] = [
        Column("Method and cell", _method, width="19%"),
        Column("Published ± band", _published, width="24%"),
        Column(drawn, _picture, css="iv"),
        Column("Ours", _ours, css="num", width="14%"),
        Column("Verdict", lambda row: _verdict(row.verdict) + _protocols(row)),
    ]
    starts = [
        row.cell != old for row, old in zip(rows, [None, *(r.cell for r in rows)], strict=False)
    ]
    first = {id(row) for row, start in zip(rows, starts, strict=True) if start}
    table = html_table(
        columns,
        rows,
        caption="Published numbers beside ours",
        css="beside published",
        line=lambda row: (
            "first" if id(row) in first else "",
            f"--hue:{VERDICT_HUES[row.verdict]}",
        ),
    )
    return f"{STYLE}{BESIDE}<div class='tm-wide'>{table}</div>"


def _method(row: ConformanceRow) -> str:
    metric = "" if row.key == "test/balanced_accuracy" else f" · {text(metric_title(row.key))}"
    cell = f"{row.dataset} · {cell_label(row.cell)}"
    return f"<b>{text(row.method)}</b>{metric}<br><span class='small'>{text(cell)}</span>"


def _published(row: ConformanceRow) -> str:
    source = f"<span class='small'>{text(row.source)}</span> {badges([row.trust])}"
    return f"{text(published_text(row))}<br>{source}"


def _verdict(verdict: Verdict) -> str:
    idle = " idle" if verdict in ("not run", "not judged", "protocol unknown") else ""
    box = f"<span class='verdict{idle}' style='--hue:{VERDICT_HUES[verdict]}'>{verdict}</span>"
    return hint(box, VERDICTS[verdict], css="bare end")


def _ours(row: ConformanceRow) -> str:
    if row.ours is None:
        return text(ours_text(row))
    value, _, interval = ours_text(row).partition(" [")
    seeds = f"{row.ours.seeds} seed{'s' if row.ours.seeds > 1 else ''}"
    covers = hint(seeds, interval_title(row.ours.covers), css="end")
    return (
        f"<b>{text(value)}</b><span class='ends'>[{text(interval)}</span>"
        f"<span class='small'>{linked(row.ours.suite, row.ours.entry)} · {covers}</span>"
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
            beyond = "<span class='tm-sr'>beyond this scale</span>"
            inner += f"<span class='off' style='{side}:0'>{arrow}{beyond}</span>"
        else:
            left, right = max(low, 0), min(high, 100)
            inner += f"<span class='bar' style='left:{left:.2f}%;width:{right - left:.2f}%'></span>"
            if 0 <= dot <= 100:
                inner += f"<span class='dot' style='left:{dot:.2f}%'></span>"
    return f"<div class='track'>{inner}</div>"


def _protocols(row: ConformanceRow) -> str:
    """Return the protocols field by field, folded; how ours differs stands open in front."""
    differing = [part.words for part in row.protocol if row.ours and part.match == "differs"]
    opened = f"<br>{badges(differing)}" if differing else ""
    note = f"<br>{text(row.note)}" if row.note else ""
    ran = row.ours is not None
    columns: list[Column[Part]] = [
        Column("Setting", lambda part: text(part.name)),
        Column("Published", lambda part: text(part.published or "not stated")),
        Column("<span class='tm-sr'>agree</span>", lambda part: MARKS[part.match] if ran else ""),
        Column("Ours", lambda part: text((part.ours or "not known") if ran else "not run")),
    ]
    table = html_table(
        columns,
        row.protocol,
        caption="Protocol, published and ours",
        css="parts",
        line=lambda part: (part.match if ran else "", ""),
    )
    return f"{opened}<details><summary>protocol</summary>{note}{table}</details>"
