"""How many images of each class a split keeps: the imbalance profiles of PROTOCOL section 2.

A profile says how many images the class of each *rank* has (rank 0 is the head); the class order
says which class has which rank.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from harness.errors import SpecError
from harness.lookup import lookup
from harness.streams import Stream
from harness.types.data import ORDERS, SplitSpec, number

Profile = Callable[[SplitSpec, Int[np.ndarray, " c"]], Int[np.ndarray, " c"]]
"""From a spec and the clean counts available to the counts kept."""

_ROUNDING = 1e-9
"""Added before truncation: n·IF^(−1) may come out one ulp below a whole number."""


def largest_count(available: Int[np.ndarray, " c"]) -> int:
    """Return n_max: the smallest clean count of any class, so that every class can be the head.

    Parameters
    ----------
    available : int array of shape (c,)
        Clean counts of the rows that a split may draw from.
    """
    return int(available.min())


def exponential(spec: SplitSpec, available: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return n_k = int(n_max · IF^(−k/(C−1)) + 1e-9), the published long tail.

    Parameters
    ----------
    spec : SplitSpec
        With `imbalance_factor`.
    available : int array of shape (c,)
        Clean counts to draw from.

    Returns
    -------
    int array of shape (c,)
        Images by rank, head first.

    References
    ----------
    Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
    section 4; the 1e-9 is ours: bare truncation can lose one image.

    Examples
    --------
    >>> spec = SplitSpec("cifar10", "exp", 100.0)
    >>> int(exponential(spec, np.full(10, 5000)).sum())
    12406
    """
    rank = np.arange(len(available)) / max(len(available) - 1, 1)
    scaled = largest_count(available) * _factor(spec) ** -rank
    return np.floor(scaled + _ROUNDING).astype(np.int64)


def step(spec: SplitSpec, available: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return n_max for the common classes and int(n_max / IF) for the rare ones.

    The number of rare classes is mu · C, rounded half up.

    Parameters
    ----------
    spec : SplitSpec
        With `imbalance_factor` (rho); `minority_share` (mu) gives the share of rare classes,
        None the last ⌊C/2⌋.
    available : int array of shape (c,)
        Clean counts to draw from.

    Returns
    -------
    int array of shape (c,)
        Images by rank, head first.

    References
    ----------
    Buda et al. 2018, "A systematic study of the class imbalance problem in convolutional neural
    networks", section 2.1.
    """
    c, n_max = len(available), largest_count(available)
    share = spec.minority_share
    rare = c // 2 if share is None else int(c * share + 0.5 + _ROUNDING)
    counts = np.full(c, n_max, dtype=np.int64)
    counts[c - rare :] = int(n_max / _factor(spec) + _ROUNDING)
    return counts


def linear(spec: SplitSpec, available: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return counts that fall by the same number from n_max to n_max / IF.

    Parameters
    ----------
    spec : SplitSpec
        With `imbalance_factor`.
    available : int array of shape (c,)
        Clean counts to draw from.

    Returns
    -------
    int array of shape (c,)
        Images by rank, head first.

    References
    ----------
    Buda et al. 2018, section 2.1.
    """
    n_max = largest_count(available)
    falling = np.linspace(n_max, n_max / _factor(spec), len(available))
    return np.floor(falling + _ROUNDING).astype(np.int64)


def pareto(spec: SplitSpec, available: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return Lomax quantiles at (k+1)/(C+1), stretched to run from n_max down to n_max / IF.

    Parameters
    ----------
    spec : SplitSpec
        With `imbalance_factor` and `alpha`, the shape of the Lomax distribution.
    available : int array of shape (c,)
        Clean counts to draw from.

    Returns
    -------
    int array of shape (c,)
        Images by rank, head first.

    References
    ----------
    Liu et al. 2019, "Large-Scale Long-Tailed Recognition in an Open World", section 5: ImageNet-LT
    follows a Pareto distribution with alpha = 6. Its exact lists are data, not this formula.
    """
    if spec.alpha is None:
        raise SpecError(
            "The profile 'pareto' needs the shape of its tail; got none. "
            f"Write for example 'pareto{number(_factor(spec))}~alpha6'."
        )
    c, n_max = len(available), largest_count(available)
    n_min = n_max / _factor(spec)
    upper = np.arange(c, 0, -1) / (c + 1)  # head first: the largest quantile
    quantiles = (1 - upper) ** (-1 / spec.alpha) - 1
    if c == 1:
        return np.array([n_max], dtype=np.int64)
    unit = (quantiles - quantiles[-1]) / (quantiles[0] - quantiles[-1])
    return np.floor(n_min + unit * (n_max - n_min) + _ROUNDING).astype(np.int64)


def balanced(spec: SplitSpec, available: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return n_max for every class.

    Parameters
    ----------
    spec : SplitSpec
        Not looked at; every profile takes it.
    available : int array of shape (c,)
        Clean counts to draw from.

    Returns
    -------
    int array of shape (c,)
        Images by rank.
    """
    return np.full(len(available), largest_count(available), dtype=np.int64)


def natural(spec: SplitSpec, available: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return all there are of each class.

    Parameters
    ----------
    spec : SplitSpec
        Not looked at; every profile takes it.
    available : int array of shape (c,)
        Clean counts to draw from.

    Returns
    -------
    int array of shape (c,)
        Images by class.
    """
    return available.astype(np.int64)


def ratio(spec: SplitSpec, available: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return all of the larger of two classes and int(larger / IF) of the smaller.

    Parameters
    ----------
    spec : SplitSpec
        With `imbalance_factor`.
    available : int array of shape (2,)
        Clean counts to draw from.

    Returns
    -------
    int array of shape (2,)
        Images by class.
    """
    if len(available) != 2:
        raise SpecError(
            f"The profile 'ratio' is for two classes; this data set has {len(available)}. "
            "Use 'step' or 'exp'."
        )
    counts = available.astype(np.int64)
    rare = int(np.argmin(available))
    counts[rare] = int(counts[1 - rare] / _factor(spec) + _ROUNDING)
    return counts


def listed(spec: SplitSpec, available: Int[np.ndarray, " c"]) -> Int[np.ndarray, " c"]:
    """Return the counts that the spec lists.

    Parameters
    ----------
    spec : SplitSpec
        With `counts`, one number per class.
    available : int array of shape (c,)
        Clean counts to draw from.

    Returns
    -------
    int array of shape (c,)
        Images by rank (native order: by class).
    """
    counts = spec.counts or ()
    if len(counts) != len(available):
        raise SpecError(
            f"The profile 'counts' needs one number for each of the {len(available)} classes; "
            f"got {len(counts)}. Write for example 'counts100_50_20'."
        )
    return np.asarray(counts, dtype=np.int64)


PROFILES: dict[str, Profile] = {
    "balanced": balanced,
    "natural": natural,
    "exp": exponential,
    "step": step,
    "linear": linear,
    "pareto": pareto,
    "ratio": ratio,
    "counts": listed,
}
"""Every imbalance profile by its name in split ids."""

WITHOUT_FACTOR = frozenset({"balanced", "natural", "counts"})
"""Profiles that take no imbalance factor."""

WITHOUT_ORDER = frozenset({"balanced", "natural", "ratio"})
"""Profiles in which no rank is assigned, so that shuffling classes would mean nothing."""


def _factor(spec: SplitSpec) -> float:
    """Return the imbalance factor, which the profile needs."""
    if spec.imbalance_factor is None:
        raise SpecError(
            f"The profile {spec.imbalance!r} needs an imbalance factor n_max / n_min; got none. "
            f"Write for example '{spec.imbalance}100'."
        )
    return spec.imbalance_factor


def class_counts(
    spec: SplitSpec, available: Int[np.ndarray, " c"], class_order: Stream
) -> Int[np.ndarray, " c"]:
    """Return how many images of each class a split keeps.

    Parameters
    ----------
    spec : SplitSpec
        Profile, factor, class order and training fraction.
    available : int array of shape (c,)
        Clean counts of the rows that a split may draw from.
    class_order : Stream
        The split's stream of the step ``class-order``; drawn from only for ``~shuffled``.

    Returns
    -------
    int array of shape (c,)
        Images by class.

    Raises
    ------
    SpecError
        If a class cannot supply its count, or the last class would have no image.
    """
    by_rank = lookup("imbalance profile", spec.imbalance, PROFILES)(spec, available)
    counts = by_rank
    if lookup("class order", spec.order, dict.fromkeys(ORDERS, True)) and spec.order == "shuffled":
        counts = np.empty_like(by_rank)
        counts[class_order.permutation(len(by_rank))] = by_rank
    kept = _fraction(counts, spec.train_fraction)
    _check_supply(spec, kept, available)
    return kept


def _fraction(counts: Int[np.ndarray, " c"], share: float) -> Int[np.ndarray, " c"]:
    """Return the stratified share of each count; a class that has images keeps at least one."""
    if share == 1:
        return counts
    kept = np.floor(counts * share + 0.5).astype(np.int64)
    return np.where(counts > 0, np.maximum(kept, 1), 0)


def _check_supply(
    spec: SplitSpec, counts: Int[np.ndarray, " c"], available: Int[np.ndarray, " c"]
) -> None:
    """Refuse a split in which a class has no image or more than there are."""
    if (short := np.flatnonzero(counts > available)).size:
        k = int(short[0])
        raise SpecError(
            f"{spec.id} needs {counts[k]:,} images of class {k}, which has {available[k]:,}. "
            "Use a larger imbalance factor or smaller counts."
        )
    if (empty := np.flatnonzero(counts < 1)).size:
        raise SpecError(
            f"{spec.id} leaves no image of class {int(empty[0])}. Use an imbalance factor "
            f"of at most {int(available.min()):,}."
        )


def realised_imbalance_factor(counts: Int[np.ndarray, " c"]) -> float | None:
    """Return n_max / n_min of counts as they came out, None when a class is empty.

    Parameters
    ----------
    counts : int array of shape (c,)
        Clean training counts.

    Examples
    --------
    >>> realised_imbalance_factor(np.array([500, 2]))
    250.0
    """
    return float(counts.max() / counts.min()) if counts.min() > 0 else None
