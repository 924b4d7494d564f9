"""OOD scores by where a feature lies beside the last layer's directions; all larger for OOD."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from harness.errors import Undefined
from harness.scores.feature_scores import features_of, head_of
from harness.scores.output_scores import missing_masses, probabilities
from harness.scores.prototypes import unit_rows
from harness.types import Predictions


def gradnorm(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return minus the L1 norm of the last layer's gradient of the distance to equal shares.

    The gradient of KL(uniform ‖ softmax) by the weights is (p − 1/c)·fᵀ, whose norm is the product
    ‖f‖₁·Σ_k |p_k − 1/c|.

    Parameters
    ----------
    predictions : Predictions
        Logits (n, c), features (n, d).

    References
    ----------
    Huang, Geng and Li 2021, "On the Importance of Gradients for Detecting Distributional Shifts in
    the Wild", arXiv:2110.00218 (closed form of the last layer, temperature 1).
    """
    probs = probabilities(predictions)
    away = np.abs(probs - 1 / probs.shape[1]).sum(axis=1)
    return -np.abs(features_of(predictions)).sum(axis=1) * away


def weight_cosine(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return minus the largest cosine of a feature and a class's weights, in [−1, 1].

    Parameters
    ----------
    predictions : Predictions
        Features (n, d) and head.

    References
    ----------
    Techapanurak, Suganuma and Okatani 2020, "Hyperparameter-Free Out-of-Distribution Detection
    Using Cosine Similarity", on a head that was not trained for it.
    """
    weight, _ = head_of(predictions)
    return -(unit_rows(features_of(predictions)) @ unit_rows(weight).T).max(axis=1)


def fit_fdbd(train: Predictions) -> Float64[np.ndarray, " d"]:
    """Return the mean training feature.

    Parameters
    ----------
    train : Predictions
        Of the training split, with features (n, d).
    """
    return np.asarray(features_of(train).mean(axis=0))


def fdbd(predictions: Predictions, fitted: Float64[np.ndarray, " d"]) -> Float64[np.ndarray, " n"]:
    """Return minus the mean distance to decision boundaries over the distance from the mean.

    The distance to the boundary with class k is |z_pred − z_k|/‖w_pred − w_k‖.

    Parameters
    ----------
    predictions : Predictions
        Features (n, d) and head.
    fitted : float64 array of shape (d,)
        From `fit_fdbd`.

    Raises
    ------
    Undefined
        If two classes have the same weights, or a feature is the mean itself: a distance is 0.

    References
    ----------
    Liu and Qin 2024, "Fast Decision Boundary based Out-of-Distribution Detector", arXiv:2312.11536.
    """
    weight, bias = head_of(predictions)
    features = features_of(predictions)
    logits = features @ weight.T + bias
    predicted = logits.argmax(axis=1)
    c = len(weight)
    apart = np.linalg.norm(weight[:, None] - weight[None], axis=2)
    apart[np.arange(c), np.arange(c)] = np.inf
    if not apart.all():
        raise Undefined("two classes have the same weights in the last layer: no boundary")
    away = np.linalg.norm(features - fitted, axis=1)
    if not away.all():
        raise Undefined("a feature is the mean of the training features: no direction")
    top = logits[np.arange(len(logits)), predicted]
    distances = (top[:, None] - logits) / apart[predicted]
    return -distances.sum(axis=1) / ((c - 1) * away)


@dataclass(frozen=True)
class Principal:
    """What NECO keeps of the training features."""

    mean: Float64[np.ndarray, " d"]
    """Of training features."""
    spread: Float64[np.ndarray, " d"]
    """Their standard deviation; 1 where they do not vary."""
    axes: Float64[np.ndarray, "d k"]
    """Principal directions of the standardised features, as many as there are classes."""


def fit_neco(train: Predictions) -> Principal:
    """Return the first c principal directions of standardised training features.

    Classes of a collapsed network lie on c − 1 directions; c are kept, at most d.

    Parameters
    ----------
    train : Predictions
        Of the training split: features (n, d), logits (n, c).
    """
    features = features_of(train)
    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    standard = (features - mean) / spread
    _, vectors = np.linalg.eigh(standard.T @ standard)  # ascending
    kept = min(train.values.shape[1], features.shape[1])
    return Principal(mean, spread, vectors[:, ::-1][:, :kept])


def neco(predictions: Predictions, fitted: Principal) -> Float64[np.ndarray, " n"]:
    """Return minus the share of a feature's length in the principal space, times the largest logit.

    Parameters
    ----------
    predictions : Predictions
        Features (n, d), logits (n, c).
    fitted : Principal
        From `fit_neco`.

    References
    ----------
    Ben Ammar et al. 2024, "NECO: NEural Collapse Based Out-of-distribution detection",
    with the number of classes as dimension and the largest logit as factor.
    """
    standard = (features_of(predictions) - fitted.mean) / fitted.spread
    whole = np.linalg.norm(standard, axis=1)
    part = np.linalg.norm(standard @ fitted.axes, axis=1)
    share = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return -share * predictions.values.max(axis=1).astype(np.float64)


def fit_pnml(train: Predictions) -> Float64[np.ndarray, "d d"]:
    """Return the pseudo-inverse of XᵀX of the training features, all scaled to length 1.

    Parameters
    ----------
    train : Predictions
        Of the training split, with features (n, d).
    """
    features = unit_rows(features_of(train))
    return np.linalg.pinv(features.T @ features, hermitian=True)


def pnml(predictions: Predictions, fitted: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, " n"]:
    """Return the regret of a learner that may still choose the last layer, in [0, ln c].

    ln Σ_k p_k/(p_k + p_k^t·(1 − p_k)) with t = q/(1 + q), q = fᵀ(XᵀX)⁺f of features of length 1.

    Parameters
    ----------
    predictions : Predictions
        Logits (n, c), features (n, d).
    fitted : float64 array of shape (d, d)
        From `fit_pnml`.

    References
    ----------
    Bibas, Feder and Hassner 2021, "Single Layer Predictive Normalized Maximum Likelihood for
    Out-of-Distribution Detection"; parts of features outside the training span are
    left out.
    """
    features = unit_rows(features_of(predictions))
    q = np.maximum(np.einsum("ij,ij->i", features @ fitted, features), 0)
    t = (q / (1 + q))[:, None]
    p, rest = missing_masses(predictions)
    power = np.power(p, t)
    # Σ − 1 from terms that are small themselves: the sum is near 1 for sure predictions.
    # A class without any probability has no share in it: 0/0 at p = 0 stands for a limit of 0.
    whole = p + power * rest
    excess = np.divide(p * rest * (1 - power), whole, out=np.zeros_like(whole), where=whole > 0)
    return np.asarray(np.log1p(excess.sum(axis=1)))
