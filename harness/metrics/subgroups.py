"""Metrics of groups of images, of other truths, and of repaired models: labels in, numbers out.

A group is any set of test images that cuts across classes: with and without a planted attribute,
two hospitals, two backgrounds. Another truth gives each image a share for every class.
"""

import numpy as np
from jaxtyping import Bool, Float, Integer

from harness.errors import Undefined
from harness.types import MetricResult, Weightings

LEAST_IMAGES = 10
"""Images that a group must have: the worst of many tiny groups would be noise."""

_COLUMNS_AT_ONCE = 2048


def group_accuracies(
    correct: Bool[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]
) -> Float[np.ndarray, " g"]:
    """Return the accuracy of each group, NaN where a group has too few images.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image, from 0.

    Returns
    -------
    float array of shape (g,)
        Shares in [0, 1]; NaN below `LEAST_IMAGES`.
    """
    sizes = np.bincount(groups)
    right = np.bincount(groups, weights=correct.astype(np.float64), minlength=len(sizes))
    return np.where(sizes >= LEAST_IMAGES, right / np.maximum(sizes, 1), np.nan)


def worst_group_accuracy(
    correct: Bool[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]
) -> float:
    """Return the lowest accuracy of any group with at least ten images.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image.

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
    return float(_large(correct, groups).min())


def subgroup_gap(correct: Bool[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]) -> float:
    """Return how much better the best-served group is served than the worst.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether each prediction is right.
    groups : int array of shape (n,)
        Group index of each image.

    Returns
    -------
    float
        Difference of two accuracies in [0, 1]; lower is better.

    Raises
    ------
    Undefined
        If no group is large enough.
    """
    accuracies = _large(correct, groups)
    return float(accuracies.max() - accuracies.min())


def _large(
    correct: Bool[np.ndarray, " n"], groups: Integer[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """Return the accuracies of the groups with enough images."""
    accuracies = group_accuracies(correct, groups)
    kept = accuracies[np.isfinite(accuracies)]
    if not len(kept):
        raise Undefined(f"no group has {LEAST_IMAGES} images")
    return kept


def agreement(
    y_pred: Integer[np.ndarray, " n"],
    shares: Float[np.ndarray, "n c"],
    kept: Bool[np.ndarray, " n"],
) -> float:
    """Return how often predictions are what another truth says.

    For corrected labels the accuracy; for shares of people the probability that a person drawn at
    random says what the model says. Images without an answer are left out.

    Parameters
    ----------
    y_pred : int array of shape (n,)
        Predicted class indices.
    shares : float array of shape (n, c)
        Share of each class; rows sum to 1.
    kept : bool array of shape (n,)
        Which images have an answer at all.

    Returns
    -------
    float
        Share in [0, 1]; higher is better.

    Raises
    ------
    Undefined
        If no image has an answer.
    """
    return float(_said(y_pred, shares, kept).mean())


def _said(
    y_pred: Integer[np.ndarray, " n"],
    shares: Float[np.ndarray, "n c"],
    kept: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, " k"]:
    if not kept.any():
        raise Undefined("no image has an answer")
    return np.asarray(shares[np.arange(len(y_pred)), y_pred][kept], dtype=np.float64)


def soft_nll(
    log_probs: Float[np.ndarray, "n c"],
    shares: Float[np.ndarray, "n c"],
    kept: Bool[np.ndarray, " n"],
) -> float:
    """Return the mean −Σ_c share_c · ln p_c: the cross-entropy to people's labels.

    Parameters
    ----------
    log_probs : float array of shape (n, c)
        Natural logarithms of predicted probabilities.
    shares : float array of shape (n, c)
        Share of each class; rows sum to 1.
    kept : bool array of shape (n,)
        Which images have an answer at all.

    Returns
    -------
    float
        In nats, at least the entropy of the shares; lower is better.

    Raises
    ------
    Undefined
        If no image has an answer.

    References
    ----------
    Peterson et al. 2019, "Human Uncertainty Makes Classification More Robust".
    """
    if not kept.any():
        raise Undefined("no image has an answer")
    used = shares > 0  # 0 · ln 0 is 0
    terms = np.where(used, shares * np.where(used, log_probs, 0.0), 0.0)
    return float(-terms.sum(axis=1)[kept].mean())


def replicate_agreement(
    y_pred: Integer[np.ndarray, " n"],
    shares: Float[np.ndarray, "n c"],
    kept: Bool[np.ndarray, " n"],
    weightings: Weightings,
) -> Float[np.ndarray, " replicates"] | MetricResult:
    """Return `agreement` under each shared weighting of the pool, exactly.

    Parameters
    ----------
    y_pred : int array of shape (n,)
        Predicted class indices.
    shares : float array of shape (n, c)
        Share of each class; rows sum to 1.
    kept : bool array of shape (n,)
        Which images have an answer; the others weigh nothing.
    weightings : Weightings
        Of the test pool under its published labels.

    Returns
    -------
    float array of shape (replicates,) or MetricResult
        Shares; where there are none, the reason.
    """
    if weightings.undefined is not None:
        return MetricResult(None, weightings.undefined)
    said = np.where(kept, shares[np.arange(len(y_pred)), y_pred], 0.0)
    terms = np.stack([said, kept.astype(np.float64)], axis=1) * weightings.scale[:, None]
    total = np.zeros((len(weightings.counts), 2))
    for i in range(0, len(y_pred), _COLUMNS_AT_ONCE):  # counts are uint8: float64 block by block
        at = slice(i, i + _COLUMNS_AT_ONCE)
        total += weightings.counts[:, at].astype(np.float64) @ terms[at]
    if not total[:, 1].all():
        return MetricResult(None, "a weighting holds no image with an answer")
    return np.asarray(total[:, 0] / total[:, 1])


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
    Goel et al. 2024, "Corrective Machine Unlearning", section 4 (corrected accuracy).
    """
    if not len(clean):
        raise Undefined("no training row is corrupted")
    return float((y_pred == clean).mean())


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
