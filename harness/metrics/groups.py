"""Classes by number of clean training images: shots as published, terciles for few classes."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Integer

from harness.errors import SpecError

Group = Bool[np.ndarray, " c"] | str
"""Which classes, or why there is no such group."""

MANY_ABOVE = 100
FEW_BELOW = 20
"""Published shot groups: many > 100, few < 20, medium between (Liu et al. 2019, OLTR)."""

LEAST_FACTOR = 1.5
"""Below this realised imbalance factor terciles would name noise (PROTOCOL section 2)."""

GROUPS = {"shots": ("many", "medium", "few"), "terciles": ("head", "body", "tail")}
"""Scheme → its groups, most frequent first."""


def class_groups(
    counts: Integer[np.ndarray, " c"], scheme: Literal["shots", "terciles"]
) -> dict[str, Group]:
    """Return the groups of a scheme: which classes each holds, or why it does not exist.

    Parameters
    ----------
    counts : int array of shape (c,)
        Clean training images of each class.
    scheme : {"shots", "terciles"}
        ``shots``: many (> 100), medium (20 … 100), few (< 20). ``terciles``: classes by count
        (descending, ties by index); the first ceil(c/3) are head, the last ceil(c/3) tail.

    Returns
    -------
    dict of str to bool array of shape (c,) or str
        A text is the reason why metrics of that group are undefined.

    Raises
    ------
    SpecError
        If the scheme is neither.

    Examples
    --------
    >>> class_groups(np.array([500, 30, 5]), "shots")["few"].tolist()
    [False, False, True]
    >>> class_groups(np.array([100, 90, 80]), "terciles")["tail"]
    'the classes are nearly balanced (imbalance factor 1.25, groups need 1.5)'
    """
    if scheme == "shots":
        return _shots(counts)
    if scheme == "terciles":
        return _terciles(counts)
    raise SpecError(f"A group scheme is 'shots' or 'terciles'; got {scheme!r}. Mend the suite.")


def _shots(counts: Integer[np.ndarray, " c"]) -> dict[str, Group]:
    masks = {
        "many": (counts > MANY_ABOVE, f"more than {MANY_ABOVE}"),
        "medium": ((counts >= FEW_BELOW) & (counts <= MANY_ABOVE), f"{FEW_BELOW} to {MANY_ABOVE}"),
        "few": (counts < FEW_BELOW, f"fewer than {FEW_BELOW}"),
    }
    return {
        name: mask if mask.any() else f"no class has {words} training images"
        for name, (mask, words) in masks.items()
    }


def _terciles(counts: Integer[np.ndarray, " c"]) -> dict[str, Group]:
    c = len(counts)
    factor = counts.max() / counts.min() if counts.min() > 0 else np.inf
    if factor < LEAST_FACTOR:
        why = (
            f"the classes are nearly balanced (imbalance factor {factor:.3g}, "
            f"groups need {LEAST_FACTOR})"
        )
        return dict.fromkeys(GROUPS["terciles"], why)
    order = np.argsort(-counts.astype(np.int64), kind="stable")
    third = -(-c // 3)
    parts = (order[:third], order[third : c - third], order[c - third :])
    return {
        name: np.isin(np.arange(c), part) if len(part) else f"{c} classes leave no {name}"
        for name, part in zip(GROUPS["terciles"], parts, strict=True)
    }
