"""Whether confidence means what it says: expected calibration errors and their null.

Equal-width bins have the edges k/15 in float64 and are (lo, hi]; the first is closed.
"""

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from harness.metrics.engine.checks import ROUNDING, checked_weights
from harness.metrics.engine.levels import fast_order
from harness.metrics.engine.outputs import Outputs
from harness.metrics.engine.poisson_binomial import expected_deviation
from harness.metrics.metric import PLUG_IN, UNIT, Metric

N_BINS = 15
EDGES = np.arange(N_BINS + 1) / N_BINS
EXACT_VARIANCE = 25.0
"""Bins with Σ c(1−c) up to this get the exact expected deviation, larger ones the normal one."""

Vector = Float64[np.ndarray, " n"]
Weights = Float64[np.ndarray, " n"] | None


def width_bins(confidence: Vector) -> Int64[np.ndarray, " n"]:
    """Return the equal-width bin of each confidence, 0 … 14.

    Examples
    --------
    >>> width_bins(np.array([0.0, 1 / 15, 0.07, 1.0])).tolist()
    [0, 0, 1, 14]
    """
    # The product may round to the other side of an edge: the edges themselves decide.
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    bins += confidence > EDGES[bins + 1]
    bins -= confidence <= EDGES[bins]
    return np.clip(bins, 0, N_BINS - 1, out=bins)


def mass_bins(confidence: Vector, weights: Weights) -> Int64[np.ndarray, " n"]:
    """Return the equal-mass bin of each confidence, 0 … 14; equal confidences share one.

    The upper edge of bin k is the smallest confidence with at least k/15 of the weight at or below.
    """
    order = fast_order(confidence)
    w = np.ones(len(order)) if weights is None else weights[order]
    mass = np.cumsum(w)
    targets = np.arange(1, N_BINS) * mass[-1] * ROUNDING
    edges = confidence[order][np.searchsorted(mass * N_BINS, targets, side="left")]
    return np.searchsorted(edges, confidence, side="left").astype(np.int64, copy=False)


def bin_gaps(
    bins: Int64[np.ndarray, " n"], gap: Vector, weights: Weights
) -> Float64[np.ndarray, " bins"]:
    """Return |Σ w·gap| of each bin; `gap` is correct − confidence."""
    w = gap if weights is None else weights * gap
    return np.abs(np.bincount(bins, weights=w, minlength=N_BINS))


def _binned(
    bins: Int64[np.ndarray, " n"], confidence: Vector, correct: Vector, weights: Weights
) -> float:
    total = len(bins) if weights is None else weights.sum()
    return float(bin_gaps(bins, correct - confidence, weights).sum() / total)


def top_of(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    weights: Float[np.ndarray, " n"] | None,
) -> tuple[Vector, Vector, Weights]:
    """Check; return confidence, correctness as 0 and 1, and weights."""
    outputs = Outputs.from_probs(y_true, probs)
    return (
        outputs.confidence,
        outputs.correct.astype(np.float64),
        checked_weights(weights, outputs.n),
    )


def ece_of(confidence: Vector, correct: Vector, weights: Weights) -> float:
    """Return the expected calibration error of checked arrays."""
    return _binned(width_bins(confidence), confidence, correct, weights)


def expected_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the gap between confidence and accuracy of the predicted class.

    Confidences go into 15 equal-width bins (lo, hi]; each counts by its share of images. Read it
    beside `ece_null`: a perfect model does not reach 0 on finitely many images.

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
    Guo et al. 2017, "On Calibration of Modern Neural Networks", with 15 bins.
    """
    return ece_of(*top_of(y_true, probs, weights))


ECE = Metric(
    key="ece",
    title="Expected calibration error",
    definition="Top-label, 15 equal-width bins (lo, hi], |accuracy − confidence| weighted by "
    "share of images. Read it against `ece_null`.",
    function=expected_calibration_error,
    evaluate=lambda pool: ece_of(*pool.top),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Guo et al. 2017, On Calibration of Modern Neural Networks",
    weighted=PLUG_IN,
    undefined_when="",
    differs="torchmetrics agrees to float32 for confidences below 1; exactly 1.0 has a bin of its "
    "own there: confidences 1.0 and 0.95, the first wrong and the second right, give 0.475 here, "
    "0.525 there. The code of Hendrycks et al. (natural adversarial "
    "examples) skips its last bin, the most confident images. Loops over bins [lo, hi) lose "
    "confidence exactly 1.0.",
    headline=True,
    scale="logit",
)


def ece_null_of(confidence: Vector, weights: Weights) -> float:
    """Return the expected `ece` of a perfectly calibrated model, of checked arrays."""
    bins = width_bins(confidence)
    w = np.ones(len(bins)) if weights is None else weights
    variance = np.bincount(bins, weights=w**2 * confidence * (1 - confidence), minlength=N_BINS)
    deviation = np.sqrt(2 / np.pi * np.maximum(variance, 0))
    if w.min() == w.max():
        for k in np.flatnonzero((variance > 0) & (variance <= EXACT_VARIANCE * w[0] ** 2)):
            deviation[k] = w[0] * expected_deviation(confidence[bins == k])
    return float(deviation.sum() / w.sum())


def calibration_error_null(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the `ece` to expect of a perfectly calibrated model with these confidences.

    Per bin the expected |Σ (X − c)| of independent X with chance c: exactly where Σ c(1−c) is at
    most 25 and weights are equal, else sqrt(2/π · Σ w²c(1−c)).

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices; only their number matters.
    probs : float array of shape (n, c)
        Class probabilities; rows sum to 1.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; neither direction is better: it is what to read `ece` against.
    """
    confidence, _, w = top_of(y_true, probs, weights)
    return ece_null_of(confidence, w)


ECE_NULL = Metric(
    key="ece_null",
    title="Expected calibration error of a perfect model",
    definition="Expected `ece` if every confidence were right, for this n: "
    "(1/Σw)·Σ_bins sqrt(2/π · Σ w²c(1−c)); exact in bins with Σ c(1−c) ≤ 25.",
    function=calibration_error_null,
    evaluate=lambda pool: ece_null_of(pool.top.confidence, pool.weights),
    direction="none",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="own derivation; Vaicenavicius et al. 2019, Evaluating model calibration in "
    "classification, for the idea",
    weighted="the closed form with w², for the given weights",
    undefined_when="",
    differs="",
)


def ece_mass_of(confidence: Vector, correct: Vector, weights: Weights) -> float:
    """Return the equal-mass calibration error of checked arrays."""
    return _binned(mass_bins(confidence, weights), confidence, correct, weights)


def equal_mass_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the expected calibration error over 15 bins of equal weight.

    The upper edge of bin k is the smallest confidence with at least k/15 of the weight at or below;
    equal confidences share a bin, so that bins may be fewer.

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
    Nixon et al. 2019, "Measuring Calibration in Deep Learning" (adaptive bins), here
    for the predicted class only.
    """
    return ece_mass_of(*top_of(y_true, probs, weights))


ECE_MASS = Metric(
    key="ece_mass",
    title="Expected calibration error, equal mass",
    definition="As `ece` in 15 bins of equal weight; equal confidences share a bin.",
    function=equal_mass_calibration_error,
    evaluate=lambda pool: ece_mass_of(*pool.top),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Nixon et al. 2019, Measuring Calibration in Deep Learning",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Code that cuts the sorted array into 15 parts puts equal confidences into "
    "different bins: the value then depends on the order of the images.",
    scale="logit",
)


def mce_of(confidence: Vector, correct: Vector, weights: Weights) -> float:
    """Return the largest gap of a bin of checked arrays."""
    bins = width_bins(confidence)
    mass = np.bincount(bins, weights=weights, minlength=N_BINS)
    gaps = bin_gaps(bins, correct - confidence, weights)
    return float((gaps[mass > 0] / mass[mass > 0]).max())


def maximum_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the largest gap between confidence and accuracy of any equal-width bin.

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
        Fraction in [0, 1]; lower is better. One image alone in a bin can decide it.

    References
    ----------
    Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning".
    """
    return mce_of(*top_of(y_true, probs, weights))


MCE = Metric(
    key="mce",
    title="Maximum calibration error",
    definition="Largest |accuracy − confidence| of the bins of `ece`.",
    function=maximum_calibration_error,
    evaluate=lambda pool: mce_of(*pool.top),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    weighted=PLUG_IN,
    undefined_when="",
    differs="",
    scale="logit",
)
