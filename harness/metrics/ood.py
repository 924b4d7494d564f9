"""Telling ID from OOD by one score an image: larger for OOD, OOD is the positive class.

Scores are used as they are: no sigmoid, no softmax, no clipping. All metrics of a score come from
one sort (`levels_of`).
"""

import numpy as np
from jaxtyping import Float, Float64

from harness.metrics.engine.checks import ROUNDING, checked_scores, checked_weights
from harness.metrics.engine.levels import Levels, levels_of

CAUGHT = 95
"""Percent of the positives that FPR95 catches."""


def auroc_of(levels: Levels) -> float:
    """Return the chance that an OOD score is larger than an ID score, ties one half."""
    weights = levels.id_weights
    below = levels.id.under.other + levels.id.upto.other
    mean = below.mean() if weights is None else (below * weights).sum() / levels.id_total
    return float(1 - mean / (2 * levels.ood_total))


def ap_out_of(levels: Levels) -> float:
    """Return average precision with OOD positive."""
    return levels.ap_out


def ap_in_of(levels: Levels) -> float:
    """Return average precision with ID positive and scores negated."""
    return levels.ap_in


def trapezoid_out_of(levels: Levels) -> float:
    """Return the area under the precision-recall polygon with OOD positive."""
    above = levels.ood.upto.mean_precision(levels.ood_total, levels.id_total, None)
    return (levels.ap_out + above) / 2


def trapezoid_in_of(levels: Levels) -> float:
    """Return the area under the precision-recall polygon with ID positive and scores negated."""
    under = levels.id.under.mean_precision(0.0, 0.0, levels.id_weights)
    return (levels.ap_in + under) / 2


def fpr95_of(levels: Levels) -> float:
    """Return the share of ID at or above the first threshold that catches 95 % of OOD."""
    under = levels.ood.under
    # `own` ascends: of the places that leave few enough below, the last has the largest score.
    missed = (100 - CAUGHT) * levels.ood_total // 100
    place = np.count_nonzero(under.own <= missed) - 1
    return float((levels.id_total - under.other[place]) / levels.id_total)


def fpr95_id_positive_of(levels: Levels) -> float:
    """Return the share of OOD at or below the first threshold that accepts 95 % of ID."""
    upto = levels.id.upto
    reached = (upto.own + upto.shift) * 100 >= CAUGHT * levels.id_total * ROUNDING
    return float(upto.other[np.argmax(reached)] / levels.ood_total)


def flipped_sign(auroc: float) -> str | None:
    """Return a sentence when scores seem to be larger for ID; None when they are as expected.

    A flag, not an error: a detector may really be worse than chance.

    Parameters
    ----------
    auroc : float
        `ood_auroc`.

    Examples
    --------
    >>> flipped_sign(0.9) is None
    True
    """
    if auroc >= 0.5:
        return None
    return (
        f"ood_scores should be larger than id_scores (ood_auroc above 0.5); got {auroc:.3f}, with "
        f"the sign flipped it would be {1 - auroc:.3f}. Negate the score if it is larger for ID."
    )


def oscr_of(
    id_scores: Float[np.ndarray, " n"],
    correct: Float64[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    weights: Float64[np.ndarray, " n"] | None,
) -> float:
    """Return the open-set classification rate of checked arrays."""
    above = share_above(id_scores, ood_scores)
    w = np.ones(len(above)) if weights is None else weights
    return float((w * correct * above).sum() / w.sum())


def share_above(
    scores: Float[np.ndarray, " n"], others: Float[np.ndarray, " m"]
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
