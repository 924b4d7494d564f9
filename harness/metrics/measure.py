"""From predictions to results: the only callers of the table's `evaluate`.

A metric without a value becomes `MetricResult(None, reason)` here, and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped

from harness.errors import SpecError, Undefined
from harness.lookup import lookup
from harness.metrics import label_errors, memorisation
from harness.metrics.conformal import conformal_results
from harness.metrics.distances import hierarchical_error, macro_absolute_error
from harness.metrics.engine.checks import check_aligned, checked_labels, checked_weights
from harness.metrics.engine.levels import levels_of
from harness.metrics.engine.outputs import Outputs
from harness.metrics.ood_replicates import OOD_REPLICATES, replicate_ood
from harness.metrics.open_set import OPEN_SET
from harness.metrics.replicates import REPLICATED, replicate, why_none
from harness.metrics.table import METRICS
from harness.metrics.weighted import Group, Weighted
from harness.types import MetricResult

__all__ = [
    "measure",
    "measure_conformal",
    "measure_noise",
    "measure_ood",
    "measure_open_set",
    "measure_structure",
    "replicate",
    "replicate_ood",
    "why_by_value",
]

OPEN_SET_KEYS = tuple(m.key for m in OPEN_SET)
"""OOD metrics that also read whether the class is right."""
LEVEL_KEYS = tuple(k for k, m in METRICS.items() if m.needs == "ood" and k not in OPEN_SET_KEYS)
"""OOD metrics that one sort of scores gives."""


TAKERS = {
    "ood": "measure_ood",
    "train": "measure_noise",
    "conformal": "measure_conformal",
    "structure": "measure_structure",
    "certified": "certified_results",
}
"""What measures the metrics that need more than a pool's predictions; others are called."""


def result_of(compute: Callable[[], float]) -> MetricResult:
    """Return the value of `compute`, or None with the reason it raises."""
    try:
        return MetricResult(float(compute()))
    except Undefined as undefined:
        return MetricResult(None, undefined.reason)


def why_by_value(key: str) -> str:
    """Return a sentence: why a metric key is ranked by value alone, or how to have its replicates.

    Parameters
    ----------
    key : str
        As in records, e.g. ``test/mce``.
    """
    place, _, name = key.rpartition("/")
    needs = METRICS[name].needs if name in METRICS else ""
    if name in REPLICATED or name in OOD_REPLICATES:
        if place == "test" or place.startswith(("ood/near/", "ood/far/")):
            return f'A record has them where its card names it: extra = ["{name}"].'
    elif needs in ("labels", "probs"):
        return f"{why_none(name)}."
    elif needs == "ood":
        return f"{name} is a published variant of a metric that has some."
    return "They are of test images, and of the means over near and far OOD sets."


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
                f"Use {TAKERS.get(metric.needs, metric.function.__name__)}()."
            )
        results[key] = result_of(lambda m=metric: m.evaluate(pool))  # type: ignore[misc]
    return results


def measure_ood(
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
    keys: Iterable[str] = LEVEL_KEYS,
) -> dict[str, MetricResult]:
    """Return OOD metrics of one score from one sort.

    Parameters
    ----------
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD; used as they are.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.
    keys : iterable of str
        Of `LEVEL_KEYS`; default all.

    Returns
    -------
    dict of str to MetricResult
        One for each key.

    Raises
    ------
    PredictionsError
        If a set is empty or a score is not finite.
    """
    levels = levels_of(id_scores, ood_scores, id_weights)
    return {key: result_of(lambda k=key: METRICS[k].evaluate(levels)) for key in keys}  # type: ignore[misc]


def measure_open_set(
    correct: Bool[np.ndarray, " n"],
    id_scores: Float[np.ndarray, " n"],
    ood_scores: Float[np.ndarray, " m"],
    *,
    id_weights: Float[np.ndarray, " n"] | None = None,
    keys: Iterable[str] = OPEN_SET_KEYS,
) -> dict[str, MetricResult]:
    """Return the metrics of class and OOD score together.

    Parameters
    ----------
    correct : bool array of shape (n,)
        Whether the class of each ID image is right.
    id_scores, ood_scores : float arrays of shape (n,) and (m,)
        Larger for OOD.
    id_weights : float array of shape (n,), optional
        Weight of each ID image; default ones.
    keys : iterable of str
        Of `OPEN_SET_KEYS`; default all.

    Returns
    -------
    dict of str to MetricResult
        One for each key.
    """
    right = correct.astype(np.float64)

    def one(function: Callable[..., float]) -> float:
        return function(id_scores, right, ood_scores, id_weights=id_weights)

    return {key: result_of(partial(one, METRICS[key].function)) for key in keys}


def measure_conformal(
    test: Outputs,
    calibration: Outputs | None,
    groups: Mapping[str, Group],
    keys: Iterable[str] | None = None,
) -> dict[str, MetricResult]:
    """Return coverage and size of prediction sets, over all images, by class and by group.

    Parameters
    ----------
    test : Outputs
        Of the test pool.
    calibration : Outputs or None
        Of the calibration pool; None: there is none.
    groups : mapping of str to bool array of shape (c,) or str
        Of `class_groups`.
    keys : iterable of str, optional
        Which to compute; those of groups that were not given are left out. Default all.

    Returns
    -------
    dict of str to MetricResult
        Of keys of METRICS that need ``conformal``.
    """
    computed = conformal_results(test, calibration or test, groups)
    if keys is not None:
        computed = {key: computed[key] for key in keys if key in computed}
    if calibration is None:
        return dict.fromkeys(computed, MetricResult(None, "there is no calibration pool"))
    return {key: result_of(compute) for key, compute in computed.items()}


def measure_structure(
    outputs: Outputs, ordered: bool, hierarchy: Integer[np.ndarray, "c levels"] | None
) -> dict[str, MetricResult]:
    """Return how far off wrong classes are, where the classes have an order or a hierarchy.

    Parameters
    ----------
    outputs : Outputs
        Of the test pool.
    ordered : bool
        Whether class indices are in an order, one step apart.
    hierarchy : int array of shape (c, levels) or None
        Ancestors of every class, the parent first; None: not known.

    Returns
    -------
    dict of str to MetricResult
        ``macro_mae`` of ordered classes, ``hierarchical_error`` where a hierarchy is known.
    """
    y, pred = outputs.y_true, outputs.y_pred
    found: dict[str, MetricResult] = {}

    def height() -> float:
        assert hierarchy is not None
        if len(hierarchy) != outputs.c:
            raise Undefined(f"the hierarchy covers {len(hierarchy)} of {outputs.c} classes")
        return hierarchical_error(y, pred, hierarchy=hierarchy)

    if ordered:
        found["macro_mae"] = result_of(lambda: macro_absolute_error(y, pred))
    if hierarchy is not None:
        found["hierarchical_error"] = result_of(height)
    return found


def measure_noise(
    outputs: Outputs,
    observed: Integer[np.ndarray, " n"],
    clean: Integer[np.ndarray, " n"],
    *,
    transition: Float[np.ndarray, "c c"] | None = None,
    chance: float | None = None,
    reason: str | None = None,
    keys: Iterable[str] | None = None,
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
    keys : iterable of str, optional
        Which to compute; default all.

    Returns
    -------
    dict of str to MetricResult
        Of the keys, or every key of METRICS that needs ``train``.

    Raises
    ------
    PredictionsError
        If there is not one label per row, in range.
    """
    seen = outputs.relabel(observed)
    labels, true = seen.y_true, checked_labels(clean, seen.c, name="clean")
    check_aligned(true, seen.n, "clean")
    flipped = labels != true

    def meaningful(compute: Callable[[], float]) -> MetricResult:
        return MetricResult(None, reason) if reason is not None else result_of(compute)

    @cache
    def called() -> np.ndarray:
        return label_errors.confidently_wrong_of(seen)

    def chance_level() -> float:
        return memorisation.memorised_chance(labels, true, transition=transition, chance=chance)

    computed: dict[str, Callable[[], MetricResult]] = {
        "memorised": lambda: meaningful(
            lambda: memorisation.memorised_of(seen.y_pred, labels, true)
        ),
        "memorised_chance": lambda: meaningful(chance_level),
        "clean_train_accuracy": lambda: result_of(lambda: float((seen.y_pred == true).mean())),
        **_label_errors(seen, flipped),
        "label_error_f1": lambda: result_of(
            lambda: label_errors.f1_of_called(called, labels, true)
        ),
        "transition_error": lambda: meaningful(
            lambda: label_errors.transition_error_of_called(called(), labels, true, seen.c)
        ),
    }
    return {key: computed[key]() for key in (computed if keys is None else keys)}


def _label_errors(
    seen: Outputs, flipped: Shaped[np.ndarray, " n"]
) -> dict[str, Callable[[], MetricResult]]:
    """Return how each measure of finding flipped labels by a suspicion is computed."""
    suspicion: dict[str, Callable[[], np.ndarray]] = {
        "loss": lambda: -seen.log_true,
        "margin": lambda: seen.rows.log_rest - seen.log_true,
        "normalized_margin": lambda: np.exp(seen.rows.log_rest) - np.exp(seen.log_true),
    }
    functions = {"auroc": label_errors.label_error_auroc, "ap": label_errors.label_error_ap}
    return {
        f"label_error_{kind}_{by}": lambda f=function, s=score: result_of(lambda: f(s(), flipped))  # type: ignore[misc]
        for kinds in (functions, {"lift": label_errors.label_error_lift})
        for by, score in suspicion.items()
        for kind, function in kinds.items()
    }
