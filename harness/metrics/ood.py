"""Telling ID from OOD by one score an image: larger for OOD, OOD is the positive class.

One sort of both sets together serves every metric. Scores are used as they are: no sigmoid, no
softmax, no clipping.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from harness.metrics.checks import checked_scores, checked_weights

Vector = Float64[np.ndarray, " g"]
CAUGHT = 95
"""Percent of the positives that FPR95 catches."""


class Levels(NamedTuple):
    """Weight of ID and OOD at each distinct score, ascending, and up to it."""

    id_here: Vector
    """ID images at this score."""
    ood_here: Vector
    """OOD images at this score."""
    id_upto: Vector
    """ID images at or below."""
    ood_upto: Vector
    """OOD images at or below."""

    @property
    def id_total(self) -> float:
        """Return the weight of all ID images."""
        return float(self.id_upto[-1])

    @property
    def ood_total(self) -> float:
        """Return the number of OOD images."""
        return float(self.ood_upto[-1])

    @property
    def id_from(self) -> Vector:
        """Return the weight of ID images at or above each score."""
        return self.id_upto[-1] - self.id_upto + self.id_here

    @property
    def ood_from(self) -> Vector:
        """Return the number of OOD images at or above each score."""
        return self.ood_upto[-1] - self.ood_upto + self.ood_here


def levels_of(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> Levels:
    """Return the weights at each distinct score.

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
    w = checked_weights(id_weights, len(inside), name="id_weights")
    scores = np.concatenate([inside, outside])
    order = np.argsort(scores)
    value = scores[order]
    last = np.flatnonzero(np.r_[value[1:] != value[:-1], True])
    is_ood = order >= len(inside)
    ood_upto = np.cumsum(is_ood)[last].astype(np.float64)
    if w is None:
        id_upto = last + 1 - ood_upto
    else:
        id_upto = np.cumsum(np.concatenate([w, np.zeros(len(outside))])[order])[last]
    return Levels(_steps(id_upto), _steps(ood_upto), id_upto, ood_upto)


def _steps(upto: Vector) -> Vector:
    return np.diff(upto, prepend=0.0)


def _precision(true: Vector, false: Vector) -> Vector:
    """Return true/(true + false); 1 where nothing is called positive, where curves begin."""
    called = true + false
    return np.divide(true, called, out=np.ones_like(called), where=called > 0)


def auroc_of(levels: Levels) -> float:
    """Return the chance that an OOD score is larger than an ID score, ties one half."""
    below = levels.id_upto - levels.id_here / 2
    return float(levels.ood_here @ below / (levels.ood_total * levels.id_total))


def ap_out_of(levels: Levels) -> float:
    """Return average precision with OOD positive."""
    precision = _precision(levels.ood_from, levels.id_from)
    return float(levels.ood_here @ precision / levels.ood_total)


def ap_in_of(levels: Levels) -> float:
    """Return average precision with ID positive and scores negated."""
    precision = _precision(levels.id_upto, levels.ood_upto)
    return float(levels.id_here @ precision / levels.id_total)


def trapezoid_out_of(levels: Levels) -> float:
    """Return the area under the precision-recall polygon with OOD positive."""
    here = _precision(levels.ood_from, levels.id_from)
    above = _precision(levels.ood_from - levels.ood_here, levels.id_from - levels.id_here)
    return float(levels.ood_here @ (here + above) / (2 * levels.ood_total))


def trapezoid_in_of(levels: Levels) -> float:
    """Return the area under the precision-recall polygon with ID positive and scores negated."""
    here = _precision(levels.id_upto, levels.ood_upto)
    under = _precision(levels.id_upto - levels.id_here, levels.ood_upto - levels.ood_here)
    return float(levels.id_here @ (here + under) / (2 * levels.id_total))


def fpr95_of(levels: Levels) -> float:
    """Return the share of ID at or above the first threshold that catches 95 % of OOD."""
    reached = levels.ood_from * 100 >= CAUGHT * levels.ood_total
    return float(levels.id_from[np.flatnonzero(reached)[-1]] / levels.id_total)


def fpr95_id_positive_of(levels: Levels) -> float:
    """Return the share of OOD at or below the first threshold that accepts 95 % of ID."""
    reached = levels.id_upto * 100 >= CAUGHT * levels.id_total
    return float(levels.ood_upto[np.argmax(reached)] / levels.ood_total)


def oscr_of(
    id_scores: Float64[np.ndarray, " n"],
    correct: Float64[np.ndarray, " n"],
    ood_scores: Float64[np.ndarray, " m"],
    weights: Float64[np.ndarray, " n"] | None,
) -> float:
    """Return the open-set classification rate of checked arrays."""
    above = share_above(id_scores, ood_scores)
    w = np.ones(len(above)) if weights is None else weights
    return float((w * correct) @ above / w.sum())


def share_above(
    scores: Float64[np.ndarray, " n"], others: Float64[np.ndarray, " m"]
) -> Float64[np.ndarray, " n"]:
    """Return for each score the share of `others` that is larger, ties one half."""
    ranked = np.sort(others)
    left = np.searchsorted(ranked, scores, side="left")
    right = np.searchsorted(ranked, scores, side="right")
    return 1 - (left + right) / (2 * len(ranked))


def ood_auroc(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the chance that an OOD image scores above an ID image, ties one half.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 0.5 is chance. Below 0.5 the sign is probably flipped.
    """
    return auroc_of(levels_of(id_scores, ood_scores, id_weights))


def ood_ap_out(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return average precision with OOD as the positive class.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in (0, 1]; higher is better, the share of OOD is chance.
    """
    return ap_out_of(levels_of(id_scores, ood_scores, id_weights))


def ood_ap_in(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return average precision with ID as the positive class, scores negated.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in (0, 1]; higher is better, the share of ID is chance: print the ratio ID : OOD.
    """
    return ap_in_of(levels_of(id_scores, ood_scores, id_weights))


def ood_fpr95(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the share of ID flagged when at least 95 % of OOD is caught.

    The threshold is the largest score that catches them; no interpolation.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; lower is better, 0.95 is chance.
    """
    return fpr95_of(levels_of(id_scores, ood_scores, id_weights))


def ood_fpr95_id_positive(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the share of OOD accepted when at least 95 % of ID is accepted.

    Many published tables print this one as FPR95.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; lower is better, 0.95 is chance.
    """
    return fpr95_id_positive_of(levels_of(id_scores, ood_scores, id_weights))


def ood_aupr_trapezoid_out(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the trapezoid area under the precision-recall curve, OOD positive.

    Too optimistic (Davis and Goadrich 2006); kept to compare with tables that print it as AUPR.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better.
    """
    return trapezoid_out_of(levels_of(id_scores, ood_scores, id_weights))


def ood_aupr_trapezoid_in(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the trapezoid area under the precision-recall curve, ID positive, scores negated.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better.
    """
    return trapezoid_in_of(levels_of(id_scores, ood_scores, id_weights))


def oscr(
    id_scores: Float[np.ndarray, " n"],
    correct: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the open-set classification rate: right class and below the OOD image, over all pairs.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD; an equal pair counts one half.
    correct : float array of shape (n,)
        1 where the class of the ID image is right, else 0.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, accuracy]; higher is better.

    References
    ----------
    Dhamija, Günther and Boult 2018, "Reducing Network Agnostophobia", section 3; here the exact
    area, ties one half.
    """
    inside = checked_scores(id_scores, "id_scores")
    outside = checked_scores(ood_scores, "ood_scores")
    w = checked_weights(id_weights, len(inside), name="id_weights")
    return oscr_of(inside, correct.astype(np.float64), outside, w)
