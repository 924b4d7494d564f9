"""OOD scores that change activations or weights before the last layer; all are larger for OOD.

Each ends with the free energy of the logits that follow. Shaping of activations is defined for
features after a ReLU: sums of features with both signs mean nothing.
"""

import numpy as np
from jaxtyping import Bool, Float64

from harness.errors import Undefined
from harness.scores.feature_scores import features_of, head_of
from harness.scores.output_scores import free_energy
from harness.types import Predictions

ASH_PERCENT = 90
"""Percent of an image's activations that ASH removes."""
SCALE_PERCENT = 85
"""Percent of an image's activations that SCALE leaves out of its second sum (the paper's p)."""
DICE_PERCENT = 90
"""Percent of the last layer's contributions that DICE removes (the paper's p)."""


def _activations(predictions: Predictions) -> Float64[np.ndarray, "n d"]:
    """Return features that are nowhere negative.

    Raises
    ------
    Undefined
        If one is negative.
    """
    features = features_of(predictions)
    if (features < 0).any():
        raise Undefined("features are negative, and activations are shaped after a ReLU only")
    return features


def _largest(features: Float64[np.ndarray, "n d"], percent: int) -> Bool[np.ndarray, "n d"]:
    """Return which activations stay when `percent` go; of equal ones the lowest index stays."""
    size = features.shape[1]
    kept = max(1, size - round(size * percent / 100))
    order = np.argsort(-features, axis=1, kind="stable")[:, :kept]
    mask = np.zeros(features.shape, dtype=bool)
    np.put_along_axis(mask, order, True, axis=1)
    return mask


def _energy(
    predictions: Predictions, features: Float64[np.ndarray, "n d"]
) -> Float64[np.ndarray, " n"]:
    weight, bias = head_of(predictions)
    return free_energy(features @ weight.T + bias)


def _stretch(
    features: Float64[np.ndarray, "n d"], kept: Bool[np.ndarray, "n d"]
) -> Float64[np.ndarray, "n 1"]:
    """Return exp(sum of all / sum of the kept) of every row; 1 for a row of zeros."""
    part = np.where(kept, features, 0).sum(axis=1, keepdims=True)
    ratio = np.divide(
        features.sum(axis=1, keepdims=True), part, out=np.zeros_like(part), where=part > 0
    )
    return np.exp(ratio)


def ash_p(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return the free energy when the smallest 90 % of activations are set to 0.

    Parameters
    ----------
    predictions : Predictions
        Features (n, d), not negative, and head.

    References
    ----------
    Djurisic et al. 2023, "Extremely Simple Activation Shaping for Out-of-Distribution Detection",
    arXiv:2209.09858, at the penultimate layer.
    """
    features = _activations(predictions)
    return _energy(predictions, np.where(_largest(features, ASH_PERCENT), features, 0))


def ash_b(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return the free energy when the largest 10 % of activations share the sum of all equally.

    Parameters
    ----------
    predictions : Predictions
        Features (n, d), not negative, and head.

    References
    ----------
    Djurisic et al. 2023, at the penultimate layer.
    """
    features = _activations(predictions)
    kept = _largest(features, ASH_PERCENT)
    share = features.sum(axis=1, keepdims=True) / kept.sum(axis=1, keepdims=True)
    return _energy(predictions, np.where(kept, share, 0))


def ash_s(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return the free energy when the largest 10 % are stretched by exp(sum of all / their sum).

    Parameters
    ----------
    predictions : Predictions
        Features (n, d), not negative, and head.

    References
    ----------
    Djurisic et al. 2023, at the penultimate layer.
    """
    features = _activations(predictions)
    kept = _largest(features, ASH_PERCENT)
    return _energy(predictions, np.where(kept, features, 0) * _stretch(features, kept))


def scale(predictions: Predictions) -> Float64[np.ndarray, " n"]:
    """Return the free energy when all activations are stretched, none removed.

    By exp(sum of all / sum of the largest 15 %).

    Parameters
    ----------
    predictions : Predictions
        Features (n, d), not negative, and head.

    References
    ----------
    Xu et al. 2024, "Scaling for Training Time and Post-hoc Out-of-distribution Detection
    Enhancement".
    """
    features = _activations(predictions)
    return _energy(predictions, features * _stretch(features, _largest(features, SCALE_PERCENT)))


def fit_dice(train: Predictions) -> Bool[np.ndarray, "c d"]:
    """Return which weights of the head stay: those of the largest 10 % of mean contributions.

    Parameters
    ----------
    train : Predictions
        Of the training split: features (n, d) and head.
    """
    weight, _ = head_of(train)
    contribution = weight * features_of(train).mean(axis=0)
    return np.asarray(contribution > np.percentile(contribution, DICE_PERCENT))


def dice(predictions: Predictions, fitted: Bool[np.ndarray, "c d"]) -> Float64[np.ndarray, " n"]:
    """Return the free energy of the logits that the weights which stay would give.

    Parameters
    ----------
    predictions : Predictions
        Features (n, d) and head.
    fitted : bool array of shape (c, d)
        From `fit_dice`.

    References
    ----------
    Sun and Li 2022, "DICE: Leveraging Sparsification for Out-of-Distribution Detection",
    arXiv:2111.09805.
    """
    weight, bias = head_of(predictions)
    return free_energy(features_of(predictions) @ np.where(fitted, weight, 0).T + bias)
