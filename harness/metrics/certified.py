"""Accuracy that is proved to outlast a move of the features: certified accuracy."""

from collections.abc import Iterable
from functools import partial, update_wrapper

import numpy as np
from jaxtyping import Float, Integer

from harness.errors import PredictionsError
from harness.metrics.engine.outputs import Outputs
from harness.metrics.metric import UNIT, Metric
from harness.types import MetricResult

PERCENTS = (1, 5, 10)
"""Radii at which it is reported, in % of the root mean square distance of training rows from their
mean."""
STATISTIC = "certified_radius"
"""Under which name a model hands the radius of every input out (`harness.types.models.Output`)."""
NONE_GIVEN = f"the model proves nothing: it hands out no {STATISTIC}"
CORRECTED = "the radii are proved for the logits before they were corrected"
"""Why a corrected entry has none."""


def certified_accuracy(
    y_true: Integer[np.ndarray, " n"],
    y_pred: Integer[np.ndarray, " n"],
    radii: Float[np.ndarray, " n"],
    *,
    radius: float,
) -> float:
    """Return the share of images that are right, and stay so within a distance.

    Parameters
    ----------
    y_true, y_pred : int array of shape (n,)
        Class indices.
    radii : float array of shape (n,)
        How far each input may move without another prediction, at least 0, in the unit of `radius`.
    radius : float
        Distance, at least 0.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better. At 0 it is accuracy; it never exceeds the accuracy
        under any attack that moves inputs by less than `radius`.

    Raises
    ------
    PredictionsError
        If there are no images, lengths differ, or a radius is negative or not a number.

    References
    ----------
    Cohen, Rosenfeld and Kolter 2019, "Certified Adversarial Robustness via Randomized Smoothing",
    arXiv:1902.02918 (certified accuracy); Saralajew et al. 2024, arXiv:2412.15499 (of components).
    """
    if len(y_true) == 0 or not len(y_true) == len(y_pred) == len(radii):
        raise PredictionsError(
            "Certified accuracy takes a label, a predicted class and a radius of each of at least "
            f"one image; got {len(y_true):,}, {len(y_pred):,} and {len(radii):,}. Pass all three "
            "of the same images."
        )
    wrong = ~(radii >= 0)
    if wrong.any():
        raise PredictionsError(
            f"Certified radii are at least 0; image {int(np.argmax(wrong))} has "
            f"{radii[np.argmax(wrong)]}. An input about which nothing is proved has 0."
        )
    return float(((y_pred == y_true) & (radii >= radius)).mean())


def _of_radius(percent: int) -> Metric:
    function = update_wrapper(partial(certified_accuracy, radius=percent / 100), certified_accuracy)
    return Metric(
        key=f"certified_accuracy_at_{percent}",
        title=f"Certified accuracy at {percent} %",
        definition="Share of images that are right and whose prediction provably stays the same "
        f"while the model's features move by {percent} % of the root mean square distance of "
        "training features from their mean.",
        function=function,
        evaluate=function,
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="certified",
        source="Cohen et al. 2019, arXiv:1902.02918; radii of components: Saralajew et al. 2024, "
        "arXiv:2412.15499",
        weighted="not weighted",
        undefined_when="the model does not prove a radius, or its logits were corrected afterwards",
        differs="Published radii are distances in pixels; these are distances of features, and "
        "say nothing of how far an image may change.",
        scale="logit",
    )


CERTIFIED_METRICS = tuple(map(_of_radius, PERCENTS))
"""Rows of every radius."""


def certified_results(
    outputs: Outputs, radii: Float[np.ndarray, "n 1"] | None, keys: Iterable[str]
) -> dict[str, MetricResult]:
    """Return certified accuracy at several radii.

    Parameters
    ----------
    outputs : Outputs
        Of the test pool.
    radii : float array of shape (n, 1) or None
        The model's statistic of this name; None: it hands none out.
    keys : iterable of str
        Of `CERTIFIED_METRICS`.

    Returns
    -------
    dict of str to MetricResult
        One for each key.

    Raises
    ------
    PredictionsError
        As in `certified_accuracy`.
    """
    if radii is None:
        return dict.fromkeys(keys, MetricResult(None, NONE_GIVEN))
    by_key = {metric.key: metric.function for metric in CERTIFIED_METRICS}
    y, pred, given = outputs.y_true, outputs.y_pred, radii.astype(np.float64).reshape(-1)
    return {key: MetricResult(by_key[key](y, pred, given)) for key in keys}
