"""Does the order of entries hold: over cells, over seeds, over halves of the test set?"""

import numpy as np
from jaxtyping import Float

from harness.errors import SpecError, Undefined

PAIRS_AT_ONCE = 1 << 20
"""Pairs of entries compared in one block."""


def ranks(
    values: Float[np.ndarray, "entries columns"], *, higher_is_better: bool
) -> Float[np.ndarray, "entries columns"]:
    """Return each column's ranks: 1 is best, equal values share their mean rank.

    Parameters
    ----------
    values : float array of shape (entries, columns)
        One metric; a column is a cell, a seed or another condition.
    higher_is_better : bool
        Direction of the metric.

    Examples
    --------
    >>> ranks(np.array([[0.9], [0.8], [0.9]]), higher_is_better=True).ravel().tolist()
    [1.5, 3.0, 1.5]
    """
    _check(values)
    signed = -values if higher_is_better else values
    return np.stack([_column_ranks(column) for column in signed.T], axis=1)


def _column_ranks(column: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    _, group, size = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    mean_rank: Float[np.ndarray, " k"] = ((2 * last - size + 1) / 2)[group]
    return mean_rank


def mean_rank(
    values: Float[np.ndarray, "entries cells"], *, higher_is_better: bool
) -> Float[np.ndarray, " entries"]:
    """Return every entry's mean rank over cells: 1 is best, K is worst.

    Parameters
    ----------
    values : float array of shape (entries, cells)
        One metric, averaged over seeds.
    higher_is_better : bool
        Direction of the metric.
    """
    return ranks(values, higher_is_better=higher_is_better).mean(axis=1)


def win_rate(
    values: Float[np.ndarray, "entries cells"], *, higher_is_better: bool
) -> Float[np.ndarray, " entries"]:
    """Return the share of (other entry, cell) pairs that an entry wins; a tie is half a win.

    In one cell an entry beats K − rank others, so this is (K − mean rank)/(K − 1).

    Parameters
    ----------
    values : float array of shape (entries, cells)
        One metric, averaged over seeds; at least 2 entries.
    higher_is_better : bool
        Direction of the metric.

    Returns
    -------
    float array of shape (entries,)
        In [0, 1]; higher is better.
    """
    if len(values) < 2:
        raise Undefined("a win rate needs at least 2 entries")
    entries = len(values)
    return (entries - mean_rank(values, higher_is_better=higher_is_better)) / (entries - 1)


def kendall_matrix(
    values: Float[np.ndarray, "entries columns"],
) -> Float[np.ndarray, "columns columns"]:
    """Return Kendall's tau-b between all columns.

    τ_b = Σ sign(Δa)·sign(Δb) / √(pairs untied in a · pairs untied in b) over all pairs of entries.

    Parameters
    ----------
    values : float array of shape (entries, columns)
        One metric under several conditions; at least 2 entries.

    Returns
    -------
    float array of shape (columns, columns)
        In [−1, 1]; 1 is the same order.

    Raises
    ------
    Undefined
        If fewer than 2 entries, or all entries are equal in a column.
    """
    _check(values)
    first, second = np.triu_indices(len(values), 1)
    products = np.zeros((values.shape[1],) * 2)
    step = max(1, PAIRS_AT_ONCE // values.shape[1])
    for start in range(0, len(first), step):
        rows = slice(start, start + step)
        signs = np.sign(values[first[rows]] - values[second[rows]]).astype(np.float32)
        products += signs.T @ signs  # sums of ±1, exact in float32 below 2²⁴
    untied = products.diagonal()
    if not untied.all():
        raise Undefined("fewer than 2 entries differ, so there is no order to compare")
    return products / np.sqrt(np.outer(untied, untied))


def stability(values: Float[np.ndarray, "entries columns"]) -> float:
    """Return the mean Kendall τ_b over all pairs of columns: how far conditions agree.

    Between cells, columns are cells (seeds averaged); between seeds, columns are seeds (cells
    averaged).

    Parameters
    ----------
    values : float array of shape (entries, columns)
        One metric; at least 2 entries and 2 columns.

    Returns
    -------
    float
        In [−1, 1]; 1 is the same order everywhere.

    Raises
    ------
    Undefined
        If there are fewer than 2 columns or no order.

    References
    ----------
    Kendall 1945, "The treatment of ties in ranking problems".
    """
    columns = values.shape[1]
    if columns < 2:
        raise Undefined("stability needs at least 2 cells, seeds or halves")
    tau = kendall_matrix(values)
    return float((tau.sum() - columns) / (columns * (columns - 1)))


def half_stability(
    values: Float[np.ndarray, " entries"],
    deviations: Float[np.ndarray, "entries replicates"],
    *,
    splits: int = 100,
) -> float:
    """Return the mean Kendall τ_b between two halves of the test set, over random splits.

    No half is scored: for a mean over images, the value on a random half differs from the value
    on all n by a deviation with variance σ²/n, which is the variance of a replicate's deviation,
    and the other half differs by its negative. So value + deviation and value − deviation are a
    pair of halves, and the weightings, shared by all entries, carry their dependence. For metrics
    that are not means this holds to first order.

    Parameters
    ----------
    values : float array of shape (entries,)
        One metric.
    deviations : float array of shape (entries, replicates)
        Replicate minus value, under the same weightings for all entries, natural units.
    splits : int, default=100
        Number of replicates used; at most all.

    Returns
    -------
    float
        In [−1, 1]; 1 is the same order in both halves.

    Raises
    ------
    Undefined
        If there is no order.
    """
    used = deviations[:, :splits].astype(np.float64)
    if used.shape[1] == 0:
        raise Undefined("halves need at least one replicate")
    return float(_kendall(values[:, None] + used, values[:, None] - used).mean())


def _kendall(
    left: Float[np.ndarray, "entries columns"], right: Float[np.ndarray, "entries columns"]
) -> Float[np.ndarray, " columns"]:
    """Return tau-b of every column of `left` with the same column of `right`."""
    _check(left)
    agree, untied_left, untied_right = np.zeros((3, left.shape[1]))
    for i in range(len(left) - 1):
        signs = np.sign(left[i] - left[i + 1 :])
        others = np.sign(right[i] - right[i + 1 :])
        agree += (signs * others).sum(axis=0)
        untied_left += np.abs(signs).sum(axis=0)
        untied_right += np.abs(others).sum(axis=0)
    untied = untied_left * untied_right
    if not untied.all():
        raise Undefined("fewer than 2 entries differ, so there is no order to compare")
    return agree / np.sqrt(untied)


def _check(values: Float[np.ndarray, "entries columns"]) -> None:
    if values.size == 0:
        raise Undefined("there is no entry or no cell")
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise SpecError(
            f"values must be numbers; entry {row} has {values[row, column]} in column {column}. "
            "Leave out entries with a missing value."
        )
