"""OOD scores by what the training images of a class are like on average; larger for OOD.

Only training evidence: rows of the training split, their observed labels, what the model says of
them. A class that no training row stands for is named where it is needed.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64
from scipy.special import logsumexp

from harness.errors import Undefined
from harness.scores.feature_scores import features_of
from harness.scores.output_scores import log_probabilities
from harness.types import Predictions

TAIL = 20
"""Largest distances of a class that OpenMax fits (the paper's η)."""
REVISED = 10
"""Classes whose logits OpenMax revises, largest first (the paper's α), all when there are fewer."""
LEAST_TAIL = 3
"""Distances below which a class is not revised: two parameters need more than two numbers."""


def fit_klm(train: Predictions) -> Float64[np.ndarray, "k c"]:
    """Return the mean probabilities of the training rows predicted as each class.

    Parameters
    ----------
    train : Predictions
        Of the training split: logits or probabilities (n, c). Classes nobody is predicted as have
        no row.
    """
    probs = np.exp(log_probabilities(train))
    return _means(probs, train.values.argmax(axis=1))[1]


def _means(
    rows: Float64[np.ndarray, "n d"], of: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " k"], Float64[np.ndarray, "k d"]]:
    """Return the classes that have rows, and the mean of each one's rows."""
    classes, sizes = np.unique(of, return_counts=True)
    order = np.argsort(of, kind="stable")
    sums = np.add.reduceat(rows[order], np.cumsum(sizes) - sizes, axis=0)
    return classes, sums / sizes[:, None]


def klm(predictions: Predictions, fitted: Float64[np.ndarray, "k c"]) -> Float64[np.ndarray, " n"]:
    """Return the smallest Kullback-Leibler divergence from the mean probabilities of any class.

    Parameters
    ----------
    predictions : Predictions
        Logits or probabilities of shape (n, c).
    fitted : float64 array of shape (k, c)
        From `fit_klm`.

    References
    ----------
    Hendrycks et al. 2022, "Scaling Out-of-Distribution Detection for Real-World Settings",
    arXiv:1911.11132 (KL matching); templates are those of predicted classes.
    """
    logs = log_probabilities(predictions)
    own = (np.exp(logs) * logs).sum(axis=1)
    templates = np.log(np.maximum(fitted, np.finfo(np.float64).tiny))
    return np.asarray(own - (np.exp(logs) @ templates.T).max(axis=1))


def fit_she(train: Predictions, observed: Int[np.ndarray, " n"]) -> Float64[np.ndarray, "c d"]:
    """Return the mean feature of the training rows of each class that are predicted as observed.

    Parameters
    ----------
    train : Predictions
        Of the training split, with features (n, d).
    observed : int array of shape (n,)
        Observed label of every row.
    """
    predicted = train.values.argmax(axis=1)
    held = predicted == observed
    patterns = np.full((train.values.shape[1], features_of(train).shape[1]), np.nan)
    if held.any():
        classes, means = _means(features_of(train)[held], predicted[held].astype(np.int64))
        patterns[classes] = means
    return patterns


def she(predictions: Predictions, fitted: Float64[np.ndarray, "c d"]) -> Float64[np.ndarray, " n"]:
    """Return minus the product of a feature with the mean feature of its predicted class.

    Parameters
    ----------
    predictions : Predictions
        Logits or probabilities (n, c), features (n, d).
    fitted : float64 array of shape (c, d)
        From `fit_she`.

    Raises
    ------
    Undefined
        If an image is predicted as a class of which no training row is predicted as observed.

    References
    ----------
    Zhang et al. 2023, "Out-of-Distribution Detection based on In-Distribution Data Patterns
    Memorization with Modern Hopfield Energy".
    """
    predicted = predictions.values.argmax(axis=1)
    absent = np.flatnonzero(np.isnan(fitted).any(axis=1)[predicted])
    if len(absent):
        raise Undefined(f"no training row of class {predicted[absent[0]]} is predicted as observed")
    return -np.einsum("ij,ij->i", features_of(predictions), fitted[predicted])


def fit_cosine(train: Predictions, observed: Int[np.ndarray, " n"]) -> Float64[np.ndarray, "k d"]:
    """Return the mean feature of each observed class, scaled to length 1.

    Parameters
    ----------
    train : Predictions
        Of the training split, with features (n, d).
    observed : int array of shape (n,)
        Observed label of every row.
    """
    return unit_rows(_means(features_of(train), observed.astype(np.int64))[1])


def cosine(
    predictions: Predictions, fitted: Float64[np.ndarray, "k d"]
) -> Float64[np.ndarray, " n"]:
    """Return minus the largest cosine of a feature and the mean feature of any class, in [−1, 1].

    Parameters
    ----------
    predictions : Predictions
        With features (n, d).
    fitted : float64 array of shape (k, d)
        From `fit_cosine`.

    References
    ----------
    Techapanurak, Suganuma and Okatani 2020, "Hyperparameter-Free Out-of-Distribution Detection
    Using Cosine Similarity", here with class means in place of learned directions.
    """
    return -(unit_rows(features_of(predictions)) @ fitted.T).max(axis=1)


def unit_rows(rows: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """Return rows scaled to length 1; a row of zeros stays."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1))


@dataclass(frozen=True)
class Tails:
    """What OpenMax keeps of the training logits of each class."""

    means: Float64[np.ndarray, "c c"]
    """Mean logits of the rows predicted as observed."""
    shape: Float64[np.ndarray, " c"]
    """Of the Weibull distribution of the largest distances."""
    scale: Float64[np.ndarray, " c"]
    """Likewise; infinite for a class that is not revised."""


def fit_openmax(train: Predictions, observed: Int[np.ndarray, " n"]) -> Tails:
    """Return for each class its mean logits and the Weibull fit of its 20 largest distances.

    Of the rows that are predicted as observed. A class with fewer than three different distances
    among these is not revised.

    Parameters
    ----------
    train : Predictions
        Of the training split, with logits (n, c).
    observed : int array of shape (n,)
        Observed label of every row.
    """
    logits = train.values.astype(np.float64)
    c = logits.shape[1]
    means, shape, size = np.zeros((c, c)), np.ones(c), np.full(c, np.inf)
    held = logits.argmax(axis=1) == observed
    for k in range(c):
        own = logits[held & (observed == k)]
        if not len(own):
            continue
        means[k] = own.mean(axis=0)
        tail = np.sort(np.linalg.norm(own - means[k], axis=1))[-TAIL:]
        tail = tail[tail > 0]
        if len(np.unique(tail)) >= LEAST_TAIL:
            shape[k], size[k] = fit_weibull(tail)
    return Tails(means, shape, size)


def fit_weibull(values: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    """Return shape and scale of the likeliest Weibull distribution from 0 on.

    Parameters
    ----------
    values : float64 array of shape (n,)
        Positive, not all equal.
    """
    from scipy.optimize import brentq  # slow to import, and only this needs it

    logs = np.log(values / values.max())  # scaled: powers of large shapes stay finite

    def slope(shape: float) -> float:
        powers = np.exp(shape * logs)
        return float((powers @ logs) / powers.sum() - 1 / shape - logs.mean())

    high = 1.0
    while slope(high) < 0:
        high *= 2
    shape = float(brentq(slope, 1e-6, high, xtol=1e-12, rtol=1e-13))
    return shape, float(values.max() * np.exp(shape * logs).mean() ** (1 / shape))


def openmax(predictions: Predictions, fitted: Tails) -> Float64[np.ndarray, " n"]:
    """Return the log-odds of the unknown class after the largest logits are revised.

    The i-th largest of the ten largest logits loses (11 − i)/10 of the share that is the Weibull
    distribution function of its distance from the class's mean logits; the unknown class's logit
    is the sum of what was lost.

    Parameters
    ----------
    predictions : Predictions
        Logits of shape (n, c).
    fitted : Tails
        From `fit_openmax`.

    References
    ----------
    Bendale and Boult 2016, "Towards Open Set Deep Networks", arXiv:1511.06233;
    Euclidean distances, α = 10, η = 20; log-odds instead of the probability, which would saturate.
    """
    logits = predictions.values.astype(np.float64)
    n, c = logits.shape
    revised = min(REVISED, c)
    order = np.argsort(-logits, axis=1, kind="stable")[:, :revised]
    weight = np.zeros((n, c))
    np.put_along_axis(
        weight,
        order,
        np.broadcast_to((revised - np.arange(revised)) / revised, order.shape),
        axis=1,
    )
    kept = np.empty((n, c))
    for k in range(c):
        distance = np.linalg.norm(logits - fitted.means[k], axis=1)
        outside = -np.expm1(-((distance / fitted.scale[k]) ** fitted.shape[k]))
        kept[:, k] = logits[:, k] * (1 - weight[:, k] * outside)
    unknown = (logits - kept).sum(axis=1)
    return np.asarray(unknown - logsumexp(kept, axis=1))


def modelled(fitted: Tails) -> Bool[np.ndarray, " c"]:
    """Return which classes OpenMax revises."""
    return np.isfinite(fitted.scale)
