"""How far off a wrong class is, where classes have an order or a hierarchy."""

import numpy as np
from jaxtyping import Float, Int64, Integer

from harness.errors import Undefined
from harness.metrics.engine.checks import checked_weights
from harness.metrics.engine.confusion import confusion_matrix
from harness.metrics.metric import UNBIASED, UNCHANGED, UNIT, Metric
from harness.metrics.probability import weighted_mean

__all__ = ["HIERARCHICAL_ERROR", "MACRO_MAE", "hierarchical_error", "macro_absolute_error"]


def macro_absolute_error(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean over classes of the mean |predicted − true| of their images.

    Only for classes in an order, one step apart: grades of a disease, ages, counts.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices in that order.
    weights : float array of shape (n,), optional
        Weight of each image; class weights change nothing. Default ones.

    Returns
    -------
    float
        Classes in [0, c − 1]; lower is better.

    References
    ----------
    Baccianella, Esuli and Sebastiani 2009, "Evaluation Measures for Ordinal Regression".
    """
    confusion = confusion_matrix(y_true, y_pred, weights=weights)
    totals = confusion.sum(axis=1)
    steps = np.abs(np.subtract.outer(np.arange(len(totals)), np.arange(len(totals))))
    held = totals > 0
    return float(((confusion * steps).sum(axis=1)[held] / totals[held]).mean())


MACRO_MAE = Metric(
    key="macro_mae",
    title="Macro-averaged absolute error",
    definition="Mean over classes of the mean |predicted − true| of their images, for classes in "
    "an order.",
    function=macro_absolute_error,
    evaluate=macro_absolute_error,
    direction="lower",
    bounds=(0.0, None),
    unit="classes",
    needs="structure",
    source="Baccianella, Esuli and Sebastiani 2009, Evaluation Measures for Ordinal Regression",
    weighted=UNCHANGED,
    undefined_when="the suite does not say that its classes have an order",
    differs="scikit-learn's `mean_absolute_error` averages over images; imbalanced-learn's "
    "`macro_averaged_mean_absolute_error` agrees where every predicted class has images, and "
    "refuses the others.",
)


def hierarchical_error(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    hierarchy: Integer[np.ndarray, "c levels"],
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean height of the lowest common ancestor of predicted and true class.

    0 where the prediction is right, 1/(levels + 1) where only the classes differ, 1 where nothing
    but the root is common.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices, 0 <= y < c.
    hierarchy : int array of shape (c, levels)
        Ancestors of every class, the parent first, the root left out; negative: not known.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction of the tree's height in [0, 1]; lower is better.

    Raises
    ------
    Undefined
        If the hierarchy does not cover every class, or is not a tree.

    References
    ----------
    Bertinetto et al. 2020, "Making Better Mistakes: Leveraging Class Hierarchies with Deep
    Networks", arXiv:1912.09393 (hierarchical distance of top-1), here over all images and divided
    by the height of the tree.
    """
    heights = ancestor_heights(hierarchy)
    c = len(heights)
    confusion_matrix(y_true, y_pred, num_classes=c)  # checks
    return weighted_mean(heights[y_true, y_pred], checked_weights(weights, len(y_true)))


def ancestor_heights(hierarchy: Integer[np.ndarray, "c levels"]) -> Float[np.ndarray, "c c"]:
    """Return the height of the lowest common ancestor of every two classes, the root's as 1.

    Raises
    ------
    Undefined
        If the hierarchy does not cover every class, or is not a tree.
    """
    c, levels = hierarchy.shape
    covered = (hierarchy >= 0).all(axis=1)
    if not covered.all():
        raise Undefined(f"the hierarchy covers {np.count_nonzero(covered)} of {c} classes")
    heights = np.full((c, c), levels + 1)
    for level in reversed(range(levels)):
        same = _same(hierarchy[:, level].astype(np.int64))
        if level + 1 < levels and not _same(hierarchy[:, level + 1].astype(np.int64))[same].all():
            raise Undefined(f"the hierarchy is not a tree: level {level + 1} splits one below it")
        heights[same] = level + 1
    np.fill_diagonal(heights, 0)
    return heights / (levels + 1)


def _same(ancestor: Int64[np.ndarray, " c"]) -> np.ndarray:
    return np.equal.outer(ancestor, ancestor)


HIERARCHICAL_ERROR = Metric(
    key="hierarchical_error",
    title="Hierarchical error",
    definition="Mean height of the lowest common ancestor of predicted and true class, as a share "
    "of the tree's height; 0 where the prediction is right.",
    function=hierarchical_error,
    evaluate=hierarchical_error,
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="structure",
    source="Bertinetto et al. 2020, Making Better Mistakes, divided by the height of the tree",
    weighted=UNBIASED,
    undefined_when="no hierarchy of the classes is known, or it does not cover all of them",
    differs="Bertinetto et al. print heights in levels, and the severity of mistakes over wrong "
    "images only: two classes of one superclass and one of another, one mistake within and one "
    "across among four images give 0.375 here, 0.75 levels and a severity of 1.5 there.",
    scale="logit",
)
