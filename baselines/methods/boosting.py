"""Boosting by LightGBM, XGBoost and CatBoost: cost-sensitive, with thresholds moved, tuned.

All three are kept as the same plain arrays as scikit-learn's boosting; a kept model needs none of
the libraries. They train on one thread, categories are one column each.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from baselines.methods.boosting_losses import derivatives
from baselines.methods.held_out import best_offsets, parts, unseen_scores
from baselines.methods.tree import present_classes
from baselines.probes import trees
from baselines.probes.boosters import pack_catboost, pack_lightgbm, pack_xgboost
from baselines.probes.probe import Probe, probing, rows_of
from baselines.settings import Checked, Count, NonNegative, Positive, changed
from harness.errors import TrainingError
from harness.types.models import FitContext, TrainingData

WAYS = ((0.01, 0.3), (4, 64), (1, 50), (1e-3, 10.0))
"""What a search draws from, evenly in logarithms: rate, leaves, rows of a leaf, L2 penalty."""


AtLeast2 = Annotated[int, Field(ge=2)]


class Boosted(Checked):
    """Settings that the three share."""

    rounds: Count = 100
    """Rounds; one tree per class in each, one tree where there are two classes."""
    learning_rate: Positive = 0.1
    """Factor of every leaf's value; > 0."""
    l2: NonNegative = 0.0
    """L2 penalty on leaf values; ≥ 0."""
    balanced: bool = False
    """Whether a row weighs n/(k·n_y), so that all classes weigh alike (cost-sensitive boosting)."""
    threshold: bool = False
    """Whether each class's score is moved for the highest balanced accuracy on held-out rows: the
    split's validation rows, or else training rows that models of the other folds have not seen."""
    folds: AtLeast2 = 5
    """Folds into which training rows are cut where the split sets no validation rows aside."""


class WithLoss(Boosted):
    """Settings of boosting whose loss can be chosen."""

    loss: Literal["cross-entropy", "focal", "logit-adjusted"] = "cross-entropy"
    """The library's ``cross-entropy``, or a loss of ours by its derivatives."""
    gamma: NonNegative = 2.0
    """Exponent of the focal loss; ≥ 0."""
    tau: NonNegative = 1.0
    """Factor of the log prior in the logit-adjusted loss; ≥ 0."""


class LightGBM(WithLoss):
    """Settings of LightGBM; its defaults."""

    leaves: AtLeast2 = 31
    """Leaves of a tree at most."""
    min_rows: Count = 20
    """Training rows of a leaf at least."""
    trials: Count = 1
    """Settings that are tried; the first are those given here, others are drawn."""


class XGBoost(WithLoss):
    """Settings of XGBoost; its defaults."""

    learning_rate: Positive = 0.3
    """Factor of every leaf's value; > 0."""
    l2: NonNegative = 1.0
    """L2 penalty on leaf values; ≥ 0."""
    depth: Count = 6
    """Depth of a tree at most."""


class CatBoost(Boosted):
    """Settings of CatBoost; its defaults, with as many rounds and the rate of the others."""

    l2: NonNegative = 3.0
    """L2 penalty on leaf values; ≥ 0."""
    depth: Count = 6
    """Depth of every tree."""


B = TypeVar("B", bound=Boosted)
Learner = Callable[
    [Float[np.ndarray, "n d"], Int[np.ndarray, " n"], FitContext, B], dict[str, np.ndarray]
]
"""From rows and labels (0 to k − 1, each at least once) to the arrays of `trees.boosted`."""


@probing(LightGBM)
def fit_lightgbm(train: TrainingData, ctx: FitContext, settings: LightGBM) -> Probe:
    """Boost trees by LightGBM, with its own loss or a focal or logit-adjusted one.

    With `trials` above 1, settings are drawn at random, each is trained on the rows of one fold's
    rest and measured by balanced accuracy on that fold (or on the split's validation rows); the
    best then trains on all training rows.

    References
    ----------
    Ke et al. 2017, "LightGBM: A Highly Efficient Gradient Boosting Decision Tree"; Lin et al.
    2017 (focal loss); Menon et al. 2021 (logit adjustment).
    """
    if settings.trials > 1:
        settings = _searched(train, ctx, settings)
    return _fitted(train, ctx, settings, _lightgbm)


@probing(XGBoost)
def fit_xgboost(train: TrainingData, ctx: FitContext, settings: XGBoost) -> Probe:
    """Boost trees by XGBoost, with its own loss or a focal or logit-adjusted one.

    References
    ----------
    Chen and Guestrin 2016, "XGBoost: A Scalable Tree Boosting System".
    """
    return _fitted(train, ctx, settings, _xgboost)


@probing(CatBoost)
def fit_catboost(train: TrainingData, ctx: FitContext, settings: CatBoost) -> Probe:
    """Boost symmetric trees by CatBoost; ordered statistics of categories are not used.

    References
    ----------
    Prokhorenkova et al. 2018, "CatBoost: unbiased boosting with categorical features".
    """
    return _fitted(train, ctx, settings, _catboost)


def _fitted(train: TrainingData, ctx: FitContext, settings: B, learner: Learner[B]) -> Probe:
    """Train on all rows; move the scores by held-out rows where that is asked for."""
    classes, rows = present_classes(train), rows_of(train)
    labels = np.searchsorted(classes, train.observed)
    arrays = learner(rows.values, labels, ctx, settings)
    if settings.threshold:
        given = parts(train, rows, classes, labels, folds=settings.folds, seed=ctx.seed)
        offsets = best_offsets(*unseen_scores(given, _scorer(learner, ctx, settings)))
        moved = offsets if len(classes) > 2 else offsets[1:] - offsets[0]
        arrays["baseline"] = arrays["baseline"] + moved
    return rows.probe("boosting", {"classes": classes, **arrays})


def _scorer(learner: Learner[B], ctx: FitContext, settings: B) -> Callable[..., np.ndarray]:
    return lambda rows, labels, other: trees.boosted(other, learner(rows, labels, ctx, settings))


def _searched(train: TrainingData, ctx: FitContext, settings: LightGBM) -> LightGBM:
    """Return the best of as many settings as `trials` says; equals: the one tried first."""
    classes, rows = present_classes(train), rows_of(train)
    labels = np.searchsorted(classes, train.observed)
    held = parts(train, rows, classes, labels, folds=settings.folds, seed=ctx.seed)
    given = [next(held)]
    generator = np.random.default_rng(ctx.seed)
    tried = [settings, *(_drawn(generator, settings) for _ in range(settings.trials - 1))]
    values = []
    for one in tried:
        logits, wanted = unseen_scores(iter(given), _scorer(_lightgbm, ctx, one))
        right = logits.argmax(axis=1) == wanted
        values.append(np.mean([right[wanted == k].mean() for k in np.unique(wanted)]))
    return tried[int(np.argmax(values))]


def _drawn(generator: np.random.Generator, settings: LightGBM) -> LightGBM:
    rate, leaves, rows, l2 = (np.exp(generator.uniform(*np.log(way))) for way in WAYS)
    return changed(
        settings,
        learning_rate=float(rate),
        leaves=round(leaves),
        min_rows=round(rows),
        l2=float(l2),
        balanced=bool(generator.integers(2)),
    )


def _lightgbm(
    rows: np.ndarray, labels: np.ndarray, ctx: FitContext, settings: LightGBM
) -> dict[str, np.ndarray]:
    lightgbm = _library("lightgbm")
    weights, start = _weights_and_start(labels, settings)
    k = int(labels.max()) + 1
    own = _objective(labels, weights, settings)
    theirs = "binary" if k == 2 else "multiclass"
    parameters = {
        "objective": theirs if own is None else lambda scores, _: own(scores),
        "num_class": 1 if k == 2 else k,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_rows,
        "lambda_l2": settings.l2,
        "seed": ctx.seed % 2**31,
        "num_threads": ctx.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    begin = np.full(len(rows), start[0]) if k == 2 else np.tile(start, (len(rows), 1))
    data = lightgbm.Dataset(
        rows.astype(np.float64), labels, weight=weights, init_score=begin, params={"verbosity": -1}
    )
    return pack_lightgbm(lightgbm.train(parameters, data, settings.rounds), start)


def _xgboost(
    rows: np.ndarray, labels: np.ndarray, ctx: FitContext, settings: XGBoost
) -> dict[str, np.ndarray]:
    xgboost = _library("xgboost")
    weights, start = _weights_and_start(labels, settings)
    k = int(labels.max()) + 1
    own = _objective(labels, weights, settings)
    data = xgboost.DMatrix(
        rows,
        labels,
        weight=None if own else weights,
        base_margin=np.tile(start, (len(rows), 1)),
        nthread=ctx.threads,
    )
    parameters = {
        "objective": "binary:logistic" if k == 2 else "multi:softprob",
        **({} if k == 2 else {"num_class": k}),
        "eta": settings.learning_rate,
        "max_depth": settings.depth,
        "lambda": settings.l2,
        "tree_method": "hist",
        "seed": ctx.seed % 2**31,
        "nthread": ctx.threads,
        "verbosity": 0,
    }
    objective = None if own is None else lambda scores, _: own(scores)
    booster = xgboost.train(parameters, data, settings.rounds, obj=objective)
    return pack_xgboost(booster, start)


def _catboost(
    rows: np.ndarray, labels: np.ndarray, ctx: FitContext, settings: CatBoost
) -> dict[str, np.ndarray]:
    catboost = _library("catboost")
    weights, _ = _weights_and_start(labels, settings)
    model = catboost.CatBoost(
        {
            "loss_function": "Logloss" if labels.max() == 1 else "MultiClass",
            "iterations": settings.rounds,
            "learning_rate": settings.learning_rate,
            "depth": settings.depth,
            "l2_leaf_reg": settings.l2,
            "random_seed": ctx.seed % 2**31,
            "thread_count": ctx.threads,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
    )
    try:
        model.fit(catboost.Pool(rows, labels, weight=weights, thread_count=ctx.threads))
    except catboost.CatBoostError as error:
        said = str(error).splitlines()[0].rpartition(": ")[2].rstrip(".")
        raise TrainingError(
            f"CatBoost cannot be trained on these rows: {said}. Use another method, or give "
            "columns that vary among the training rows."
        ) from error
    return pack_catboost(model)


def _weights_and_start(
    labels: np.ndarray, settings: Boosted
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " s"]]:
    """Return rows' weights, and the constant scores that lose least: k, or one of two classes."""
    counts = np.bincount(labels).astype(np.float64)
    k = len(counts)
    weights = (len(labels) / (k * counts))[labels] if settings.balanced else np.ones(len(labels))
    start = np.log(np.bincount(labels, weights=weights) / weights.sum())
    if isinstance(settings, WithLoss) and settings.loss == "logit-adjusted":
        start -= settings.tau * np.log(counts / counts.sum())
    return weights, start if k > 2 else start[1:] - start[0]


def _objective(
    labels: np.ndarray, weights: np.ndarray, settings: WithLoss
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None:
    """Return a function from scores to derivatives of a loss of ours; None for the library's."""
    if settings.loss == "cross-entropy":
        return None
    counts = np.bincount(labels).astype(np.float64)
    adjusted = settings.loss == "logit-adjusted"
    loss: Mapping[str, Any] = {
        "shift": settings.tau * np.log(counts / counts.sum()) if adjusted else 0 * counts,
        "gamma": 0.0 if adjusted else settings.gamma,
    }

    def own(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(counts) > 2:
            first, second = derivatives(scores.reshape(-1, len(counts)), labels, **loss)
            return first * weights[:, None], second * weights[:, None]
        margin = np.stack([np.zeros(len(labels)), scores.reshape(-1)], axis=1)
        first, second = derivatives(margin, labels, **loss)
        return first[:, 1] * weights, second[:, 1] * weights

    return own


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise TrainingError(
            f"This method needs {name}, which is not installed. Run: "
            "pip install 'tailmark[boosting]'"
        ) from None
