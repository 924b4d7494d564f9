"""Models that were to be repaired: corrupted rows set right, and attacks that still succeed."""

import numpy as np
from jaxtyping import Integer

from harness.errors import Undefined
from harness.metrics.subgroups import shift_metric


def corrected(y_pred: Integer[np.ndarray, " n"], clean: Integer[np.ndarray, " n"]) -> float:
    """Return the share of corrupted training rows that the model predicts as they truly are.

    Parameters
    ----------
    y_pred : int array of shape (n,)
        Predictions on the corrupted rows of the training split, known and unknown ones alike.
    clean : int array of shape (n,)
        Their true labels.

    Returns
    -------
    float
        Share in [0, 1]; higher is better.

    Raises
    ------
    Undefined
        If no row is corrupted.

    References
    ----------
    Goel et al. 2024, "Corrective Machine Unlearning" (corrected accuracy).
    """
    if not len(clean):
        raise Undefined("no training row is corrupted")
    return float((y_pred == clean).mean())


CORRECTED = shift_metric(
    "corrected",
    "Corrected training rows",
    "Share of corrupted training rows, known and unknown ones, predicted as they truly are.",
    corrected,
    needs="repair",
    undefined_when="no training row is corrupted",
    source="Goel et al. 2024, Corrective Machine Unlearning",
)


def attack_success(
    y_pred: Integer[np.ndarray, " n"], y_true: Integer[np.ndarray, " n"], target: int
) -> float:
    """Return how often a patched image of another class is called the attacker's class.

    Parameters
    ----------
    y_pred : int array of shape (n,)
        Predictions on the patched test images.
    y_true : int array of shape (n,)
        Their true labels.
    target : int
        Class that the patch calls for; its own images are left out.

    Returns
    -------
    float
        Share in [0, 1]; lower is better.

    Raises
    ------
    Undefined
        If every image is of the target class.

    References
    ----------
    Gu et al. 2019, "BadNets: Evaluating Backdooring Attacks on Deep Neural Networks".
    """
    others = y_true != target
    if not others.any():
        raise Undefined("every image is of the attacker's class")
    return float((y_pred[others] == target).mean())


ATTACK_SUCCESS = shift_metric(
    "attack_success",
    "Attack success",
    "Share of patched test images of other classes that are called the attacker's class.",
    attack_success,
    needs="repair",
    direction="lower",
    undefined_when="every test image is of the attacker's class",
    source="Gu et al. 2019, BadNets",
)
