"""Whether the probability of every class means what it says, not only that of the predicted one."""

import numpy as np
from jaxtyping import Float, Float64, Integer

from harness.errors import Undefined
from harness.metrics.calibration import EDGES, N_BINS, width_bins
from harness.metrics.engine.adaptive import LEAST, AdaptiveGaps, adaptive_gaps
from harness.metrics.engine.checks import checked_weights
from harness.metrics.engine.outputs import Outputs
from harness.metrics.metric import PLUG_IN, UNIT, Metric

Weights = Float64[np.ndarray, " n"] | None


def classwise_ece_of(outputs: Outputs, weights: Weights) -> float:
    """Return the class-wise calibration error of outputs."""
    w = np.ones(outputs.n) if weights is None else weights
    c = outputs.c
    gaps = np.zeros(c * N_BINS)
    low = np.bincount(outputs.y_true, weights=w, minlength=c)
    for rows, p in outputs.prob_blocks():
        low -= np.einsum("i,ij->j", w[rows], p)
        # Few probabilities leave the first bin: at most 14 per row, however many classes.
        at = np.flatnonzero(p > EDGES[1])
        row, k = np.divmod(at, c)
        value = p.ravel()[at]
        gap = w[rows][row] * ((outputs.y_true[rows][row] == k) - value)
        index = k * N_BINS + width_bins(value)
        gaps += np.bincount(index, weights=gap, minlength=len(gaps))
    by_class = gaps.reshape(c, N_BINS)
    by_class[:, 0] = low - by_class.sum(axis=1)
    return float(np.abs(by_class).sum() / (c * w.sum()))


def classwise_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the expected calibration error of every class's probability, mean over all c classes.

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
        Fraction in [0, 1]; lower is better. At most about 2/c, so compare within one c only.

    References
    ----------
    Kull et al. 2019, "Beyond temperature scaling".
    """
    outputs = Outputs.from_probs(y_true, probs)
    return classwise_ece_of(outputs, checked_weights(weights, outputs.n))


CLASSWISE_ECE = Metric(
    key="classwise_ece",
    title="Class-wise calibration error",
    definition="Expected calibration error of each class's probability, mean over all c classes.",
    function=classwise_calibration_error,
    evaluate=lambda pool: classwise_ece_of(pool.outputs, pool.weights),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Kull et al. 2019, Beyond temperature scaling",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Some code sums over classes instead.",
    scale="logit",
)


def ace_of(gaps: AdaptiveGaps) -> float:
    """Return the mean adaptive gap over all classes."""
    return float(gaps.whole.mean())


def adaptive_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the calibration error of every class over ranges of equal weight, mean over classes.

    Each class's probabilities are cut into 15 ranges of equal weight; equal probabilities share
    one. |share of the class − mean probability| counts by the range's weight.

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
        Fraction in [0, 1]; lower is better. At most about 2/c, so compare within one c only.

    References
    ----------
    Nixon et al. 2019, "Measuring Calibration in Deep Learning" (ACE), here weighted
    by the range's weight, which ties make unequal.
    """
    outputs = Outputs.from_probs(y_true, probs)
    return ace_of(adaptive_gaps(outputs, checked_weights(weights, outputs.n)))


ACE = Metric(
    key="ace",
    title="Adaptive calibration error",
    definition="Calibration error of each class's probability over 15 ranges of equal weight, mean "
    "over all c classes; equal probabilities share a range.",
    function=adaptive_calibration_error,
    evaluate=lambda pool: ace_of(pool.adaptive),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Nixon et al. 2019, Measuring Calibration in Deep Learning",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Others use the name for 15 ranges of the top label only: that is `ece_mass`.",
    scale="logit",
)


def tace_of(gaps: AdaptiveGaps) -> float:
    """Return the mean thresholded gap over the classes that have one."""
    held = gaps.above[~np.isnan(gaps.above)]
    if len(held) == 0:
        raise Undefined(f"no probability is above {LEAST:g}")
    return float(held.mean())


def thresholded_calibration_error(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the adaptive calibration error over probabilities above 0.01.

    Images whose probability of a class is at most 0.01 are left out for that class; a class that
    never has more is left out of the mean.

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

    Raises
    ------
    Undefined
        If no probability is above 0.01, which needs 100 classes.

    References
    ----------
    Nixon et al. 2019, "Measuring Calibration in Deep Learning" (TACE), ε = 0.01.
    """
    outputs = Outputs.from_probs(y_true, probs)
    return tace_of(adaptive_gaps(outputs, checked_weights(weights, outputs.n)))


TACE = Metric(
    key="tace",
    title="Thresholded adaptive calibration error",
    definition="`ace` over probabilities above 0.01 only; a class that never has more is left out "
    "of the mean.",
    function=thresholded_calibration_error,
    evaluate=lambda pool: tace_of(pool.adaptive),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Nixon et al. 2019, Measuring Calibration in Deep Learning, ε = 0.01",
    weighted=PLUG_IN,
    undefined_when="no probability is above 0.01",
    differs="Code with ε = 0.001 gives another number; the threshold belongs beside the value.",
    scale="logit",
)
