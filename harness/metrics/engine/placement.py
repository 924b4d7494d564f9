"""Where the scores of one class stand among the others', for all classes in one pass.

One pass serves AUROC one-vs-rest and one-vs-one, average precision and their influences. For a
class with many images one sort gives every place. Else, with weights or where two scores are equal,
its own n_k scores are sorted and all n scores looked up among them, which costs n·log n_k; with
ties told apart (number below, number below or equal) every count a curve needs follows.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from harness.metrics.engine.levels import fast_order

Table = Float64[np.ndarray, "..."]

SEARCHED_UP_TO = 64
"""Positives up to which looking every score up among them is faster than one sort of all: with 50
among 50,000, 1.8 against 2.3 ms; with 100 among 10,000, 0.30 against 0.19 ms."""


class RankSums(NamedTuple):
    """What one ranking pass leaves behind."""

    pairs: Float64[np.ndarray, "c c"]
    """[k, j] = probability that an image of class k has a larger score of k than one of class j,
    ties one half; NaN where a class has no weight, and on the diagonal."""
    precision: Float64[np.ndarray, " c"]
    """Average precision of each class against the rest; NaN where it has no weight."""
    auroc_influence: Float64[np.ndarray, " n"]
    """First-order share of each image in macro AUROC, rows sorted by true class;
    zeros when the pass was weighted."""
    precision_influence: Float64[np.ndarray, " n"]
    """First-order share of each image in macro average precision, likewise."""


@dataclass(frozen=True)
class Placed:
    """Where all n scores of one class stand among those of its own images (positives)."""

    left: Int64[np.ndarray, " n"]
    """Number of positives below each score."""
    right: Int64[np.ndarray, " n"]
    """Number of positives below or equal."""
    own: slice
    """Which rows are the positives."""
    order: Int64[np.ndarray, " p"]
    """Sorts the positives."""
    mass: Float64[np.ndarray, " p1"]
    """Weight of the 0, 1, … p smallest positives."""
    under: Float64[np.ndarray, " p"]
    """Weight of negatives strictly below each positive (in row order)."""
    under_or_level: Float64[np.ndarray, " p"]
    """Weight of negatives below or equal."""
    negatives: float
    """Weight of all negatives."""

    @property
    def above(self) -> Float64[np.ndarray, " n"]:
        """Return the share of positives above each score, ties one half."""
        return 1 - (self.mass[self.left] + self.mass[self.right]) / (2 * self.mass[-1])


def place(
    scores: Float64[np.ndarray, " n"], own: slice, weights: Float64[np.ndarray, " n"] | None
) -> Placed:
    """Return where scores stand among those of the rows `own`.

    Parameters
    ----------
    scores : float64 array of shape (n,)
        Larger for the class.
    own : slice
        Rows of the class.
    weights : float64 array of shape (n,) or None
        Weight of each row; None for ones.
    """
    sorts = weights is None and own.stop - own.start > SEARCHED_UP_TO
    placed = _place_by_order(scores, own) if sorts else None
    return placed or _place_by_search(scores, own, weights)


def _place_by_order(scores: Table, own: slice) -> Placed | None:
    """Return where scores of weight one stand, from one sort of all; None where two are equal."""
    order = fast_order(scores)
    value = scores[order]
    if (value[1:] == value[:-1]).any():
        return None
    mine = (order >= own.start) & (order < own.stop)
    right = np.empty(len(scores), dtype=np.int64)
    right[order] = np.cumsum(mine)
    left = right.copy()
    left[own] -= 1
    at = np.flatnonzero(mine)
    p = len(at)
    own_order = order[at] - own.start
    under = np.empty(p)
    under[own_order] = at - np.arange(p)
    steps = np.arange(p + 1.0)
    return Placed(left, right, own, own_order, steps, under, under, float(len(scores) - p))


def _place_by_search(scores: Table, own: slice, weights: Table | None) -> Placed:
    """Return where scores stand, each looked up among the positives."""
    order = np.argsort(scores[own], kind="stable")
    sorted_own = scores[own][order]
    left = np.searchsorted(sorted_own, scores, side="left")
    level_with = np.flatnonzero(sorted_own.take(left, mode="clip") == scores)
    right = left.copy()
    right[level_with] = np.searchsorted(sorted_own, scores[level_with], side="right")
    p = len(order)
    steps = np.arange(p + 1.0)
    if weights is not None:
        np.cumsum(weights[own][order], out=steps[1:])
    under = _below(right, own, p, weights)
    # Only the positives themselves are level with one: no negative is counted otherwise.
    level = under if len(level_with) == p else _below(left, own, p, weights)
    at = left[own]
    return Placed(left, right, own, order, steps, under[at], level[at], float(under[-1]))


def _below(index: np.ndarray, own: slice, p: int, weights: Table | None) -> Table:
    """Return the weight of negatives with `index` at most 0, 1, … p."""
    counts = np.zeros(p + 1)
    for side in (slice(None, own.start), slice(own.stop, None)):
        w = None if weights is None else weights[side]
        counts += np.bincount(index[side], weights=w, minlength=p + 1)
    return np.cumsum(counts)


def precision_at(
    placed: Placed,
) -> tuple[Float64[np.ndarray, " p"], Float64[np.ndarray, " p"]]:
    """Return true and false positives when everything from each positive upwards is called one."""
    caught = placed.mass[-1] - placed.mass[placed.left[placed.own]]
    return caught, placed.negatives - placed.under


def rank_sums(
    scores: Float64[np.ndarray, "c n"],
    counts: Int64[np.ndarray, " c"],
    weights: Float64[np.ndarray, " n"] | None = None,
) -> RankSums:
    """Return the sums of one pass over all classes.

    Parameters
    ----------
    scores : float64 array of shape (c, n)
        Score of every class for every row; rows sorted by true class.
    counts : int64 array of shape (c,)
        Rows of each class.
    weights : float64 array of shape (n,) or None
        In the same order; None for ones.
    """
    c, n = scores.shape
    stops = np.cumsum(counts)
    w = np.ones(n) if weights is None else weights
    held = [k for k in range(c) if w[stops[k] - counts[k] : stops[k]].sum() > 0]
    sums = RankSums(np.full((c, c), np.nan), np.full(c, np.nan), np.zeros(n), np.zeros(n))
    if len(held) < 2:
        return sums
    starts = (stops - counts)[held]
    # reduceat sums from each start to the next: rows of classes without weight add nothing.
    totals = np.add.reduceat(w, starts)
    for k, total in zip(held, totals, strict=True):
        own = slice(int(stops[k] - counts[k]), int(stops[k]))
        placed = place(scores[k], own, weights)
        above = placed.above
        sums.pairs[k, held] = np.add.reduceat(above if weights is None else above * w, starts)
        sums.pairs[k, held] /= totals
        sums.pairs[k, k] = np.nan
        caught, false = precision_at(placed)
        own_w = w[own]
        sums.precision[k] = float((own_w * _share(caught, false)).sum()) / total
        if weights is None:
            _add_influences(sums, placed, above, caught, false, len(held))
    return sums


def _share(caught: Table, false: Table) -> Table:
    """Return precision; 0 where nothing of any weight is flagged."""
    flagged = caught + false
    return np.divide(caught, flagged, out=np.zeros_like(caught), where=flagged > 0)


def _add_influences(
    sums: RankSums, placed: Placed, above: Table, caught: Table, false: Table, classes: int
) -> None:
    """Add one class's share of each image to the influences of the macro means."""
    own, p = placed.own, placed.mass[-1]
    below = (placed.under + placed.under_or_level) / (2 * placed.negatives)
    share = above / placed.negatives
    share[own] = below / p
    sums.auroc_influence[:] += share / classes
    flagged = caught + false
    slope = np.zeros((2, len(caught) + 1))
    np.cumsum(false[placed.order] / flagged[placed.order] ** 2, out=slope[0, 1:])
    np.cumsum(caught[placed.order] / flagged[placed.order] ** 2, out=slope[1, 1:])
    share = -slope[1][placed.right]
    share[own] = caught / flagged + slope[0][placed.right[own]]
    sums.precision_influence[:] += share / (p * classes)
