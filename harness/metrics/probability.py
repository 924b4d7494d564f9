"""How good the probabilities are as probabilities: proper scores."""

import numpy as np
from jaxtyping import Float, Float64, Integer

from harness.metrics.engine.checks import checked_weights
from harness.metrics.engine.outputs import Outputs


def weighted_mean(
    values: Float64[np.ndarray, " n"], weights: Float64[np.ndarray, " n"] | None
) -> float:
    """Return Σ w v / Σ w; plain mean without weights."""
    if weights is None:
        return float(values.mean())
    return float((weights * values).sum() / weights.sum())


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
    Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation",
    section 4.
    """
    outputs = Outputs.from_probs(y_true, probs)
    return weighted_mean(-outputs.log_true, checked_weights(weights, outputs.n))


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
    Brier 1950, "Verification of forecasts expressed in terms of probability", equation 2.
    """
    outputs = Outputs.from_probs(y_true, probs)
    return weighted_mean(outputs.rows.brier, checked_weights(weights, outputs.n))
