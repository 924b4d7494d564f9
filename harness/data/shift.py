"""Label shift at test time: class weights on the test pool (PROTOCOL section 2)."""

import numpy as np
from jaxtyping import Float, Int

from harness.errors import SpecError
from harness.types import View


def frequency_ranks(counts: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return the rank of each class by count, largest first, ties by class index.

    Parameters
    ----------
    counts : int array of shape (c,)
        Clean training counts.

    Examples
    --------
    >>> frequency_ranks(np.array([5, 9, 5])).tolist()
    [1, 0, 2]
    """
    ranks = np.empty(len(counts), dtype=np.int64)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return ranks


def target_prior(view: View, counts: Int[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
    """Return the class prior that a view stands for.

    Parameters
    ----------
    view : View
        ``uniform``, ``forward-k`` (frequent in training, frequent at test) or ``backward-k``.
    counts : int array of shape (c,)
        Clean training counts.

    Returns
    -------
    float array of shape (c,)
        Proportional to k^(−r/(C−1)), r the rank by training count; sums to 1.
    """
    c = len(counts)
    if view.kind == "uniform" or view.k is None:
        return np.full(c, 1 / c)
    ranks = frequency_ranks(counts)
    if view.kind == "backward":
        ranks = c - 1 - ranks
    prior = view.k ** (-ranks / max(c - 1, 1))
    return np.asarray(prior / prior.sum())


def view_weights(
    view: View, train_clean_counts: Int[np.ndarray, " c"], test_labels: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return the weight of each test row under a view: q_y · n / n_y.

    Parameters
    ----------
    view : View
        Target prior q.
    train_clean_counts : int array of shape (c,)
        Clean training counts: what forward and backward refer to.
    test_labels : int array of shape (n,)
        Clean labels of the test pool.

    Returns
    -------
    float array of shape (n,)
        Positive, mean 1 over the rows when every class with a share has an image.

    Raises
    ------
    SpecError
        If a class has a share in the target but no test image.
    """
    c = len(train_clean_counts)
    present = np.bincount(test_labels, minlength=c)
    if (absent := np.flatnonzero(present == 0)).size:
        raise SpecError(
            f"The view {view.name} gives class {int(absent[0])} a share, but the test pool has no "
            "image of it. Use a test pool with every class."
        )
    factors = target_prior(view, train_clean_counts) * len(test_labels) / present
    return np.asarray(factors[test_labels])


def subsample_counts(
    view: View, train_clean_counts: Int[np.ndarray, " c"], available: Int[np.ndarray, " c"]
) -> Int[np.ndarray, " c"]:
    """Return how many test images of each class the published, subsampled variant keeps.

    The most frequent class keeps all it has; the others follow the target prior. At k = 50 the
    rarest class of a pool with 100 images a class keeps 2.

    Parameters
    ----------
    view : View
        Target prior.
    train_clean_counts : int array of shape (c,)
        Clean training counts.
    available : int array of shape (c,)
        Test images of each class.

    References
    ----------
    Zhang et al. 2022, "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic
    Long-Tailed Recognition", section 5.1.
    """
    prior = target_prior(view, train_clean_counts)
    scale = float((available / prior).min())
    return np.maximum(np.floor(prior * scale + 1e-9).astype(np.int64), 1)
