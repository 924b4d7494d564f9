"""How many seeds a difference needs to be seen, from the spread of the pairs that records have."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from harness.errors import SpecError
from harness.rankings.class_recalls import class_recalls
from harness.rankings.comparing import row_named
from harness.rankings.export import Rows
from harness.rankings.field import Candidate, cell_indices, values_of
from harness.stats.intervals import LEVEL, Side
from harness.stats.planning import detectable, seeds_to_detect
from harness.stats.spread import MIN_SEEDS, Spread
from harness.stats.verdicts import spread_for_plans

MOST_ENTRIES = 20
"""Entries whose pairs stand for the field where none is named: evenly over the order by name."""


@dataclass(frozen=True)
class PowerRow:
    """What one cell, or the mean over cells, can tell apart."""

    cell: str | None
    """Cell; None: the mean over cells."""
    pairs: int
    """Pairs of entries whose spread was used."""
    seeds: int | None
    """Seeds with which the median pair shows the difference with 80 % power; None: not by seeds."""
    most_seeds: int | None
    """The same for nine of ten pairs."""
    detectable: float
    """Smallest difference that the median pair shows with the seeds there are."""


def plan_power(
    rows: Sequence[Candidate],
    detect: float,
    *,
    names: Sequence[str] = (),
    key: str | None = None,
    cells: Sequence[str] | None = None,
) -> list[PowerRow]:
    """Return for the mean over cells and each cell how many seeds a difference needs.

    Parameters
    ----------
    rows : sequence of Candidate
        The suite's rows.
    detect : float
        Difference that is to be seen, above 0, natural units.
    names : sequence of str, optional
        Rows that the new entry is like: their pairs give the spread. One name: its pairs with
        all others. None: pairs over the whole field.
    key : str, optional
        Metric key with stored replicates; default: the suite's primary metric.
    cells : sequence of str, optional
        Cells that are averaged; default: all.

    Raises
    ------
    SpecError
        If the difference is not above 0, or no pair has three seeds of the metric.
    UnknownNameError
        If a row or cell does not exist.
    """
    if not (np.isfinite(detect) and detect > 0):
        raise SpecError(f"The difference must be above 0; got {detect}. Write for example 0.01.")
    if not rows:
        raise SpecError("There is no record to take the spread from. Run: tailmark run")
    stamp = rows[0].recorded.record.suite
    key = key or stamp.primary
    index = cell_indices(stamp.cells, cells, stamp.id)
    named = [row_named(rows, name) for name in names]
    usable = [row for row in rows if _usable(row, key, index)]
    pairs = _pairs(usable, [row for row in named if _usable(row, key, index)])
    if not pairs:
        raise SpecError(
            f"No pair of rows of {stamp.id} has replicates of {key} with {MIN_SEEDS} seeds in "
            "these cells. Name other cells, or another metric."
        )
    planned = [_row(None, pairs, key, index, detect)]
    if len(index) > 1:
        planned += [_row(stamp.cells[i], pairs, key, [i], detect) for i in index]
    return planned


def _usable(row: Candidate, key: str, index: Sequence[int]) -> bool:
    values = values_of(row, key, index)
    enough = values.shape[1] >= MIN_SEEDS and bool(np.isfinite(values).all())
    return enough and row.recorded.replicates(row.variant, row.key(key)) is not None


def _pairs(
    usable: Sequence[Candidate], named: Sequence[Candidate]
) -> list[tuple[Candidate, Candidate]]:
    if len(named) == 1:
        return [(named[0], row) for row in usable if row.name != named[0].name]
    chosen = named or sorted(usable, key=lambda row: row.name)
    step = max(1, -(-len(chosen) // MOST_ENTRIES))
    return list(combinations(chosen[::step], 2))


def _row(
    cell: str | None,
    pairs: Sequence[tuple[Candidate, Candidate]],
    key: str,
    index: Sequence[int],
    detect: float,
) -> PowerRow:
    spreads = [_spread(one, two, key, index) for one, two in pairs]
    needed = sorted(
        np.inf if seeds is None else float(seeds)
        for seeds in (seeds_to_detect(detect, each, LEVEL) for each in spreads)
    )
    least = float(np.median([detectable(each, LEVEL) for each in spreads]))
    middle, most = (needed[min(len(needed) - 1, int(q * len(needed)))] for q in (0.5, 0.9))
    return PowerRow(cell, len(pairs), _finite(middle), _finite(most), least)


def _finite(seeds: float) -> int | None:
    return None if np.isinf(seeds) else int(seeds)


def _spread(one: Candidate, two: Candidate, key: str, index: Sequence[int]) -> Spread:
    sides, images = [], []
    for row in (one, two):
        stored = row.recorded.replicates(row.variant, row.key(key))
        assert stored is not None, "only usable rows are paired"
        side = Side(values_of(row, key, index), stored[list(index)])
        mean = float(side.values.mean())
        sides.append(side)
        images.append(class_recalls(row.recorded, row.variant, key, list(index), mean))
    return spread_for_plans(sides[0], sides[1], (images[0], images[1]))


def power_rows(found: Sequence[PowerRow]) -> Rows:
    """Return the plan for the writer: the mean over cells first, its cell an empty field."""
    columns = ("cell", "pairs", "seeds", "most_seeds", "detectable")
    return Rows(columns, [tuple(asdict(row)[c] for c in columns) for row in found])
