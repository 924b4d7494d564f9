"""Whether this machine's records agree with the committed ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.keys import sha256_of
from harness.rankings.field import load_recorded
from harness.records.records import Recorded
from harness.types import Ranking


@dataclass(frozen=True)
class Agreement:
    """One row of this machine beside the committed row of the same name."""

    name: str
    """Entry, or ``entry+variant``."""
    ours: float
    """Value on this machine, natural units."""
    committed: float
    """Committed value."""
    inside: bool
    """Whether the committed value lies inside our 95 % interval."""
    identical: bool
    """Whether every metric of the two rows is the same to the last of nine digits; trainers' code
    may differ, which `record_sha256` would tell."""


def agreements(ranking: Ranking, roots: Sequence[Path], own: Path) -> list[Agreement]:
    """Return the rows of a ranking of own records that are also committed.

    Parameters
    ----------
    ranking : Ranking
        Of this machine's records.
    roots : sequence of Path
        Folders of committed entries.
    own : Path
        The store's folder of records.
    """
    committed = {r.record.entry: r for r in load_recorded(ranking.suite, roots)}
    mine = {r.record.entry: r for r in load_recorded(ranking.suite, [own])}
    found = []
    for row in (*ranking.rows, *ranking.beside):
        entry, _, variant = row.name.partition("+")
        if entry not in committed or variant not in committed[entry].record.variants:
            continue
        value = _value(committed[entry], variant, ranking)
        if value is None:
            continue
        rows = (records[entry].record.variants[variant] for records in (committed, mine))
        same = len({sha256_of(body.metrics) for body in rows}) == 1
        inside = row.low <= value <= row.high or bool(np.isclose(value, row.value, atol=1e-9))
        found.append(Agreement(row.name, row.value, value, inside, same))
    return found


def _value(recorded: Recorded, variant: str, ranking: Ranking) -> float | None:
    metrics = recorded.record.variants[variant].metrics
    if ranking.key not in metrics:
        return None
    cells = recorded.record.suite.cells
    index = [cells.index(cell) for cell in ranking.cells if cell in cells]
    values = recorded.values(variant, ranking.key)[index]
    return float(values.mean()) if np.isfinite(values).all() else None
