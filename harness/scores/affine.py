"""Corrections z → z·scale + shift of logits: temperature, vector scaling, prior adjustment.

Probabilities are corrected through their logarithms and renormalised. For one scale for all classes
(``ts``, ``la``) that gives what their logits would have given, because a constant added to a row
changes no probability; vector scaling sees that constant.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int
from scipy.special import log_softmax, softmax

from harness.errors import Undefined
from harness.types import Predictions

TINY = float(np.finfo(np.float32).tiny)
"""Given probabilities are clipped here before a logarithm (PROTOCOL section 4)."""
TEMPERATURES = (0.01, 100.0)
"""Range in which the best temperature is sought; beyond it there is none."""
NEWTON_STEPS = 100
"""Vector scaling is convex and needs about ten."""


@dataclass(frozen=True)
class Affine:
    """Parameters of a correction, per class."""

    scale: Float64[np.ndarray, " c"]
    """Factor of the logit."""
    shift: Float64[np.ndarray, " c"]
    """Added to the logit."""


def log_values(predictions: Predictions) -> Float64[np.ndarray, "n c"]:
    """Return logits, or the logarithms of given probabilities, as float64."""
    values = predictions.values.astype(np.float64)
    return values if predictions.kind == "logits" else np.log(np.maximum(values, TINY))


def apply_affine(predictions: Predictions, fitted: Affine) -> Predictions:
    """Return the corrected predictions, of the same kind.

    Features stay; the stored head is corrected alike, so that it still makes the logits.

    Parameters
    ----------
    predictions : Predictions
        Logits or probabilities of shape (n, c).
    fitted : Affine
        Scale and shift of shape (c,).
    """
    values = log_values(predictions) * fitted.scale + fitted.shift
    if predictions.kind == "probs":
        return replace(predictions, values=softmax(values, axis=1).astype(predictions.values.dtype))
    head = predictions.head
    if head is not None:
        scale = fitted.scale.astype(head["weight"].dtype)
        shift = fitted.shift.astype(head["bias"].dtype)
        head = {"weight": head["weight"] * scale[:, None], "bias": head["bias"] * scale + shift}
    return replace(predictions, values=values.astype(predictions.values.dtype), head=head)


def fit_temperature(calibration: Predictions, labels: Int[np.ndarray, " n"]) -> Affine:
    """Return 1/T as the scale that minimises the NLL, T between 0.01 and 100.

    The NLL is convex in β = 1/T with slope Σ(mean logit under the model − logit of the label),
    whose root is sought. Labels that the model always ranks first have none: every smaller T is
    better on them, and would be far too sure of other images.

    Parameters
    ----------
    calibration : Predictions
        Of shape (n, c).
    labels : int array of shape (n,)
        Clean class index.

    Raises
    ------
    Undefined
        If the best temperature is beyond the range.

    References
    ----------
    Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    from scipy.optimize import brentq  # slow to import, and only this needs it

    z = log_values(calibration)
    z -= z.max(axis=1, keepdims=True)
    observed = z[np.arange(len(z)), labels].sum()

    def slope(log_beta: float) -> float:
        return float((softmax(np.exp(log_beta) * z, axis=1) * z).sum() - observed)

    low, high = (-float(np.log(t)) for t in reversed(TEMPERATURES))
    if slope(0.0) == 0:  # equal logits in every row: no temperature changes anything
        log_beta = 0.0
    elif slope(high) <= 0:
        wrong = int((z[np.arange(len(z)), labels] < 0).sum())
        raise Undefined(
            f"no temperature above {TEMPERATURES[0]:g} is the best for the calibration pool: of "
            f"{len(z)} images {wrong} are wrong"
        )
    elif slope(low) >= 0:
        raise Undefined(
            f"no temperature below {TEMPERATURES[1]:g} is the best for the calibration pool: the "
            "logits say nothing of its labels"
        )
    else:
        log_beta = brentq(slope, low, high, xtol=1e-12)
    beta = float(np.exp(log_beta))
    classes = z.shape[1]
    return Affine(np.full(classes, beta), np.zeros(classes))


def fit_vector(calibration: Predictions, labels: Int[np.ndarray, " n"]) -> Affine:
    """Return a scale and a shift for every class that minimise the penalised NLL.

    Minimised is Σ NLL + ½‖scale − 1‖² + ½‖shift‖²: a unit Gaussian prior around leaving the
    logits alone. Guo et al. have no penalty and stop early; on a small calibration pool without
    mistakes the minimum would then lie at infinity. The penalty's weight fades as the pool grows.

    Parameters
    ----------
    calibration : Predictions
        Of shape (n, c).
    labels : int array of shape (n,)
        Clean class index.

    References
    ----------
    Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    z = log_values(calibration)
    classes = z.shape[1]
    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    theta = start
    for _ in range(NEWTON_STEPS):
        gradient, hessian = _vector_derivatives(z, labels, theta - start, theta)
        step = np.linalg.solve(hessian, gradient)
        theta = _shortened(z, labels, start, theta, step, float(gradient @ step))
        if gradient @ step < 1e-10:
            break
    return Affine(theta[:classes], theta[classes:])


def _vector_derivatives(
    z: Float64[np.ndarray, "n c"],
    labels: Int[np.ndarray, " n"],
    away: Float64[np.ndarray, " p"],
    theta: Float64[np.ndarray, " p"],
) -> tuple[Float64[np.ndarray, " p"], Float64[np.ndarray, "p p"]]:
    """Return gradient and Hessian of the penalised NLL."""
    classes = z.shape[1]
    p = softmax(z * theta[:classes] + theta[classes:], axis=1)
    error = p.copy()
    error[np.arange(len(z)), labels] -= 1
    gradient = np.concatenate([(error * z).sum(axis=0), error.sum(axis=0)]) + away
    both = np.concatenate([p * z, p], axis=1)  # (n, 2c)
    hessian = -(both.T @ both)
    diagonals = [(p * z**2).sum(axis=0), (p * z).sum(axis=0), p.sum(axis=0)]
    at = np.arange(classes)
    hessian[at, at] += diagonals[0] + 1
    hessian[at, at + classes] += diagonals[1]
    hessian[at + classes, at] += diagonals[1]
    hessian[at + classes, at + classes] += diagonals[2] + 1
    return gradient, hessian


def _shortened(
    z: Float64[np.ndarray, "n c"],
    labels: Int[np.ndarray, " n"],
    start: Float64[np.ndarray, " p"],
    theta: Float64[np.ndarray, " p"],
    step: Float64[np.ndarray, " p"],
    decrement: float,
) -> Float64[np.ndarray, " p"]:
    """Return theta after a Newton step, halved until the penalised NLL falls."""
    classes = z.shape[1]

    def objective(at: Float64[np.ndarray, " p"]) -> float:
        logs = log_softmax(z * at[:classes] + at[classes:], axis=1)
        return float(-logs[np.arange(len(z)), labels].sum() + 0.5 * np.square(at - start).sum())

    now, length = objective(theta), 1.0
    while length > 1e-8 and objective(theta - length * step) > now - 1e-4 * length * decrement:
        length /= 2
    return theta - length * step


def prior_shift(counts: Int[np.ndarray, " c"], tau: float) -> Affine:
    """Return the shift −tau·ln prior, from observed training counts.

    Parameters
    ----------
    counts : int array of shape (c,)
        Observed training labels of every class.
    tau : float
        1 aims at the balanced error; 0 changes nothing.

    Raises
    ------
    Undefined
        If a class has no observed training label: its prior's logarithm is infinite.

    References
    ----------
    Menon et al. 2021, "Long-tail learning via logit adjustment", post-hoc form.
    """
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise Undefined(f"class {empty[0]} has no observed training label, so no prior")
    return Affine(np.ones(len(counts)), -tau * np.log(counts / counts.sum()))
