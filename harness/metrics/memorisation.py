"""What a model did with wrong training labels: how many it learnt, and what it knows regardless.

All need the model's predictions on its own training split under the evaluation transform.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64, Integer

from harness.errors import Undefined
from harness.metrics.classification import accuracy
from harness.metrics.engine.checks import checked_labels
from harness.metrics.metric import UNIT, Metric

NO_FLIPS = "no training label is flipped"
WHEN_NO_FLIPS = NO_FLIPS + "; open_set and complementary noise"


def noise_metric(
    key: str,
    title: str,
    definition: str,
    function: Callable[..., float],
    *,
    direction: Literal["higher", "lower", "none"],
    undefined_when: str,
    source: str = "PROTOCOL section 4",
    differs: str = "",
) -> Metric:
    """Return the row of a metric of predictions on the training split."""
    return Metric(
        key=key,
        title=title,
        definition=definition,
        function=function,
        evaluate=function,
        direction=direction,
        bounds=UNIT,
        unit="fraction",
        needs="train",
        source=source,
        weighted="not weighted",
        undefined_when=undefined_when,
        differs=differs,
        scale="logit" if direction != "none" else None,
    )


def memorised_of(
    y_pred: Int64[np.ndarray, " n"],
    observed: Int64[np.ndarray, " n"],
    clean: Int64[np.ndarray, " n"],
) -> float:
    """Return the share of flipped labels that are predicted, of checked arrays."""
    flipped = observed != clean
    if not flipped.any():
        raise Undefined(NO_FLIPS)
    return float((y_pred[flipped] == observed[flipped]).mean())


def memorised(
    observed: Integer[np.ndarray, " n"],
    clean: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
) -> float:
    """Return the share of flipped training labels that the model predicts as observed.

    Parameters
    ----------
    observed, clean : int array of shape (n,)
        Labels the model was trained on, and the true ones.
    y_pred : int array of shape (n,)
        Predicted classes on the training split.

    Returns
    -------
    float
        Fraction in [0, 1]; lower is better. Read it beside its chance level.

    Raises
    ------
    Undefined
        If no label is flipped.

    References
    ----------
    Liu et al. 2020, "Early-Learning Regularization Prevents Memorization of Noisy Labels".
    """
    c = int(max(observed.max(), clean.max(), y_pred.max())) + 1
    return memorised_of(
        checked_labels(y_pred, c, name="y_pred"),
        checked_labels(observed, c, name="observed"),
        checked_labels(clean, c, name="clean"),
    )


MEMORISED = noise_metric(
    "memorised",
    "Memorised wrong labels",
    "Share of flipped training labels that the model predicts as observed.",
    memorised,
    direction="lower",
    undefined_when=WHEN_NO_FLIPS,
    source="Liu et al. 2020, Early-Learning Regularization",
)


def memorised_chance(
    observed: Integer[np.ndarray, " n"],
    clean: Integer[np.ndarray, " n"],
    *,
    transition: Float[np.ndarray, "c c"] | None = None,
    chance: float | None = None,
) -> float:
    """Return what `memorised` would be by chance.

    Parameters
    ----------
    observed, clean : int array of shape (n,)
        Labels the model was trained on, and the true ones.
    transition : float array of shape (c, c), optional
        Row clean, column observed, rows sum to 1: the mean of its entries at the flipped labels.
    chance : float, optional
        The level itself where it is known: 1/(c − 1) for symmetric noise.

    Returns
    -------
    float
        Fraction in [0, 1]; neither direction is better.

    Raises
    ------
    Undefined
        If no label is flipped, or neither `transition` nor `chance` is given.
    """
    flipped = observed != clean
    if not flipped.any():
        raise Undefined(NO_FLIPS)
    if chance is not None:
        return chance
    if transition is None:
        raise Undefined("the noise has no transition matrix")
    return float(transition[clean[flipped], observed[flipped]].mean())


MEMORISED_CHANCE = noise_metric(
    "memorised_chance",
    "Memorised wrong labels by chance",
    "1/(c − 1) for symmetric noise, else the mean transition probability of the observed "
    "label over flipped labels.",
    memorised_chance,
    direction="none",
    undefined_when=WHEN_NO_FLIPS + "; noise without a transition matrix",
)


def clean_train_accuracy(
    clean: Integer[np.ndarray, " n"], y_pred: Integer[np.ndarray, " n"]
) -> float:
    """Return the accuracy on the whole training split against its true labels.

    Parameters
    ----------
    clean, y_pred : int array of shape (n,)
        True and predicted classes.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better.
    """
    return accuracy(clean, y_pred)


CLEAN_TRAIN_ACCURACY = noise_metric(
    "clean_train_accuracy",
    "Accuracy on true training labels",
    "Accuracy on the whole training split against its true labels.",
    clean_train_accuracy,
    direction="higher",
    undefined_when="",
)


def best_last_gap(curve: Sequence[float]) -> float:
    """Return how much the best epoch is better than the last one.

    Large where a model learns wrong labels late: what early stopping with a clean eye would save.

    Parameters
    ----------
    curve : sequence of float
        A value of each epoch in order, higher is better, e.g. balanced accuracy on clean
        validation labels.

    Returns
    -------
    float
        Difference in [0, 1]; lower is better. The best of many epochs is best partly by chance.

    Raises
    ------
    Undefined
        If there are fewer than two epochs.

    References
    ----------
    Li, Socher and Hoi 2020, "DivideMix: Learning with Noisy Labels as Semi-supervised Learning"
    (best and last).
    """
    if len(curve) < 2:
        raise Undefined(f"a gap needs two epochs; the curve has {len(curve)}")
    return float(max(curve) - curve[-1])


BEST_LAST_GAP = Metric(
    key="best_last_gap",
    title="Best epoch against last",
    definition="Balanced accuracy on clean validation labels of the best epoch minus that of the "
    "last.",
    function=best_last_gap,
    evaluate=best_last_gap,
    direction="lower",
    bounds=UNIT,
    unit="fraction",
    needs="epochs",
    source="Li, Socher and Hoi 2020, DivideMix (best and last)",
    weighted="not weighted",
    undefined_when="fewer than two epochs have a clean validation accuracy",
    differs="Tables of best and last test accuracy choose the best epoch on the test set itself.",
    scale="logit",
)
