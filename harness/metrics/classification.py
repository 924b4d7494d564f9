"""How often the predicted class is right, all from one weighted confusion matrix.

Means over classes are means over the classes that have weight in the test set; how many those are
is `classes_scored`.
"""

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Integer

from harness.errors import Undefined
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


def accuracy_of(confusion: Matrix) -> float:
    """Return the share of weight on the diagonal."""
    return float(np.trace(confusion) / confusion.sum())


def balanced_accuracy_of(confusion: Matrix) -> float:
    """Return the mean recall."""
    return float(np.nanmean(recalls(confusion)))


def worst_recall_of(confusion: Matrix) -> float:
    """Return the smallest recall."""
    return float(np.nanmin(recalls(confusion)))


def gmean_of(confusion: Matrix) -> float:
    """Return the geometric mean of recalls."""
    held = recalls(confusion)
    held = held[~np.isnan(held)]
    return 0.0 if held.min() == 0 else float(np.exp(np.log(held).mean()))


def macro_f1_of(confusion: Matrix) -> float:
    """Return the mean F1 over classes with weight."""
    true, called = confusion.sum(axis=1), confusion.sum(axis=0)
    held = true > 0
    return float((2 * np.diag(confusion)[held] / (true + called)[held]).mean())


def mcc_of(confusion: Matrix) -> float:
    """Return Matthews' correlation coefficient."""
    true, called, total = confusion.sum(axis=1), confusion.sum(axis=0), confusion.sum()
    if np.count_nonzero(called) < 2:
        raise Undefined("the model predicts one class for every image")
    if np.count_nonzero(true) < 2:
        raise Undefined("only one class has test images")
    covariance = np.trace(confusion) * total - true @ called
    return float(covariance / np.sqrt((total**2 - called @ called) * (total**2 - true @ true)))


def classes_scored_of(confusion: Matrix) -> float:
    """Return the number of classes with weight."""
    return float(np.count_nonzero(confusion.sum(axis=1)))


def group_recall_of(confusion: Matrix, group: Bool[np.ndarray, " c"]) -> float:
    """Return the mean recall over the classes of a group."""
    held = recalls(confusion)[group]
    held = held[~np.isnan(held)]
    if len(held) == 0:
        raise Undefined("no class of the group has test images")
    return float(held.mean())


def accuracy(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the share of images whose predicted class is the true one.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better.
    """
    return accuracy_of(confusion_matrix(y_true, y_pred, weights=weights))


def balanced_accuracy(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean over classes of their recall.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; class weights change nothing. Default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 1/c is chance.
    """
    return balanced_accuracy_of(confusion_matrix(y_true, y_pred, weights=weights))


def worst_class_recall(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the smallest recall of any class.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; class weights change nothing. Default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better. Its noise pulls it down as classes get small.
    """
    return worst_recall_of(confusion_matrix(y_true, y_pred, weights=weights))


def gmean(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the geometric mean over classes of their recall; exactly 0 when one has none.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; class weights change nothing. Default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better.

    References
    ----------
    Kubat and Matwin 1997, "Addressing the curse of imbalanced training sets", section 2.
    """
    return gmean_of(confusion_matrix(y_true, y_pred, weights=weights))


def macro_f1(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean over classes of 2·TP/(2·TP + FP + FN).

    A class that is predicted but has no image is left out of the mean.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better.

    References
    ----------
    Opitz and Burst 2019, "Macro F1 and macro F1": this is the mean of F1 values.
    """
    return macro_f1_of(confusion_matrix(y_true, y_pred, weights=weights))


def mcc(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return Matthews' correlation coefficient for several classes.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        In [−1, 1]; higher is better, 0 is chance.

    Raises
    ------
    Undefined
        If predictions or labels are all of one class.

    References
    ----------
    Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient",
    equation 8.
    """
    return mcc_of(confusion_matrix(y_true, y_pred, weights=weights))


def classes_scored(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the number of classes that have test images: means over classes are over these."""
    return classes_scored_of(confusion_matrix(y_true, y_pred, weights=weights))


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
