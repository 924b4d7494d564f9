"""A metric under every shared weighting of its pool, for the price of one matrix product.

A metric moves with the weights as a sum over images does, exactly or to first order; its column of
the influence matrix holds the terms. The weights of a replicate always add up to n, so only a
term's distance from the mean matters, and products of these distances keep all digits.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from harness.errors import PredictionsError, Undefined
from harness.lookup import lookup
from harness.metrics.calibration import width_bins
from harness.metrics.class_replicates import BY_CLASS, ClassMasses, by_class
from harness.metrics.engine.outputs import Outputs
from harness.metrics.groups import CONFUSED, GROUPS
from harness.metrics.table import METRICS
from harness.metrics.top_k import among_the_top
from harness.metrics.weighted import Group, Weighted
from harness.types import MetricResult, Weightings

Vector = Float[np.ndarray, " n"]
Replicates = Float[np.ndarray, " replicates"]
Found = Replicates | MetricResult
"""Of one metric, or why there are none."""

IMAGES_AT_ONCE, REPLICATES_AT_ONCE = 128, 500
"""Images and replicates of one block of the product: 500 KiB of weights in float64 stay in the
processor's cache."""
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


def _confusion_terms(pool: Weighted, rare: np.ndarray, frequent: np.ndarray) -> Vector:
    """Return each image's term of the share of rare classes that is taken for frequent ones."""
    o = pool.outputs
    held = rare & (o.counts > 0)
    if not held.any():
        raise Undefined("no class of the group has test images")
    share = np.where(held, 1.0, 0.0) / np.maximum(o.counts, 1) / held.sum()
    return np.where(frequent[o.y_pred], share[o.y_true], 0.0)


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


@dataclass(frozen=True)
class Binned:
    """One term an image, summed in the bin of the image."""

    terms: Float64[np.ndarray, " n"]
    """Of each image."""
    bins: Int64[np.ndarray, " n"]
    """Its bin; from 0 to the number of bins less one, none of them empty."""


def ece_gaps(pool: Weighted) -> Binned:
    """Return correct − confidence of each image, in the bins of `ece`."""
    top = pool.top
    bins = width_bins(top.confidence)
    without_gaps = np.cumsum(np.bincount(bins) > 0) - 1
    return Binned((top.correct - top.confidence) / pool.outputs.n, without_gaps[bins])


TERMS: dict[str, Callable[[Weighted], np.ndarray]] = {
    "accuracy": accuracy_terms,
    "balanced_accuracy": balanced_accuracy_terms,
    "error": error_terms,
    "top5_accuracy": top5_terms,
    "nll": nll_terms,
    "brier": brier_terms,
    "auroc": auroc_terms,
    "average_precision": average_precision_terms,
}
"""Metrics that are sums over images, or close to one; those of `OF_GROUPS` are too."""
OF_GROUPS = frozenset({*(f"recall_{g}" for names in GROUPS.values() for g in names), *CONFUSED})
"""Sums over images that need the groups of classes."""
REPLICATED = frozenset({*TERMS, *BY_CLASS, *OF_GROUPS, "ece"})
"""Metrics that have replicates."""


SWOLLEN = frozenset(
    {"ece_mass", "classwise_ece", "mce", "rms_ce", "ace", "tace", "ks_ce", "smooth_ece"}
    | {"debiased_ce", "grouping_loss"}
)
"""Calibration errors that resampling makes larger: gaps count by their size, chance included."""


def why_none(key: str) -> str:
    """Return why a metric of a pool has no replicates, so that it is ranked by value alone."""
    if key in SWOLLEN:
        why = (
            "resampling adds the noise of the images once more, and only `ece` is corrected for it"
        )
    else:
        why = "no sum over images is worked out for it"
    return f"{key} has no replicates: {why}"


def terms_of(key: str, pool: Weighted) -> Vector:
    """Return each image's term of one metric.

    Raises
    ------
    Undefined
        If the metric has no replicates, or none on these data.
    """
    if key in TERMS:
        return TERMS[key](pool)
    if key in CONFUSED:
        rare, frequent = CONFUSED[key]
        return _confusion_terms(pool, pool.group(rare), pool.group(frequent))
    if key in OF_GROUPS:
        return _recall_terms(pool, pool.group(key.removeprefix("recall_")))
    raise Undefined(why_none(key))


def replicate(
    outputs: Outputs,
    keys: Iterable[str],
    weightings: Weightings,
    *,
    groups: Mapping[str, Group] | None = None,
) -> dict[str, Found]:
    """Return metrics of one pool under each of its shared weightings.

    Accuracy, error, top-5 accuracy, recalls, NLL, Brier and the metrics of `BY_CLASS` are exact;
    AUROC and average precision are to first order; `ece` is exact and recentred on its value,
    since reweighting adds the binning noise twice.

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
    terms: dict[str, Vector] = {}
    gaps: Binned | None = None
    of_classes: list[str] = []
    values: dict[str, float] = {}
    found: dict[str, Found] = {}
    for key in keys:
        found[key] = MetricResult(None, weightings.undefined)
        metric = lookup("metric", key, METRICS)
        try:
            if key == "ece":
                gaps = ece_gaps(pool)
            elif key in BY_CLASS:
                metric.evaluate(pool)
                of_classes.append(key)
                continue
            else:
                terms[key] = terms_of(key, pool)
            values[key] = metric.evaluate(pool)
        except Undefined as undefined:
            terms.pop(key, None)
            found[key] = MetricResult(None, undefined.reason)
    if weightings.undefined is None and of_classes:
        masses = class_masses(outputs, weightings)
        found |= {key: _under_all(key, masses) for key in of_classes}
    if weightings.undefined is None and values:
        rows = np.array(list(terms.values())).reshape(len(terms), outputs.n)
        moves, by_bin = weigh(rows, weightings, gaps)
        for key, moved in zip(terms, moves.T, strict=True):
            found[key] = values[key] + moved
        if gaps is not None:
            found["ece"] = _recentred_ece(by_bin, values["ece"])
    return found


def class_masses(outputs: Outputs, weightings: Weightings) -> ClassMasses:
    """Return the weight that is found and called of each class under every weighting."""
    nothing = np.empty((0, outputs.n))
    tables = []
    for classes, terms in ((outputs.y_true, outputs.correct), (outputs.y_pred, None)):
        held = np.bincount(classes, minlength=outputs.c) > 0
        each = np.ones(outputs.n) if terms is None else terms.astype(np.float64)
        table = np.zeros((len(weightings.counts), outputs.c))
        binned = Binned(each, (np.cumsum(held) - 1)[classes])
        table[:, held] = weigh(nothing, weightings, binned)[1]
        tables.append(table)
    return ClassMasses(outputs.counts, *tables)


def _under_all(key: str, masses: ClassMasses) -> Found:
    try:
        return by_class(key, masses)
    except Undefined as undefined:
        return MetricResult(None, undefined.reason)


def _recentred_ece(gaps: Float64[np.ndarray, "replicates bins"], value: float) -> Replicates:
    """Return the error under each weighting, moved so that their mean is the error itself."""
    errors = np.abs(gaps).sum(axis=1)
    return np.asarray(errors - errors.mean() + value)


def weigh(
    terms: Float64[np.ndarray, "terms n"], weightings: Weightings, binned: Binned | None = None
) -> tuple[Float64[np.ndarray, "replicates terms"], Float64[np.ndarray, "replicates bins"]]:
    """Return W·terms less its mean, and the weighted sum of each bin.

    Parameters
    ----------
    terms : float64 array of shape (terms, n)
        One row for each metric.
    weightings : Weightings
        One column of counts per image.
    binned : Binned, optional
        Images are taken bin by bin, so that a block of them has to do with a few bins only.

    Returns
    -------
    tuple of float64 arrays of shapes (replicates, terms) and (replicates, bins)
        The second has no column without `binned`.
    """
    by_image, scale = weightings.by_image, weightings.scale
    n, replicates = by_image.shape
    scaled = (terms - terms.mean(axis=1, keepdims=True)) * scale
    if binned is None:
        order, bins, in_bins, held = np.arange(n), None, np.empty(0), 0
    else:
        order = np.argsort(binned.bins, kind="stable")
        scaled, bins, in_bins = scaled[:, order], binned.bins[order], (binned.terms * scale)[order]
        held = int(bins[-1]) + 1
    total, k = np.zeros((len(terms) + held, replicates)), len(terms)
    block = np.empty((IMAGES_AT_ONCE, REPLICATES_AT_ONCE))
    for i in range(0, n, IMAGES_AT_ONCE):
        at = slice(i, i + IMAGES_AT_ONCE)
        counts, rows, reached = by_image[order[at]], scaled[:, at], slice(k, k)
        if bins is not None:
            mine = np.arange(bins[at][0], bins[at][-1] + 1)
            rows = np.concatenate([rows, np.where(bins[at] == mine[:, None], in_bins[at], 0.0)])
            reached = slice(k + mine[0], k + mine[-1] + 1)
        for b in range(0, replicates, REPLICATES_AT_ONCE):
            drawn = slice(b, b + REPLICATES_AT_ONCE)
            part = block[: len(counts), : len(counts[0, drawn])]
            np.copyto(part, counts[:, drawn])
            sums = rows @ part
            total[:k, drawn] += sums[:k]
            total[reached, drawn] += sums[k:]
    return total[:k].T, total[k:].T


def check_size(weightings: Weightings, n: int, name: str) -> None:
    """Raise when weightings are of another number of images."""
    if weightings.counts.shape[1] != n:
        raise PredictionsError(
            f"The weightings are of {weightings.counts.shape[1]:,} images, {name} of {n:,}. "
            "Make them from the pool that these predictions are of."
        )
