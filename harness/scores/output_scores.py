"""OOD scores from logits or probabilities alone; all are larger for OOD.

Scores are ranked, so none may saturate: 1 − p of the predicted class comes from the other classes'
sum, not from a subtraction, where there are logits.
"""

import numpy as np
from jaxtyping import Float64
from scipy.special import entr, log_softmax, logsumexp, softmax

from harness.types import Predictions

GEN_POWER = 0.1
"""γ of GEN, the paper's choice for all its tables."""
GEN_CLASSES = 100
"""M of GEN: only the largest probabilities count (all of them up to 100 classes)."""


def msp(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return 1 − maximum softmax probability, in [0, 1).

    Parameters
    ----------
    predictions : Predictions
        Logits or probabilities of shape (n, c).

    References
    ----------
    Hendrycks and Gimpel 2017, "A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples in Neural Networks", arXiv:1610.02136.
    """
    return _descending(predictions)[1][:, 0]


def max_logit(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return minus the largest logit.

    Parameters
    ----------
    predictions : Predictions
        Logits of shape (n, c).

    References
    ----------
    Hendrycks et al. 2022, "Scaling Out-of-Distribution Detection for Real-World Settings",
    arXiv:1911.11132.
    """
    return -predictions.values.max(axis=1).astype(np.float64)


def energy(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return −ln Σ exp(logit), the free energy at temperature 1.

    Parameters
    ----------
    predictions : Predictions
        Logits of shape (n, c).

    References
    ----------
    Liu et al. 2020, "Energy-based Out-of-distribution Detection".
    """
    return free_energy(predictions.values.astype(np.float64))


def free_energy(logits: Float64[np.ndarray, "n c"]) -> Float64[np.ndarray, " n"]:
    """Return −ln Σ exp(logit) of every row."""
    return -np.asarray(logsumexp(logits, axis=1))


def entropy(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return the entropy of the class probabilities in nats, in [0, ln c].

    Parameters
    ----------
    predictions : Predictions
        Logits or probabilities of shape (n, c).

    References
    ----------
    Shannon 1948, "A Mathematical Theory of Communication".
    """
    return np.asarray(entr(probabilities(predictions)).sum(axis=1))


def gen(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return the generalised entropy Σ p^γ(1 − p)^γ over the M largest probabilities.

    γ = 0.1 and M = min(100, c).

    Parameters
    ----------
    predictions : Predictions
        Logits or probabilities of shape (n, c).

    References
    ----------
    Liu et al. 2023, "GEN: Pushing the Limits of Softmax-Based Out-of-Distribution Detection".
    """
    p, rest = _descending(predictions)
    if _given(predictions):
        # The power makes much of little: 1 − p of a float32 that rounds to 1 would be 0.
        rest[:, 0] = p[:, 1:].sum(axis=1)
    return np.asarray(((p * rest) ** GEN_POWER)[:, :GEN_CLASSES].sum(axis=1))


def _given(predictions: Predictions) -> bool:
    return predictions.kind == "probs"


def probabilities(predictions: Predictions) -> Float64[np.ndarray, "n c"]:
    """Return the class probabilities in float64."""
    values = predictions.values.astype(np.float64)
    return values if _given(predictions) else np.asarray(softmax(values, axis=1))


def _missing_mass(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return 1 − p of the predicted class, exact also when p rounds to 1."""
    gaps = np.sort(predictions.values.astype(np.float64), axis=1)
    others = np.exp(gaps[:, :-1] - gaps[:, -1:]).sum(axis=1)
    return np.asarray(others / (1 + others))


def _descending(
    predictions: Predictions,
) -> tuple[Float64[np.ndarray, "n c"], Float64[np.ndarray, "n c"]]:
    """Return each row's probabilities, largest first, and 1 minus them."""
    p = -np.sort(-probabilities(predictions), axis=1)
    rest = 1 - p
    if not _given(predictions):
        rest[:, 0] = _missing_mass(predictions)
    return p, np.maximum(rest, 0)


def missing_masses(
    predictions: Predictions,
) -> tuple[Float64[np.ndarray, "n c"], Float64[np.ndarray, "n c"]]:
    """Return the probabilities and 1 minus them, the latter exact also when p rounds to 1."""
    p = probabilities(predictions)
    rest = 1 - p
    top = p.argmax(axis=1)
    rows = np.arange(len(p))
    if not _given(predictions):
        rest[rows, top] = _missing_mass(predictions)
    return p, np.maximum(rest, 0)


def log_probabilities(predictions: Predictions) -> Float64[np.ndarray, "n c"]:
    """Return ln of the class probabilities; given ones are clipped at float32's tiny first."""
    values = predictions.values.astype(np.float64)
    if _given(predictions):
        return np.log(np.maximum(values, np.finfo(np.float32).tiny))
    return np.asarray(log_softmax(values, axis=1))
