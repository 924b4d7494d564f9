"""Two entries side by side: paired differences with a verdict, overall and in each cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import SpecError, Undefined
from harness.lookup import unknown
from harness.rankings.field import Candidate, metric_of
from harness.records.records import check_paired
from harness.stats.verdicts import verdict
from harness.types import Verdict

DEFAULT_MARGIN = 0.01
"""Differences inside (−m, m) count as the same; in units of the metric."""


@dataclass(frozen=True)
class Comparison:
    """What can be said of a candidate against a reference on one suite."""

    candidate: str
    """Entry or ``entry+variant``."""
    reference: str
    """Entry or ``entry+variant``."""
    key: str
    """Metric key."""
    overall: Verdict
    """Mean over the cells."""
    cells: tuple[tuple[str, Verdict], ...]
    """Cell and its verdict, in the suite's order."""


def compare(
    rows: Sequence[Candidate],
    candidate: str,
    reference: str,
    *,
    key: str | None = None,
    margin: float = DEFAULT_MARGIN,
) -> Comparison:
    """Compare two rows of a suite under the weightings that both share.

    Parameters
    ----------
    rows : sequence of Candidate
        The suite's rows, variants included.
    candidate, reference : str
        Names of rows, ``entry`` or ``entry+variant``.
    key : str, optional
        Metric key with stored replicates; default: the suite's primary metric.
    margin : float, default=0.01
        m ≥ 0, in units of the metric.

    Raises
    ------
    UnknownNameError
        If a name is not among the rows.
    SpecError
        If they are not comparable: other test pools, no replicates, no common cell.
    """
    if margin < 0:
        raise SpecError(f"margin must be at least 0; got {margin}. Write for example 0.01.")
    by_name = {row.name: row for row in rows}
    for name in (candidate, reference):
        if name not in by_name:
            raise unknown("row", name, by_name)
    a, b = by_name[candidate], by_name[reference]
    key = key or a.recorded.record.suite.primary
    higher = metric_of(key).direction == "higher"
    values, replicates = zip(*(_arrays(row, key) for row in (a, b)), strict=True)
    try:
        check_paired(a.recorded.record, b.recorded.record)
    except Undefined as unpaired:
        raise SpecError(f"{unpaired.reason}. Run the older one again.") from None
    both = [
        np.isfinite(v) & np.isfinite(r).all(axis=2) for v, r in zip(values, replicates, strict=True)
    ]
    common = np.flatnonzero((both[0] & both[1]).any(axis=1))
    # The overall difference needs seeds that both have in every cell; leave out the rest.
    shared = (both[0] & both[1])[common].all(axis=0)
    if len(common) == 0 or not shared.any():
        raise SpecError(
            f"{candidate} and {reference} must have a seed in common with a value of {key} in each "
            f"cell that both ran; they have none. Run: tailmark run {candidate} {reference}"
        )

    def judge(cells: np.ndarray) -> Verdict:
        return verdict(
            values[0][cells],
            values[1][cells],
            replicates[0][cells],
            replicates[1][cells],
            margin=margin,
            higher_is_better=higher,
        )

    names = a.recorded.record.suite.cells
    return Comparison(
        candidate=candidate,
        reference=reference,
        key=key,
        overall=judge(common),
        cells=tuple((names[i], judge(np.array([i]))) for i in common),
    )


def _arrays(row: Candidate, key: str) -> tuple[np.ndarray, np.ndarray]:
    replicates = row.recorded.replicates(row.variant, row.key(key))
    if replicates is None:
        raise SpecError(
            f"{row.name} has no stored replicates of {key}, so no paired difference can be "
            "made. Compare on the suite's primary metric, or name the variant in rank_variants."
        )
    return row.recorded.values(row.variant, row.key(key)), replicates
