"""Ensembles that see balanced rows: RUSBoost and EasyEnsemble, kept as weighted trees."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from baselines.methods.tree import present_classes
from baselines.probes.probe import Probe, probing, rows_of
from baselines.probes.trees import pack_votes
from baselines.settings import Checked, Count, Positive
from harness.errors import TrainingError
from harness.types.models import FitContext, TrainingData


class Boosted(Checked):
    """Settings of RUSBoost."""

    rounds: Count = 50
    """Rounds of boosting; ≥ 1."""
    depth: Count = 1
    """Depth of each tree; 1 is a stump."""
    learning_rate: Positive = 1.0
    """Factor of every tree's weight; > 0."""
    balanced: bool = True
    """Whether every round leaves rows of the more frequent classes out until all are as rare as
    the rarest; without it the method is AdaBoost."""


class Bags(Boosted):
    """Settings of EasyEnsemble."""

    rounds: Count = 50
    """Rounds of boosting in each bag."""
    bags: Count = 10
    """Bags, each an AdaBoost on all rows of the rarest class and as many of each other."""


@probing(Boosted)
def fit_rusboost(train: TrainingData, ctx: FitContext, settings: Boosted) -> Probe:
    """AdaBoost (SAMME) whose every round trains on randomly under-sampled rows.

    References
    ----------
    Seiffert et al. 2010, "RUSBoost: A Hybrid Approach to Alleviating Class Imbalance".
    """
    from sklearn.ensemble import AdaBoostClassifier

    classes, rows = present_classes(train), rows_of(train)
    kind = _imblearn().RUSBoostClassifier if settings.balanced else AdaBoostClassifier
    estimator = kind(**_common(settings, ctx.seed))
    with threadpool_limits(ctx.threads):
        estimator.fit(rows.values, train.observed)
    return rows.probe("votes", {"classes": classes, **_packed([estimator], len(classes))})


@probing(Bags)
def fit_easy_ensemble(train: TrainingData, ctx: FitContext, settings: Bags) -> Probe:
    """Average AdaBoosts, each trained on all rare rows and a draw of the others.

    References
    ----------
    Liu et al. 2009, "Exploratory Undersampling for Class-Imbalance Learning", EasyEnsemble.
    """
    from sklearn.ensemble import AdaBoostClassifier

    classes, rows = present_classes(train), rows_of(train)
    estimator = _imblearn().EasyEnsembleClassifier(
        n_estimators=settings.bags,
        estimator=AdaBoostClassifier(**_common(settings, None)),
        random_state=ctx.seed,
    )
    with threadpool_limits(ctx.threads):
        estimator.fit(rows.values, train.observed)
    bags = [pipeline.steps[-1][1] for pipeline in estimator.estimators_]
    return rows.probe("votes", {"classes": classes, **_packed(bags, len(classes))})


def _common(settings: Boosted, seed: int | None) -> dict[str, Any]:
    from sklearn.tree import DecisionTreeClassifier

    return {
        "estimator": DecisionTreeClassifier(max_depth=settings.depth),
        "n_estimators": settings.rounds,
        "learning_rate": settings.learning_rate,
        "random_state": seed,
    }


def _packed(boosts: Sequence[Any], num_classes: int) -> dict[str, np.ndarray]:
    """Return fitted AdaBoosts as the arrays of the rule ``votes``."""
    trees = [list(one.estimators_) for one in boosts]
    weights = [np.asarray(one.estimator_weights_[: len(one.estimators_)]) for one in boosts]
    return pack_votes(trees, weights, num_classes)


def _imblearn() -> Any:
    try:
        from imblearn import ensemble
    except ModuleNotFoundError:
        raise TrainingError(
            "RUSBoost and EasyEnsemble need imbalanced-learn, which is not installed. Run: "
            "pip install 'tailmark[tabular]'"
        ) from None
    return ensemble
