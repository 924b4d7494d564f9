"""Two entries side by side: paired differences with a verdict, overall and in each cell."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from harness.errors import SpecError, Undefined
from harness.lookup import unknown
from harness.metric_keys import RowName
from harness.metrics.table import Metric
from harness.rankings.class_recalls import class_recalls
from harness.rankings.export import Rows
from harness.rankings.field import Candidate, Field, metric_of
from harness.records.records import check_paired
from harness.stats.holm import holm
from harness.stats.intervals import LEVEL
from harness.stats.verdicts import verdict
from harness.types import Verdict

FAMILY = 0.05
"""Chance that any of the answers that survive is wrong, all cells and pairs counted."""
DEFAULT_MARGIN = 0.01
"""Differences inside (−m, m) count as the same; in units of the metric."""


@dataclass(frozen=True)
class Comparison:
    """What can be said of a candidate against a reference on one suite."""

    candidate: str
    """As it was asked for: ``entry``, ``entry+variant``, with ``@local`` or ``@committed``."""
    reference: str
    """The same of what it is compared with."""
    suite: str
    """Suite id."""
    key: str
    """Metric key."""
    overall: Verdict
    """Mean over the cells that both have."""
    cells: tuple[tuple[str, Verdict], ...]
    """Cell and its verdict, in the suite's order: the cells that both have."""
    apart: tuple[str, ...]
    """Cells of the suite that one of the two, or both, have no value in."""


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
    key, margin
        As in `compare_pair`.

    Raises
    ------
    UnknownNameError
        If a name is not among the rows.
    SpecError
        As in `compare_pair`.
    """
    return compare_pair(
        (candidate, row_named(rows, candidate)),
        (reference, row_named(rows, reference)),
        key=key,
        margin=margin,
    )


def row_named(rows: Sequence[Candidate], name: str, *, kind: str = "row") -> Candidate:
    """Return the row of a name.

    Parameters
    ----------
    rows : sequence of Candidate
        A field, or part of one.
    name : str
        ``entry`` or ``entry+variant``.
    kind : str, default="row"
        What the name should be, for the message.

    Raises
    ------
    UnknownNameError
        If there is none.
    SpecError
        If its record is there and was left out.
    """
    by_name = {row.name: row for row in rows}
    if name in by_name:
        return by_name[name]
    if isinstance(rows, Field):
        for each in rows.left_out:
            if each.name == name.partition("+")[0]:
                raise SpecError(f"The record of {name} was left out: {each.reason}")
    raise unknown(kind, name, by_name)


def compare_pair(
    candidate: tuple[str, Candidate],
    reference: tuple[str, Candidate],
    *,
    key: str | None = None,
    margin: float = DEFAULT_MARGIN,
    upper: float = LEVEL,
) -> Comparison:
    """Compare two rows, perhaps two records of one entry, under the weightings that both share.

    Parameters
    ----------
    candidate, reference : (str, Candidate)
        What it is called, and the row.
    key : str, optional
        Metric key with stored replicates; default: the suite's primary metric.
    margin : float, default=0.01
        m ≥ 0, in units of the metric.
    upper : float, default=0.975
        Upper probability of the intervals.

    Returns
    -------
    Comparison
        Intervals end where the metric does: no difference of shares is above 1.

    Raises
    ------
    SpecError
        If they are not comparable: other test pools, no replicates, no common cell.
    """
    if margin < 0:
        raise SpecError(f"margin must be at least 0; got {margin}. Write for example 0.01.")
    (one, a), (two, b) = candidate, reference
    stamp = a.recorded.record.suite
    key = key or stamp.primary
    metric = metric_of(key)
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
            f"{one} and {two} must have a seed in common with a value of {key} in each "
            f"cell that both ran; they have none. Run: tailmark run {RowName.parse(a.name).entry} "
            f"{RowName.parse(b.name).entry}"
        )

    declared = (a.recorded.record.deterministic, b.recorded.record.deterministic)

    def judge(cells: np.ndarray) -> Verdict:
        few = [
            class_recalls(
                row.recorded, row.variant, key, cells.tolist(), float(np.nanmean(v[cells]))
            )
            for row, v in zip((a, b), values, strict=True)
        ]
        found = verdict(
            values[0][cells],
            values[1][cells],
            replicates[0][cells],
            replicates[1][cells],
            margin=margin,
            higher_is_better=metric.direction == "higher",
            deterministic=declared,
            images=None if few[0] is None or few[1] is None else (few[0], few[1]),
            upper=upper,
        )
        return _inside(found, metric)

    return Comparison(
        candidate=one,
        reference=two,
        suite=stamp.id,
        key=key,
        overall=judge(common),
        cells=tuple((stamp.cells[i], judge(np.array([i]))) for i in common),
        apart=tuple(cell for i, cell in enumerate(stamp.cells) if i not in set(common.tolist())),
    )


def _inside(found: Verdict, metric: Metric) -> Verdict:
    """Cut an interval at the largest difference that two values of the metric can have."""
    low, high = metric.bounds
    if low is None or high is None:
        return found
    most = high - low
    return replace(found, low=max(found.low, -most), high=min(found.high, most))


def _arrays(row: Candidate, key: str) -> tuple[np.ndarray, np.ndarray]:
    replicates = row.recorded.replicates(row.variant, row.key(key))
    if replicates is None:
        raise SpecError(
            f"{row.name} has no stored replicates of {key}, so no paired difference can be "
            "made. Compare on the suite's primary metric, or name the variant in rank_variants."
        )
    return row.recorded.values(row.variant, row.key(key)), replicates


def surviving(found: Sequence[Comparison]) -> list[dict[str, bool]]:
    """Return which "better" and "worse" of single cells stand when all cells and pairs are counted.

    Each verdict is judged by itself; of many, some differ by accident. A verdict survives when its
    p-value, adjusted by Holm's method over every cell of every comparison given, is at most FAMILY.

    Parameters
    ----------
    found : sequence of Comparison
        What is looked at together: one pair, or all that are compared with one reference.

    Returns
    -------
    list of dict
        For each comparison: cell → whether its verdict survives; cells judged better or worse
        only. Without a p-value (fewer than three seeds) none does.
    """
    told = [
        (place, cell, each)
        for place, one in enumerate(found)
        for cell, each in one.cells
        if each.p is not None
    ]
    adjusted = holm([each.p or 0.0 for _, _, each in told])
    stands = {
        (place, cell): bool(p <= FAMILY) for (place, cell, _), p in zip(told, adjusted, strict=True)
    }
    return [
        {
            cell: stands.get((place, cell), False)
            for cell, each in one.cells
            if each.verdict in ("better", "worse")
        }
        for place, one in enumerate(found)
    ]


def survival_text(stands: dict[str, bool], *, pairs: int = 1) -> str:
    """Return in a sentence how many verdicts of single cells survive.

    Parameters
    ----------
    stands : dict
        From `surviving`.
    pairs : int, default=1
        Comparisons that were counted together.

    Examples
    --------
    >>> survival_text({"a": True, "b": False})
    'Of 2 cells judged better or worse, 1 stands when all cells are counted (Holm, 5 %).'
    """
    if not stands:
        return "No single cell is judged better or worse."
    kept = sum(stands.values())
    cells = "1 cell" if len(stands) == 1 else f"{len(stands)} cells"
    counted = "all cells are" if pairs == 1 else f"all cells of {pairs} pairs are"
    verb = "stands" if kept == 1 else "stand"
    return f"Of {cells} judged better or worse, {kept} {verb} when {counted} counted (Holm, 5 %)."


def comparison_rows(found: Comparison) -> Rows:
    """Return a comparison for the writer: the mean over cells first, its cell an empty field."""
    head = (
        "candidate reference suite metric cell difference low high interval verdict margin p "
        "detectable seeds_to_settle"
    )
    whole = [] if len(found.cells) == 1 else [(None, found.overall)]
    lines = [
        (
            *(found.candidate, found.reference, found.suite, found.key, cell),
            *(each.difference, each.low, each.high, each.interval_kind, each.verdict),
            *(each.margin, each.p, each.detectable, each.seeds_to_settle),
        )
        for cell, each in (*whole, *found.cells)
    ]
    return Rows(tuple(head.split()), lines, asdict(found))
