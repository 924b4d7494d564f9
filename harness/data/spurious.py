"""Spurious correlation: an attribute that predicts the label in training and not at test time.

The attribute is a bright square in a corner: with C corners or places along the edge, class k's
place is place k. A model that looks at the square is right in training and wrong in the groups in
which square and class disagree; the worst group's accuracy says so. Groups of any origin (sex,
hospital, background) are scored in the same way.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from harness.errors import SpecError, Undefined
from harness.streams import Stream


@dataclass(frozen=True)
class Planted:
    """Images with an attribute, and which group each is in."""

    images: UInt8[np.ndarray, "n h w c"]
    """With the square drawn."""
    attributes: Int[np.ndarray, " n"]
    """Which of the C places the square is at."""
    groups: Int[np.ndarray, " n"]
    """label · C + attribute."""


def plant(
    images: UInt8[np.ndarray, "n h w c"],
    labels: Int[np.ndarray, " n"],
    num_classes: int,
    correlation: float,
    words: Stream,
) -> Planted:
    """Draw a square into each image, at its class's place as often as `correlation` says.

    Parameters
    ----------
    images : uint8 array of shape (n, h, w, c)
        Not changed.
    labels : int array of shape (n,)
        Clean class indices.
    num_classes : int
        C, the number of places.
    correlation : float
        Share of images whose square is at their class's place, in [1/C, 1]; 1/C is chance.
    words : Stream
        Stream of the step ``corrupt``: n uniforms decide, n more draw another place.

    Raises
    ------
    SpecError
        If the correlation is outside its range or the image too small for C places.
    """
    if not 1 / num_classes <= correlation <= 1:
        raise SpecError(
            f"correlation is a share in [1/C, 1] = [{1 / num_classes:g}, 1], 1/C being chance; "
            f"got {correlation:g}. Write for example 0.95."
        )
    agrees = words.uniform(len(labels)) < correlation
    other = (labels + 1 + words.integers(len(labels), num_classes - 1)) % num_classes
    attributes = np.where(agrees, labels, other).astype(np.int64)
    return Planted(
        _with_squares(images, attributes, num_classes),
        attributes,
        labels.astype(np.int64) * num_classes + attributes,
    )


def _with_squares(
    images: UInt8[np.ndarray, "n h w c"], attributes: Int[np.ndarray, " n"], places: int
) -> UInt8[np.ndarray, "n h w c"]:
    """Return a copy with a white square, a quarter of its cell dark around it, at each place."""
    h, w = images.shape[1:3]
    columns = int(np.ceil(places / 2))
    side = min(h // 4, w // columns)
    if side < 2:
        raise SpecError(
            f"Expected images wide enough for {columns} places of two pixels; got {w}. "
            "Use larger images or fewer classes."
        )
    drawn = images.copy()
    for place in range(places):
        y = 0 if place < columns else h - side
        x = (place % columns) * side
        here = np.flatnonzero(attributes == place)[:, None, None]
        rows, across = np.arange(y, y + side)[None, :, None], np.arange(x, x + side)[None, None, :]
        drawn[here, rows, across] = 0
        drawn[here, rows[:, : side - 1], across[..., : side - 1]] = 255
    return drawn


def group_accuracies(
    correct: Bool[np.ndarray, " n"], groups: Int[np.ndarray, " n"], num_groups: int
) -> Float[np.ndarray, " g"]:
    """Return the accuracy of each group, NaN where a group has no image.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image.
    num_groups : int
        G.

    Returns
    -------
    float array of shape (g,)
        Shares in [0, 1].
    """
    sizes = np.bincount(groups, minlength=num_groups)
    right = np.bincount(groups, weights=correct, minlength=num_groups)
    return np.where(sizes > 0, right / np.maximum(sizes, 1), np.nan)


def worst_group_accuracy(
    correct: Bool[np.ndarray, " n"], groups: Int[np.ndarray, " n"], *, at_least: int = 1
) -> float:
    """Return the lowest accuracy of any group that is large enough.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image.
    at_least : int, default=1
        Images that a group must have; smaller ones say too little.

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
    Sagawa et al. 2020, "Distributionally Robust Neural Networks for Group Shifts", section 2.
    """
    return float(_large(correct, groups, at_least).min())


def subgroup_gap(
    correct: Bool[np.ndarray, " n"], groups: Int[np.ndarray, " n"], *, at_least: int = 1
) -> float:
    """Return how much better the best group is served than the worst.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image.
    at_least : int, default=1
        Images that a group must have.

    Returns
    -------
    float
        Difference of two accuracies in [0, 1]; lower is better.

    Raises
    ------
    Undefined
        If no group is large enough.
    """
    accuracies = _large(correct, groups, at_least)
    return float(accuracies.max() - accuracies.min())


def _large(
    correct: Bool[np.ndarray, " n"], groups: Int[np.ndarray, " n"], at_least: int
) -> Float[np.ndarray, " k"]:
    """Return the accuracies of the groups with enough images."""
    g = int(groups.max()) + 1 if len(groups) else 0
    sizes = np.bincount(groups, minlength=g)
    kept = sizes >= max(at_least, 1)
    if not kept.any():
        raise Undefined(f"no group has {at_least} images")
    return group_accuracies(correct, groups, g)[kept]
