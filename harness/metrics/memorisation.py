"""What a model did with wrong training labels: learnt them, or gives them away.

All four need the model's predictions on its own training split under the evaluation transform.
"""

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer

from harness.errors import Undefined
from harness.metrics.classification import accuracy
from harness.metrics.engine.checks import checked_labels, checked_scores
from harness.metrics.engine.levels import levels_of
from harness.metrics.ood import ap_out_of, auroc_of

NO_FLIPS = "no training label is flipped"
NO_CLEAN = "every training label is flipped"


def memorised_of(
    y_pred: Int64[np.ndarray, " n"],
    observed: Int64[np.ndarray, " n"],
    clean: Int64[np.ndarray, " n"],
) -> float:
    """Return the share of flipped labels that are predicted, of checked arrays."""
    flipped = observed != clean
    if not flipped.any():
        raise Undefined(NO_FLIPS)
    return float((y_pred[flipped] == observed[flipped]).mean())


def memorised(
    observed: Integer[np.ndarray, " n"],
    clean: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
) -> float:
    """Return the share of flipped training labels that the model predicts as observed.

    Parameters
    ----------
    observed, clean : int array of shape (n,)
        Labels the model was trained on, and the true ones.
    y_pred : int array of shape (n,)
        Predicted classes on the training split.

    Returns
    -------
    float
        Fraction in [0, 1]; lower is better. Read it beside its chance level.

    Raises
    ------
    Undefined
        If no label is flipped.

    References
    ----------
    Liu et al. 2020, "Early-Learning Regularization Prevents Memorization of Noisy Labels",
    figure 1.
    """
    c = int(max(observed.max(), clean.max(), y_pred.max())) + 1
    return memorised_of(
        checked_labels(y_pred, c, name="y_pred"),
        checked_labels(observed, c, name="observed"),
        checked_labels(clean, c, name="clean"),
    )


def memorised_chance(
    observed: Integer[np.ndarray, " n"],
    clean: Integer[np.ndarray, " n"],
    *,
    transition: Float[np.ndarray, "c c"] | None = None,
    chance: float | None = None,
) -> float:
    """Return what `memorised` would be by chance.

    Parameters
    ----------
    observed, clean : int array of shape (n,)
        Labels the model was trained on, and the true ones.
    transition : float array of shape (c, c), optional
        Row clean, column observed, rows sum to 1: the mean of its entries at the flipped labels.
    chance : float, optional
        The level itself where it is known: 1/(c − 1) for symmetric noise.

    Returns
    -------
    float
        Fraction in [0, 1]; neither direction is better.

    Raises
    ------
    Undefined
        If no label is flipped, or neither `transition` nor `chance` is given.
    """
    flipped = observed != clean
    if not flipped.any():
        raise Undefined(NO_FLIPS)
    if chance is not None:
        return chance
    if transition is None:
        raise Undefined("the noise has no transition matrix")
    return float(transition[clean[flipped], observed[flipped]].mean())


def clean_train_accuracy(
    clean: Integer[np.ndarray, " n"], y_pred: Integer[np.ndarray, " n"]
) -> float:
    """Return the accuracy on the whole training split against its true labels.

    Parameters
    ----------
    clean, y_pred : int array of shape (n,)
        True and predicted classes.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better.
    """
    return accuracy(clean, y_pred)


def label_error_auroc(suspicion: Float[np.ndarray, " n"], flipped: Bool[np.ndarray, " n"]) -> float:
    """Return the chance that a flipped label is more suspicious than a clean one.

    Parameters
    ----------
    suspicion : float array of shape (n,)
        Larger for labels that are thought wrong: loss under the observed label, or margin
        (ln of the largest other probability minus ln of the observed one).
    flipped : bool array of shape (n,)
        Which labels are wrong.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 0.5 is chance.

    Raises
    ------
    Undefined
        If no label is flipped, or every one.

    References
    ----------
    Pleiss et al. 2020, "Identifying Mislabeled Data using the Area Under the Margin Ranking",
    for the margin; here of the last epoch.
    """
    return auroc_of(levels_of(*_two_sets(suspicion, flipped)))


def label_error_ap(suspicion: Float[np.ndarray, " n"], flipped: Bool[np.ndarray, " n"]) -> float:
    """Return average precision of finding flipped labels by suspicion.

    Parameters
    ----------
    suspicion : float array of shape (n,)
        Larger for labels that are thought wrong.
    flipped : bool array of shape (n,)
        Which labels are wrong.

    Returns
    -------
    float
        Fraction in (0, 1]; higher is better, the share of flipped labels is chance.

    Raises
    ------
    Undefined
        If no label is flipped, or every one.
    """
    return ap_out_of(levels_of(*_two_sets(suspicion, flipped)))


def _two_sets(
    suspicion: Float[np.ndarray, " n"], flipped: Bool[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " a"], Float[np.ndarray, " b"]]:
    """Return the suspicion of clean and of flipped labels."""
    values = checked_scores(suspicion, "suspicion")
    if not flipped.any():
        raise Undefined(NO_FLIPS)
    if flipped.all():
        raise Undefined(NO_CLEAN)
    return values[~flipped], values[flipped]
