"""One point of the risk-coverage curve: what is left after the least confident are rejected."""

import numpy as np
from jaxtyping import Float, Integer

from harness.metrics.engine.blocks import Blocks
from harness.metrics.engine.checks import ROUNDING
from harness.metrics.metric import PLUG_IN, UNIT, Metric
from harness.metrics.selective import confidence_blocks

COVERED, KEPT, RISK = 80, 90, 5
"""Percent: coverage of the risk, what is kept after rejection, risk of the coverage."""


def risk_at(blocks: Blocks, percent: int) -> float:
    """Return the error among the accepted at the first threshold that accepts this share."""
    accepted = np.cumsum(blocks.mass)
    place = int(np.argmax(accepted * 100 >= percent * accepted[-1] * ROUNDING))
    return float(blocks.wrong[: place + 1].sum() / accepted[place])


def risk_at_80_coverage(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the error among the most confident images when at least 80 % are accepted.

    The threshold is the largest confidence that accepts them; equal confidences together.

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
        Fraction in [0, 1]; lower is better. A useless confidence gives the error rate.

    References
    ----------
    Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks".
    """
    return risk_at(confidence_blocks(y_true, probs, weights), COVERED)


RISK_AT_80_COVERAGE = Metric(
    key="risk_at_80_coverage",
    title="Risk at 80 % coverage",
    definition="Error among the most confident images at the first threshold that accepts at least "
    "80 %; equal confidences together.",
    function=risk_at_80_coverage,
    evaluate=lambda pool: risk_at(pool.blocks, COVERED),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks, section "
    "2",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Code that cuts the sorted array at 80 % splits equal confidences: its value then "
    "depends on the order of the images.",
    scale="logit",
)


def accuracy_after_rejection(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the accuracy of what is left when at most the 10 % least confident are rejected.

    1 − risk at 90 % coverage; equal confidences are accepted together.

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
        Fraction in [0, 1]; higher is better. A useless confidence gives the accuracy.

    References
    ----------
    Nadeem, Zucker and Hanczar 2009, "Accuracy-Rejection Curves (ARCs) for Comparing
    Classification Methods with a Reject Option".
    """
    return 1 - risk_at(confidence_blocks(y_true, probs, weights), KEPT)


ACCURACY_AFTER_REJECTION = Metric(
    key="accuracy_after_rejection",
    title="Accuracy after rejecting 10 %",
    definition="Accuracy among the most confident images at the first threshold that accepts at "
    "least 90 %; equal confidences together.",
    function=accuracy_after_rejection,
    evaluate=lambda pool: 1 - risk_at(pool.blocks, KEPT),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Nadeem, Zucker and Hanczar 2009, Accuracy-Rejection Curves",
    weighted=PLUG_IN,
    undefined_when="",
    differs="",
    scale="logit",
)


def coverage_of(blocks: Blocks) -> float:
    """Return the largest share that may be accepted at a risk of at most 5 %."""
    accepted, wrong = np.cumsum(blocks.mass), np.cumsum(blocks.wrong)
    good = np.flatnonzero(wrong * 100 * ROUNDING <= RISK * accepted)
    return float(accepted[good[-1]] / accepted[-1]) if len(good) else 0.0


def coverage_at_5_risk(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the largest share of images that may be accepted with at most 5 % errors among them.

    The best threshold on these very images: read it as a description, not as a promise for others.

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
        Fraction in [0, 1]; higher is better. 0: no threshold keeps the risk, nothing may be
        accepted.

    References
    ----------
    Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks",
    without the confidence bound.
    """
    return coverage_of(confidence_blocks(y_true, probs, weights))


COVERAGE_AT_5_RISK = Metric(
    key="coverage_at_5_risk",
    title="Coverage at 5 % risk",
    definition="Largest share of images, most confident first and equal confidences together, of "
    "which at most 5 % are wrong; 0 when no threshold has that.",
    function=coverage_at_5_risk,
    evaluate=lambda pool: coverage_of(pool.blocks),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks, section "
    "3, without the confidence bound",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Code that stops at the first threshold above the risk gives less where the curve "
    "comes down again: right, wrong and 19 right give 0.05 there and 1.0 here.",
    scale="logit",
)
