"""OOD metrics under the weightings of both sides, which are drawn by themselves."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64

from harness.errors import Undefined
from harness.lookup import lookup
from harness.metrics.engine.checks import checked_scores
from harness.metrics.ood import CAUGHT, share_above
from harness.metrics.replicates import Found, Replicates, Vector, check_size, weigh
from harness.metrics.table import METRICS
from harness.types import MetricResult, Weightings

Others = Float[np.ndarray, " m"]

LEAST_OOD = 50
"""OOD images below which the 95 % threshold rests on too few of them: with 20 the interval of
FPR95 covers 78 %, with 50 it covers 93 to 95 % (`benchmarks/truth.py`)."""


def replicate_ood(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    id_weightings: Weightings,
    ood_weightings: Weightings,
    keys: Iterable[str] = ("ood_auroc",),
    *,
    correct: Bool[np.ndarray, " n"] | None = None,
) -> dict[str, Found]:
    """Return OOD metrics under the weightings of both sets.

    AUROC (also against right or wrong ID images) and OSCR are to first order; average precision is
    recomputed, FPR95 and the correct classification rates are too, their thresholds from whole
    counts of OOD images.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weightings, ood_weightings : Weightings
        Of the two pools, as many replicates each.
    keys : iterable of str, default=("ood_auroc",)
        Of `OOD_REPLICATES`; others have none.
    correct : bool array of shape (n,), optional
        Whether the class of each ID image is right, for the metrics that read it.

    Returns
    -------
    dict of str to float array of shape (replicates,) or MetricResult
        Fractions; where there are none, the reason.

    Raises
    ------
    UnknownNameError
        If a key is not in METRICS.
    PredictionsError
        If weightings are of another number of images, or a score is not finite.
    """
    inside = checked_scores(id_scores, "id_scores")
    outside = checked_scores(ood_scores, "ood_scores")
    check_size(id_weightings, len(inside), "id_scores")
    check_size(ood_weightings, len(outside), "ood_scores")
    right = np.ones(len(inside), dtype=bool) if correct is None else correct
    sides = Sides(inside, outside, right, id_weightings, ood_weightings)
    reason = id_weightings.undefined or ood_weightings.undefined
    found: dict[str, Found] = {}
    for key in keys:
        lookup("metric", key, METRICS)
        if reason is not None:
            found[key] = MetricResult(None, reason)
        elif key not in OOD_REPLICATES:
            found[key] = MetricResult(
                None, f"{key} has no replicates: it is a published variant of one that has"
            )
        else:
            try:
                found[key] = OOD_REPLICATES[key](sides)
            except Undefined as undefined:
                found[key] = MetricResult(None, undefined.reason)
    return found


class Sides(NamedTuple):
    """Both sides of a detection, checked."""

    inside: Vector
    """ID scores."""
    outside: Others
    """OOD scores."""
    correct: Bool[np.ndarray, " n"]
    """Whether the class of each ID image is right."""
    id_weightings: Weightings
    ood_weightings: Weightings


def _auroc(sides: Sides, kept: Bool[np.ndarray, " n"] | None = None) -> Replicates:
    """Return AUROC against the ID images `kept`, or all of them."""
    if kept is None:
        kept = np.ones(len(sides.inside), dtype=bool)
    if not kept.any():
        raise Undefined("no ID image is classified so")
    above = share_above(sides.inside[kept], sides.outside)
    terms = np.zeros(len(kept))
    # A ratio of two weighted sums: to first order each image moves it by its distance from it.
    terms[kept] = (above - above.mean()) / len(above)
    below = 1 - share_above(sides.outside, sides.inside[kept])
    return np.asarray(above.mean() + _moved(sides, terms, below / len(below)))


def _oscr(sides: Sides) -> Replicates:
    above = sides.correct * share_above(sides.inside, sides.outside)
    below = np.zeros(len(sides.outside))
    if sides.correct.any():
        below = 1 - share_above(sides.outside, sides.inside[sides.correct])
    below *= sides.correct.mean() / len(below)
    return np.asarray(above.mean() + _moved(sides, above / len(above), below))


def _moved(sides: Sides, inside: Vector, outside: Others) -> Replicates:
    """Return how far sums of terms of both sides move together."""
    moves = (
        weigh(terms[None], weightings)[0][:, 0]
        for terms, weightings in ((inside, sides.id_weightings), (outside, sides.ood_weightings))
    )
    return sum(moves, start=np.zeros(len(sides.id_weightings.counts)))


def _fpr95(sides: Sides) -> Replicates:
    if len(sides.outside) < LEAST_OOD:
        raise Undefined(f"{len(sides.outside)} OOD images; replicates of FPR95 need {LEAST_OOD}")
    order = np.argsort(-sides.outside, kind="stable")
    caught = _counted(sides, order)
    # From the largest score on, the first at which 95 % of the drawn OOD images are reached.
    places = [np.searchsorted(c * 100, CAUGHT * c[-1], side="left") for c in caught]
    thresholds = sides.outside[order][places]
    ranked = np.argsort(-sides.inside, kind="stable")
    flagged = np.searchsorted(-sides.inside[ranked], -thresholds, side="right")
    return _weight_of_first(sides, ranked, flagged, np.ones(len(ranked)))


def _ccr(sides: Sides, percent: int) -> Replicates:
    least = max(LEAST_OOD, 250 // percent)
    if len(sides.outside) < least:
        raise Undefined(f"{len(sides.outside)} OOD images; replicates at {percent} % need {least}")
    order = np.argsort(sides.outside, kind="stable")
    accepted = _counted(sides, order)
    places = [np.searchsorted(c, c[-1] * percent // 100, side="right") for c in accepted]
    thresholds = sides.outside[order][places]
    ranked = np.argsort(sides.inside, kind="stable")
    below = np.searchsorted(sides.inside[ranked], thresholds, side="left")
    return _weight_of_first(sides, ranked, below, sides.correct[ranked].astype(np.float64))


def _ap(sides: Sides, *, out: bool) -> Replicates:
    """Return the average precision of one side among both."""
    least = min(len(sides.inside), len(sides.outside))
    if least < LEAST_OOD:
        raise Undefined(
            f"{least} images on one side; replicates of average precision need {LEAST_OOD}"
        )
    scores = np.concatenate([sides.inside, sides.outside]) * (1 if out else -1)
    is_ood = np.arange(len(scores)) >= len(sides.inside)
    order = np.argsort(-scores, kind="stable")
    value, mine = scores[order], is_ood[order] == out
    # Of equal scores all are called positive together: precision is read where their run ends.
    last = np.append(np.flatnonzero(value[1:] != value[:-1]), len(value) - 1)
    ends = last[np.searchsorted(last, np.flatnonzero(mine))]
    found = np.empty(len(sides.id_weightings.counts))
    for b, drawn in enumerate(
        zip(sides.id_weightings.counts, sides.ood_weightings.counts, strict=True)
    ):
        scale = (sides.id_weightings.scale, sides.ood_weightings.scale)
        w = np.concatenate([d * s for d, s in zip(drawn, scale, strict=True)])[order]
        called, caught = np.cumsum(w)[ends], np.cumsum(w * mine)[ends]
        # Where nothing of any weight is called, the positives there weigh nothing either.
        precision = np.divide(caught, called, out=np.zeros_like(caught), where=called > 0)
        found[b] = w[mine] @ precision / w[mine].sum()
    return found


def _counted(sides: Sides, order: Int64[np.ndarray, " m"]) -> list[Int64[np.ndarray, " m"]]:
    """Return how many OOD images each weighting has drawn up to each place of an order."""
    return [np.cumsum(c.take(order), dtype=np.int64) for c in sides.ood_weightings.counts]


def _weight_of_first(
    sides: Sides,
    order: Int64[np.ndarray, " n"],
    stops: Int64[np.ndarray, " replicates"],
    counted: Vector,
) -> Replicates:
    """Return the share of weight that the first ID images of an order have, those that count."""
    scale = sides.id_weightings.scale[order] * counted
    rates = np.empty(len(stops))
    for b, k in enumerate(stops):
        rates[b] = sides.id_weightings.counts[b].take(order[:k]) @ scale[:k]
    return rates / len(order)


OOD_REPLICATES: dict[str, Callable[[Sides], Replicates]] = {
    "ood_auroc": _auroc,
    "ood_auroc_right": lambda sides: _auroc(sides, sides.correct),
    "ood_auroc_wrong": lambda sides: _auroc(sides, ~sides.correct),
    "oscr": _oscr,
    "ood_ap_out": lambda sides: _ap(sides, out=True),
    "ood_ap_in": lambda sides: _ap(sides, out=False),
    "ood_fpr95": _fpr95,
    "ccr_at_fpr10": lambda sides: _ccr(sides, 10),
    "ccr_at_fpr1": lambda sides: _ccr(sides, 1),
}
"""OOD metrics that have replicates."""
