"""How good the probabilities are as probabilities: proper scores."""

import numpy as np
from jaxtyping import Float, Float64, Integer

from harness.metrics.engine.checks import checked_weights
from harness.metrics.engine.outputs import Outputs
from harness.metrics.metric import UNBIASED, Metric
from harness.metrics.weighted import Weighted


def weighted_mean(
    values: Float64[np.ndarray, " n"], weights: Float64[np.ndarray, " n"] | None
) -> float:
    """Return Σ w v / Σ w; plain mean without weights."""
    if weights is None:
        return float(values.mean())
    return float((weights * values).sum() / weights.sum())


def _log_loss(pool: Weighted) -> float:
    return weighted_mean(-pool.outputs.log_true, pool.weights)


def nll(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean of −ln p(true).

    Given probabilities are clipped at float32's smallest normal number (−ln is then 87.3);
    `Outputs.clipped_rows` tells how often. From logits (`Outputs.from_logits`) nothing is clipped.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0 <= y < c.
    probs : float array of shape (n, c)
        Class probabilities; rows sum to 1.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Nats in [0, ∞); lower is better, ln c is chance.

    References
    ----------
    Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation".
    """
    outputs = Outputs.from_probs(y_true, probs)
    return weighted_mean(-outputs.log_true, checked_weights(weights, outputs.n))


NLL = Metric(
    key="nll",
    title="Negative log-likelihood",
    definition="Mean of −ln p(true).",
    function=nll,
    evaluate=_log_loss,
    direction="lower",
    bounds=(0.0, None),
    unit="nats",
    needs="probs",
    source="Gneiting and Raftery 2007, Strictly proper scoring rules",
    weighted=UNBIASED,
    undefined_when="",
    differs="From logits nothing is clipped. Given probabilities are clipped at 1.2e-38 "
    "(float32's smallest normal number); scikit-learn clips at the machine epsilon of the "
    "dtype: a certain and wrong float32 row costs 15.9 there and 87.3 here.",
    headline=True,
    scale="log",
)


def _brier(pool: Weighted) -> float:
    return weighted_mean(pool.outputs.rows.brier, pool.weights)


def brier(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean of Σ_k (p_k − 1[k = true])², summed over classes and not halved.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0 <= y < c.
    probs : float array of shape (n, c)
        Class probabilities; rows sum to 1.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        In [0, 2]; lower is better, 1 − 1/c is chance.

    References
    ----------
    Brier 1950, "Verification of forecasts expressed in terms of probability".
    """
    outputs = Outputs.from_probs(y_true, probs)
    return weighted_mean(outputs.rows.brier, checked_weights(weights, outputs.n))


BRIER = Metric(
    key="brier",
    title="Brier score",
    definition="Mean of Σ_k (p_k − 1[k = true])², summed over classes and not halved.",
    function=brier,
    evaluate=_brier,
    direction="lower",
    bounds=(0.0, 2.0),
    unit="squared error",
    needs="probs",
    source="Brier 1950, Verification of forecasts expressed in terms of probability",
    weighted=UNBIASED,
    undefined_when="",
    differs="scikit-learn halves it for two classes unless `scale_by_half=False`: 0.065 for 0.13.",
)
