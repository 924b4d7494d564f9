"""Class and OOD score together: what an open-set classifier is worth."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Float64

from harness.errors import Undefined
from harness.metrics.engine.checks import checked_scores, checked_weights
from harness.metrics.metric import Metric
from harness.metrics.ood import ood_auroc, ood_metric, share_above


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
    Dhamija, Günther and Boult 2018, "Reducing Network Agnostophobia"; here the exact
    area, ties one half.
    """
    inside = checked_scores(id_scores, "id_scores")
    outside = checked_scores(ood_scores, "ood_scores")
    w = checked_weights(id_weights, len(inside), name="id_weights")
    return oscr_of(inside, correct.astype(np.float64), outside, w)


OSCR = ood_metric(
    "oscr",
    "Open-set classification rate",
    "Mean over pairs of an ID and an OOD image of: class right, and OOD score larger for the "
    "OOD image; ties one half.",
    oscr,
    oscr_of,
    source="Dhamija, Günther and Boult 2018, Reducing Network Agnostophobia",
    differs="Code that sums over a grid of thresholds depends on the grid.",
)


def ood_auroc_right(
    id_scores: Float[np.ndarray, " n"],
    correct: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return `ood_auroc` against the ID images that are classified right.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    correct : float array of shape (n,)
        1 where the class of the ID image is right, else 0.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 0.5 is chance.

    Raises
    ------
    Undefined
        If no ID image is classified right.

    References
    ----------
    Vaze et al. 2022, "Open-Set Recognition: A Good Closed-Set Classifier Is All You Need?", for why
    the two parts differ; Kim, Koo and Hwang 2023, "A Unified Benchmark for the Unknown Detection
    Capability of Deep Neural Networks".
    """
    return _against(id_scores, correct > 0, ood_scores, id_weights, "right")


def ood_auroc_wrong(
    id_scores: Float[np.ndarray, " n"],
    correct: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return `ood_auroc` against the ID images that are classified wrong.

    Near 0.5 for scores of confidence: what they find is mistakes, of which OOD images are one kind.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    correct : float array of shape (n,)
        1 where the class of the ID image is right, else 0.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 0.5 is chance.

    Raises
    ------
    Undefined
        If no ID image is classified wrong.

    References
    ----------
    Kim, Koo and Hwang 2023.
    """
    return _against(id_scores, correct <= 0, ood_scores, id_weights, "wrong")


def _against(
    id_scores: Float[np.ndarray, " n"],
    kept: Bool[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    id_weights: Float[np.ndarray, " n"] | None,
    what: str,
) -> float:
    inside = checked_scores(id_scores, "id_scores")
    w = checked_weights(id_weights, len(inside), name="id_weights")
    if not (kept if w is None else kept & (w > 0)).any():
        raise Undefined(f"no ID image is classified {what}")
    return ood_auroc(inside[kept], ood_scores, id_weights=None if w is None else w[kept])


def _split(key: str, title: str, function: Callable[..., float], what: str) -> Metric:
    return ood_metric(
        key,
        f"OOD AUROC against {title}",
        f"`ood_auroc` with only those ID images that are classified {what}.",
        function,
        function,
        source="Kim, Koo and Hwang 2023, A Unified Benchmark for the Unknown Detection Capability "
        "of Deep Neural Networks",
        differs="",
        undefined_when=f"no ID image is classified {what}, or the score is not defined",
    )


OOD_AUROC_RIGHT = _split("ood_auroc_right", "right ID", ood_auroc_right, "right")
OOD_AUROC_WRONG = _split("ood_auroc_wrong", "wrong ID", ood_auroc_wrong, "wrong")


def ccr_at(
    id_scores: Float[np.ndarray, " n"],
    correct: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    percent: int,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the correct classification rate when at most `percent` of OOD images are accepted.

    Raises
    ------
    Undefined
        If the OOD set is so small that the share is less than one image.
    """
    inside, outside = (
        checked_scores(id_scores, "id_scores"),
        checked_scores(ood_scores, "ood_scores"),
    )
    w = checked_weights(id_weights, len(inside), name="id_weights")
    allowed = len(outside) * percent // 100
    if allowed < 1:
        raise Undefined(
            f"{percent} % of {len(outside)} OOD images is less than one: it needs {100 // percent}"
        )
    # The first OOD image that is not accepted any more; accepted is what lies strictly below.
    accepted = inside < np.partition(outside, allowed)[allowed]
    w = np.ones(len(inside)) if w is None else w
    return float((w * (correct > 0) * accepted).sum() / w.sum())


def ccr_at_fpr10(
    id_scores: Float[np.ndarray, " n"],
    correct: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the share of ID images accepted and right when at most 10 % of OOD are accepted.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD; accepted is what scores below a threshold.
    correct : float array of shape (n,)
        1 where the class of the ID image is right, else 0.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, accuracy]; higher is better.

    Raises
    ------
    Undefined
        If there are fewer than 10 OOD images.

    References
    ----------
    Dhamija, Günther and Boult 2018, "Reducing Network Agnostophobia".
    """
    return ccr_at(id_scores, correct, ood_scores, 10, id_weights)


def ccr_at_fpr1(
    id_scores: Float[np.ndarray, " n"],
    correct: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the share of ID images accepted and right when at most 1 % of OOD are accepted.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD; accepted is what scores below a threshold.
    correct : float array of shape (n,)
        1 where the class of the ID image is right, else 0.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, accuracy]; higher is better.

    Raises
    ------
    Undefined
        If there are fewer than 100 OOD images.

    References
    ----------
    Dhamija, Günther and Boult 2018, "Reducing Network Agnostophobia".
    """
    return ccr_at(id_scores, correct, ood_scores, 1, id_weights)


def _ccr(key: str, percent: int, function: Callable[..., float]) -> Metric:
    return ood_metric(
        key,
        f"Correct classification rate at {percent} % false positives",
        "Share of ID images that are accepted and of the right class, at the loosest threshold "
        f"that accepts at most {percent} % of OOD.",
        function,
        function,
        source="Dhamija, Günther and Boult 2018, Reducing Network Agnostophobia",
        differs="Code that accepts what equals the threshold lets tied OOD images through."
        if percent == 10
        else "",
        undefined_when=f"fewer than {100 // percent} OOD images, or the score is not defined",
    )


CCR_AT_FPR10 = _ccr("ccr_at_fpr10", 10, ccr_at_fpr10)
CCR_AT_FPR1 = _ccr("ccr_at_fpr1", 1, ccr_at_fpr1)

OPEN_SET: tuple[Metric, ...] = (
    OSCR,
    OOD_AUROC_RIGHT,
    OOD_AUROC_WRONG,
    CCR_AT_FPR10,
    CCR_AT_FPR1,
)
"""Rows of metrics that read scores and whether the class is right."""
