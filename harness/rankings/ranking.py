"""From records to a ranking: values, intervals, rank intervals and tie classes of one suite.

The field is everything the track lets in. Hiding a row on a page never moves another one; another
track is another field and is computed again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from harness.data.suites.own import suite_named
from harness.errors import SpecError
from harness.lookup import unknown
from harness.metrics.table import Metric
from harness.rankings.class_recalls import few_class_recalls
from harness.rankings.declared import declaration_flags, undeclared
from harness.rankings.field import TRACKS as TRACKS
from harness.rankings.field import (
    Candidate,
    Field,
    admitted,
    cell_indices,
    known_keys,
    metric_of,
    stored_keys,
    values_of,
)
from harness.rankings.flags import review_flags
from harness.records.reading import LeftOut
from harness.records.reasons import reason_words
from harness.records.seeds import only_seeds
from harness.stats.spread import MIN_SEEDS
from harness.stats.standing import Summary, stand_summaries
from harness.types import MissingRow, RankedRow, Ranking


def rank(
    rows: Sequence[Candidate],
    *,
    suite: str,
    key: str | None = None,
    track: str = "open",
    cells: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    notes: Sequence[str] = (),
) -> Ranking:
    """Rank candidates by one metric.

    Parameters
    ----------
    rows : sequence of Candidate
        The whole field.
    suite : str
        Suite id, for the title.
    key : str, optional
        Metric key; default: the suite's primary metric. Without stored replicates rows go by
        value alone: no intervals, no rank intervals, no tie classes.
    track : str, default="open"
        A name in TRACKS.
    cells : sequence of str, optional
        Average these cells only.
    seeds : sequence of int, optional
        Of these seeds only.
    notes : sequence of str
        What the numbers do not cover.

    Raises
    ------
    UnknownNameError
        If track, metric, cell or seed is unknown, or no suite has the name and no row is there.
    SpecError
        If there is no row.
    """
    if track not in TRACKS:
        raise unknown("track", track, TRACKS)
    left_out = rows.left_out if isinstance(rows, Field) else ()
    if not rows:
        if not left_out:
            suite_named(suite)
        lost = "".join(f" Left out: {each}" for each in left_out)
        raise SpecError(
            f"A ranking of {suite} needs at least one record; found none.{lost} "
            f"Run: tailmark run --suite {suite}"
        )
    if seeds:
        rows = [replace(row, recorded=only_seeds(row.recorded, seeds)) for row in rows]
    stamp = rows[0].recorded.record.suite
    key = key or stamp.primary
    if key not in (known := known_keys(rows)):
        raise unknown("metric key", key, known)
    metric = metric_of(key)
    higher = metric.direction != "lower"
    index = cell_indices(stamp.cells, cells, suite)
    stored, void = _basis(rows, key, index, named=cells is not None)
    index = [i for i in index if i not in void]
    ranked = [row for row in rows if admitted(row, track) and row.ranked]
    adapting = [row for row in rows if track == "open" and row.facets.get("transductive")]
    beside = [row for row in adapting if not undeclared(row.facets)]
    loose = [row for row in rows if row.ranked and undeclared(row.facets)]
    place = partial(_by_replicates if stored else _by_value, key=key, metric=metric, index=index)
    whole = [(row, found) for row in ranked if (found := _summary(row, key, index, stored))]
    flanked = [(row, found) for row in beside if (found := _summary(row, key, index, stored))]
    alone = [(row, found) for row in loose if (found := _summary(row, key, index, stored))]
    main = place(whole)
    aside = place([*whole, *flanked]) if flanked else _Table({}, {})
    placed = {row.name for row, _ in (*whole, *flanked, *alone) if row.ranked}
    best_first = sorted(main.rows.values(), key=lambda r: main.order[r.name])
    flagged = review_flags(best_first, rows, higher_is_better=higher)
    return Ranking(
        suite=suite,
        key=key,
        higher_is_better=higher,
        track=track,
        cells=tuple(stamp.cells[i] for i in index),
        seeds=stamp.seeds,
        rows=tuple(flagged),
        beside=(
            *(aside.rows[r.name] for r in beside if r.name in aside.rows),
            *(_unplaced(place([each]).rows[each[0].name]) for each in alone),
        ),
        missing=(
            *(
                _missing(row, key, index)
                for row in (*ranked, *beside, *loose, *(r for r in rows if not r.ranked))
                if row.name not in placed
            ),
            *_left_out_rows(left_out, {row.name for row in rows}, len(index)),
        ),
        notes=(*_left_out(rows, key, void), *_unclassed(best_first), *notes),
    )


def _unplaced(row: RankedRow) -> RankedRow:
    """Return a row that is compared with no other: its value and interval, and why."""
    flags = (*row.flags, *declaration_flags(row.facets))
    return replace(row, rank_low=None, rank_high=None, tie_class=None, flags=flags)


def _left_out_rows(
    left_out: Sequence[LeftOut], taken: Collection[str], cells: int
) -> list[MissingRow]:
    """List records that were left out; one beside a good record of its entry says which it is."""
    return [
        MissingRow(
            f"{each.name} (another record)" if each.name in taken else each.name,
            f"left out: {each.reason}",
            (None,) * cells,
        )
        for each in left_out
    ]


def _basis(
    rows: Sequence[Candidate], key: str, index: Sequence[int], *, named: bool
) -> tuple[bool, list[int]]:
    """Return whether rows go by stored replicates, else by value; and the cells without the metric.

    A metric may have replicates in one entry only, whose declared score it is. In cells where that
    entry has none, the others are not without a value: they go by it.
    """
    kept = stored_keys(rows)

    def void_cells(stored: bool) -> list[int]:
        return [] if named and stored else _void_cells(rows, key, index, stored=stored)

    def some_row(stored: bool, void: Sequence[int]) -> bool:
        cells = [i for i in index if i not in void]
        return any(row.ranked and _summary(row, key, cells, stored) for row in rows)

    stored = key in kept or not kept  # of a field without any replicates every row is missing
    void = void_cells(stored)
    if key in kept and not some_row(True, void):
        without = void_cells(False)
        if some_row(False, without):
            return False, without
    return stored, void


def _void_cells(
    rows: Sequence[Candidate], key: str, index: Sequence[int], *, stored: bool
) -> list[int]:
    """Return the cells in which the metric does not exist for any entry, as each record says.

    A metric that is nowhere stored may exist in some data sets only, such as another truth: its
    cells are those in which some row has a value.
    """
    entries = [row for row in rows if not row.variant]
    if stored:
        void = [i for i in index if all(_void_reason(row, key, i) for row in entries)]
    else:
        void = [i for i in index if not any(_valued(row, key, i) for row in rows)]
    return void if len(void) < len(index) else []


def _void_reason(row: Candidate, key: str, cell: int) -> str | None:
    return row.recorded.void_reason(row.variant, row.key(key), cell)


def _valued(row: Candidate, key: str, cell: int) -> bool:
    return bool(np.isfinite(values_of(row, key, [cell])).any())


def _left_out(rows: Sequence[Candidate], key: str, void: Sequence[int]) -> list[str]:
    if not void:
        return []
    names = ", ".join(rows[0].recorded.record.suite.cells[i] for i in void)
    reason = _void_reason(rows[0], key, void[0]) or "no row has one"
    return [f"Cells left out, where the metric has no value ({reason}): {names}."]


def _unclassed(rows: Sequence[RankedRow]) -> list[str]:
    """Say why rows with an interval are not classed."""
    count = sum(row.interval_kind is not None and row.tie_class is None for row in rows)
    if not count:
        return []
    who = "1 row" if count == 1 else f"{count} rows"
    return [
        f"Not classed: {who} by value alone; spread over seeds unknown, needs {MIN_SEEDS} seeds."
    ]


@dataclass(frozen=True)
class _Table:
    rows: Mapping[str, RankedRow]
    order: Mapping[str, int]


def _by_value(
    whole: Sequence[tuple[Candidate, Summary]], *, key: str, metric: Metric, index: Sequence[int]
) -> _Table:
    """Return rows best first by their values alone, without intervals; ties by name."""
    table = {row.name: _row(row, float(found.values.mean()), found.values) for row, found in whole}
    sign = 1 if metric.direction == "lower" else -1
    order = sorted(table, key=lambda name: (sign * table[name].value, name))
    return _Table(table, {name: position for position, name in enumerate(order)})


def _summary(row: Candidate, key: str, index: Sequence[int], stored: bool) -> Summary | None:
    """Return what a ranking keeps of a row, or None when a value or replicate is missing."""
    values = values_of(row, key, index)
    if not np.isfinite(values).all():
        return None
    if not stored:
        return Summary(row.name, values, np.empty((values.shape[1], 0)))
    streams = row.recorded.streams(row.variant, row.key(key), index)
    if streams is None:
        return None
    images = few_class_recalls(row.recorded, row.variant, key, index, float(values.mean()))
    return Summary(row.name, values, streams, row.recorded.record.deterministic, images)


def _by_replicates(
    whole: Sequence[tuple[Candidate, Summary]], *, key: str, metric: Metric, index: Sequence[int]
) -> _Table:
    """Return the rows with an overall value, placed against each other with intervals."""
    standings = stand_summaries(
        [summary for _, summary in whole],
        higher_is_better=metric.direction == "higher",
        scale=metric.scale,
    )
    by_name = {row.name: (row, summary.values) for row, summary in whole}
    table = {}
    for standing in standings:
        row, cells = by_name[standing.name]
        table[standing.name] = replace(
            _row(row, standing.value, cells),
            low=standing.low,
            high=standing.high,
            interval_kind=standing.kind,
            rank_low=standing.rank_low,
            rank_high=standing.rank_high,
            tie_class=standing.tie_class,
        )
    return _Table(table, {s.name: position for position, s in enumerate(standings)})


def _row(row: Candidate, value: float, values: Float[np.ndarray, "cells seeds"]) -> RankedRow:
    """Return a row by its value alone: no interval, no rank interval, no tie class."""
    return RankedRow(
        name=row.name,
        title=row.name,
        value=value,
        low=None,
        high=None,
        interval_kind=None,
        rank_low=None,
        rank_high=None,
        tie_class=None,
        cells=tuple(float(v) for v in values.mean(axis=1)),
        tier=row.tier,
        facets=row.facets,
        local=row.local,
    )


def _missing(row: Candidate, key: str, index: Sequence[int]) -> MissingRow:
    """Say in words what keeps a candidate out of the ranking."""
    record = row.recorded.record
    values = values_of(row, key, index)
    absent = ~np.isfinite(values)
    cells = [record.suite.cells[i] for i in index]
    if row.tier == "claimed" and row.local:
        words = (
            "it lies in the store, and no run here noted that it made it. "
            f"Run: tailmark run {record.entry} --suite {record.suite.id}"
        )
    elif row.tier == "claimed":
        words = "tier is claimed: nothing that was verified stands behind its numbers"
    elif absent.any():
        where = [c for c, gone in zip(cells, absent.any(axis=1), strict=True) if gone]
        gone = {record.suite.cells.index(cell) for cell in where}
        found = row.recorded.reasons(row.variant, row.key(key), gone)
        reasons = {reason_words(record, reason) for reason in found}
        errors = {j.error for j in record.jobs if j.error and record.suite.cells[j.cell] in where}
        why = sorted(reasons | {e.splitlines()[0] for e in errors}) or ["not run"]
        shown = ", ".join(where[:3]) + (f" and {len(where) - 3} more" if len(where) > 3 else "")
        words = f"{int(absent.sum())} of {absent.size} jobs ({shown}): {why[0]}"
    else:
        words = "no replicates of this metric are stored"
    means = [
        None if gone.any() else float(v.mean()) for v, gone in zip(values, absent, strict=True)
    ]
    return MissingRow(row.name, words, tuple(means))
