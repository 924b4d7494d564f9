"""What published tables print under the names FPR95 and AUPR, under names of their own."""

import numpy as np
from jaxtyping import Float

from harness.metrics.engine.checks import ROUNDING
from harness.metrics.engine.levels import Levels, levels_of
from harness.metrics.ood import CAUGHT, ood_metric


def fpr95_id_positive_of(levels: Levels) -> float:
    """Return the share of OOD at or below the first threshold that accepts 95 % of ID."""
    upto = levels.id.upto
    reached = (upto.own + upto.shift) * 100 >= CAUGHT * levels.id_total * ROUNDING
    return float(upto.other[np.argmax(reached)] / levels.ood_total)


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


OOD_FPR95_ID_POSITIVE = ood_metric(
    "ood_fpr95_id_positive",
    "FPR at 95 % ID accepted",
    "Share of OOD accepted at the first threshold that accepts at least 95 % of ID.",
    ood_fpr95_id_positive,
    fpr95_id_positive_of,
    direction="lower",
    source="Liang et al. 2018",
    differs="Compatibility name for published tables.",
)


def trapezoid_out_of(levels: Levels) -> float:
    """Return the area under the precision-recall polygon with OOD positive."""
    above = levels.ood.upto.mean_precision(levels.ood_total, levels.id_total, None)
    return (levels.ap_out + above) / 2


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


OOD_AUPR_TRAPEZOID_OUT = ood_metric(
    "ood_aupr_trapezoid_out",
    "OOD AUPR by trapezoids, OOD positive",
    "Area under straight lines between the points of the precision-recall curve.",
    ood_aupr_trapezoid_out,
    trapezoid_out_of,
    source="Yang et al. 2022, OpenOOD (its evaluator)",
    differs="Compatibility name for published tables; the lines are too optimistic.",
)


def trapezoid_in_of(levels: Levels) -> float:
    """Return the area under the precision-recall polygon with ID positive and scores negated."""
    under = levels.id.under.mean_precision(0.0, 0.0, levels.id_weights)
    return (levels.ap_in + under) / 2


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


OOD_AUPR_TRAPEZOID_IN = ood_metric(
    "ood_aupr_trapezoid_in",
    "OOD AUPR by trapezoids, ID positive",
    "As `ood_aupr_trapezoid_out` with ID positive and scores negated.",
    ood_aupr_trapezoid_in,
    trapezoid_in_of,
    source="Yang et al. 2022, OpenOOD (its evaluator)",
    differs="Compatibility name for published tables; the lines are too optimistic.",
)
