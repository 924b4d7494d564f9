"""A metric under every shared weighting of its pool, for the price of one matrix product.

A metric moves with the weights as a sum over images does, exactly or to first order; its column of
the influence matrix holds the terms. The weights of a replicate always add up to n, so only a
term's distance from the mean matters, and products of these distances keep all digits.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from jaxtyping import Float, Float64

from harness.errors import PredictionsError, Undefined
from harness.lookup import lookup
from harness.metrics.calibration import width_bins
from harness.metrics.engine.outputs import Outputs
from harness.metrics.table import METRICS
from harness.metrics.top_k import among_the_top
from harness.metrics.weighted import Group, Weighted
from harness.types import MetricResult, Weightings

Vector = Float[np.ndarray, " n"]
Replicates = Float[np.ndarray, " replicates"]
Found = Replicates | MetricResult
"""Of one metric, or why there are none."""

REPLICATES_AT_ONCE, COLUMNS_AT_ONCE, TERMS_AT_ONCE = 50, 512, 24
"""Replicates, images and terms of one block of the product: 200 KiB of weights in float64 stay in
the processor's cache, and BLAS multiplies matrices of this size without copying them first."""
LEAST_POSITIVES = 50
"""Images a class needs before average precision is close to linear (PROTOCOL section 5)."""


def accuracy_terms(pool: Weighted) -> Vector:
    """Return each image's term of accuracy."""
    return pool.outputs.correct / pool.outputs.n


def error_terms(pool: Weighted) -> Vector:
    """Return each image's term of the error."""
    return ~pool.outputs.correct / pool.outputs.n


def top5_terms(pool: Weighted) -> Vector:
    """Return each image's term of top-5 accuracy."""
    return among_the_top(pool.outputs) / pool.outputs.n


def balanced_accuracy_terms(pool: Weighted) -> Vector:
    """Return each image's term of the mean recall."""
    return _recall_terms(pool, np.ones(pool.outputs.c, dtype=bool))


def _recall_terms(pool: Weighted, group: np.ndarray) -> Vector:
    o = pool.outputs
    held = group & (o.counts > 0)
    if not held.any():
        raise Undefined("no class of the group has test images")
    share = np.where(held, 1.0, 0.0) / np.maximum(o.counts, 1) / held.sum()
    return np.where(o.correct, share[o.y_true], 0.0)


def nll_terms(pool: Weighted) -> Vector:
    """Return each image's term of the negative log-likelihood."""
    return -pool.outputs.log_true / pool.outputs.n


def brier_terms(pool: Weighted) -> Vector:
    """Return each image's term of the Brier score."""
    return pool.outputs.rows.brier / pool.outputs.n


def auroc_terms(pool: Weighted) -> Vector:
    """Return each image's influence on macro AUROC."""
    return _in_row_order(pool.outputs, pool.outputs.ranks.auroc_influence)


def average_precision_terms(pool: Weighted) -> Vector:
    """Return each image's influence on macro average precision."""
    counts = pool.outputs.counts
    least = int(counts[counts > 0].min())
    if least < LEAST_POSITIVES:
        raise Undefined(
            f"a class has {least} test images; replicates of average precision need "
            f"{LEAST_POSITIVES}"
        )
    return _in_row_order(pool.outputs, pool.outputs.ranks.precision_influence)


def _in_row_order(outputs: Outputs, by_class: Vector) -> Vector:
    terms = np.empty(outputs.n)
    terms[outputs.order] = by_class
    return terms


def ece_terms(pool: Weighted) -> Float64[np.ndarray, "bins n"]:
    """Return correct − confidence of each image in the row of its bin; empty bins have none."""
    top = pool.top
    bins = width_bins(top.confidence)
    held = np.bincount(bins) > 0
    n = len(bins)
    terms = np.zeros((np.count_nonzero(held), n))
    terms[(np.cumsum(held) - 1)[bins], np.arange(n)] = (top.correct - top.confidence) / n
    return terms


TERMS: dict[str, Callable[[Weighted], np.ndarray]] = {
    "accuracy": accuracy_terms,
    "balanced_accuracy": balanced_accuracy_terms,
    "error": error_terms,
    "top5_accuracy": top5_terms,
    "nll": nll_terms,
    "brier": brier_terms,
    "auroc": auroc_terms,
    "average_precision": average_precision_terms,
    "ece": ece_terms,
}
"""Metrics that have replicates, besides the recalls of groups."""


def terms_of(key: str, pool: Weighted) -> Float64[np.ndarray, "terms n"]:
    """Return what one metric has in the influence matrix, which is kept transposed.

    Raises
    ------
    Undefined
        If the metric has no replicates, or none on these data.
    """
    if key in TERMS:
        return TERMS[key](pool).reshape(-1, pool.outputs.n)
    if key.startswith("recall_"):
        return _recall_terms(pool, pool.group(key.removeprefix("recall_"))).reshape(1, -1)
    raise Undefined(f"{key} has no replicates: it is neither a sum over images nor close to one")


def replicate(
    outputs: Outputs,
    keys: Iterable[str],
    weightings: Weightings,
    *,
    groups: Mapping[str, Group] | None = None,
) -> dict[str, Found]:
    """Return metrics of one pool under each of its shared weightings.

    Accuracy, error, top-5 accuracy, recalls, NLL and Brier are exact; AUROC and average precision
    are to first order; `ece` is exact and recentred on its value, since reweighting adds the
    binning noise twice.

    Parameters
    ----------
    outputs : Outputs
        Predictions and labels.
    keys : iterable of str
        Keys of METRICS.
    weightings : Weightings
        Of the pool, one column per row of `outputs`.
    groups : mapping of str to bool array of shape (c,) or str, optional
        Of `class_groups`, for the recalls of groups.

    Returns
    -------
    dict of str to float array of shape (replicates,) or MetricResult
        In the metric's unit; where there are none, the reason.

    Raises
    ------
    UnknownNameError
        If a key is not in METRICS.
    PredictionsError
        If the weightings are of another number of images.
    """
    check_size(weightings, outputs.n, "outputs")
    pool = Weighted(outputs, None, groups or {})
    terms: dict[str, np.ndarray] = {}
    values: dict[str, float] = {}
    found: dict[str, Found] = {}
    for key in keys:
        found[key] = MetricResult(None, weightings.undefined)
        metric = lookup("metric", key, METRICS)
        try:
            mine = terms_of(key, pool)
            values[key], terms[key] = metric.evaluate(pool), mine
        except Undefined as undefined:
            found[key] = MetricResult(None, undefined.reason)
    if weightings.undefined is None and terms:
        for key, moves in _moves(terms, weightings).items():
            if key == "ece":
                found[key] = _recentred_ece(terms[key].sum(axis=1) + moves, values[key])
            else:
                found[key] = values[key] + moves[:, 0]
    return found


def _recentred_ece(gaps: Float64[np.ndarray, "replicates bins"], value: float) -> Replicates:
    """Return the error under each weighting, moved so that their mean is the error itself."""
    errors = np.abs(gaps).sum(axis=1)
    return np.asarray(errors - errors.mean() + value)


def _moves(
    terms: Mapping[str, np.ndarray], weightings: Weightings
) -> dict[str, Float64[np.ndarray, "replicates terms"]]:
    """Return how far the sums of each metric's terms move under each weighting."""
    product = weigh(np.concatenate(list(terms.values())), weightings)
    stops = np.cumsum([len(each) for each in terms.values()])
    return dict(zip(terms, np.split(product, stops[:-1], axis=1), strict=True))


def weigh(
    terms: Float64[np.ndarray, "terms n"], weightings: Weightings
) -> Float64[np.ndarray, "replicates terms"]:
    """Return W·terms less its mean, turning counts into float64 one block at a time."""
    scaled = (terms - terms.mean(axis=1, keepdims=True)) * weightings.scale
    replicates, n = weightings.counts.shape
    total = np.zeros((replicates, len(terms)))
    block = np.empty((REPLICATES_AT_ONCE, COLUMNS_AT_ONCE))
    for i in range(0, n, COLUMNS_AT_ONCE):
        columns = scaled[:, i : i + COLUMNS_AT_ONCE].T
        for b in range(0, replicates, REPLICATES_AT_ONCE):
            counts = weightings.counts[b : b + REPLICATES_AT_ONCE, i : i + COLUMNS_AT_ONCE]
            part = block[: counts.shape[0], : counts.shape[1]]
            np.copyto(part, counts)
            for k in range(0, len(terms), TERMS_AT_ONCE):
                at = slice(k, k + TERMS_AT_ONCE)
                total[b : b + REPLICATES_AT_ONCE, at] += part @ columns[:, at]
    return total


def check_size(weightings: Weightings, n: int, name: str) -> None:
    """Raise when weightings are of another number of images."""
    if weightings.counts.shape[1] != n:
        raise PredictionsError(
            f"The weightings are of {weightings.counts.shape[1]:,} images, {name} of {n:,}. "
            "Make them from the pool that these predictions are of."
        )
