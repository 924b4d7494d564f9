"""How comparisons with published numbers are written: the same words in a terminal and on pages."""

from collections.abc import Sequence
from dataclasses import asdict

from harness.published.conformance import ConformanceRow
from harness.published.protocols import Part
from harness.rankings.display import (
    NONE,
    difference_text,
    interval_text,
    interval_title,
    value_text,
)
from harness.rankings.export import Rows

COLUMNS = (
    "dataset", "cell", "method", "metric", "published", "band", "trust", "source", "entry",
    "suite", "seeds", "value", "low", "high", "interval", "verdict", "differences", "protocol",
)  # fmt: skip
"""Of the CSV form; numbers are fractions."""


def published_text(row: ConformanceRow) -> str:
    """Return a published value with its band, e.g. ``70.4 % ± 2.0 pp (band)``."""
    band = difference_text(row.band, row.key).lstrip("+")
    return f"{value_text(row.published, row.key)} ± {band}"


def ours_text(row: ConformanceRow) -> str:
    """Return our value with its interval, or a dash where nothing was run."""
    if row.ours is None:
        return NONE
    ends = interval_text(row.ours.low, row.ours.high, row.key)
    return f"{value_text(row.ours.value, row.key)} {ends}"


def covers_text(row: ConformanceRow) -> str:
    """Return whose value ours is, over how many seeds, and what its interval covers."""
    if row.ours is None:
        return ""
    seeds = f"{row.ours.seeds} seed{'s' if row.ours.seeds > 1 else ''}"
    return f"{row.ours.entry}, {row.ours.suite}, {seeds}; {interval_title(row.ours.covers)}"


def source_text(row: ConformanceRow) -> str:
    """Return a source with how far to trust it and the protocol that it states."""
    return f"{row.source} ({row.trust}) · {published_protocol(row.protocol)}"


def published_protocol(parts: Sequence[Part]) -> str:
    """Return a published protocol in a line; what the source leaves unsaid is named last."""
    told = {part.name: part.published for part in parts if part.name != "settings"}
    epochs = told["epochs"] and f"{told['epochs']} epochs"
    selection = told["selection"] and f"scored: {told['selection']}"
    said = (told["backbone"], epochs, told["augmentation"], selection)
    unsaid = [name for name, value in told.items() if value is None]
    words = [word for word in said if word]
    if unsaid:
        words.append(f"not stated: {', '.join(unsaid)}")
    return "; ".join(words)


def conformance_rows(rows: Sequence[ConformanceRow]) -> Rows:
    """Return comparisons for the writer, in this order; fractions in full precision."""
    return Rows(COLUMNS, [_line(row) for row in rows], [_record(row) for row in rows])


def _line(row: ConformanceRow) -> tuple[object, ...]:
    o = row.ours
    own = ("", "", "", "", "", "", "")
    if o is not None:
        own = (o.entry, o.suite, o.seeds, o.value, o.low, o.high, o.covers)  # type: ignore[assignment]
    return (
        *(row.dataset, row.cell, row.method, row.key, row.published, row.band, row.trust),
        *(row.source, *own, row.verdict, "; ".join(row.differences)),
        published_protocol(row.protocol),
    )


def _record(row: ConformanceRow) -> dict[str, object]:
    protocol = {
        part.name: {"ours": part.ours, "published": part.published} for part in row.protocol
    }
    return asdict(row) | {"protocol": protocol, "differences": row.differences}
