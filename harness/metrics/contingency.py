"""What the whole confusion matrix says, false alarms included: F1, Matthews' correlation."""

import numpy as np
from jaxtyping import Float, Integer

from harness.errors import Undefined
from harness.metrics.engine.confusion import Matrix, confusion_matrix
from harness.metrics.metric import ONE_CLASS, PLUG_IN, UNIT, Metric


def macro_f1_of(confusion: Matrix) -> float:
    """Return the mean F1 over classes with weight."""
    true, called = confusion.sum(axis=1), confusion.sum(axis=0)
    held = true > 0
    return float((2 * np.diag(confusion)[held] / (true + called)[held]).mean())


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


MACRO_F1 = Metric(
    key="macro_f1",
    title="Macro F1",
    definition="Mean over classes of 2·TP/(2·TP + FP + FN).",
    function=macro_f1,
    evaluate=lambda pool: macro_f1_of(pool.confusion),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="Opitz and Burst 2019, Macro F1 and macro F1 (the mean of F1 values)",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Over classes with test images. scikit-learn also counts a class that is predicted "
    "but absent, with F1 0: labels 0 0 2 2, predictions 0 1 2 2 give 0.83 here, 0.56 there.",
    scale="logit",
)


def mcc_of(confusion: Matrix) -> float:
    """Return Matthews' correlation coefficient."""
    true, called, total = confusion.sum(axis=1), confusion.sum(axis=0), confusion.sum()
    if np.count_nonzero(called) < 2:
        raise Undefined("the model predicts one class for every image")
    if np.count_nonzero(true) < 2:
        raise Undefined("only one class has test images")
    covariance = np.trace(confusion) * total - true @ called
    return float(covariance / np.sqrt((total**2 - called @ called) * (total**2 - true @ true)))


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


MCC = Metric(
    key="mcc",
    title="Matthews correlation coefficient",
    definition="Correlation of predicted and true class indicators.",
    function=mcc,
    evaluate=lambda pool: mcc_of(pool.confusion),
    direction="higher",
    bounds=(-1.0, 1.0),
    unit="correlation",
    needs="labels",
    source="Gorodkin 2004, Comparing two K-category assignments, equation 8",
    weighted=PLUG_IN,
    undefined_when="the model predicts one class for every image, or " + ONE_CLASS,
    differs="scikit-learn returns 0 for a constant prediction.",
)
