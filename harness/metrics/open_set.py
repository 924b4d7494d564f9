"""Class and OOD score together: what an open-set classifier is worth."""

import numpy as np
from jaxtyping import Float, Float64

from harness.metrics.engine.checks import checked_scores, checked_weights
from harness.metrics.ood import ood_metric, share_above


def oscr_of(
    id_scores: Float[np.ndarray, " n"],
    correct: Float64[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    weights: Float64[np.ndarray, " n"] | None,
) -> float:
    """Return the open-set classification rate of checked arrays."""
    above = share_above(id_scores, ood_scores)
    w = np.ones(len(above)) if weights is None else weights
    return float((w * correct * above).sum() / w.sum())


def oscr(
    id_scores: Float[np.ndarray, " n"],
    correct: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the open-set classification rate: right class and below the OOD image, over all pairs.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD; an equal pair counts one half.
    correct : float array of shape (n,)
        1 where the class of the ID image is right, else 0.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    float
        Fraction in [0, accuracy]; higher is better.

    References
    ----------
    Dhamija, Günther and Boult 2018, "Reducing Network Agnostophobia", section 3; here the exact
    area, ties one half.
    """
    inside = checked_scores(id_scores, "id_scores")
    outside = checked_scores(ood_scores, "ood_scores")
    w = checked_weights(id_weights, len(inside), name="id_weights")
    return oscr_of(inside, correct.astype(np.float64), outside, w)


OSCR = ood_metric(
    "oscr",
    "Open-set classification rate",
    "Mean over pairs of an ID and an OOD image of: class right, and OOD score larger for the "
    "OOD image; ties one half.",
    oscr,
    oscr_of,
    source="Dhamija, Günther and Boult 2018, Reducing Network Agnostophobia, section 3",
    differs="Code that sums over a grid of thresholds depends on the grid.",
)
