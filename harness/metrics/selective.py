"""What a model is worth when it may decline: risk against coverage, by confidence.

Images are ordered by `Outputs.rows.certainty`, so that confidences which round to 1 still differ.
"""

import numpy as np
from jaxtyping import Float, Integer

from harness.metrics.engine.blocks import Blocks, blocks_of
from harness.metrics.engine.checks import checked_weights
from harness.metrics.engine.outputs import Outputs
from harness.metrics.metric import PLUG_IN, UNIT, Metric


def confidence_blocks(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    weights: Float[np.ndarray, " n"] | None,
) -> Blocks:
    """Check; return the blocks of equal confidence."""
    outputs = Outputs.from_probs(y_true, probs)
    w = checked_weights(weights, outputs.n)
    return blocks_of(outputs.rows.certainty, outputs.correct, w)


def aurc_of(blocks: Blocks) -> float:
    """Return the integral of the error among the accepted over coverage."""
    risk = np.cumsum(blocks.wrong) / np.cumsum(blocks.mass)
    return float((blocks.mass * risk).sum() / blocks.mass.sum())


def aurc(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the area under the risk-coverage curve.

    At each threshold all images at least that confident are accepted, equal confidences together;
    the risk is the error among the accepted, and every image counts with the risk at its own
    threshold.

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
    Geifman, Uziel and El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers".
    """
    return aurc_of(confidence_blocks(y_true, probs, weights))


AURC = Metric(
    key="aurc",
    title="Area under the risk-coverage curve",
    definition="Mean over coverages of the error among the accepted: every image adds the error "
    "among those at least as confident; equal confidences are accepted together.",
    function=aurc,
    evaluate=lambda pool: aurc_of(pool.blocks),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Geifman, Uziel and El-Yaniv 2019, Bias-Reduced Uncertainty Estimation",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Code that walks the sorted array gives a tied block a value that depends on the "
    "order of the images.",
    scale="logit",
)


def augrc_of(blocks: Blocks) -> float:
    """Return the integral of the share that is both accepted and wrong."""
    total = blocks.mass.sum()
    right = blocks.mass - blocks.wrong
    accuracy = right.sum() / total
    # acc(1 − acc)(1 − AUROC_f): pairs in which the wrong image is the more certain one.
    wrong_before = np.cumsum(blocks.wrong) - blocks.wrong / 2
    return float((right * wrong_before).sum() / total**2 + (1 - accuracy) ** 2 / 2)


def augrc(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the area under the generalised risk-coverage curve.

    (1 − AUROC_f)·acc(1 − acc) + ½(1 − acc)², where AUROC_f is the chance that a right prediction
    is more confident than a wrong one, ties one half.

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
        Fraction in [0, ½]; lower is better. Half the error rate is chance.

    References
    ----------
    Traub et al. 2024, "Overcoming Common Flaws in the Evaluation of Selective Classification
    Systems".
    """
    return augrc_of(confidence_blocks(y_true, probs, weights))


AUGRC = Metric(
    key="augrc",
    title="Area under the generalised risk-coverage curve",
    definition="(1 − AUROC_f)·acc(1 − acc) + ½(1 − acc)², AUROC_f of right over wrong by "
    "confidence.",
    function=augrc,
    evaluate=lambda pool: augrc_of(pool.blocks),
    direction="lower",
    bounds=(0.0, 0.5),
    unit="fraction",
    needs="probs",
    source="Traub et al. 2024, Overcoming Common Flaws in the Evaluation of Selective "
    "Classification Systems",
    weighted=PLUG_IN,
    undefined_when="",
    differs="",
    scale="logit",
)


def excess_aurc_of(blocks: Blocks) -> float:
    """Return AURC less that of a confidence that puts every right image first."""
    right = float((blocks.mass - blocks.wrong).sum() / blocks.mass.sum())
    best = 1 - right + (right * np.log(right) if right > 0 else 0.0)
    return max(0.0, aurc_of(blocks) - best)


def excess_aurc(
    y_true: Integer[np.ndarray, " n"],
    probs: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return what of `aurc` is due to the order of confidences and not to the error rate.

    AURC − (e + (1 − e)·ln(1 − e)), e the error rate: the second term is the area of the best
    order for many images.

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
        Fraction in [0, 1/e]; lower is better. 0 for the best order of many images; a useless
        confidence gives −(1 − e)·ln(1 − e).

    References
    ----------
    Geifman, Uziel and El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers".
    """
    return excess_aurc_of(confidence_blocks(y_true, probs, weights))


EAURC = Metric(
    key="eaurc",
    title="Excess AURC",
    definition="`aurc` − (e + (1 − e)·ln(1 − e)), e the error: what a better order of the same "
    "predictions would save.",
    function=excess_aurc,
    evaluate=lambda pool: excess_aurc_of(pool.blocks),
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Geifman, Uziel and El-Yaniv 2019, Bias-Reduced Uncertainty Estimation for Deep Neural "
    "Classifiers",
    weighted=PLUG_IN,
    undefined_when="",
    differs="Code that subtracts the area of the sorted sample itself gives less on few images: "
    "one mistake among three, ranked last, gives 0.048 here and 0 there.",
    scale="logit",
)
