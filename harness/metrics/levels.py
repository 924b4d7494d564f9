"""Two sets of scores in one order: how much of either lies below each score of the other.

One sort serves every metric of an OOD score.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from harness.metrics.checks import checked_scores, checked_weights

Weights = Float64[np.ndarray, " n"] | None
SMALLEST = float(np.finfo(np.float64).tiny)
"""Keeps 0/0 defined where nothing is called positive."""
SPREAD = 8191
"""Steps of the coarse order to one mean absolute deviation: 16 bits then cover four of them."""
SAMPLE = 2048
"""About how many scores centre and deviation are taken from."""


@dataclass(frozen=True, eq=False)
class Side:
    """Weight at scores of one set, ascending; equal scores have equal numbers."""

    own_under: Float64[np.ndarray, " k"]
    """Weight of the same set strictly below."""
    own_upto: Float64[np.ndarray, " k"]
    """Weight of the same set at or below."""
    other_under: Float64[np.ndarray, " k"]
    """Weight of the other set strictly below."""
    other_upto: Float64[np.ndarray, " k"]
    """Weight of the other set at or below."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Both sides of a comparison of ID with OOD scores."""

    id: Side
    """At each ID score."""
    ood: Side
    """At each OOD score."""
    id_total: float
    """Weight of all ID images."""
    ood_total: float
    """Number of OOD images."""
    id_weights: Weights
    """Of ID images in the order of `id`; None for ones."""

    @cached_property
    def precision_out(self) -> Float64[np.ndarray, " m"]:
        """Return the precision at each OOD score, OOD positive."""
        at = self.ood
        return precision(self.ood_total - at.own_under, self.id_total - at.other_under)

    @cached_property
    def precision_in(self) -> Float64[np.ndarray, " n"]:
        """Return the precision at each ID score, ID positive and scores negated."""
        return precision(self.id.own_upto, self.id.other_upto)


def precision(
    true: Float64[np.ndarray, " k"], false: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, " k"]:
    """Return true/(true + false); 1 where nothing is called positive, where curves begin."""
    called = true + false
    np.maximum(called, SMALLEST, out=called)
    np.divide(false, called, out=called)
    return np.subtract(1.0, called, out=called)


def levels_of(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> Levels:
    """Return how much of either set lies below and up to each score.

    Parameters
    ----------
    id_scores : float array of shape (n,)
        Larger for OOD.
    ood_scores : float array of shape (m,)
        Likewise.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Raises
    ------
    PredictionsError
        If a set is empty or a score is not finite.
    """
    inside = checked_scores(id_scores, "id_scores")
    outside = checked_scores(ood_scores, "ood_scores")
    weights = checked_weights(id_weights, len(inside), name="id_weights")
    scores = np.concatenate([inside, outside])
    if weights is None and scores.dtype == np.float32:
        return _of_equal_weights(*_sorted_flags(scores, len(inside)))
    order = fast_order(scores)
    value = scores[order]
    ties = np.flatnonzero(value[1:] == value[:-1])
    if weights is None:
        return _of_equal_weights(order >= len(inside), ties)
    return _of_weights(order, ties, weights)


def _sorted_flags(
    scores: Float32[np.ndarray, " k"], n: int
) -> tuple[Bool[np.ndarray, " k"], Int64[np.ndarray, " t"]]:
    """Return which of the ascending scores is OOD, and the places that equal the next one.

    A float32 leaves the last bits of a float64 free: one of them carries the flag through the
    sort, which then needs no places.
    """
    packed = np.add(scores, 0.0, dtype=np.float64)  # −0.0 becomes 0.0, which it equals
    packed[n:].view(np.int64)[:] |= 1
    packed = packed[coarse_order(scores)]
    packed.sort(kind="stable")
    bits = packed.view(np.int64)
    is_ood = (bits & 1).astype(bool)
    bits >>= 1
    return is_ood, np.flatnonzero(bits[1:] == bits[:-1])


def _of_equal_weights(is_ood: Bool[np.ndarray, " k"], ties: Int64[np.ndarray, " t"]) -> Levels:
    """Return the levels of ones: places tell all, but for the few scores that are tied."""
    sides = []
    places = (np.flatnonzero(~is_ood), np.flatnonzero(is_ood))
    for at in places:
        own = np.arange(float(len(at)))
        other = at - own
        sides.append(Side(own, own + 1, other, other if len(ties) == 0 else other.copy()))
    if len(ties):
        _share(sides, is_ood, places[1], ties)
    n, m = (float(len(side.own_under)) for side in sides)
    return Levels(sides[0], sides[1], n, m, id_weights=None)


def _share(
    sides: list[Side],
    is_ood: Bool[np.ndarray, " k"],
    ood_places: Int64[np.ndarray, " m"],
    ties: Int64[np.ndarray, " t"],
) -> None:
    """Give equal scores the counts of the first and the last of them."""
    first, last, tied = _runs(ties)
    places = (tied, first, last + 1)
    oods = [np.searchsorted(ood_places, at) for at in places]
    ids = [at - before for at, before in zip(places, oods, strict=True)]
    for side, ood in zip(sides, (False, True), strict=True):
        mine = is_ood[tied] == ood
        own, other = (oods, ids) if ood else (ids, oods)
        row = own[0][mine]
        side.own_under[row], side.own_upto[row] = own[1][mine], own[2][mine]
        side.other_under[row], side.other_upto[row] = other[1][mine], other[2][mine]


def _runs(ties: Int64[np.ndarray, " t"]) -> tuple[Int64[np.ndarray, " r"], ...]:
    """Return first and last place of the run of equal scores of every tied place, and that place.

    `ties` are the places whose score equals the next one's.
    """
    new = np.append(True, np.diff(ties) > 1)
    run = np.cumsum(new) - 1
    first = ties[new]
    last = ties[np.append(new[1:], True)] + 1
    tied = np.append(ties, last)
    run = np.append(run, np.arange(len(last)))
    return first[run], last[run], tied


def _of_weights(
    order: Int64[np.ndarray, " k"],
    ties: Int64[np.ndarray, " t"],
    weights: Float64[np.ndarray, " n"],
) -> Levels:
    """Return the levels of weighted ID images."""
    k, n = len(order), len(weights)
    first, last = np.arange(k), np.arange(k)
    if len(ties):
        start, stop, tied = _runs(ties)
        first[tied], last[tied] = start, stop
    is_ood = order >= n
    mass = np.append(weights, np.zeros(k - n))[order]
    ids, oods = (np.append(0.0, np.cumsum(m, dtype=np.float64)) for m in (mass, is_ood))
    sides = []
    for member, own, other in ((~is_ood, ids, oods), (is_ood, oods, ids)):
        under, upto = first[member], last[member] + 1
        sides.append(Side(own[under], own[upto], other[under], other[upto]))
    return Levels(sides[0], sides[1], float(ids[-1]), float(oods[-1]), mass[~is_ood])


def fast_order(scores: Float[np.ndarray, " k"]) -> Int64[np.ndarray, " k"]:
    """Return the places of ascending scores, as `np.argsort` does, in a third of the time.

    What `coarse_order` leaves is nearly sorted, which a stable sort finishes in one pass.
    """
    order = coarse_order(scores)
    return order[np.argsort(scores[order], kind="stable")]


def coarse_order(scores: Float[np.ndarray, " k"]) -> Int64[np.ndarray, " k"]:
    """Return places in which scores ascend to 16 bits, which numpy sorts without comparing.

    Only a head start: a sort of the scores has to follow, and is exact however few of them the
    16 bits tell apart.
    """
    some = scores[:: max(1, len(scores) // SAMPLE)].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        centre = some.mean()
        spread = np.abs(some - centre).mean()
        step = spread / SPREAD
        if not np.isfinite(spread) or step < np.finfo(scores.dtype).tiny:
            return np.arange(len(scores))
        coarse = scores - scores.dtype.type(centre)
        coarse /= scores.dtype.type(step)
        np.clip(coarse, -32768, 32767, out=coarse)
        return np.argsort(coarse.astype(np.int16), kind="stable")
