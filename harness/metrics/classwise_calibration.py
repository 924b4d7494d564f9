"""Whether the probability of every class means what it says, not only that of the predicted one."""

import numpy as np
from jaxtyping import Float, Float64, Integer

from harness.metrics.calibration import EDGES, N_BINS, width_bins
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
        # Few probabilities leave the first bin: at most 14 a row, however many classes.
        row, k = np.nonzero(p > EDGES[1])
        value = p[row, k]
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
    Kull et al. 2019, "Beyond temperature scaling", equation 4.
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
    source="Kull et al. 2019, Beyond temperature scaling, equation 4",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Some code sums over classes instead.",
    scale="logit",
)
