"""Predictions against another truth of the same images: corrected labels, people's votes.

Another truth gives each image a share for every class, or no answer.
"""

import numpy as np
from jaxtyping import Bool, Float, Integer

from harness.errors import Undefined
from harness.metrics.classification import accuracy
from harness.metrics.metric import UNIT, Metric
from harness.metrics.subgroups import shift_metric
from harness.types import MetricResult, Weightings

_COLUMNS_AT_ONCE = 2048


def _said(
    y_pred: Integer[np.ndarray, " n"],
    shares: Float[np.ndarray, "n c"],
    kept: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, " k"]:
    if not kept.any():
        raise Undefined("no image has an answer")
    return np.asarray(shares[np.arange(len(y_pred)), y_pred][kept], dtype=np.float64)


def agreement(
    y_pred: Integer[np.ndarray, " n"],
    shares: Float[np.ndarray, "n c"],
    kept: Bool[np.ndarray, " n"],
) -> float:
    """Return how often predictions are what another truth says.

    For corrected labels the accuracy; for shares of people the probability that a person drawn at
    random says what the model says. Images without an answer are left out.

    Parameters
    ----------
    y_pred : int array of shape (n,)
        Predicted class indices.
    shares : float array of shape (n, c)
        Share of each class; rows sum to 1.
    kept : bool array of shape (n,)
        Which images have an answer at all.

    Returns
    -------
    float
        Share in [0, 1]; higher is better.

    Raises
    ------
    Undefined
        If no image has an answer.
    """
    return float(_said(y_pred, shares, kept).mean())


AGREEMENT = shift_metric(
    "agreement",
    "Agreement with another truth",
    "Mean share that another truth (corrected labels, people's votes) gives the predicted "
    "class, over images that have an answer; for corrected labels the accuracy.",
    agreement,
    needs="truth",
    undefined_when="no image has an answer",
    source="Northcutt et al. 2021, Pervasive Label Errors in Test Sets",
)


PUBLISHED_ACCURACY = shift_metric(
    "published_accuracy",
    "Accuracy on the same images as published",
    "Accuracy against the published labels over the images that another truth answers: what "
    "`agreement` is to be compared with.",
    accuracy,
    needs="truth",
    undefined_when="no image has an answer",
    source="Northcutt et al. 2021, Pervasive Label Errors in Test Sets",
)


def soft_nll(
    log_probs: Float[np.ndarray, "n c"],
    shares: Float[np.ndarray, "n c"],
    kept: Bool[np.ndarray, " n"],
) -> float:
    """Return the mean −Σ_c share_c · ln p_c: the cross-entropy to people's labels.

    Parameters
    ----------
    log_probs : float array of shape (n, c)
        Natural logarithms of predicted probabilities.
    shares : float array of shape (n, c)
        Share of each class; rows sum to 1.
    kept : bool array of shape (n,)
        Which images have an answer at all.

    Returns
    -------
    float
        In nats, at least the entropy of the shares; lower is better.

    Raises
    ------
    Undefined
        If no image has an answer.

    References
    ----------
    Peterson et al. 2019, "Human Uncertainty Makes Classification More Robust".
    """
    if not kept.any():
        raise Undefined("no image has an answer")
    used = shares > 0  # 0 · ln 0 is 0
    terms = np.where(used, shares * np.where(used, log_probs, 0.0), 0.0)
    return float(-terms.sum(axis=1)[kept].mean())


SOFT_NLL = Metric(
    key="soft_nll",
    title="Cross-entropy to people's labels",
    definition="Mean −Σ_c share_c · ln p_c over images that have an answer.",
    function=soft_nll,
    evaluate=soft_nll,
    direction="lower",
    bounds=(0.0, None),
    unit="nats",
    needs="truth",
    source="Peterson et al. 2019, Human Uncertainty Makes Classification More Robust",
    weighted="not weighted",
    undefined_when="no image has an answer",
    differs="",
    scale="log",
)


def rare_probability_error(
    probs: Float[np.ndarray, "n c"], shares: Float[np.ndarray, "n c"]
) -> float:
    """Return the mean squared error of the rarest class's probability against the true one.

    Parameters
    ----------
    probs : float array of shape (n, c)
        Predicted probabilities.
    shares : float array of shape (n, c)
        Probabilities that the labels were drawn from; the rarest class has the least sum, the
        lowest index where several have it.

    Returns
    -------
    float
        In [0, 1]; lower is better, 0 for the truth itself.

    References
    ----------
    Faletto and Bien 2023, "Predicting Rare Events by Shrinking Towards Proportional Odds".
    """
    rarest = int(shares.sum(axis=0).argmin())
    return float(((probs[:, rarest] - shares[:, rarest]) ** 2).mean())


RARE_PROBABILITY_ERROR = Metric(
    key="rare_probability_error",
    title="Error of the rarest class's probability",
    definition="Mean squared difference of the rarest class's predicted probability and the true "
    "one, where the labels were drawn from known probabilities.",
    function=rare_probability_error,
    evaluate=rare_probability_error,
    direction="lower",
    bounds=UNIT,
    unit="squared error",
    needs="truth",
    source="Faletto and Bien 2023, arXiv:2305.18700, section 4",
    weighted="not weighted",
    undefined_when="",
    differs="",
)


def replicate_agreement(
    y_pred: Integer[np.ndarray, " n"],
    shares: Float[np.ndarray, "n c"],
    kept: Bool[np.ndarray, " n"],
    weightings: Weightings,
) -> Float[np.ndarray, " replicates"] | MetricResult:
    """Return `agreement` under each shared weighting of the pool, exactly.

    Parameters
    ----------
    y_pred : int array of shape (n,)
        Predicted class indices.
    shares : float array of shape (n, c)
        Share of each class; rows sum to 1.
    kept : bool array of shape (n,)
        Which images have an answer; the others weigh nothing.
    weightings : Weightings
        Of the test pool under its published labels.

    Returns
    -------
    float array of shape (replicates,) or MetricResult
        Shares; where there are none, the reason.
    """
    if weightings.undefined is not None:
        return MetricResult(None, weightings.undefined)
    said = np.where(kept, shares[np.arange(len(y_pred)), y_pred], 0.0)
    terms = np.stack([said, kept.astype(np.float64)], axis=1) * weightings.scale[:, None]
    total = np.zeros((len(weightings.counts), 2))
    for i in range(0, len(y_pred), _COLUMNS_AT_ONCE):  # counts are uint8: float64 block by block
        at = slice(i, i + _COLUMNS_AT_ONCE)
        total += weightings.counts[:, at].astype(np.float64) @ terms[at]
    if not total[:, 1].all():
        return MetricResult(None, "a weighting holds no image with an answer")
    return np.asarray(total[:, 0] / total[:, 1])
