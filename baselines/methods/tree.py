"""Trees for tables: gradient boosting, and a forest whose every tree sees balanced classes."""

import numpy as np
from jaxtyping import Int
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from baselines.probes.probe import Probe, probing, rows_of
from baselines.probes.transforms import learn_codes
from baselines.probes.trees import pack_boosting, pack_forest
from baselines.settings import Checked, Count, NonNegative, Positive
from harness.data.pools.tables import TableInputs
from harness.errors import TrainingError
from harness.types.models import FitContext, TrainingData

MOST_CATEGORIES = 255
"""Categories of a column that scikit-learn's boosting can hold."""


class Boosting(Checked):
    """Settings of gradient boosting; scikit-learn's defaults."""

    max_iter: Count = 100
    """Iterations; one tree per class in each, one tree where there are two classes."""
    learning_rate: Positive = 0.1
    """Factor of every leaf's value; > 0."""
    max_leaf_nodes: Count = 31
    """Leaves of a tree at most."""
    min_samples_leaf: Count = 20
    """Training rows of a leaf at least."""
    l2: NonNegative = 0.0
    """L2 penalty on leaf values; ≥ 0."""
    balanced: bool = False
    """Whether a row weighs n/(k·n_y), so that all classes weigh alike (cost-sensitive boosting)."""


@probing(Boosting)
def fit_hist_gradient_boosting(train: TrainingData, ctx: FitContext, settings: Boosting) -> Probe:
    """Fit scikit-learn's histogram-based gradient boosting; logits are its raw scores.

    Missing values and categories are split on as they are. Nothing is held out: every iteration
    is kept.

    References
    ----------
    Ke et al. 2017, "LightGBM: A Highly Efficient Gradient Boosting Decision Tree".
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    classes = present_classes(train)
    table = train.inputs if isinstance(train.inputs, TableInputs) else None
    rows = rows_of(train) if table is None else rows_of(train, "codes", learn_codes(table))
    q = 0 if table is None else table.categorical.shape[1]
    widest = 0 if not q else int(rows.learnt["place"].max()) + 1
    if widest > MOST_CATEGORIES:
        raise TrainingError(
            f"Gradient boosting holds at most {MOST_CATEGORIES} categories a column; a column of "
            f"this table has {widest}. Merge rare ones, or use logistic-regression."
        )
    estimator = HistGradientBoostingClassifier(
        max_iter=settings.max_iter,
        learning_rate=settings.learning_rate,
        max_leaf_nodes=settings.max_leaf_nodes,
        min_samples_leaf=settings.min_samples_leaf,
        l2_regularization=settings.l2,
        categorical_features=np.arange(rows.values.shape[1]) < q if q else None,
        early_stopping=False,
        class_weight="balanced" if settings.balanced else None,
        random_state=ctx.seed,
    )
    with threadpool_limits(ctx.threads):
        estimator.fit(rows.values, train.observed)
    return rows.probe("boosting", {"classes": classes, **pack_boosting(estimator)})


class Forest(Checked):
    """Settings of the balanced random forest."""

    trees: Count = 100
    """Number of trees; ≥ 1."""
    min_samples_leaf: Count = 1
    """Training rows of a leaf at least."""


@probing(Forest)
def fit_balanced_random_forest(train: TrainingData, ctx: FitContext, settings: Forest) -> Probe:
    """Fit trees that each see as many rows of every class as the rarest has, drawn for each tree.

    Probabilities are means over trees of the class shares in a leaf.

    References
    ----------
    Chen et al. 2004, "Using Random Forest to Learn Imbalanced Data".
    """
    try:
        from imblearn.ensemble import BalancedRandomForestClassifier
    except ModuleNotFoundError:
        raise TrainingError(
            "A balanced random forest needs imbalanced-learn, which is not installed. Run: "
            "pip install 'tailmark[tabular]'"
        ) from None
    classes, rows = present_classes(train), rows_of(train)
    estimator = BalancedRandomForestClassifier(
        n_estimators=settings.trees,
        min_samples_leaf=settings.min_samples_leaf,
        sampling_strategy="all",
        replacement=True,
        bootstrap=False,
        random_state=ctx.seed,
    )
    with threadpool_limits(ctx.threads):
        estimator.fit(rows.values, train.observed)
    return rows.probe("forest", {"classes": classes, **pack_forest(estimator.estimators_)})


def present_classes(train: TrainingData) -> Int[np.ndarray, " k"]:
    """Return the classes with a training row.

    Raises
    ------
    TrainingError
        If there is only one.
    """
    classes = np.unique(train.observed)
    if len(classes) < 2:
        raise TrainingError(
            "Trees need training rows of at least two classes; all rows carry class "
            f"{classes[0]}. Use majority, or a split with more classes."
        )
    return classes
