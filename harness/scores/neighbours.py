"""The kNN score: how far the 50th nearest training feature is, all scaled to length 1."""

import numpy as np
from jaxtyping import Float, Float32, Float64

from harness.scores.feature_scores import features_of, in_blocks
from harness.scores.output_scores import free_energy
from harness.scores.prototypes import unit_rows
from harness.types import Predictions

NEIGHBOUR = 50
"""k of kNN (the paper's choice for CIFAR-10); the number of training images when smaller."""
COSINES = 1 << 24
"""Float32 cosines computed at once (64 MB): products of more rows take less time per row."""
SEARCHED = 1 << 18
"""Cosines searched at once (1 MB): they stay in a core's cache between the search's passes."""
GUIDES, BANK = 10, 2000
"""Neighbours of NNGuide, and training rows that it looks among."""
GROUP = 32
"""Values of a row of which one maximum is kept in the search for the k-th largest."""


def fit_knn(train: Predictions) -> Float[np.ndarray, "n d"]:
    """Return the training features, each scaled to length 1.

    Parameters
    ----------
    train : Predictions
        Of the training split, with features (n, d).
    """
    return unit_rows(features_of(train))


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
    features, narrow = unit_rows(features_of(predictions)), bank.astype(np.float32)
    found = np.empty(len(features), dtype=np.int64)
    for at, block in in_blocks(features, len(bank), COSINES):
        cosines, nearest = block.astype(np.float32) @ narrow.T, found[at]
        for part, some in in_blocks(cosines, len(bank), SEARCHED):
            wanted = kth_largest(some, min(NEIGHBOUR, len(bank)))
            nearest[part] = (some == wanted[:, None]).argmax(axis=1)
    # float32 finds the neighbour, its distance is exact: 2 − 2cos would lose half the digits.
    return np.asarray(np.linalg.norm(features - bank[found], axis=1))


def fit_nnguide(train: Predictions) -> Float64[np.ndarray, "m d"]:
    """Return training features of length 1 times their energy ln Σ exp(logit).

    Of at most 2,000 rows at equal steps: the paper takes a part as well.

    Parameters
    ----------
    train : Predictions
        Of the training split: features (n, d), logits (n, c).
    """
    step = -(-len(train.values) // BANK)
    energies = -free_energy(train.values[::step].astype(np.float64))
    return unit_rows(features_of(train)[::step]) * energies[:, None]


def nnguide(
    predictions: Predictions, bank: Float64[np.ndarray, "m d"]
) -> Float64[np.ndarray, " n"]:
    """Return minus the energy times the mean of the ten largest products with the bank.

    Parameters
    ----------
    predictions : Predictions
        Features (n, d), logits (n, c).
    bank : float64 array of shape (m, d)
        From `fit_nnguide`; with fewer than ten rows all count.

    References
    ----------
    Park, Jung and Teoh 2023, "Nearest Neighbor Guidance for Out-of-Distribution Detection",
    arXiv:2309.14888, k = 10.
    """
    features, k = unit_rows(features_of(predictions)), min(GUIDES, len(bank))
    guidance = np.empty(len(features))
    for at, block in in_blocks(features, len(bank)):
        products = block @ bank.T
        guidance[at] = np.partition(products, len(bank) - k)[:, len(bank) - k :].mean(axis=1)
    return np.asarray(free_energy(predictions.values.astype(np.float64)) * guidance)


def kth_largest(values: Float32[np.ndarray, "n m"], k: int) -> Float32[np.ndarray, " n"]:
    """Return each row's k-th largest value, in less time than sorting for it.

    `np.partition` gives the same and takes 3.9 times as long for a bank of 54,000 rows, 2.7 to 3.5
    times for 12,000 (``benchmarks/sorting.py``), 1.4 times for 4,000.

    Columns are split into groups. The k groups of the largest maxima hold k values at least as
    large as any value elsewhere, so that the others need no look; one maximum in `GROUP` values has
    to be put in order instead of all of them.
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
