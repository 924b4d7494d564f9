"""Label shift at test time: target priors over the same test images (PROTOCOL section 2)."""

import numpy as np
from jaxtyping import Float, Int

from harness.streams import Stream, stream
from harness.types.data import Pool, View


def class_ranks(train_clean_counts: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return the rank of each class by clean training count: 0 has most, ties by class index.

    Parameters
    ----------
    train_clean_counts : int array of shape (c,)
        Clean training counts.

    Returns
    -------
    int array of shape (c,)
        Rank in 0 … C−1.

    Examples
    --------
    >>> class_ranks(np.array([5, 9, 5])).tolist()
    [1, 0, 2]
    """
    ranks = np.empty(len(train_clean_counts), dtype=np.int64)
    order = np.argsort(-train_clean_counts, kind="stable")
    ranks[order] = np.arange(len(order))
    return ranks


def target_prior(view: View, train_clean_counts: Int[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
    """Return the share of each class in the view: p_c ∝ k^(−r_c / (C−1)), uniform: 1 / C.

    Parameters
    ----------
    view : View
        ``uniform``, ``forward-k`` (as in training) or ``backward-k`` (ranks reversed).
    train_clean_counts : int array of shape (c,)
        Clean training counts; they rank the classes.

    Returns
    -------
    float array of shape (c,)
        Shares; sum to 1.

    References
    ----------
    Hong et al. 2021, "Disentangling Label Distribution for Long-tailed Visual Recognition",
    section 5.1; ranks are by clean training count also when the class order is shuffled.
    """
    c = len(train_clean_counts)
    if view.k is None or c == 1:
        return np.full(c, 1 / c)
    ranks = class_ranks(train_clean_counts)
    ranks = ranks if view.kind == "forward" else c - 1 - ranks
    prior = view.k ** (-ranks / (c - 1))
    return prior / prior.sum()


def view_weights(
    view: View, train_clean_counts: Int[np.ndarray, " c"], test_labels: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Return a weight for each test image so that the weighted pool has the view's prior.

    w_i = q_y · n / n_y; classes without a test image are left out and the others scaled to 1.

    Parameters
    ----------
    view : View
        Target prior.
    train_clean_counts : int array of shape (c,)
        Clean training counts of the split.
    test_labels : int array of shape (n,)
        Clean labels of the test pool.

    Returns
    -------
    float array of shape (n,)
        Weights with mean 1.

    Examples
    --------
    >>> view_weights(View("uniform"), np.array([9, 3]), np.array([0, 0, 0, 1])).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    prior = target_prior(view, train_clean_counts)
    n_test = np.bincount(test_labels, minlength=len(prior))
    prior = np.where(n_test > 0, prior, 0.0)
    share = prior / prior.sum() * len(test_labels) / np.maximum(n_test, 1)
    return share[test_labels]


def subsampled_rows(
    view: View,
    train_clean_counts: Int[np.ndarray, " c"],
    test_labels: Int[np.ndarray, " n"],
    words: Stream,
) -> Int[np.ndarray, " m"]:
    """Return the test rows of the published variant: images are thrown away, not weighted.

    The most frequent class keeps the smallest class count of the pool, every other
    int(that · p_c / p_max); for transductive entries and for comparison with published numbers.

    Parameters
    ----------
    view : View
        Target prior.
    train_clean_counts : int array of shape (c,)
        Clean training counts of the split.
    test_labels : int array of shape (n,)
        Clean labels of the test pool.
    words : Stream
        Stream of the step ``subsample`` keyed by pool and view.

    Returns
    -------
    int array of shape (m,)
        Increasing row numbers.

    References
    ----------
    Zhang et al. 2022, "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic
    Long-Tailed Recognition", section 5.1 (2 images of the rarest CIFAR-100 class at k = 50).
    """
    prior = target_prior(view, train_clean_counts)
    smallest = np.bincount(test_labels, minlength=len(prior)).min()
    wanted = np.floor(smallest * prior / prior.max() + 1e-9).astype(np.int64)
    kept = []
    for k, n_k in enumerate(wanted):
        rows = np.flatnonzero(test_labels == k)
        kept.append(rows[words.permutation(len(rows))[:n_k]])
    return np.sort(np.concatenate(kept))


def shifted_rows(
    view: View, train_clean_counts: Int[np.ndarray, " c"], test: Pool
) -> Int[np.ndarray, " m"]:
    """Return the test rows of the published variant of a view, the same for every entry.

    Parameters
    ----------
    view : View
        Target prior.
    train_clean_counts : int array of shape (c,)
        Clean training counts of the split.
    test : Pool
        The test pool; its fingerprint and the view name the stream that rows are drawn from.

    Returns
    -------
    int array of shape (m,)
        Increasing row numbers of `test`.
    """
    assert test.labels is not None, "a test pool has labels"
    words = stream(f"{test.fingerprint}:{view.name}", 0, "subsample")
    return subsampled_rows(view, train_clean_counts, test.labels, words)
