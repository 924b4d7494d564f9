"""From a block of logits or probabilities to one number per image, without losing digits.

A row of logits is reduced by its maximum first: adding a constant to a row changes nothing, not
even a tie. The predicted class is set against the log-sum of the others, so that neither its
probability near 1 nor the others' near 0 are rounded away.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

TINY = float(np.finfo(np.float32).tiny)
"""Probabilities given as such are clipped here before a logarithm (PROTOCOL section 4)."""


class Rows(NamedTuple):
    """One number per image."""

    confidence: Float64[np.ndarray, " n"]
    """Probability of the predicted class."""
    certainty: Float64[np.ndarray, " n"]
    """Orders images as `confidence` does; from logits its log-odds, which does not saturate."""
    log_true: Float64[np.ndarray, " n"]
    """ln p(true)."""
    log_rest: Float64[np.ndarray, " n"]
    """ln of the largest probability among the classes that are not the true one."""
    brier: Float64[np.ndarray, " n"]
    """Σ_k (p_k − 1[k = true])²."""


def rows_of_logits(
    z: Float64[np.ndarray, "b c"], pred: Int64[np.ndarray, " b"], true: Int64[np.ndarray, " b"]
) -> Rows:
    """Return the numbers of each row of logits; overwrites `z`.

    Parameters
    ----------
    z : float64 array of shape (b, c)
        Logits.
    pred, true : int64 array of shape (b,)
        Column of the largest logit; true class.
    """
    at = np.arange(len(z))
    hit = pred == true
    log_rest_sum, second, p = _against_the_rest(z, pred)
    log_top = -np.log1p(np.exp(log_rest_sum))
    log_true = np.where(hit, log_top, z[at, true] + log_top)
    p *= np.exp(second + log_top)[:, None]
    p[at, pred] = np.exp(log_top)
    # 1 − p of a certain and right prediction: from the others' sum, not by subtraction.
    p[at, true] = np.where(hit, -np.exp(log_rest_sum + log_top), p[at, true] - 1)
    return Rows(
        confidence=np.exp(log_top),
        certainty=-log_rest_sum,
        log_true=log_true,
        log_rest=np.where(hit, second + log_top, log_top),
        brier=np.einsum("ij,ij->i", p, p),
    )


def rows_of_probs(
    p: Float64[np.ndarray, "b c"], pred: Int64[np.ndarray, " b"], true: Int64[np.ndarray, " b"]
) -> Rows:
    """Return the numbers of each row of probabilities; overwrites `p`.

    Parameters
    ----------
    p : float64 array of shape (b, c)
        Probabilities, used as given.
    pred, true : int64 array of shape (b,)
        Column of the largest probability; true class.
    """
    at = np.arange(len(p))
    confidence, p_true = p[at, pred], p[at, true]
    p[at, true] -= 1
    return Rows(
        confidence=confidence,
        certainty=confidence,
        log_true=np.log(np.maximum(p_true, TINY)),
        brier=np.einsum("ij,ij->i", p, p),
        # The true column is now at most 0 and cannot be the largest of the others.
        log_rest=np.log(np.maximum(p.max(axis=1), TINY)),
    )


def softmax(z: Float64[np.ndarray, "b c"]) -> Float64[np.ndarray, "b c"]:
    """Return the probabilities of each row of logits; overwrites `z`."""
    z -= z.max(axis=1, keepdims=True)
    p = np.exp(z, out=z)
    p /= p.sum(axis=1, keepdims=True)
    return p


def log_odds(
    z: Float64[np.ndarray, "b c"], pred: Int64[np.ndarray, " b"]
) -> Float64[np.ndarray, "b c"]:
    """Return z_k − logsumexp_{j≠k} z_j of every class; overwrites `z`.

    Parameters
    ----------
    z : float64 array of shape (b, c)
        Logits.
    pred : int64 array of shape (b,)
        Column of the largest logit.
    """
    log_rest_sum, second, p = _against_the_rest(z, pred)
    log_top = -np.log1p(np.exp(log_rest_sum))
    z += log_top[:, None]
    # p ≤ ½ outside the predicted column, so 1 − p keeps all its digits.
    p *= np.exp(second + log_top)[:, None]
    np.subtract(1.0, p, out=p)
    z -= np.log(p, out=p)
    z[np.arange(len(z)), pred] = -log_rest_sum
    return z


def _against_the_rest(
    z: Float64[np.ndarray, "b c"], pred: Int64[np.ndarray, " b"]
) -> tuple[Float64[np.ndarray, " b"], Float64[np.ndarray, " b"], Float64[np.ndarray, "b c"]]:
    """Reduce rows by their maximum, set that to −inf.

    Returns
    -------
    tuple
        The others' log-sum, their maximum, and their exponentials over that of the maximum.
    """
    at = np.arange(len(z))
    z -= z[at, pred][:, None]
    z[at, pred] = -np.inf
    second = z.max(axis=1)
    e = z - second[:, None]
    total = np.exp(e, out=e).sum(axis=1)
    return second + np.log(total), second, e
