"""The ranking of every cell of a suite by itself; the arrays of each record are opened once.

Each ranking is that of `rank` with one cell. Ranking cell by cell would open the arrays of every
record once per cell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from harness.errors import HarnessError
from harness.rankings.field import Candidate, Field
from harness.rankings.ranking import rank
from harness.records.later import LazyArrays
from harness.records.records import Recorded, averaged
from harness.types import Ranking

HELD = 1 << 27
"""Bytes of replicates that are in memory at the same time."""


def rank_cells(
    rows: Sequence[Candidate],
    *,
    suite: str,
    key: str | None = None,
    track: str = "open",
    notes: Sequence[str] = (),
) -> dict[str, Ranking]:
    """Return cell → the ranking over that cell alone, in the suite's order.

    Parameters
    ----------
    rows, suite, key, track, notes
        As in `harness.rankings.ranking.rank`; at least one row.

    Raises
    ------
    UnknownNameError
        If track or metric is unknown.
    """
    stamp = rows[0].recorded.record.suite
    key = key or stamp.primary
    found: dict[str, Ranking] = {}
    for places in _blocks(rows, key, len(stamp.cells)):
        kept = tuple(replace(row, recorded=_held(row, key, places)) for row in rows)
        block = replace(rows, rows=kept) if isinstance(rows, Field) else kept
        for place in places:
            cell = stamp.cells[place]
            found[cell] = rank(
                block, suite=suite, key=key, track=track, cells=[cell], notes=notes
            )  # fmt: skip
    return found


def _blocks(rows: Sequence[Candidate], key: str, cells: int) -> Iterator[list[int]]:
    """Yield places of cells whose replicates fit into memory together."""
    sizes = (_named(row, key, row.recorded.arrays) for row in rows)
    largest = next((array.nbytes for array, _ in filter(None, sizes)), 0)
    step = max(1, HELD * cells // max(1, largest * len(rows)))
    for start in range(0, cells, step):
        yield list(range(start, min(start + step, cells)))


def _named(
    row: Candidate, key: str, arrays: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a row's replicates and their unit, or None where it has none."""
    rest = f"{row.variant or 'base'}/{row.key(key)}"
    names = [f"replicates/{rest}", f"sd/{rest}"]
    if names[0] not in arrays:
        return None
    try:
        if isinstance(arrays, LazyArrays):
            arrays = arrays.several(names)
        return arrays[names[0]], arrays[names[1]]
    except HarnessError:
        return None  # the ranking asks again and says what is wrong


@dataclass(frozen=True, repr=False)
class _Held(Recorded):
    """A record with one metric's replicates of some cells in memory; the rest is inner's."""

    inner: Recorded = field(kw_only=True)
    key: str = field(kw_only=True)
    variant: str = field(kw_only=True)
    places: Mapping[int, int] = field(kw_only=True)
    z: Float[np.ndarray, "cells seeds b"] = field(kw_only=True)
    sd: Float[np.ndarray, "cells seeds"] = field(kw_only=True)

    @property
    def lacking(self) -> frozenset[str]:
        return self.inner.lacking

    @property
    def answers(self) -> str | None:
        return self.inner.answers

    def values(self, variant: str, key: str) -> Float[np.ndarray, "cells seeds"]:
        return self.inner.values(variant, key)

    def detail(self, variant: str, name: str) -> np.ndarray | None:
        return self.inner.detail(variant, name)

    def streams(
        self, variant: str, key: str, cells: Sequence[int]
    ) -> Float[np.ndarray, "seeds replicates"] | None:
        if (variant, key) != (self.variant, self.key) or not set(cells) <= self.places.keys():
            return self.inner.streams(variant, key, cells)
        at = [self.places[cell] for cell in cells]
        return averaged(self.values(variant, key)[list(cells)], self.z[at], self.sd[at])


def _held(row: Candidate, key: str, cells: Sequence[int]) -> Recorded:
    """Return a row's record with the replicates of some cells in memory."""
    inner = row.recorded
    pair = _named(row, key, inner.arrays)
    if pair is None:
        return inner
    at = list(cells)
    places = {cell: place for place, cell in enumerate(at)}
    return _Held(
        inner.record, inner.path, inner.arrays, inner=inner, key=row.key(key),
        variant=row.variant, places=places, z=pair[0][at], sd=pair[1][at],
    )  # fmt: skip
