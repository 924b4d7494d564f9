"""What an entry reached in one cell: its mean over seeds, with the interval that is at hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.records.records import Recorded
from harness.stats.intervals import level
from harness.stats.spread import t_quantile


@dataclass(frozen=True)
class Ours:
    """What an entry of ours reached in one cell."""

    entry: str
    """Its name."""
    suite: str
    """Suite that it was run in."""
    value: float
    """Mean over seeds."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end."""
    covers: str
    """What the interval covers."""
    seeds: int
    """Seeds with a value."""


def reached(recorded: Recorded, cell: str, key: str) -> Ours | None:
    """Return what a record says of one cell, or None when it has no value there.

    Parameters
    ----------
    recorded : Recorded
        A record of any suite.
    cell : str
        Split id without a seed.
    key : str
        Metric key; without stored replicates the interval covers seeds only.
    """
    record = recorded.record
    variants: Mapping[str, Any] = record.variants
    if cell not in record.suite.cells or "" not in variants or key not in variants[""].metrics:
        return None
    index = record.suite.cells.index(cell)
    values = recorded.values("", key)[index]
    there = np.isfinite(values)
    if not there.any():
        return None
    replicates = recorded.replicates("", key)
    if replicates is None or not np.isfinite(replicates[index][there]).all():
        mean, low, high, covers = _from_seeds(values[there])
    else:
        interval = level(values[there], replicates[index][there], scale="logit")
        mean, low, high, covers = interval.value, interval.low, interval.high, interval.kind
    return Ours(record.entry, record.suite.id, mean, low, high, covers, int(there.sum()))


def _from_seeds(values: np.ndarray) -> tuple[float, float, float, str]:
    """Return an interval from the spread over seeds alone: no replicates of this metric."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return mean, mean, mean, "one seed, no interval"
    half = float(t_quantile(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half, "seeds only"
