"""Resampling of rows before a plain classifier: SMOTE and its family, over- and under-sampling."""

from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from baselines.methods.tree import present_classes
from baselines.probes.probe import Probe, Scaled, fit_linear, probing, rows_of
from baselines.probes.trees import pack_boosting
from baselines.settings import Count
from harness.errors import TrainingError
from harness.types.models import FitContext, TrainingData

Kind = Literal[
    "over", "under", "smote", "borderline-smote", "svm-smote", "adasyn", "smote-enn", "smote-tomek"
]


class Resampling(Scaled):
    """Settings of resampling."""

    kind: Kind = "smote"
    """``over`` repeats rows of rarer classes, ``under`` leaves rows of more frequent ones out; the
    others draw new rows on lines between neighbours of a rarer class, ``…-enn`` and ``…-tomek``
    then clean the border."""
    neighbours: Count = 5
    """Neighbours k of a row between which new rows are drawn; a class with fewer others has all."""
    learner: Literal["logistic", "boosting"] = "logistic"
    """What is trained on the resampled rows: logistic regression, or gradient boosting."""


@probing(Resampling)
def fit_resampled(train: TrainingData, ctx: FitContext, settings: Resampling) -> Probe:
    """Even out the classes by imbalanced-learn, then train a plain classifier.

    Categories are one column each before rows are mixed, so that new rows lie between them. ADASYN
    weighs rows by their neighbours of other classes; where no row has one, its weights are
    undefined and all rows weigh alike, which is SMOTE.

    References
    ----------
    Chawla et al. 2002, "SMOTE: Synthetic Minority Over-sampling Technique"; Han et al. 2005,
    "Borderline-SMOTE"; Nguyen et al. 2011 (SVM-SMOTE); He et al. 2008, "ADASYN"; Batista et al.
    2004 (SMOTE with edited nearest neighbours, or Tomek links).
    """
    classes, rows = present_classes(train), rows_of(train, scale=settings.scale)
    drawn, labels = resampled(rows.values, train.observed, settings, ctx)
    if settings.learner == "logistic":
        estimator = LogisticRegression(max_iter=500, tol=1e-3)
        fitted = fit_linear(estimator, drawn, labels, ctx, halved=True)
        return rows.probe("linear", fitted.arrays())
    from sklearn.ensemble import HistGradientBoostingClassifier

    boosting = HistGradientBoostingClassifier(early_stopping=False, random_state=ctx.seed)
    with threadpool_limits(ctx.threads):
        boosting.fit(drawn, labels)
    return rows.probe("boosting", {"classes": classes, **pack_boosting(boosting)})


def resampled(
    rows: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    settings: Resampling,
    ctx: FitContext,
) -> tuple[Float[np.ndarray, "m d"], Int[np.ndarray, " m"]]:
    """Return rows with classes evened out, and their labels.

    Parameters
    ----------
    rows : float array of shape (n, d)
        Training rows.
    labels : int array of shape (n,)
        Observed labels.
    settings : Resampling
        How.
    ctx : FitContext
        Its seed draws.

    Raises
    ------
    TrainingError
        If a class has too few rows for the kind.
    """
    fewest = int(np.unique(labels, return_counts=True)[1].min())
    sampler = _sampler(settings.kind, settings.neighbours, fewest, ctx.seed)
    try:
        with threadpool_limits(ctx.threads):
            try:
                drawn, evened = sampler.fit_resample(rows, labels)
            except RuntimeError:
                if settings.kind != "adasyn":
                    raise
                even = _sampler("smote", settings.neighbours, fewest, ctx.seed)
                drawn, evened = even.fit_resample(rows, labels)
    except (ValueError, RuntimeError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise TrainingError(
            f"Resampling by {settings.kind!r} could not even out the classes: {said}. Say kind = "
            '"over", or use a split with more rows of each class.'
        ) from error
    return np.asarray(drawn, dtype=rows.dtype), np.asarray(evened, dtype=labels.dtype)


def _sampler(kind: Kind, neighbours: int, fewest: int, seed: int) -> Any:
    """Return imbalanced-learn's sampler of a kind; `fewest` rows are in the rarest class."""
    try:
        from imblearn import combine, over_sampling, under_sampling
    except ModuleNotFoundError:
        raise TrainingError(
            "Resampling needs imbalanced-learn, which is not installed. Run: "
            "pip install 'tailmark[tabular]'"
        ) from None
    if kind == "over":
        return over_sampling.RandomOverSampler(random_state=seed)
    if kind == "under":
        return under_sampling.RandomUnderSampler(random_state=seed)
    if fewest < 2:
        raise TrainingError(
            f"{kind!r} draws rows between two of a class; a class has a single training "
            'row. Say kind = "over", or use a split with more rows of each class.'
        )
    k = min(neighbours, fewest - 1)
    if kind == "borderline-smote":
        return over_sampling.BorderlineSMOTE(k_neighbors=k, random_state=seed)
    if kind == "svm-smote":
        return over_sampling.SVMSMOTE(k_neighbors=k, random_state=seed)
    if kind == "adasyn":
        return over_sampling.ADASYN(n_neighbors=k, random_state=seed)
    smote = over_sampling.SMOTE(k_neighbors=k, random_state=seed)
    if kind == "smote-enn":
        return combine.SMOTEENN(smote=smote, random_state=seed)
    if kind == "smote-tomek":
        return combine.SMOTETomek(smote=smote, random_state=seed)
    return smote
