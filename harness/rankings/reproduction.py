"""Whether this machine's records agree with the committed ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.metric_keys import RowName, own_key
from harness.records.reading import load_records
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
    """Whether every metric of the committed row is the same in ours to the last of nine digits.
    Ours may have metrics that were added later; trainers' code may differ, which `record_sha256`
    would tell."""


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
    committed, mine = (
        {r.record.entry: r for r in load_records(ranking.suite, folders).records}
        for folders in (roots, [own])
    )
    found = []
    for row in (*ranking.rows, *ranking.beside):
        name = RowName.parse(row.name)
        entry, variant = name.entry, name.variant
        pair = [records[entry] for records in (committed, mine) if entry in records]
        if len(pair) < 2 or any(variant not in one.record.variants for one in pair):
            continue
        value = _value(committed[entry], variant, ranking)
        if value is None:
            continue
        before, now = (one.record.variants[variant].metrics for one in pair)
        same = all(key in now and now[key] == grid for key, grid in before.items())
        within = row.low is not None and row.high is not None and row.low <= value <= row.high
        inside = within or bool(np.isclose(value, row.value, atol=1e-9))
        found.append(Agreement(row.name, row.value, value, inside, same))
    return found


def _value(recorded: Recorded, variant: str, ranking: Ranking) -> float | None:
    body = recorded.record.variants[variant]
    key = own_key(ranking.key, body.ood_score)
    if key not in body.metrics:
        return None
    cells = recorded.record.suite.cells
    index = [cells.index(cell) for cell in ranking.cells if cell in cells]
    values = recorded.values(variant, key)[index]
    return float(values.mean()) if np.isfinite(values).all() else None
