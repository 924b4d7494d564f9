"""The adaptive calibration gaps of every class, from one sorted column of probabilities each."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from harness.metrics.engine.checks import ROUNDING
from harness.metrics.engine.outputs import Outputs

RANGES = 15
"""Ranges of equal weight for every class."""
LEAST = 0.01
"""Probabilities up to this are left out of the thresholded error."""

Vector = Float64[np.ndarray, " n"]


class AdaptiveGaps(NamedTuple):
    """Σ over ranges of |Σ w·(hit − p)| over the weight, for every class."""

    whole: Float64[np.ndarray, " c"]
    """Over all images."""
    above: Float64[np.ndarray, " c"]
    """Over the images of which the class has more than `LEAST`; NaN without any."""


def adaptive_gaps(outputs: Outputs, weights: Vector | None) -> AdaptiveGaps:
    """Return both adaptive gaps of every class.

    The upper edge of range k is the smallest probability with at least k/15 of the weight at or
    below; equal probabilities share a range.
    """
    columns = np.empty((outputs.c, outputs.n))
    for rows, p in outputs.prob_blocks():
        columns[:, rows] = p.T
    order, stops = outputs.order, np.cumsum(outputs.counts)
    whole, above = np.empty(outputs.c), np.empty(outputs.c)
    for k, column in enumerate(columns):
        own = order[stops[k] - outputs.counts[k] : stops[k]]
        hits, hit_weights = column[own], None if weights is None else weights[own]
        if weights is None:
            values, w = np.sort(column), None
        else:
            sorts = np.argsort(column)
            values, w = column[sorts], weights[sorts]
        whole[k] = _gap(values, w, hits, hit_weights)
        start, kept = np.searchsorted(values, LEAST, side="right"), hits > LEAST
        above[k] = _gap(
            values[start:],
            None if w is None else w[start:],
            hits[kept],
            None if hit_weights is None else hit_weights[kept],
        )
    return AdaptiveGaps(whole, above)


def _gap(
    values: Vector,
    w: Vector | None,
    hits: Float64[np.ndarray, " h"],
    hit_weights: Float64[np.ndarray, " h"] | None,
) -> float:
    """Return Σ|Σ w·(hit − p)|/Σw over the ranges of ascending values; NaN without weight."""
    n = len(values)
    if n == 0 or (w is not None and w.sum() == 0):
        return np.nan
    steps = np.arange(1, RANGES)
    if w is None:
        places = -(-steps * n // RANGES) - 1
        total = float(n)
    else:
        mass = np.cumsum(w)
        total = float(mass[-1])
        places = np.searchsorted(mass * RANGES, steps * total * ROUNDING, side="left")
    edges = values[places]
    stops = np.searchsorted(values, edges, side="right")
    sums = np.append(0.0, np.cumsum(values if w is None else w * values))
    expected = np.diff(sums[np.concatenate([[0], stops, [n]])])
    at = np.searchsorted(edges, hits, side="left")
    found = np.bincount(at, weights=hit_weights, minlength=RANGES)
    return float(np.abs(found - expected).sum() / total)
