"""Losses of boosting by their first and second derivatives in the scores: focal, logit-adjusted."""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax

TINY = 1e-16
"""Least second derivative: a leaf's value is a sum of first ones over a sum of second ones."""


def derivatives(
    logits: Float[np.ndarray, "n k"],
    labels: Int[np.ndarray, " n"],
    *,
    shift: Float[np.ndarray, " k"],
    gamma: float = 0.0,
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Return gradient and diagonal of the Hessian of −(1 − p_y)^γ · log p_y.

    p is the softmax of logits + shift. Without shift and γ this is cross-entropy; with γ the focal
    loss; with a shift of τ · log prior the logit-adjusted loss.

    Parameters
    ----------
    logits : float array of shape (n, k)
        Scores of the classes. A margin d of two classes is (0, d): its derivatives are column 1.
    labels : int array of shape (n,)
        Classes, 0 to k − 1.
    shift : float array of shape (k,)
        Added to every row.
    gamma : float, default=0
        Focusing exponent, ≥ 0.

    Returns
    -------
    tuple of two float arrays of shape (n, k)
        First and second derivatives. The focal loss is not convex: where a term of its second
        derivative is negative it is left out, and a Newton step then is shorter than it would be.

    References
    ----------
    Lin et al. 2017, "Focal Loss for Dense Object Detection"; Menon et al. 2021, "Long-tail
    learning via logit adjustment".
    """
    log_p = log_softmax(logits + shift, axis=1)
    p = np.exp(log_p)
    own = np.arange(len(labels))
    log_y, y = log_p[own, labels][:, None], p[own, labels][:, None]
    rest = np.clip(1 - y, TINY, 1.0)  # a certain row divides by it where γ < 2
    hit = np.zeros_like(p)
    hit[own, labels] = 1.0
    # The loss as a function of p_y: slope is p_y times its derivative, and bend that of slope.
    slope = gamma * y * rest ** (gamma - 1) * log_y - rest**gamma
    bend = gamma * rest ** (gamma - 1) * (log_y + 2)
    if gamma:
        bend -= gamma * (gamma - 1) * y * rest ** (gamma - 2) * log_y
    second = -slope * p * (1 - p) + np.maximum(bend * y, 0) * (hit - p) ** 2
    return slope * (hit - p), np.maximum(second, TINY)
