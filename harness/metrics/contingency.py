"""What the whole confusion matrix says, false alarms included: F1, correlations, specificity."""

import numpy as np
from jaxtyping import Float, Float64, Integer

from harness.errors import Undefined
from harness.metrics.engine.confusion import Matrix, confusion_matrix
from harness.metrics.metric import ONE_CLASS, PLUG_IN, UNIT, Metric

DOMINANCE = 0.1
"""α of the index balanced accuracy: how much recall's lead over specificity counts."""


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
    Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient".
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
    source="Gorodkin 2004, Comparing two K-category assignments",
    weighted=PLUG_IN,
    undefined_when="the model predicts one class for every image, or " + ONE_CLASS,
    differs="scikit-learn returns 0 for a constant prediction.",
)


def rates_of(
    confusion: Matrix,
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Return recall and specificity of every class that has weight.

    Raises
    ------
    Undefined
        If all weight is of one class: it has no negatives.
    """
    true, called, hit = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    held = true > 0
    if np.count_nonzero(held) < 2:
        raise Undefined(ONE_CLASS)
    others = confusion.sum() - true[held]
    false = called[held] - hit[held]
    return hit[held] / true[held], (others - false) / others


def specificity(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean over classes of the share of other images that are not called the class.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better. Near 1 for many classes, whatever the model does.

    Raises
    ------
    Undefined
        If only one class has images.

    References
    ----------
    Yerushalmy 1947, "Statistical problems in assessing methods of medical diagnosis", for the
    term; here one class against the rest, mean over classes.
    """
    return float(rates_of(confusion_matrix(y_true, y_pred, weights=weights))[1].mean())


SPECIFICITY = Metric(
    key="specificity",
    title="Specificity",
    definition="Mean over classes of the share of the other classes' images that are not called "
    "the class.",
    function=specificity,
    evaluate=lambda pool: float(rates_of(pool.confusion)[1].mean()),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="Yerushalmy 1947, Statistical problems in assessing methods of medical diagnosis, for "
    "the term",
    weighted=PLUG_IN,
    undefined_when=ONE_CLASS,
    differs="Over classes with test images. imbalanced-learn's `specificity_score` with "
    '`average="macro"` also counts a class that is predicted but absent: labels 0 0 2 2, '
    "predictions 0 1 2 2 give 1.00 here, 0.92 there.",
    scale="logit",
)


def index_balanced_accuracy_of(confusion: Matrix) -> float:
    """Return the mean over classes of (1 + 0.1·(recall − specificity))·recall·specificity."""
    recall, spared = rates_of(confusion)
    return float(np.mean((1 + DOMINANCE * (recall - spared)) * recall * spared))


def index_balanced_accuracy(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean over classes of (1 + 0.1·(recall − specificity))·recall·specificity.

    The product is the squared G-mean of one class against the rest; the factor rewards a class
    whose recall exceeds its specificity, which the rare class of a skewed task rarely has.

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

    Raises
    ------
    Undefined
        If only one class has images.

    References
    ----------
    García, Mollineda and Sánchez 2009, "Index of Balanced Accuracy: A Performance Measure for
    Skewed Class Distributions", with α = 0.1.
    """
    return index_balanced_accuracy_of(confusion_matrix(y_true, y_pred, weights=weights))


IBA = Metric(
    key="iba",
    title="Index balanced accuracy",
    definition="Mean over classes of (1 + 0.1·(recall − specificity))·recall·specificity.",
    function=index_balanced_accuracy,
    evaluate=lambda pool: index_balanced_accuracy_of(pool.confusion),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="García, Mollineda and Sánchez 2009, Index of Balanced Accuracy, α = 0.1",
    weighted=PLUG_IN,
    undefined_when=ONE_CLASS,
    differs="imbalanced-learn's report gives it by class, as here, and averages by support: a "
    "plain mean is the tail's view.",
    scale="logit",
)


def cohen_kappa_of(confusion: Matrix) -> float:
    """Return agreement beyond chance."""
    true, called, total = confusion.sum(axis=1), confusion.sum(axis=0), confusion.sum()
    chance = float(true @ called) / total**2
    if np.count_nonzero(true) == 1 and np.count_nonzero(called) == 1 and true @ called > 0:
        raise Undefined("labels and predictions are all of one class")
    return float((np.trace(confusion) / total - chance) / (1 - chance))


def cohen_kappa(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the agreement of predictions and labels beyond what their frequencies give by chance.

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
        If labels and predictions are all of the same class.

    References
    ----------
    Cohen 1960, "A Coefficient of Agreement for Nominal Scales".
    """
    return cohen_kappa_of(confusion_matrix(y_true, y_pred, weights=weights))


COHEN_KAPPA = Metric(
    key="cohen_kappa",
    title="Cohen's kappa",
    definition="(accuracy − chance)/(1 − chance), chance = Σ_k share of true k · share called k.",
    function=cohen_kappa,
    evaluate=lambda pool: cohen_kappa_of(pool.confusion),
    direction="higher",
    bounds=(-1.0, 1.0),
    unit="correlation",
    needs="labels",
    source="Cohen 1960, A Coefficient of Agreement for Nominal Scales",
    weighted=PLUG_IN,
    undefined_when="labels and predictions are all of the same class",
    differs="scikit-learn returns NaN, with a warning, where this is undefined.",
)
