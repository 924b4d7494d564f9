"""Calibration of the predicted class without bins: Kolmogorov-Smirnov and the smooth error."""

import numpy as np
from jaxtyping import Float, Float64, Integer

from harness.metrics.calibration import top_of
from harness.metrics.engine.heat import smooth_error
from harness.metrics.metric import PLUG_IN, UNIT, Metric

Vector = Float64[np.ndarray, " n"]
Weights = Float64[np.ndarray, " n"] | None


def ks_of(confidence: Vector, correct: Vector, weights: Weights) -> float:
    """Return the largest gap of the two cumulative sums of checked arrays."""
    order = np.argsort(confidence, kind="stable")
    value, gap = confidence[order], (correct - confidence)[order]
    if weights is not None:
        gap *= weights[order]
    last = np.append(value[1:] != value[:-1], True)  # equal confidences are one step
    total = len(gap) if weights is None else weights.sum()
    return float(np.abs(np.cumsum(gap)[last]).max() / total)


def ks_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the largest gap between cumulative confidence and cumulative accuracy.

    Images in the order of confidence, equal ones together; both sums are over the number of
    images. No bins, and not the distance of two distributions: a model that is over-confident
    everywhere has its mean over-confidence.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0 <= y < c.
    probs : float array of shape (n, c)
        Class probabilities; rows sum to 1.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; lower is better.

    References
    ----------
    Gupta et al. 2021, "Calibration of Neural Networks using Splines", of the top
    label.
    """
    return ks_of(*top_of(y_true, probs, weights))


KS_CE = Metric(
    key="ks_ce",
    title="Kolmogorov-Smirnov calibration error",
    definition="max over thresholds t of |Σ over confidences up to t of (right − confidence)|/n.",
    function=ks_calibration_error,
    evaluate=lambda pool: ks_of(*pool.top),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Gupta et al. 2021, Calibration of Neural Networks using Splines",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Code that reads the sums inside a run of equal confidences depends on the order of "
    "the images.",
    scale="logit",
)


def smooth_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the smooth calibration error of the predicted class.

    (right − confidence) is smoothed over confidence by a Gaussian that is reflected at 0 and 1; the
    error is ∫₀¹ of its absolute value, at the one bandwidth that equals the error. Unlike `ece` it
    moves little when confidences do.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0 <= y < c.
    probs : float array of shape (n, c)
        Class probabilities; rows sum to 1.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; lower is better.

    References
    ----------
    Błasiok and Nakkiran 2024, "Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing".
    The integral is the midpoint rule on 1,024 cells; below 1/256 the bandwidth stays there.
    """
    return smooth_error(*top_of(y_true, probs, weights))


SMOOTH_ECE = Metric(
    key="smooth_ece",
    title="Smooth calibration error",
    definition="∫ |(right − confidence) smoothed over confidence by a reflected Gaussian|, at the "
    "bandwidth that equals the error (at least 1/256).",
    function=smooth_calibration_error,
    evaluate=lambda pool: smooth_error(*pool.top),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Błasiok and Nakkiran 2024, Smooth ECE",
    weighted=PLUG_IN,
    undefined_when="",
    differs="The authors' package rounds confidences to a grid first.",
    scale="logit",
)
