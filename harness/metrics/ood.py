"""Telling ID from OOD by one score per image: larger for OOD, OOD is the positive class.

Scores are used as they are: no sigmoid, no softmax, no clipping. All metrics of a score come from
one sort (`levels_of`).
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64

from harness.metrics.engine.levels import Levels, levels_of
from harness.metrics.metric import UNIT, Metric

CAUGHT = 95
"""Percent of the positives that FPR95 catches."""


def ood_metric(
    key: str,
    title: str,
    definition: str,
    function: Callable[..., float],
    evaluate: Callable[..., float],
    *,
    direction: Literal["higher", "lower"] = "higher",
    source: str,
    differs: str,
    headline: bool = False,
    undefined_when: str = "the score is not defined for this entry",
) -> Metric:
    """Return the row of a metric of one score per image; all of them read alike but for these."""
    return Metric(
        key=key,
        title=title,
        definition=definition,
        function=function,
        evaluate=evaluate,
        direction=direction,
        bounds=UNIT,
        unit="fraction",
        needs="ood",
        source=source,
        weighted="reweights ID only, their total weight unchanged",
        undefined_when=undefined_when,
        differs=differs,
        headline=headline,
        scale="logit",
    )


def auroc_of(levels: Levels) -> float:
    """Return the chance that an OOD score is larger than an ID score, ties one half."""
    weights = levels.id_weights
    below = levels.id.under.other + levels.id.upto.other
    mean = below.mean() if weights is None else (below * weights).sum() / levels.id_total
    return float(1 - mean / (2 * levels.ood_total))


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


OOD_AUROC = ood_metric(
    "ood_auroc",
    "OOD AUROC",
    "Chance that an OOD image scores above an ID image, ties one half.",
    ood_auroc,
    auroc_of,
    source="Hendrycks and Gimpel 2017, A Baseline for Detecting Misclassified and "
    "Out-of-Distribution Examples",
    differs="torchmetrics applies a sigmoid to all scores when one lies outside [0, 1]: 0.807 "
    "stays 0.807 on scores around 0 and becomes 0.500 when 100 is added to every one.",
    headline=True,
)


def share_above(
    scores: Float[np.ndarray, " n"], others: Float[np.ndarray, " m"]
) -> Float64[np.ndarray, " n"]:
    """Return for each score the share of `others` that is larger, ties one half."""
    ranked = np.sort(others)
    left = np.searchsorted(ranked, scores, side="left")
    right = np.searchsorted(ranked, scores, side="right")
    return 1 - (left + right) / (2 * len(ranked))


def ap_out_of(levels: Levels) -> float:
    """Return average precision with OOD positive."""
    return levels.ap_out


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


OOD_AP_OUT = ood_metric(
    "ood_ap_out",
    "OOD average precision, OOD positive",
    "Precision at the threshold of each OOD image, averaged.",
    ood_ap_out,
    ap_out_of,
    source="Davis and Goadrich 2006",
    differs="pytorch-ood's AUPR-OUT and most tables hold the trapezoid area (0.830 for 0.824 "
    "on 90 scores with ties).",
)


def ap_in_of(levels: Levels) -> float:
    """Return average precision with ID positive and scores negated."""
    return levels.ap_in


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


OOD_AP_IN = ood_metric(
    "ood_ap_in",
    "OOD average precision, ID positive",
    "Scores negated, precision at the threshold of each ID image, averaged. Depends on the "
    "ratio ID : OOD, which is to be printed beside it.",
    ood_ap_in,
    ap_in_of,
    source="Davis and Goadrich 2006",
    differs="pytorch-ood's AUPR-IN and most tables hold the trapezoid area.",
)


def fpr95_of(levels: Levels) -> float:
    """Return the share of ID at or above the first threshold that catches 95 % of OOD."""
    under = levels.ood.under
    # `own` ascends: of the places that leave few enough below, the last has the largest score.
    missed = (100 - CAUGHT) * levels.ood_total // 100
    place = np.count_nonzero(under.own <= missed) - 1
    return float((levels.id_total - under.other[place]) / levels.id_total)


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


OOD_FPR95 = ood_metric(
    "ood_fpr95",
    "FPR at 95 % OOD caught",
    "Share of ID flagged at the first threshold that catches at least 95 % of OOD.",
    ood_fpr95,
    fpr95_of,
    direction="lower",
    source="Liang et al. 2018, Enhancing The Reliability of Out-of-distribution Image "
    "Detection, with OOD as the positive class",
    differs="Many tables take ID as the positive class (`ood_fpr95_id_positive`): 0.44 and "
    "0.70 on the same 90 scores. scikit-learn's `roc_curve` drops points by default, which "
    "moves it (0.67 to 1.0 on 26 tied scores).",
)
