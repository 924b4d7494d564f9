"""BoostIn: which training rows move which losses of boosted trees; boosting without suspects.

Works on the plain arrays of `trees.boosted`, whatever made them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from baselines.methods.boosting_losses import derivatives
from baselines.methods.tree import Boosting, fit_hist_gradient_boosting
from baselines.probes import trees
from baselines.probes.probe import Probe, probing
from baselines.probes.transforms import TRANSFORMS, Arrays
from baselines.settings import Below1, changed
from harness.data.pools.tables import TableInputs
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData


class Cleaning(Boosting):
    """Settings of boosting without its most suspicious rows; the others are those of boosting."""

    by: Literal["boostin", "loss", "random"] = "boostin"
    """What makes a row suspicious: its influence on its own loss, that loss, or a draw."""
    dropped: Below1 = 0.1
    """Share of each observed class that is left out, its most suspicious rows, rounded down."""


@probing(Cleaning)
def fit_cleaned_boosting(train: TrainingData, ctx: FitContext, settings: Cleaning) -> Probe:
    """Boost, leave the most suspicious rows of each class out, boost again on the rest.

    References
    ----------
    Brophy et al. 2023, "Adapting and Evaluating Influence-Estimation Methods for Gradient-Boosted
    Decision Trees", arXiv:2205.00359.
    """
    boosting = Boosting(**settings.model_dump(exclude={"by", "dropped"}))
    kept = least_suspicious(
        _suspicion(train, ctx, boosting, settings.by), train.observed, settings.dropped
    )
    inputs = train.inputs
    fewer = inputs.rows(kept) if isinstance(inputs, TableInputs) else ArrayInputs(inputs.take(kept))
    cleaned = replace(train, inputs=fewer, observed=train.observed[kept])
    return fit_hist_gradient_boosting.fit(cleaned, ctx, boosting)


def _suspicion(
    train: TrainingData, ctx: FitContext, settings: Boosting, by: str
) -> Float[np.ndarray, " n"]:
    """Return a number for each training row: larger, more suspicious."""
    n = len(train.observed)
    if by == "random":
        return np.random.default_rng(ctx.seed).random(n)
    first = fit_hist_gradient_boosting.fit(train, ctx, changed(settings, balanced=False))
    arrays = first.state()
    rows = TRANSFORMS[first.meta["transform"]](train.inputs.take(np.arange(n)), arrays)
    labels = np.searchsorted(arrays["classes"], train.observed)
    if by == "loss":
        logits = trees.boosted(rows, arrays).astype(np.float64)
        return np.logaddexp.reduce(logits, axis=1) - logits[np.arange(n), labels]
    return self_influence(rows, labels, arrays, rate=settings.learning_rate, l2=settings.l2)


def least_suspicious(
    suspicion: Float[np.ndarray, " n"], observed: Int[np.ndarray, " n"], dropped: float
) -> Int[np.ndarray, " m"]:
    """Return the rows that stay, in order, when a share of each class is left out."""
    gone = [
        of_class[np.argsort(-suspicion[of_class], kind="stable")][: int(dropped * len(of_class))]
        for of_class in (np.flatnonzero(observed == k) for k in np.unique(observed))
    ]
    return np.setdiff1d(np.arange(len(observed)), np.concatenate(gone))


def influence(
    rows: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    tested: Float[np.ndarray, "m d"],
    wanted: Int[np.ndarray, " m"],
    arrays: Arrays,
    *,
    rate: float,
    l2: float = 0.0,
) -> Float[np.ndarray, "n m"]:
    """Return how much each training row lowers the loss of each other row, by BoostIn.

    The loss's derivative in a training row's weight, tree by tree, with every tree's form held and
    what its leaf does to later trees left out: the sum over rounds and classes of
    rate · g_t · (g_i + θ·h_i) / (Σ h + l2) where both rows lie in one leaf of value θ.

    Parameters
    ----------
    rows : float array of shape (n, d)
        All training rows of the boosting, as its trees take them.
    labels : int array of shape (n,)
        Their observed classes, 0 to k − 1.
    tested, wanted
        Rows whose loss is asked for, and the labels under which.
    arrays : mapping
        Of `trees.boosted`, trained by cross-entropy with unweighted rows.
    rate : float
        Learning rate: stored leaf values are rate · θ.
    l2 : float, default=0
        Penalty in the leaves' denominators.

    Returns
    -------
    float array of shape (n, m)
        Positive: the row helps; negative: it harms. Nats for each unit of weight.

    References
    ----------
    Brophy et al. 2023, arXiv:2205.00359, section 4.2; Newton leaves as in the authors' code.
    """
    total = np.zeros((len(rows), len(tested)))
    own, other = _rounds(rows, labels, arrays), _rounds(tested, wanted, arrays)
    for (leaf, first, second), (there, slope, _) in zip(own, other, strict=True):
        moved = _leaf_derivative(leaf, first, second, arrays, rate, l2)
        for k in range(leaf.shape[1]):
            same = leaf[:, k, None] == there[None, :, k]
            total += same * moved[:, k, None] * slope[None, :, k]
    return total


def self_influence(
    rows: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    arrays: Arrays,
    *,
    rate: float,
    l2: float = 0.0,
) -> Float[np.ndarray, " n"]:
    """Return the diagonal of `influence` of the training rows on themselves.

    A row whose own weight lowers its own loss much is one that the other rows do not explain. Where
    a leaf holds one row, or rows of one kind, the derivative is 0: leaves must be larger than that.
    """
    total = np.zeros(len(rows))
    for leaf, first, second in _rounds(rows, labels, arrays):
        moved = _leaf_derivative(leaf, first, second, arrays, rate, l2)
        total += (moved * first).sum(axis=1)
    return total


def _rounds(
    rows: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], arrays: Arrays
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield each round's leaves (n, s) and the loss's derivatives before it (n, s), twice.

    s is the number of scores: one of two classes, else one a class.
    """
    s = len(arrays["baseline"])
    leaves = trees._leaves(rows, arrays).reshape(len(rows), -1, s)
    scores = np.tile(arrays["baseline"], (len(rows), 1))
    shift = np.zeros(max(s, 2))
    for leaf in leaves.transpose(1, 0, 2):
        full = scores if s > 1 else np.concatenate([np.zeros_like(scores), scores], axis=1)
        first, second = derivatives(full, labels, shift=shift)
        yield leaf, first[:, -s:], second[:, -s:]
        scores = scores + arrays["value"][leaf]


def _leaf_derivative(
    leaf: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    arrays: Arrays,
    rate: float,
    l2: float,
) -> Float[np.ndarray, "n s"]:
    """Return minus each row's derivative, in its weight, of what its leaf adds to a score."""
    size = len(arrays["value"])
    below = np.empty_like(second)
    for k, at in enumerate(leaf.T):
        below[:, k] = np.bincount(at, weights=second[:, k], minlength=size)[at]
    value = arrays["value"][leaf] / rate
    return rate * (first + value * second) / (below + l2)
