"""Two sets of scores in one order: how much of either lies below each score of the other.

One sort serves every metric of an OOD score.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from harness.metrics.engine.checks import checked_scores, checked_weights

Weights = Float64[np.ndarray, " n"] | None
Masses = Float64[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class Below:
    """Weight below each score of one set, ascending; equal scores have equal numbers."""

    own: Masses
    """Weight of the same set, less `shift`."""
    other: Masses
    """Weight of the other set."""
    shift: float = 0.0
    """To add to `own`: without ties, what lies up to a score is one more than what lies under."""

    def mean_precision(self, own_total: float, other_total: float, weights: Weights) -> float:
        """Return the mean over the set of own/(own + other) of what is not below, 1 for 0/0.

        With totals of 0 it is of what is below, for the signs cancel.
        """
        called = (own_total - self.shift) - self.own
        false = other_total - self.other
        called += false
        if called[0] == 0 or called[-1] == 0:  # only there: it is monotone
            called[called == 0] = 1.0
        false /= called
        wrong = false.mean() if weights is None else (false * weights).sum() / weights.sum()
        return float(1 - wrong)


@dataclass(frozen=True, eq=False)
class Side:
    """What lies below the scores of one set."""

    under: Below
    """Strictly below."""
    upto: Below
    """At or below."""


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
    def ap_out(self) -> float:
        """Return the average precision of OOD as the positive class."""
        return self.ood.under.mean_precision(self.ood_total, self.id_total, None)

    @cached_property
    def ap_in(self) -> float:
        """Return the average precision of ID as the positive class, scores negated."""
        return self.id.upto.mean_precision(0.0, 0.0, self.id_weights)


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
    order = fast_order(scores)
    value = scores[order]
    ties = np.flatnonzero(value[1:] == value[:-1])
    if weights is None:
        return _of_equal_weights(order >= len(inside), ties)
    return _of_weights(order, ties, weights)


def _of_equal_weights(is_ood: Bool[np.ndarray, " k"], ties: Int64[np.ndarray, " t"]) -> Levels:
    """Return the levels of ones: places tell all, but for the few scores that are tied."""
    sides = []
    places = (np.flatnonzero(~is_ood), np.flatnonzero(is_ood))
    for at in places:
        own = np.arange(float(len(at)))
        other = at.astype(np.float64)
        other -= own
        sides.append(Side(Below(own, other), Below(own, other, shift=1.0)))
    n, m = (float(len(at)) for at in places)
    if len(ties):
        sides = _shared(sides, is_ood, places[1], ties)
    return Levels(sides[0], sides[1], n, m, id_weights=None)


def _shared(
    sides: list[Side],
    is_ood: Bool[np.ndarray, " k"],
    ood_places: Int64[np.ndarray, " m"],
    ties: Int64[np.ndarray, " t"],
) -> list[Side]:
    """Return the sides with the counts of the first and the last of equal scores."""
    first, last, tied = _runs(ties)
    places = (tied, first, last + 1)
    oods = [np.searchsorted(ood_places, at) for at in places]
    ids = [at - before for at, before in zip(places, oods, strict=True)]
    shared = []
    for side, ood in zip(sides, (False, True), strict=True):
        mine = is_ood[tied] == ood
        own, other = (oods, ids) if ood else (ids, oods)
        row, under = own[0][mine], side.under
        upto = Below(under.own + 1, under.other.copy())
        under.own[row], under.other[row] = own[1][mine], other[1][mine]
        upto.own[row], upto.other[row] = own[2][mine], other[2][mine]
        shared.append(Side(under, upto))
    return shared


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
        sides.append(Side(Below(own[under], other[under]), Below(own[upto], other[upto])))
    return Levels(sides[0], sides[1], float(ids[-1]), float(oods[-1]), mass[~is_ood])


def fast_order(scores: Float[np.ndarray, " k"]) -> Int64[np.ndarray, " k"]:
    """Return the places of ascending scores, as a stable `np.argsort`, in a third of the time.

    It stays while ``benchmarks/sorting.py`` says so: numpy is faster by 0.01 ms below 1,500
    scores, and slower by 2.5 to 8.7 times from 10,000 on; every score on every OOD set is ordered.

    numpy sorts 16 bits without comparing. Twice that, the lower half first, orders the leading 32
    bits of a float: a float32 to the end, a float64 but for the few that agree in them.
    """
    narrow = scores.dtype == np.float32
    lead = scores.view(np.int32) if narrow else (scores.view(np.int64) >> 32).astype(np.int32)
    # As whole numbers floats ascend when positive and descend when negative: turn those round.
    lead = lead ^ ((lead >> 31) & 0x7FFFFFFF)
    order = np.argsort(lead.astype(np.uint16), kind="stable")  # the lower half of the bits
    order = order[np.argsort((lead >> 16).astype(np.int16)[order], kind="stable")]
    return order if narrow else order[np.argsort(scores[order], kind="stable")]
