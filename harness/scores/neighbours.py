"""The kNN score: how far the 50th nearest training feature is, all scaled to length 1."""

import numpy as np
from jaxtyping import Float, Float32, Float64

from harness.scores.feature_scores import features_of, in_blocks
from harness.types import Predictions

NEIGHBOUR = 50
"""k of kNN (the paper's choice for CIFAR-10); the number of training images when smaller."""
GROUP = 32
"""Values of a row of which one maximum is kept in the search for the k-th largest."""


def fit_knn(train: Predictions) -> Float[np.ndarray, "n d"]:
    """Return the training features, each scaled to length 1.

    Parameters
    ----------
    train : Predictions
        Of the training split, with features (n, d).
    """
    return _unit(features_of(train))


def knn(predictions: Predictions, bank: Float[np.ndarray, "m d"]) -> Float64[np.ndarray, " n"]:
    """Return the distance to the 50th nearest training feature, all scaled to length 1.

    Parameters
    ----------
    predictions : Predictions
        With features (n, d).
    bank : float array of shape (m, d)
        From `fit_knn`; with fewer than 50 rows the farthest counts.

    References
    ----------
    Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest Neighbors".
    """
    features, narrow = _unit(features_of(predictions)), bank.astype(np.float32)
    found = np.empty(len(features), dtype=np.int64)
    for at, block in in_blocks(features, len(bank)):
        cosine = block.astype(np.float32) @ narrow.T
        wanted = kth_largest(cosine, min(NEIGHBOUR, len(bank)))
        found[at] = (cosine == wanted[:, None]).argmax(axis=1)
    # float32 finds the neighbour, its distance is exact: 2 − 2cos would lose half the digits.
    return np.asarray(np.linalg.norm(features - bank[found], axis=1))


def kth_largest(values: Float32[np.ndarray, "n m"], k: int) -> Float32[np.ndarray, " n"]:
    """Return each row's k-th largest value, in less time than sorting for it.

    Columns are split into groups. The k groups of the largest maxima hold k values at least as
    large as any value elsewhere, so that the others need no look; one maximum in `GROUP` values
    has to be put in order instead of all of them.
    """
    n, m = values.shape
    groups = m // GROUP
    if groups <= k:
        return np.partition(values, m - k)[:, m - k]
    # Members of a group lie `groups` apart: maxima are then taken over whole rows of memory.
    grouped = values[:, : groups * GROUP].reshape(n, GROUP, groups)
    best = np.argpartition(grouped.max(axis=1), groups - k)[:, groups - k :]
    members = np.take_along_axis(grouped, best[:, None], axis=2).reshape(n, GROUP * k)
    candidates = np.concatenate([members, values[:, groups * GROUP :]], axis=1)
    place = candidates.shape[1] - k
    return np.partition(candidates, place)[:, place]


def _unit(features: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """Return rows scaled to length 1; a row of zeros stays."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(length > 0, length, 1))
