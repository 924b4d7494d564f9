"""Groups of test images that cut across classes: two hospitals, two backgrounds, an attribute."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Integer

from harness.errors import Undefined
from harness.metrics.metric import UNIT, Metric

LEAST_IMAGES = 10
"""Images that a group must have: the worst of many tiny groups would be noise."""


def shift_metric(
    key: str,
    title: str,
    definition: str,
    function: Callable[..., float],
    *,
    needs: Literal["groups", "truth", "repair"],
    undefined_when: str,
    source: str,
    direction: Literal["higher", "lower"] = "higher",
) -> Metric:
    """Return the row of a share that image weights do not touch."""
    return Metric(
        key=key,
        title=title,
        definition=definition,
        function=function,
        evaluate=function,
        direction=direction,
        bounds=UNIT,
        unit="fraction",
        needs=needs,
        source=source,
        weighted="not weighted",
        undefined_when=undefined_when,
        differs="",
        scale="logit",
    )


def group_accuracies(
    correct: Bool[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]
) -> Float[np.ndarray, " g"]:
    """Return the accuracy of each group, NaN where a group has too few images.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image, from 0.

    Returns
    -------
    float array of shape (g,)
        Shares in [0, 1]; NaN below `LEAST_IMAGES`.
    """
    sizes = np.bincount(groups)
    right = np.bincount(groups, weights=correct.astype(np.float64), minlength=len(sizes))
    return np.where(sizes >= LEAST_IMAGES, right / np.maximum(sizes, 1), np.nan)


def _large(
    correct: Bool[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """Return the accuracies of the groups with enough images."""
    accuracies = group_accuracies(correct, groups)
    kept = accuracies[np.isfinite(accuracies)]
    if not len(kept):
        raise Undefined(f"no group has {LEAST_IMAGES} images")
    return kept


def worst_group_accuracy(
    correct: Bool[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]
) -> float:
    """Return the lowest accuracy of any group with at least ten images.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image.

    Returns
    -------
    float
        Share in [0, 1]; higher is better.

    Raises
    ------
    Undefined
        If no group is large enough.

    References
    ----------
    Sagawa et al. 2020, "Distributionally Robust Neural Networks for Group Shifts".
    """
    return float(_large(correct, groups).min())


WORST_GROUP_ACCURACY = shift_metric(
    "worst_group_accuracy",
    "Worst-group accuracy",
    "Lowest accuracy of any group of test images with at least ten of them.",
    worst_group_accuracy,
    needs="groups",
    undefined_when="no group has ten images",
    source="Sagawa et al. 2020, Distributionally Robust Neural Networks for Group Shifts",
)


def subgroup_gap(correct: Bool[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]) -> float:
    """Return how much better the best-served group is served than the worst.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image.

    Returns
    -------
    float
        Difference of two accuracies in [0, 1]; lower is better.

    Raises
    ------
    Undefined
        If no group is large enough.
    """
    accuracies = _large(correct, groups)
    return float(accuracies.max() - accuracies.min())


SUBGROUP_GAP = shift_metric(
    "subgroup_gap",
    "Subgroup gap",
    "Accuracy of the best-served group minus that of the worst, of groups with ten images.",
    subgroup_gap,
    needs="groups",
    direction="lower",
    undefined_when="no group has ten images",
    source="Buolamwini and Gebru 2018, Gender Shades",
)
