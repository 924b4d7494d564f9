"""Transition matrices of the noise kinds that depend on the class alone (PROTOCOL section 3).

Each is a function from rate, clean training counts and data set to a matrix: row clean, column
observed.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

from harness.errors import SpecError
from harness.types.data import DatasetSpec


def clean(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return the identity: no label flips.

    Parameters
    ----------
    rate : float
        Not looked at.
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.
    """
    return np.eye(len(counts))


def symmetric(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips to any *other* class alike: the rate is the real share of flips.

    Parameters
    ----------
    rate : float
        Share of flips in [0, 1).
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.
    """
    return _spread(np.full(len(counts), rate), 1.0 - np.eye(len(counts)))


def symmetric_inclusive(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return labels redrawn from *all* classes: the real share of flips is rate · (1 − 1/C).

    Parameters
    ----------
    rate : float
        Share of redrawn labels in [0, 1).
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Li et al. 2020, "DivideMix", and Liu et al. 2020, "Early-Learning Regularization": both redraw
    from all classes, so their 0.4 on ten classes is 0.36.
    """
    return symmetric(rate * (1 - 1 / len(counts)), counts, dataset)


def asymmetric(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips along the data set's map between similar classes; other classes stay clean.

    Parameters
    ----------
    rate : float
        Share of flips of each class that the map names, in [0, 1).
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        With `asymmetric_map`.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    Raises
    ------
    SpecError
        If the data set has no such map.

    References
    ----------
    Patrini et al. 2017, "Making Deep Neural Networks Robust to Label Noise", section 5.
    """
    if not dataset.asymmetric_map:
        raise SpecError(
            "Asymmetric noise needs a map between similar classes, and the literature names none "
            f"for {dataset.name}. Use 'pairflip' or 'symmetric'."
        )
    return _along(dataset.asymmetric_map, rate, len(counts))


def asymmetric_fine5(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips to the next of five consecutive classes, as if they were one superclass.

    Parameters
    ----------
    rate : float
        Share of flips in [0, 1).
    counts : int array of shape (c,)
        Clean training counts; c is a multiple of five.
    dataset : DatasetSpec
        Named in the error.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Liu et al. 2020, "Early-Learning Regularization", its code for CIFAR-100.
    """
    c = len(counts)
    if c % 5:
        raise SpecError(
            f"'asymmetric_fine5' goes round groups of five classes; {dataset.name} has {c}. "
            "Use 'pairflip'."
        )
    return _along({k: 5 * (k // 5) + (k + 1) % 5 for k in range(c)}, rate, c)


def pairflip(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips from class k to k + 1 modulo C.

    Parameters
    ----------
    rate : float
        Share of flips in [0, 1).
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Han et al. 2018, "Co-teaching", figure 2.
    """
    c = len(counts)
    return _along({k: (k + 1) % c for k in range(c)}, rate, c)


def frequency(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return flips to another class in proportion to its clean training count.

    Parameters
    ----------
    rate : float
        Share of flips in [0, 1), the same for every class.
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Wei et al. 2021, "Robust Long-Tailed Learning under Label Noise", section 4.
    """
    weights = np.tile(counts.astype(np.float64), (len(counts), 1))
    return _spread(np.full(len(counts), rate), weights * (1.0 - np.eye(len(counts))))


def complementary(
    rate: float, counts: Int[np.ndarray, " c"], dataset: DatasetSpec
) -> Float[np.ndarray, "c c"]:
    """Return labels that are never the true class, any other alike.

    Parameters
    ----------
    rate : float
        Not looked at: every label is complementary.
    counts : int array of shape (c,)
        Clean training counts.
    dataset : DatasetSpec
        Not looked at.

    Returns
    -------
    float array of shape (c, c)
        Row clean, column observed; rows sum to 1.

    References
    ----------
    Ishida et al. 2017, "Learning from Complementary Labels", section 2.
    """
    return _spread(np.ones(len(counts)), 1.0 - np.eye(len(counts)))


def _along(map_: Mapping[int, int], rate: float, c: int) -> Float[np.ndarray, "c c"]:
    """Return the matrix that flips each class of a map to its image with one rate."""
    matrix = np.eye(c)
    for source, target in map_.items():
        matrix[source, source] = 1 - rate
        matrix[source, target] = rate
    return matrix


def _spread(
    rates: Float[np.ndarray, " c"], weights: Float[np.ndarray, "c c"]
) -> Float[np.ndarray, "c c"]:
    """Return the matrix whose class k flips with rates[k] in proportion to weights[k]."""
    given_flip = weights / weights.sum(axis=1, keepdims=True)
    matrix = rates[:, None] * given_flip
    np.fill_diagonal(matrix, 1 - rates)
    return matrix
