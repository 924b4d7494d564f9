"""From predictions to results: the only callers of the table's `evaluate`.

A metric without a value becomes `MetricResult(None, reason)` here, and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped

from harness.errors import SpecError, Undefined
from harness.lookup import lookup
from harness.metrics import label_errors, memorisation
from harness.metrics.engine.checks import check_aligned, checked_labels, checked_weights
from harness.metrics.engine.levels import levels_of
from harness.metrics.engine.outputs import Outputs
from harness.metrics.open_set import oscr
from harness.metrics.replicates import replicate, replicate_ood
from harness.metrics.table import METRICS
from harness.metrics.weighted import Group, Weighted
from harness.types import MetricResult

__all__ = [
    "measure",
    "measure_noise",
    "measure_ood",
    "measure_oscr",
    "replicate",
    "replicate_ood",
]

LEVEL_KEYS = tuple(k for k, m in METRICS.items() if m.needs == "ood" and k != "oscr")
"""OOD metrics that one sort of scores gives."""


def result_of(compute: Callable[[], float]) -> MetricResult:
    """Return the value of `compute`, or None with the reason it raises."""
    try:
        return MetricResult(float(compute()))
    except Undefined as undefined:
        return MetricResult(None, undefined.reason)


def measure(
    outputs: Outputs,
    keys: Iterable[str],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
    groups: Mapping[str, Group] | None = None,
) -> dict[str, MetricResult]:
    """Return metrics of one pool; intermediates are shared among them and kept on `outputs`.

    Parameters
    ----------
    outputs : Outputs
        Predictions and labels.
    keys : iterable of str
        Keys of METRICS that need labels or probs.
    weights : float array of shape (n,), optional
        Weight of each image, e.g. a view's class weights; default ones.
    groups : mapping of str to bool array of shape (c,) or str, optional
        Of `class_groups`, for the metrics of groups.

    Returns
    -------
    dict of str to MetricResult
        One for each key, in order.

    Raises
    ------
    UnknownNameError
        If a key is not in METRICS.
    SpecError
        If a key needs more than a pool's predictions.
    PredictionsError
        If weights have another length or are negative.
    """
    pool = Weighted(outputs, checked_weights(weights, outputs.n), groups or {})
    results = {}
    for key in keys:
        metric = lookup("metric", key, METRICS)
        if metric.needs not in ("labels", "probs"):
            raise SpecError(
                f"measure() takes metrics of a pool's predictions; {key!r} needs {metric.needs}. "
                f"Use measure_{'ood' if metric.needs == 'ood' else 'noise'}()."
            )
        results[key] = result_of(lambda m=metric: m.evaluate(pool))  # type: ignore[misc]
    return results


def measure_ood(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> dict[str, MetricResult]:
    """Return all OOD metrics of one score from one sort.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD; used as they are.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.

    Returns
    -------
    dict of str to MetricResult
        Every ``ood_*`` key of METRICS.

    Raises
    ------
    PredictionsError
        If a set is empty or a score is not finite.
    """
    levels = levels_of(id_scores, ood_scores, id_weights)
    return {key: result_of(lambda k=key: METRICS[k].evaluate(levels)) for key in LEVEL_KEYS}  # type: ignore[misc]


def measure_oscr(
    correct: Bool[np.ndarray, " n"],
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
) -> MetricResult:
    """Return the open-set classification rate.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether the class of each ID image is right.
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.
    """
    right = correct.astype(np.float64)
    return result_of(lambda: oscr(id_scores, right, ood_scores, id_weights=id_weights))


def measure_noise(
    outputs: Outputs,
    observed: Integer[np.ndarray, " n"],
    clean: Integer[np.ndarray, " n"],
    *,
    transition: Float[np.ndarray, "c c"] | None = None,
    chance: float | None = None,
    reason: str | None = None,
) -> dict[str, MetricResult]:
    """Return what a model did with wrong training labels.

    Parameters
    ----------
    outputs : Outputs
        Predictions on the training split; its labels do not matter.
    observed, clean : int array of shape (n,)
        Labels the model was trained on, and the true ones, in the same order.
    transition : float array of shape (c, c), optional
        Noise model, for the chance level.
    chance : float, optional
        The chance level itself where it is known: 1/(c − 1) for symmetric noise.
    reason : str, optional
        Why memorisation has no meaning here (open_set and complementary noise).

    Returns
    -------
    dict of str to MetricResult
        Every key of METRICS that needs ``train``.

    Raises
    ------
    PredictionsError
        If there is not one label a row, in range.
    """
    seen = outputs.relabel(observed)
    labels, true = seen.y_true, checked_labels(clean, seen.c, name="clean")
    check_aligned(true, seen.n, "clean")
    flipped = labels != true

    def meaningful(compute: Callable[[], float]) -> MetricResult:
        return MetricResult(None, reason) if reason is not None else result_of(compute)

    return {
        "memorised": meaningful(lambda: memorisation.memorised_of(seen.y_pred, labels, true)),
        "memorised_chance": meaningful(
            lambda: memorisation.memorised_chance(
                labels, true, transition=transition, chance=chance
            )
        ),
        "clean_train_accuracy": result_of(lambda: float((seen.y_pred == true).mean())),
        **_label_errors(seen, flipped),
    }


def _label_errors(seen: Outputs, flipped: Shaped[np.ndarray, " n"]) -> dict[str, MetricResult]:
    """Return how well loss and margin of the observed labels find the flipped ones."""
    suspicion = {
        "loss": lambda: -seen.log_true,
        "margin": lambda: seen.rows.log_rest - seen.log_true,
    }
    functions = {"auroc": label_errors.label_error_auroc, "ap": label_errors.label_error_ap}
    return {
        f"label_error_{kind}_{by}": result_of(lambda f=function, s=score: f(s(), flipped))  # type: ignore[misc]
        for by, score in suspicion.items()
        for kind, function in functions.items()
    }
