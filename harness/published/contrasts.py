"""Differences of two sides of records: means over cells, paired by seed and by weighting.

A side is an entry's metric in some cells, or how much it changes between two groups of cells.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from jaxtyping import Float

from harness.errors import Undefined
from harness.records.records import Recorded
from harness.stats.intervals import paired_interval, shared_seeds


@dataclass(frozen=True)
class Term:
    """A mean over cells that enters a difference with a sign."""

    sign: int
    """1 or −1."""
    recorded: Recorded
    """Where its values lie."""
    variant: str
    """Post-hoc variant; empty for the entry itself."""
    key: str
    """Metric key."""
    cells: tuple[int, ...]
    """Indices into the suite's cells."""

    @property
    def values(self) -> Float[np.ndarray, "cells seeds"]:
        """Return the metric in every cell of the suite; NaN where it is undefined."""
        return self.recorded.values(self.variant, self.key)


@dataclass(frozen=True)
class Found:
    """The difference of two sides, with its interval."""

    first: float
    """Value of the first side: mean over cells of the mean over seeds, metric's units."""
    second: float
    """Value of the second side."""
    low: float
    """Lower end of the 95 % interval of first minus second."""
    high: float
    """Upper end."""
    covers: str
    """What the interval covers; ``no`` in front when there is none and both ends are the value."""
    seeds: int
    """Seeds that both sides have in every cell."""
    by_cell: tuple[tuple[str, float], ...]
    """First minus second in each cell, where both sides have the same cells; else empty."""

    @property
    def difference(self) -> float:
        """Return first minus second."""
        return self.first - self.second


def term_of(
    sign: int,
    recorded: Recorded,
    variant: str,
    key: str,
    pattern: str,
    among: Collection[int] | None = None,
) -> Term:
    """Return the mean of a metric over the cells that a pattern names.

    Parameters
    ----------
    sign : int
        1 or −1.
    recorded : Recorded
        A record that has the variant.
    variant, key : str
        Post-hoc variant (empty: the entry itself) and metric key.
    pattern : str
        Of cells without their data set, e.g. ``exp*-clean``.
    among : collection of int, optional
        Indices of the cells to look among; None: all.

    Raises
    ------
    Undefined
        If the suite has no such cell, or one of them has no value.
    """
    record = recorded.record
    cells = tuple(
        i
        for i, cell in enumerate(record.suite.cells)
        if fnmatchcase(cell.partition("-")[2], pattern) and (among is None or i in among)
    )
    if not cells:
        raise Undefined(f"{record.suite.id} has no cell like {pattern}")
    if key not in record.variants[variant].metrics:
        raise Undefined(f"{record.entry} has no {key}: {recorded.reason(variant, key)}")
    term = Term(sign, recorded, variant, key, cells)
    for i in cells:
        if not np.isfinite(term.values[i]).any():
            why = recorded.reason(variant, key, i)
            raise Undefined(f"{record.entry} has no {key} in {record.suite.cells[i]}: {why}")
    return term


def difference_of(first: tuple[Term, ...], second: tuple[Term, ...]) -> Found:
    """Return first minus second with its 95 % interval.

    Where every side has stored replicates the interval covers seeds and test set, paired by
    weighting as between any two entries; else it is a t interval over seeds.

    Parameters
    ----------
    first, second : tuple of Term
        Terms of records that `check_paired` lets through.

    Raises
    ------
    Undefined
        If no seed has a value of every term.

    References
    ----------
    PROTOCOL section 5, "Interval".
    """
    opposite = tuple(Term(-t.sign, t.recorded, t.variant, t.key, t.cells) for t in second)
    terms = first + opposite
    every = _gaps(terms, [term.values for term in terms])
    gaps = np.stack(list(every.values()))
    shared = shared_seeds(gaps)
    interval = paired_interval(gaps * len(gaps), _replicate_gaps(terms))
    names = first[0].recorded.record.suite.cells
    alike = len(first) == 1 and first[0].cells == second[0].cells
    each = {names[i]: float(gap[shared].mean()) for i, gap in every.items()} if alike else {}
    return Found(
        _level(first, shared),
        _level(second, shared),
        interval.low,
        interval.high,
        interval.covers,
        int(shared.sum()),
        # Gaps add up to the difference; of one cell among M they are an M-th.
        tuple((name, gap * len(each)) for name, gap in each.items()),
    )


def _gaps(terms: tuple[Term, ...], arrays: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """Return what each cell adds to a difference, by seed; in a cell all terms are paired."""
    gaps: dict[int, np.ndarray] = {}
    for term, array in zip(terms, arrays, strict=True):
        for i in term.cells:
            gaps[i] = gaps.get(i, 0) + term.sign * array[i].astype(np.float64) / len(term.cells)
    return gaps


def _level(side: tuple[Term, ...], shared: np.ndarray) -> float:
    """Return the value of one side over the seeds that both have."""
    parts = (t.sign * t.values[list(t.cells)][:, shared].mean() for t in side)
    return float(sum(parts))


def _replicate_gaps(terms: tuple[Term, ...]) -> Float[np.ndarray, "cells seeds b"] | None:
    """Return the difference under every weighting, or None when a term has no replicates.

    An interval is of a mean over cells; a difference of terms is their sum.
    """
    kept = [term.recorded.replicates(term.variant, term.key) for term in terms]
    stored = [array for array in kept if array is not None]
    if len(stored) < len(terms):
        return None
    every = _gaps(terms, stored)
    return np.stack(list(every.values())) * len(every)
