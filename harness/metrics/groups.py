"""Classes by number of clean training images: shots as published, terciles for few classes."""

from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Integer

from harness.errors import SpecError, Undefined
from harness.metrics.calibration import (
    calibration_error_null,
    ece_null_of,
    ece_of,
    expected_calibration_error,
)
from harness.metrics.engine.confusion import Matrix, confusion_matrix, recalls
from harness.metrics.metric import UNCHANGED, UNIT, Metric
from harness.metrics.weighted import Group, Weighted

MANY_ABOVE = 100
FEW_BELOW = 20
"""Published shot groups: many > 100, few < 20, medium between (Liu et al. 2019, OLTR)."""

LEAST_FACTOR = 1.5
"""Below this realised imbalance factor terciles would name noise (PROTOCOL section 2)."""

GROUPS = {"shots": ("many", "medium", "few"), "terciles": ("head", "body", "tail")}
"""Scheme → its groups, most frequent first."""

MEANING = {
    "many": "more than 100 clean training images",
    "medium": "20 to 100 clean training images",
    "few": "fewer than 20 clean training images",
    "head": "the first third of classes by clean training count",
    "body": "the classes between head and tail",
    "tail": "the last third of classes by clean training count",
}
NO_GROUP = {
    "shots": "no class is in the group, or none of them has test images",
    "terciles": "the realised imbalance factor is below 1.5, or no class has test images",
}


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
    raise SpecError(f"A group scheme is 'shots' or 'terciles'; got {scheme!r}. Correct the suite.")


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


def group_recall_of(confusion: Matrix, group: Bool[np.ndarray, " c"]) -> float:
    """Return the mean recall over the classes of a group."""
    held = recalls(confusion)[group]
    held = held[~np.isnan(held)]
    if len(held) == 0:
        raise Undefined("no class of the group has test images")
    return float(held.mean())


def group_recall(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    group: Bool[np.ndarray, " c"],
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean recall over the classes of a group.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    group : bool array of shape (c,)
        Which classes; see `class_groups`.
    weights : float array of shape (n,), optional
        Weight of each image; class weights change nothing. Default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better.

    Raises
    ------
    Undefined
        If no class of the group has test images.
    """
    confusion = confusion_matrix(y_true, y_pred, num_classes=len(group), weights=weights)
    return group_recall_of(confusion, group)


def group_confusion_of(
    confusion: Matrix, rare: Bool[np.ndarray, " c"], frequent: Bool[np.ndarray, " c"]
) -> float:
    """Return the mean over rare classes of the share that is predicted as a frequent class."""
    held = rare & (confusion.sum(axis=1) > 0)
    if not held.any():
        raise Undefined("no class of the group has test images")
    rows = confusion[held]
    return float((rows[:, frequent].sum(axis=1) / rows.sum(axis=1)).mean())


def group_confusion(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    rare: Bool[np.ndarray, " c"],
    frequent: Bool[np.ndarray, " c"],
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return how much of the rare classes is predicted as one of the frequent classes.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    rare, frequent : bool array of shape (c,)
        Which classes; see `class_groups`.
    weights : float array of shape (n,), optional
        Weight of each image; class weights change nothing. Default ones.

    Returns
    -------
    float
        Mean over rare classes of a fraction in [0, 1]; lower is better.

    Raises
    ------
    Undefined
        If no rare class has test images.

    References
    ----------
    Wang et al. 2023, "Few-Shot Class-Incremental Learning via Training-Free Prototype
    Calibration", arXiv:2312.05229: new classes are taken for base classes.
    """
    confusion = confusion_matrix(y_true, y_pred, num_classes=len(rare), weights=weights)
    return group_confusion_of(confusion, rare, frequent)


def _group_recall(pool: Weighted, group: str) -> float:
    return group_recall_of(pool.confusion, pool.group(group))


def _group_ece(pool: Weighted, group: str) -> float:
    return ece_of(*pool.part(group))


def _group_null(pool: Weighted, group: str) -> float:
    part = pool.part(group)
    return ece_null_of(part.confidence, part.weights)


def _of_group(scheme: str, group: str) -> tuple[Metric, Metric, Metric]:
    """Return recall, calibration error and its null of one group."""
    where, why = f"classes of `{group}` ({MEANING[group]})", NO_GROUP[scheme]
    return (
        Metric(
            key=f"recall_{group}",
            title=f"Recall, {group}",
            definition=f"Mean recall over the {where}.",
            function=group_recall,
            evaluate=partial(_group_recall, group=group),
            direction="higher",
            bounds=UNIT,
            unit="fraction",
            needs="labels",
            source="Liu et al. 2019, Large-Scale Long-Tailed Recognition in an Open World"
            if scheme == "shots"
            else "PROTOCOL section 2",
            weighted="does not change",
            undefined_when=why,
            differs="Published code prints 0 or NaN for an empty group." if group == "few" else "",
            headline=group in ("few", "tail"),
            scale="logit",
        ),
        Metric(
            key=f"ece_{group}",
            title=f"Expected calibration error, {group}",
            definition=f"`ece` over the images of the {where}.",
            function=expected_calibration_error,
            evaluate=partial(_group_ece, group=group),
            direction="lower",
            bounds=UNIT,
            unit="fraction",
            needs="probs",
            source="Guo et al. 2017, on a part of the images",
            weighted="plug-in value",
            undefined_when=why,
            differs="",
            scale="logit",
        ),
        Metric(
            key=f"ece_null_{group}",
            title=f"Expected calibration error of a perfect model, {group}",
            definition=f"`ece_null` over the images of the {where}.",
            function=calibration_error_null,
            evaluate=partial(_group_null, group=group),
            direction="none",
            bounds=UNIT,
            unit="fraction",
            needs="probs",
            source="own derivation",
            weighted="the closed form with w²",
            undefined_when=why,
            differs="",
        ),
    )


GROUP_METRICS = tuple(
    metric
    for scheme, names in GROUPS.items()
    for group in names
    for metric in _of_group(scheme, group)
)
"""Rows of every group of both schemes."""

CONFUSED = {f"{names[-1]}_as_{names[0]}": (names[-1], names[0]) for names in GROUPS.values()}
"""Key → the rare group and the frequent one that it is taken for."""


def _group_confusion(pool: Weighted, rare: str, frequent: str) -> float:
    return group_confusion_of(pool.confusion, pool.group(rare), pool.group(frequent))


def _confused(scheme: str, key: str, rare: str, frequent: str) -> Metric:
    return Metric(
        key=key,
        title=f"Taken for {frequent}, {rare}",
        definition=f"Mean over the classes of `{rare}` ({MEANING[rare]}) of the share of their "
        f"images that is predicted as a class of `{frequent}` ({MEANING[frequent]}).",
        function=group_confusion,
        evaluate=partial(_group_confusion, rare=rare, frequent=frequent),
        direction="lower",
        bounds=UNIT,
        unit="fraction",
        needs="labels",
        source="Wang et al. 2023, arXiv:2312.05229 (TEEN): new classes taken for base classes",
        weighted=UNCHANGED,
        undefined_when=NO_GROUP[scheme],
        differs="TEEN's paper counts images of all new classes together; here every rare class "
        "counts alike.",
        scale="logit",
    )


CONFUSION_METRICS = tuple(
    _confused(scheme, key, *CONFUSED[key]) for scheme, key in zip(GROUPS, CONFUSED, strict=True)
)
"""Rows of what rare classes are taken for, one a scheme."""
