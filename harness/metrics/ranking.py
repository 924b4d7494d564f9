"""How well scores rank the classes: AUROC one-vs-rest and one-vs-one, average precision."""

import numpy as np
from jaxtyping import Float, Float64, Integer

from harness.errors import Undefined
from harness.metrics.engine.checks import (
    block_rows,
    check_matrix,
    checked_labels,
    checked_weights,
)
from harness.metrics.engine.placement import RankSums, rank_sums
from harness.metrics.metric import ONE_CLASS, PLUG_IN, UNBIASED, UNCHANGED, UNIT, Metric


def _mean(values: np.ndarray) -> float:
    held = values[~np.isnan(values)]
    if len(held) == 0:
        raise Undefined("only one class has test images: nothing to rank it against")
    return float(held.mean())


def _sums_of(
    y_true: Integer[np.ndarray, " n"],
    scores: Float[np.ndarray, "n c"],
    weights: Float[np.ndarray, " n"] | None,
) -> tuple[RankSums, Float64[np.ndarray, " c"]]:
    """Check, sort by class and pass once; return the sums and the weight of each class."""
    check_matrix(scores, len(y_true), "scores")
    labels = checked_labels(y_true, scores.shape[1])
    w = checked_weights(weights, len(labels))
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=scores.shape[1])
    by_class = np.ascontiguousarray(scores[order].T, dtype=np.float64)
    sums = rank_sums(by_class, counts, None if w is None else w[order])
    return sums, np.bincount(labels, weights=w, minlength=len(counts)).astype(np.float64)


def auroc_of_classes(
    pairs: Float[np.ndarray, "c c"], totals: Float[np.ndarray, " c"]
) -> Float64[np.ndarray, " c"]:
    """Return the AUROC of each class against the rest; NaN where either has no weight.

    Within a class all weights are in `pairs` already, so other class weights need no new pass.

    Parameters
    ----------
    pairs : float array of shape (c, c)
        Of `RankSums`.
    totals : float array of shape (c,)
        Weight of each class.
    """
    c = len(pairs)
    rest, won = np.empty(c), np.empty(c)
    size = block_rows(c)
    for i in range(0, c, size):  # of 10,000 classes each temporary matrix would be 800 MB
        block = pairs[i : i + size]
        known = ~np.isnan(block)
        weight = np.where(known, totals, 0.0)
        rest[i : i + size] = weight.sum(axis=1)
        won[i : i + size] = (np.where(known, block, 0.0) * weight).sum(axis=1)
    return np.divide(won, rest, out=np.full(c, np.nan), where=rest > 0)


def macro_auroc(pairs: Float[np.ndarray, "c c"], totals: Float[np.ndarray, " c"]) -> float:
    """Return the mean of `auroc_of_classes` over the classes that have it."""
    return _mean(auroc_of_classes(pairs, totals))


def auroc(
    y_true: Integer[np.ndarray, " n"],
    scores: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the area under the ROC curve, one class against the rest, mean over classes.

    A class without weight is left out. Ties count one half.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0 <= y < c.
    scores : float array of shape (n, c)
        Column k is larger for class k. From logits use `Outputs.from_logits`, which ranks by
        z_k − logsumexp_{j≠k} z_j; probabilities near 0 and 1 collapse to ties.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 0.5 is chance.

    Raises
    ------
    Undefined
        If fewer than two classes have weight.

    References
    ----------
    Fawcett 2006, "An introduction to ROC analysis".
    """
    sums, totals = _sums_of(y_true, scores, weights)
    return macro_auroc(sums.pairs, totals)


AUROC = Metric(
    key="auroc",
    title="AUROC",
    definition="Area under the ROC curve of one class against the rest, mean over classes; "
    "ties one half. From logits, ranked by z_k − logsumexp_{j≠k} z_j.",
    function=auroc,
    evaluate=lambda pool: macro_auroc(pool.pairs, pool.totals),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Fawcett 2006, An introduction to ROC analysis",
    weighted=UNBIASED + " (negatives are reweighted)",
    undefined_when=ONE_CLASS,
    differs="torchmetrics counts a class without test images as 0: with seven of ten absent it "
    "prints 0.3 times the mean of the three. Softmax before ranking makes ties of sharp "
    "logits: for class 0, (90, 0) and (40, 0) both become 1.0.",
    headline=True,
    scale="logit",
)


def macro_ovo(pairs: Float[np.ndarray, "c c"]) -> float:
    """Return the mean of `pairs`: every ordered pair of classes that have weight."""
    return _mean(pairs)


def auroc_ovo(
    y_true: Integer[np.ndarray, " n"],
    scores: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return the mean AUROC over ordered pairs of classes, which no class frequency can move.

    For classes k and j: the chance that an image of k has the larger score of k.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0 <= y < c.
    scores : float array of shape (n, c)
        Column k is larger for class k.
    weights : float array of shape (n,), optional
        Weight of each image; class weights change nothing. Default ones.

    Returns
    -------
    float
        Fraction in [0, 1]; higher is better, 0.5 is chance.

    Raises
    ------
    Undefined
        If fewer than two classes have weight.

    References
    ----------
    Hand and Till 2001, "A simple generalisation of the area under the ROC curve for multiple
    class classification problems".
    """
    return macro_ovo(_sums_of(y_true, scores, weights)[0].pairs)


AUROC_OVO = Metric(
    key="auroc_ovo",
    title="AUROC, one against one",
    definition="Mean over ordered pairs of classes (k, j) of the chance that an image of k "
    "has the larger score of k; ties one half.",
    function=auroc_ovo,
    evaluate=lambda pool: macro_ovo(pool.pairs),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Hand and Till 2001, A simple generalisation of the area under the ROC curve",
    weighted=UNCHANGED,
    undefined_when=ONE_CLASS,
    differs="",
    scale="logit",
)


def macro_precision(precision: Float[np.ndarray, " c"]) -> float:
    """Return the mean average precision over the classes that have it."""
    return _mean(precision)


def average_precision(
    y_true: Integer[np.ndarray, " n"],
    scores: Float[np.ndarray, "n c"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
) -> float:
    """Return average precision, one class against the rest, mean over classes.

    Precision at the threshold of every positive, averaged; no interpolation.

    Parameters
    ----------
    y_true : int array of shape (n,)
        Class indices, 0 <= y < c.
    scores : float array of shape (n, c)
        Column k is larger for class k.
    weights : float array of shape (n,), optional
        Weight of each image; default ones.

    Returns
    -------
    float
        Fraction in (0, 1]; higher is better, the class's share of images is chance.

    Raises
    ------
    Undefined
        If fewer than two classes have weight.

    References
    ----------
    Davis and Goadrich 2006, "The relationship between Precision-Recall and ROC curves": linear
    interpolation is too optimistic.
    """
    return macro_precision(_sums_of(y_true, scores, weights)[0].precision)


AVERAGE_PRECISION = Metric(
    key="average_precision",
    title="Average precision",
    definition="Precision at the threshold of each positive, averaged over the positives of a "
    "class, mean over classes.",
    function=average_precision,
    evaluate=lambda pool: macro_precision(pool.precision),
    direction="higher",
    bounds=UNIT,
    unit="fraction",
    needs="probs",
    source="Davis and Goadrich 2006, The relationship between Precision-Recall and ROC curves",
    weighted=PLUG_IN,
    undefined_when=ONE_CLASS,
    differs="Not the trapezoid area that many papers print as AUPR (see `ood_ap_out`).",
    scale="logit",
)
