"""Calibration by squared gaps, as they are and less what chance alone would show."""

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer

from harness.errors import Undefined
from harness.metrics.calibration import N_BINS, bin_gaps, mass_bins, top_of, width_bins
from harness.metrics.engine.checks import checked_weights
from harness.metrics.engine.outputs import Outputs
from harness.metrics.metric import PLUG_IN, UNIT, Metric
from harness.metrics.weighted import Weighted

NO_SQUARE = 1e-15
"""Up to this a mean of squares is rounding: its root would be 3e-8 where 0 is meant."""
MORE_THAN_ONE = 1 + 1e-9
"""Images that a bin must be worth to have a variance."""

Vector = Float64[np.ndarray, " n"]
Weights = Float64[np.ndarray, " n"] | None


def rms_of(confidence: Vector, correct: Vector, weights: Weights) -> float:
    """Return the root mean square gap of checked arrays."""
    bins = width_bins(confidence)
    mass = np.bincount(bins, weights=weights, minlength=N_BINS)
    gaps = bin_gaps(bins, correct - confidence, weights)
    held = mass > 0
    return float(np.sqrt((gaps[held] ** 2 / mass[held]).sum() / mass.sum()))


def rms_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the root mean square gap between confidence and accuracy over equal-width bins.

    Large gaps count more than in `ece`, which it is never below.

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
    Hendrycks, Mazeika and Dietterich 2019, "Deep Anomaly Detection with Outlier Exposure", here
    with the 15 equal-width bins of `ece`.
    """
    return rms_of(*top_of(y_true, probs, weights))


RMS_CE = Metric(
    key="rms_ce",
    title="RMS calibration error",
    definition="Root of the mean of (accuracy − confidence)² over the bins of `ece`, weighted by "
    "share of images.",
    function=rms_calibration_error,
    evaluate=lambda pool: rms_of(*pool.top),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Hendrycks, Mazeika and Dietterich 2019, Deep Anomaly Detection with Outlier Exposure",
    weighted=PLUG_IN,
    undefined_when="",
    differs='torchmetrics\' `norm="l2"` agrees to float32 for confidences below 1. The code of '
    "Hendrycks et al. has bins of 100 images each instead.",
    scale="logit",
)


def effective(
    groups: Int64[np.ndarray, " n"], w: Vector, count: int
) -> Float64[np.ndarray, " count"]:
    """Return (Σw)²/Σw² of every group: the number of images that its weights are worth."""
    mass = np.bincount(groups, weights=w, minlength=count)
    squares = np.bincount(groups, weights=w**2, minlength=count)
    return np.divide(mass**2, squares, out=np.zeros(count), where=squares > 0)


def debiased_of(pool: Weighted) -> float:
    """Return the debiased calibration error of a pool.

    Raises
    ------
    Undefined
        If a bin has one image.
    """
    confidence, correct, weights = pool.top
    bins = mass_bins(confidence, weights)
    w = np.ones(len(bins)) if weights is None else weights
    held = np.bincount(bins, weights=w, minlength=N_BINS) > 0
    mass = np.bincount(bins, weights=w, minlength=N_BINS)[held]
    right = np.bincount(bins, weights=w * correct, minlength=N_BINS)[held] / mass
    sure = np.bincount(bins, weights=w * confidence, minlength=N_BINS)[held] / mass
    images = effective(bins, w, N_BINS)[held]
    if images.min() < MORE_THAN_ONE:
        raise Undefined(f"a bin has one image: {N_BINS} bins of distinct confidences need 30")
    squares = (sure - right) ** 2 - right * (1 - right) / (images - 1)
    mean = (mass * squares).sum() / mass.sum()
    return float(np.sqrt(mean)) if mean > NO_SQUARE else 0.0


def debiased_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the root mean square calibration error less the variance of the bins' accuracies.

    Over 15 bins of equal weight; a bin of n images with accuracy a gives (a − confidence)² −
    a(1 − a)/(n − 1). A negative sum counts as 0: no error can be told from chance.

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
        Fraction in [0, 1]; lower is better. About 0 for a perfect model, unlike `rms_ce`.

    Raises
    ------
    Undefined
        If a bin has one image.

    References
    ----------
    Kumar, Liang and Ma 2019, "Verified Uncertainty Calibration", of the top label.
    """
    outputs = Outputs.from_probs(y_true, probs)
    return debiased_of(Weighted(outputs, checked_weights(weights, outputs.n)))


DEBIASED_CE = Metric(
    key="debiased_ce",
    title="Debiased calibration error",
    definition="Root of the mean over 15 equal-mass bins of (accuracy − confidence)² − "
    "accuracy·(1 − accuracy)/(n − 1); a negative mean counts as 0.",
    function=debiased_calibration_error,
    evaluate=debiased_of,
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Kumar, Liang and Ma 2019, Verified Uncertainty Calibration",
    weighted="plug-in value; n of a bin is (Σw)²/Σw²",
    undefined_when="a bin has one image",
    differs="Squared, not absolute, gaps: compare it with `rms_ce`, not with `ece`.",
    scale="logit",
)


def grouping_loss_of(pool: Weighted) -> float:
    """Return the binned lower bound on the grouping loss of a pool.

    Raises
    ------
    Undefined
        If no region has two images.
    """
    confidence, correct, weights = pool.top
    c = pool.outputs.c
    region = width_bins(confidence) * c + pool.outputs.y_pred
    w = np.ones(len(region)) if weights is None else weights
    mass = np.bincount(region, weights=w, minlength=N_BINS * c)
    hits = np.bincount(region, weights=w * correct, minlength=N_BINS * c)
    images = effective(region, w, N_BINS * c)
    enough = images >= MORE_THAN_ONE
    if not enough.any():
        raise Undefined("no predicted class has two images in a bin of confidence")
    bins = np.flatnonzero(enough) // c
    kept = enough[region]
    of_bin = effective(region[kept] // c, w[kept], N_BINS)
    return _spread_within(bins, mass[enough], hits[enough], images[enough], of_bin)


def _spread_within(
    bins: Int64[np.ndarray, " r"],
    mass: Float64[np.ndarray, " r"],
    hits: Float64[np.ndarray, " r"],
    images: Float64[np.ndarray, " r"],
    of_bin: Float64[np.ndarray, " bins"],
) -> float:
    """Return the mean over bins of the debiased variance of its regions' accuracies."""
    right = hits / mass
    bin_mass = np.bincount(bins, weights=mass, minlength=N_BINS)
    bin_hits = np.bincount(bins, weights=hits, minlength=N_BINS)
    held = bin_mass > 0
    bin_right = bin_hits[held] / bin_mass[held]
    between = (mass * (right - (bin_hits / np.where(held, bin_mass, 1))[bins]) ** 2).sum()
    noise = (mass * right * (1 - right) / (images - 1)).sum()
    allowed = (bin_mass[held] * bin_right * (1 - bin_right) / (of_bin[held] - 1)).sum()
    return float(max(0.0, (between - noise + allowed) / mass.sum()))


def grouping_loss(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return a lower bound on the grouping loss: what calibration cannot see.

    Within a bin of confidence the images of one predicted class may be right far more often than
    those of another, and a calibrated confidence hides it. The bound is the variance of accuracy
    between predicted classes within the 15 equal-width bins, less what chance would show; a
    negative one counts as 0. A predicted class alone in its bin is left out.

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
        Squared probability in [0, 1]; lower is better. What the Brier score of the predicted class
        would gain if confidences knew the predicted class.

    Raises
    ------
    Undefined
        If no predicted class has two images in a bin.

    References
    ----------
    Perez-Lebel, Le Morvan and Varoquaux 2023, "Beyond calibration: estimating the grouping loss of
    modern neural networks", with predicted classes as regions instead of a tree on
    features.
    """
    outputs = Outputs.from_probs(y_true, probs)
    return grouping_loss_of(Weighted(outputs, checked_weights(weights, outputs.n)))


GROUPING_LOSS = Metric(
    key="grouping_loss",
    title="Grouping loss, lower bound",
    definition="Variance of accuracy between predicted classes within the bins of `ece`, less what "
    "chance would show; a negative one counts as 0.",
    function=grouping_loss,
    evaluate=grouping_loss_of,
    direction="lower",
    bounds=UNIT,
    unit="squared error",
    needs="probs",
    source="Perez-Lebel, Le Morvan and Varoquaux 2023, Beyond calibration, with "
    "predicted classes as regions",
    weighted="plug-in value; n of a bin is (Σw)²/Σw²",
    undefined_when="no predicted class has two images in a bin",
    differs="The authors' package finds regions by a tree on features, fitted on half of the "
    "images, and so a larger bound.",
)
