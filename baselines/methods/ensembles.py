"""Ensembles that see balanced rows: RUSBoost and EasyEnsemble, kept as weighted trees."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
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

    A round whose weighted error over all rows is no better than chance (1 − 1/k) ends the rounds
    and does not vote; the first round does, so that there is a model: where a frequent class is
    cut to the size of a rare one, more than half of all rows can be wrong.

    References
    ----------
    Seiffert et al. 2010, "RUSBoost: A Hybrid Approach to Alleviating Class Imbalance". It boosts
    by the pseudo-loss of AdaBoost.M2 and names no end; here, as in imbalanced-learn, by SAMME.
    Rounds end as in AdaBoost.M1 (Freund and Schapire 1996), whose implementation in Weka, from
    which the authors started, keeps a first round of this kind as well.
    """
    from sklearn.ensemble import AdaBoostClassifier

    classes, rows = present_classes(train), rows_of(train)
    kind = _imblearn().RUSBoostClassifier if settings.balanced else AdaBoostClassifier
    estimator = kind(**_common(settings, ctx.seed))
    with threadpool_limits(ctx.threads):
        try:
            estimator.fit(rows.values, train.observed)
            packed = _packed([estimator], len(classes))
        except ValueError:
            # The library has no answer where not even the first round is kept.
            if getattr(estimator, "estimators_", None) != []:
                raise
            first = _first_round(rows.values, train.observed, settings, ctx.seed)
            packed = pack_votes([[first]], [np.ones(1)], len(classes))
    return rows.probe("votes", {"classes": classes, **packed})


def _first_round(
    rows: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], settings: Boosted, seed: int
) -> Any:
    """Return the tree of a first round: rows weigh alike."""
    from imblearn.under_sampling import RandomUnderSampler
    from sklearn.tree import DecisionTreeClassifier

    if settings.balanced:
        rows, labels = RandomUnderSampler(random_state=seed).fit_resample(rows, labels)
    return DecisionTreeClassifier(max_depth=settings.depth, random_state=seed).fit(rows, labels)


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
