"""The weighted confusion matrix, and the recall of each class from it."""

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from harness.metrics.engine.checks import check_aligned, checked_labels, checked_weights

Matrix = Float64[np.ndarray, "c c"]


def confusion_matrix(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " m"],
    *,
    num_classes: int | None = None,
    weights: Float[np.ndarray, " n"] | None = None,
) -> Matrix:
    """Return the weight of images of each true class (row) predicted as each class (column).

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices, 0 <= y < c.
    num_classes : int, optional
        c; default one more than the largest label.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float64 array of shape (c, c)
        Sums to the total weight.

    Raises
    ------
    PredictionsError
        If lengths differ, a label is outside the range, or there is none.
    """
    sizes = [int(a.max()) + 1 for a in (y_true, y_pred) if len(a)]
    c = num_classes or max(sizes, default=1)
    true, pred = checked_labels(y_true, c), checked_labels(y_pred, c, name="y_pred")
    check_aligned(pred, len(true), "y_pred")
    return count_pairs(true, pred, c, checked_weights(weights, len(true)))


def count_pairs(
    y_true: Int64[np.ndarray, " n"],
    y_pred: Int64[np.ndarray, " n"],
    c: int,
    weights: Float64[np.ndarray, " n"] | None,
) -> Matrix:
    """Return the confusion matrix of arrays that are known to be good."""
    flat = np.bincount(y_true * c + y_pred, weights=weights, minlength=c * c)
    return flat.astype(np.float64, copy=False).reshape(c, c)


def recalls(confusion: Matrix) -> Float64[np.ndarray, " c"]:
    """Return the recall of each class in [0, 1]; NaN where a class has no weight."""
    totals = confusion.sum(axis=1)
    return np.divide(np.diag(confusion), totals, out=np.full(len(totals), np.nan), where=totals > 0)
