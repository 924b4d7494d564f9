"""Several methods over many data sets by their mean ranks: Friedman's test, Nemenyi's distance."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import f as f_distribution
from scipy.stats import studentized_range

from harness.errors import Undefined
from harness.stats.agreement import mean_rank

LEVEL = 0.05
"""Chance of telling any two of equal methods apart."""


@dataclass(frozen=True)
class MeanRanks:
    """How methods stand over data sets, and which cannot be told apart."""

    ranks: Float[np.ndarray, " entries"]
    """Mean rank of each, 1 is best."""
    distance: float
    """Critical difference: mean ranks that lie this far apart are told apart at 5 %."""
    p_value: float
    """Of equal methods, by Iman and Davenport's form of Friedman's test."""
    groups: tuple[tuple[int, ...], ...]
    """Longest runs of methods, best first, none of which is told apart from another of its run;
    runs of one are left out."""


def compared_by_rank(
    values: Float[np.ndarray, "entries cells"], *, higher_is_better: bool
) -> MeanRanks:
    """Return mean ranks with Nemenyi's critical difference q·√(k(k + 1)/(6N)).

    Parameters
    ----------
    values : float array of shape (entries, cells)
        One metric of k entries, averaged over seeds, on N data sets.
    higher_is_better : bool
        Direction of the metric.

    Raises
    ------
    Undefined
        With fewer than 2 entries or data sets.

    References
    ----------
    Demšar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets", section 3.2.
    """
    k, n = values.shape
    if k < 2 or n < 2:
        raise Undefined(f"mean ranks compare at least 2 entries over 2 cells; there are {k}, {n}")
    ranks = mean_rank(values, higher_is_better=higher_is_better)
    quantile = float(studentized_range.ppf(1 - LEVEL, k, np.inf)) / np.sqrt(2)
    distance = quantile * float(np.sqrt(k * (k + 1) / (6 * n)))
    return MeanRanks(ranks, distance, _p_value(ranks, n), _groups(ranks, distance))


def _p_value(ranks: Float[np.ndarray, " k"], n: int) -> float:
    k = len(ranks)
    chi = 12 * n / (k * (k + 1)) * (float((ranks**2).sum()) - k * (k + 1) ** 2 / 4)
    left = n * (k - 1) - chi
    if left <= 1e-12:
        return 0.0  # every data set has the same order
    return float(f_distribution.sf((n - 1) * chi / left, k - 1, (k - 1) * (n - 1)))


def _groups(ranks: Float[np.ndarray, " k"], distance: float) -> tuple[tuple[int, ...], ...]:
    order = np.argsort(ranks, kind="stable")
    groups: list[tuple[int, ...]] = []
    reached = 0
    for first in range(len(order)):
        last = int(np.searchsorted(ranks[order], ranks[order[first]] + distance, side="left"))
        if last > reached and last - first > 1:  # else it is part of the run before
            groups.append(tuple(int(i) for i in order[first:last]))
        reached = max(reached, last)
    return tuple(groups)
