"""How often the predicted class is right, by image and by class.

Means over classes are means over the classes that have weight in the test set; how many those are
is `classes_scored`.
"""

import numpy as np
from jaxtyping import Float, Integer

from harness.metrics.engine.confusion import Matrix, confusion_matrix, recalls
from harness.metrics.metric import UNBIASED, UNCHANGED, UNIT, Metric


def accuracy_of(confusion: Matrix) -> float:
    """Return the share of weight on the diagonal."""
    return float(np.trace(confusion) / confusion.sum())


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


ACCURACY = Metric(
    key="accuracy",
    title="Accuracy",
    definition="Share of images whose predicted class is the true one; of equal maxima the "
    "lowest index is predicted.",
    function=accuracy,
    evaluate=lambda pool: accuracy_of(pool.confusion),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="—",
    weighted=UNBIASED,
    undefined_when="",
    differs="",
    scale="logit",
)


def balanced_accuracy_of(confusion: Matrix) -> float:
    """Return the mean recall."""
    return float(np.nanmean(recalls(confusion)))


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


BALANCED_ACCURACY = Metric(
    key="balanced_accuracy",
    title="Balanced accuracy",
    definition="Mean over classes of their recall.",
    function=balanced_accuracy,
    evaluate=lambda pool: balanced_accuracy_of(pool.confusion),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="Brodersen et al. 2010, The balanced accuracy and its posterior distribution",
    weighted=UNCHANGED,
    undefined_when="",
    differs="A class without test images is left out of the mean, as in scikit-learn; "
    "`classes_scored` says how many are in it. In torchmetrics an absent class that is "
    "predicted once counts 0: labels 0 0 2 2, predictions 0 1 2 2 give 0.75 here, 0.5 there.",
    headline=True,
    scale="logit",
)


def worst_recall_of(confusion: Matrix) -> float:
    """Return the smallest recall."""
    return float(np.nanmin(recalls(confusion)))


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


WORST_CLASS_RECALL = Metric(
    key="worst_class_recall",
    title="Worst-class recall",
    definition="Smallest recall of any class.",
    function=worst_class_recall,
    evaluate=lambda pool: worst_recall_of(pool.confusion),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="Sagawa et al. 2020, Distributionally Robust Neural Networks (groups)",
    weighted=UNCHANGED,
    undefined_when="",
    differs="",
    scale="logit",
)


def gmean_of(confusion: Matrix) -> float:
    """Return the geometric mean of recalls."""
    held = recalls(confusion)
    held = held[~np.isnan(held)]
    return 0.0 if held.min() == 0 else float(np.exp(np.log(held).mean()))


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
    Kubat and Matwin 1997, "Addressing the curse of imbalanced training sets".
    """
    return gmean_of(confusion_matrix(y_true, y_pred, weights=weights))


GMEAN = Metric(
    key="gmean",
    title="G-mean",
    definition="Geometric mean over classes of their recall.",
    function=gmean,
    evaluate=lambda pool: gmean_of(pool.confusion),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="Kubat and Matwin 1997, Addressing the curse of imbalanced training sets",
    weighted=UNCHANGED,
    undefined_when="",
    differs="Exactly 0 when a class has no recall. imbalanced-learn's `correction=0.001` gives "
    "0.50 when one of ten classes is never found and the others always are.",
    scale="logit",
)


def classes_scored_of(confusion: Matrix) -> float:
    """Return the number of classes with weight."""
    return float(np.count_nonzero(confusion.sum(axis=1)))


def classes_scored(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the number of classes that have test images: means over classes are over these."""
    return classes_scored_of(confusion_matrix(y_true, y_pred, weights=weights))


CLASSES_SCORED = Metric(
    key="classes_scored",
    title="Classes scored",
    definition="Number of classes that have test images: means over classes are over these.",
    function=classes_scored,
    evaluate=lambda pool: classes_scored_of(pool.confusion),
    direction="none",
    bounds=(1.0, None),
    unit="classes",
    needs="labels",
    source="—",
    weighted=UNCHANGED,
    undefined_when="",
    differs="",
)


def error_of(confusion: Matrix) -> float:
    """Return the share of weight off the diagonal."""
    total = confusion.sum()
    return float((total - np.trace(confusion)) / total)


def error(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the share of images whose predicted class is not the true one.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; lower is better. 1 − `accuracy`.
    """
    return error_of(confusion_matrix(y_true, y_pred, weights=weights))


ERROR = Metric(
    key="error",
    title="Error",
    definition="Share of images whose predicted class is not the true one: 1 − `accuracy`.",
    function=error,
    evaluate=lambda pool: error_of(pool.confusion),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="—",
    weighted=UNBIASED,
    undefined_when="",
    differs="timm and torchvision print accuracy in percent; RobustBench's and CIFAR-10-C's "
    "tables print this error, some relative to AlexNet's (mCE), which is not it.",
    scale="logit",
)


def hmean_of(confusion: Matrix) -> float:
    """Return the harmonic mean of recalls."""
    held = recalls(confusion)
    held = held[~np.isnan(held)]
    return 0.0 if held.min() == 0 else float(1 / np.mean(1 / held))


def hmean(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the harmonic mean over classes of their recall; exactly 0 when one has none.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    weights : float array of shape (n,), optional
        Weight of each image; class weights change nothing. Default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better. At most `gmean`.

    References
    ----------
    Du and Wu 2023, "No One Left Behind: Improving the Worst Categories in Long-Tailed Learning".
    """
    return hmean_of(confusion_matrix(y_true, y_pred, weights=weights))


HMEAN = Metric(
    key="hmean",
    title="H-mean",
    definition="Harmonic mean over classes of their recall; exactly 0 when one has none.",
    function=hmean,
    evaluate=lambda pool: hmean_of(pool.confusion),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="labels",
    source="Du and Wu 2023, No One Left Behind: Improving the Worst Categories in Long-Tailed "
    "Learning",
    weighted=UNCHANGED,
    undefined_when="",
    differs="scipy's `hmean` of the recalls agrees. The H-mean of generalised zero-shot papers is "
    "that of two numbers, seen and unseen accuracy: with recalls 1, 1 and 0.25 it is 0.50 here and "
    "0.40 of the seen pair and the unseen one.",
    scale="logit",
)
