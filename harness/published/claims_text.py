"""How claims on records are written: the same words in a terminal and on pages."""

from collections.abc import Sequence

from harness.metric_keys import differing_parts
from harness.published.claims import Claim, ClaimRow
from harness.rankings.display import (
    NONE,
    cell_label,
    difference_text,
    interval_title,
    metric_title,
    value_text,
)
from harness.rankings.export import Rows

PREFACE = (
    "95 % intervals cover training seeds and, where replicates are stored, the test set, each row "
    "by itself; these are small suites, so a row says what holds on them, not in general."
)
"""What stands above every table of claims."""
COLUMNS = (
    "claim", "sentence", "source", "suite", "entry", "against", "metric", "against_metric", "cells",
    "against_cells", "change_from", "expected", "margin", "first", "second", "difference", "low",
    "high", "interval", "seeds", "state", "reason", "by_cell", "note",
)  # fmt: skip
"""Of the CSV form; numbers are in the metric's units, shares as fractions."""


def measured_text(claim: Claim) -> str:
    """Return what is compared: metric, cells, the expected side and what counts as equal."""
    margin = difference_text(claim.margin, claim.metric).lstrip("+")
    change = "" if claim.change_from is None else f"change from {claim.change_from} to "
    cells = f"{change}{claim.cells}"
    if claim.against_cells is not None:
        cells += f" against {claim.against_cells}"
    if claim.shared:
        cells += " that both have"
    title = metric_title(claim.metric)
    if claim.against_metric is not None:
        title += f" against {metric_title(claim.against_metric)}"
    return f"{title}; {cells}; expected {claim.expected}, equal within {margin}"


def sides_text(row: ClaimRow) -> tuple[str, str]:
    """Return the names of the two sides: entries, or what differs within one entry."""
    claim = row.claim
    if row.entry != row.against:
        return row.entry, row.against
    if claim.against_metric is not None:
        return differing_parts(claim.metric, claim.against_metric)
    return claim.cells, claim.against_cells or claim.cells


def values_text(row: ClaimRow) -> tuple[str, str]:
    """Return the values of the two sides; changes carry a sign."""
    if row.found is None:
        return NONE, NONE
    write = value_text if row.claim.change_from is None else difference_text
    other = row.claim.against_metric or row.claim.metric
    return write(row.found.first, row.claim.metric), write(row.found.second, other)


def gap_text(row: ClaimRow) -> str:
    """Return the difference with its interval, or what is missing."""
    if row.found is None:
        return row.reason
    key = row.claim.metric
    ends = (_end(value, key) for value in (row.found.low, row.found.high))
    return f"{difference_text(row.found.difference, key)} [{', '.join(ends)}]"


def _end(value: float, key: str) -> str:
    """Return one end of an interval: its side decides the state, so it is written of 0.0, too."""
    text = difference_text(value, key).removesuffix(" pp")
    return text if text[0] in "+−" or value == 0 else f"{'+' if value > 0 else '−'}{text}"


def state_text(row: ClaimRow) -> str:
    """Return a state with which miss it is; what is missing stands in place of the numbers."""
    alone = row.state == "not run" or not row.reason
    return row.state if alone else f"{row.state}: {row.reason}"


def covers_text(row: ClaimRow) -> str:
    """Return what a row's interval covers and over how many seeds; empty when not run."""
    if row.found is None:
        return ""
    seeds = f"{row.found.seeds} seed{'' if row.found.seeds == 1 else 's'}"
    if row.found.covers.startswith("no "):
        return row.found.covers
    return f"{interval_title(row.found.covers)}, {seeds}"


def cells_text(row: ClaimRow) -> str:
    """Return the difference in each cell where there are several; else empty."""
    if row.found is None or len(row.found.by_cell) < 2:
        return ""
    each = (
        f"{cell_label(cell)}: {difference_text(gap, row.claim.metric)}"
        for cell, gap in row.found.by_cell
    )
    return "; ".join(each)


def grouped(rows: Sequence[ClaimRow]) -> list[tuple[Claim, list[ClaimRow]]]:
    """Return the rows of each claim, claims in the order of their first row."""
    groups: dict[str, list[ClaimRow]] = {}
    for row in rows:
        groups.setdefault(row.claim.id, []).append(row)
    return [(group[0].claim, group) for group in groups.values()]


def missing_records(rows: Sequence[ClaimRow]) -> dict[str, tuple[str, ...]]:
    """Return suite → entries whose records some row lacks, each once."""
    wanted: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.missing:
            wanted.setdefault(row.suite, {}).update(dict.fromkeys(row.missing))
    return {suite: tuple(entries) for suite, entries in wanted.items()}


def not_run_text(rows: Sequence[ClaimRow]) -> list[str]:
    """Return a sentence part for every row that was not run, those without a record by suite."""
    lines = [
        f"not run on {suite}: no record of {', '.join(entries)}"
        for suite, entries in missing_records(rows).items()
    ]
    return lines + [
        f"not run on {row.suite}: {' against '.join(sides_text(row))}, {row.reason}"
        for row in rows
        if row.found is None and not row.missing
    ]


def claim_rows(rows: Sequence[ClaimRow]) -> Rows:
    """Return claims for the writer, in this order; numbers in full precision."""
    return Rows(COLUMNS, [_line(row) for row in rows], [_record(row) for row in rows])


def _line(row: ClaimRow) -> list[object]:
    """Return a row's fields for CSV: what JSON nests is joined into a text."""
    by_cell = "; ".join(f"{cell}: {gap:.6g}" for cell, gap in _by_cell(row).items())
    return [*(_record(row) | {"cells": " ".join(row.cells), "by_cell": by_cell}).values()]


def _by_cell(row: ClaimRow) -> dict[str, float]:
    return {} if row.found is None else dict(row.found.by_cell)


def _record(row: ClaimRow) -> dict[str, object]:
    claim, found = row.claim, row.found
    numbers: tuple[object, ...] = (None,) * 7
    if found is not None:
        ends = (found.low, found.high, found.covers, found.seeds)
        numbers = (found.first, found.second, found.difference, *ends)
    values = (
        *(claim.id, claim.sentence, claim.source, row.suite, row.entry, row.against),
        *(claim.metric, claim.against_metric or claim.metric, row.cells),
        *(claim.against_cells, claim.change_from, claim.expected, claim.margin),
        *(*numbers, row.state, row.reason, _by_cell(row), claim.note),
    )
    return dict(zip(COLUMNS, values, strict=True))
