"""Review flags: sentences that ask for a second look, never a rejection (PROTOCOL section 6)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.rankings.column_order import far_below_chance
from harness.rankings.declared import declaration_flags
from harness.rankings.feeding import wrongly_fed
from harness.rankings.field import Candidate
from harness.types import RankedRow

ROBUST_Z = 3.5
"""From how many robust standard deviations on something is outlying."""
MAD_TO_SD = 1.4826
"""Makes the median absolute deviation a standard deviation under normality."""
MIN_FIELD = 5
"""Rows below which a spread over the field says nothing."""


def review_flags(
    rows: Sequence[RankedRow], candidates: Sequence[Candidate], *, higher_is_better: bool
) -> list[RankedRow]:
    """Return the rows with their flags.

    Parameters
    ----------
    rows : sequence of RankedRow
        Best first.
    candidates : sequence of Candidate
        At least the ranked ones.
    higher_is_better : bool
        Direction of the ranking's metric.
    """
    by_name = {c.name: c for c in candidates}
    lead = _lead(rows, higher_is_better=higher_is_better)
    gaps = _outlying_gaps(rows, by_name)
    twins = _twins(rows, by_name)
    flagged = []
    for position, row in enumerate(rows):
        found = by_name[row.name]
        flags = [
            lead if position == 0 else None,
            gaps.get(row.name),
            twins.get(row.name),
            far_below_chance(found.recorded, found.variant),
            _no_spread(found),
            wrongly_fed(found.recorded.record.asked or ()),
            *declaration_flags(row.facets),
            *_upside_down(found),
        ]
        flagged.append(replace(row, flags=tuple(f for f in flags if f)))
    return flagged


def _robust_z(values: np.ndarray) -> np.ndarray:
    centre = np.median(values)
    scale = MAD_TO_SD * np.median(np.abs(values - centre))
    return np.zeros_like(values) if scale == 0 else (values - centre) / scale


def _lead(rows: Sequence[RankedRow], *, higher_is_better: bool) -> str | None:
    if len(rows) < MIN_FIELD:
        return None
    values = np.array([row.value for row in rows]) * (1 if higher_is_better else -1)
    steps = -np.diff(values)
    if _robust_z(steps)[0] > ROBUST_Z:
        return f"leads the second by {steps[0]:.4f}, outlying among the steps of this ranking"
    return None


def _ood_value(candidate: Candidate, place: str) -> float | None:
    variant = candidate.recorded.record.variants[candidate.variant]
    key = f"ood/{place}/{variant.ood_score}/ood_auroc"
    mean, absent = candidate.recorded.mean(candidate.variant, key)
    return None if absent else mean


def _outlying_gaps(rows: Sequence[RankedRow], by_name: dict[str, Candidate]) -> dict[str, str]:
    gaps: dict[str, float] = {}
    for row in rows:
        near, far = (_ood_value(by_name[row.name], place) for place in ("near", "far"))
        if near is not None and far is not None:
            gaps[row.name] = far - near
    if len(gaps) < MIN_FIELD:
        return {}
    z = _robust_z(np.array(list(gaps.values())))
    return {
        name: f"far minus near OOD AUROC is {gap:+.3f}, outlying on this board"
        for (name, gap), score in zip(gaps.items(), z, strict=True)
        if abs(score) > ROBUST_Z
    }


def _twins(rows: Sequence[RankedRow], by_name: dict[str, Candidate]) -> dict[str, str]:
    """Find different entries whose test predictions are the same in every job."""
    first: dict[str, str] = {}
    flags: dict[str, str] = {}
    for row in rows:
        found = by_name[row.name]
        answers = None if found.variant else found.recorded.answers
        if answers is None:
            continue
        if answers in first:
            flags[row.name] = f"its test predictions are identical to those of {first[answers]}"
        first.setdefault(answers, row.name)
    return flags


def _no_spread(candidate: Candidate) -> str | None:
    record = candidate.recorded.record
    if record.deterministic or len(record.suite.seeds) < 2:
        return None
    if record.suite.primary not in record.variants[candidate.variant].metrics:
        return None
    grid = candidate.recorded.values(candidate.variant, record.suite.primary)
    # Cells whose split does not depend on the seed are where a deterministic method repeats itself.
    if np.array_equal(grid, np.broadcast_to(grid[:, :1], grid.shape), equal_nan=True):
        return "equal over seeds in every cell, though the card does not say deterministic"
    return None


def _upside_down(candidate: Candidate) -> list[str]:
    """Flag what is worse than chance: a sign is probably flipped."""
    record = candidate.recorded.record
    variant = record.variants[candidate.variant]
    keys = {
        "AUROC": "test/auroc",
        "near-OOD AUROC": f"ood/near/{variant.ood_score}/ood_auroc",
        "far-OOD AUROC": f"ood/far/{variant.ood_score}/ood_auroc",
    }
    flags = []
    for title, key in keys.items():
        mean, _ = candidate.recorded.mean(candidate.variant, key)
        if mean is not None and mean < 0.5:
            flags.append(f"{title} is {mean:.3f}, worse than chance: is the sign flipped?")
    return flags
