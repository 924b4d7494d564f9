"""Effective robustness of a suite's rows: shifted accuracy against the field's own line."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from harness.errors import SpecError
from harness.rankings.export import Rows
from harness.rankings.field import Candidate, admitted, cell_indices, metric_of, values_of
from harness.stats.robust_fit import RobustFit, robust_fit


@dataclass(frozen=True)
class Robustness:
    """One row: its value with and without a shift, and how far off the others' line it lies."""

    name: str
    """Entry, or ``entry+variant``."""
    inside: float
    """Value without the shift, in (0, 1)."""
    shifted: float
    """Value under it."""
    expected: float
    """Shifted value that the line of the other rows predicts."""
    residual: float
    """Shifted minus expected; above 0: more robust than its level explains."""
    low: float
    """Lower end of the residual's 95 % interval."""
    high: float
    """Upper end of it."""


def effective_robustness(
    rows: Sequence[Candidate],
    shifted: str,
    *,
    suite: str,
    inside: str | None = None,
    track: str = "open",
    cells: Sequence[str] | None = None,
) -> tuple[list[Robustness], RobustFit]:
    """Return every row's effective robustness, most robust first, and the line of all rows.

    Parameters
    ----------
    rows, suite, track, cells
        As in `harness.rankings.ranking.rank`.
    shifted : str
        Metric key under the shift; a fraction of which more is better.
    inside : str, optional
        The same metric without it; default: the suite's primary metric.

    Raises
    ------
    UnknownNameError
        If a key or cell is unknown.
    SpecError
        If a metric is no fraction of which more is better, or a value is 0 or 1.
    Undefined
        If too few rows have both values.
    """
    stamp = rows[0].recorded.record.suite
    inside = inside or stamp.primary
    for key in (inside, shifted):
        metric = metric_of(key)
        if metric.unit != "fraction" or metric.direction != "higher":
            raise SpecError(
                f"Effective robustness takes fractions of which more is better, such as "
                f"test/balanced_accuracy; got {key}. Choose another metric."
            )
    index = cell_indices(stamp.cells, cells, suite)
    names: list[str] = []
    pairs: list[list[float]] = []
    for row in rows:
        if not row.ranked or not admitted(row, track):
            continue
        pair = [values_of(row, key, index) for key in (inside, shifted)]
        if all(np.isfinite(values).all() for values in pair):
            names.append(row.name)
            pairs.append([float(values.mean()) for values in pair])
    x, y = np.array(pairs).reshape(-1, 2).T
    fit = robust_fit(x, y)
    columns = (x, y, fit.expected, fit.residual, fit.low, fit.high)
    made = [
        Robustness(name, *map(float, numbers))
        for name, numbers in zip(names, np.stack(columns, axis=1), strict=True)
    ]
    return sorted(made, key=lambda row: (-row.residual, row.name)), fit


def robustness_rows(found: Sequence[Robustness]) -> Rows:
    """Return effective robustness for the writer."""
    return Rows(tuple(f.name for f in fields(Robustness)), [astuple(each) for each in found])
