"""Whether the true class is among the five that a model thinks likeliest."""

import numpy as np
from jaxtyping import Bool, Float, Integer

from harness.errors import Undefined
from harness.metrics.engine.checks import checked_weights
from harness.metrics.engine.outputs import Outputs
from harness.metrics.metric import UNBIASED, UNIT, Metric
from harness.metrics.probability import weighted_mean
from harness.metrics.weighted import Weighted

TOP = 5
"""Classes that count as found."""


def among_the_top(outputs: Outputs) -> Bool[np.ndarray, " n"]:
    """Return whether fewer than five classes stand before the true one; ties by lowest index.

    Raises
    ------
    Undefined
        If there are at most five classes: every model has all of them among its five.
    """
    blocks = outputs.value_blocks()
    if outputs.c <= TOP:
        raise Undefined(f"{outputs.c} classes: the five likeliest are all of them")
    found = np.empty(outputs.n, dtype=bool)
    for rows, block in blocks:
        true = outputs.y_true[rows]
        own = block[np.arange(len(true)), true][:, None]
        before = np.count_nonzero(block > own, axis=1)
        tied = np.flatnonzero(np.count_nonzero(block == own, axis=1) > 1)
        lower = np.arange(outputs.c) < true[tied, None]
        before[tied] += np.count_nonzero((block[tied] == own[tied]) & lower, axis=1)
        found[rows] = before < TOP
    return found


def _evaluate(pool: Weighted) -> float:
    return weighted_mean(among_the_top(pool.outputs).astype(np.float64), pool.weights)


def top5_accuracy(
    y_true: Integer[np.ndarray, " n"],
    scores: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the share of images whose true class is among the five of the largest scores.

    Of equal scores the lowest index comes first, as for the predicted class.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0 <= y < c.
    scores : float array of shape (n, c)
        Logits or probabilities: only their order within a row counts.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 5/c is chance.

    Raises
    ------
    Undefined
        If there are at most five classes.

    References
    ----------
    Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge".
    """
    outputs = Outputs.from_logits(y_true, scores)
    found = among_the_top(outputs).astype(np.float64)
    return weighted_mean(found, checked_weights(weights, outputs.n))


TOP5_ACCURACY = Metric(
    key="top5_accuracy",
    title="Top-5 accuracy",
    definition="Share of images whose true class is among the five of the largest scores; of equal "
    "ones the lowest index comes first.",
    function=top5_accuracy,
    evaluate=_evaluate,
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Russakovsky et al. 2015, ImageNet Large Scale Visual Recognition Challenge, section "
    "4.1",
    weighted=UNBIASED,
    undefined_when="at most five classes: the five likeliest are all of them",
    differs="scikit-learn's `top_k_accuracy_score` puts the highest index first among equal "
    "scores: equal scores of six classes give 0 for the true class 0 there and 1 here. It returns "
    "1.0, with a warning, for five classes.",
    scale="logit",
)
