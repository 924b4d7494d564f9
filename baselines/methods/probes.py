"""Controls and linear probes: on raw pixels, or on another entry's cached features.

uint8 inputs become pixels in [0, 1], tables are filled, scaled and spread out by their training
rows, everything else stays as it is; each input is one flat row.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from baselines.probes.probe import Probe, fit_linear, probing, rows_of
from baselines.settings import Checked, Count, Positive
from harness.types.models import FitContext, TrainingData


class NoSettings(Checked):
    """A probe without anything to set."""


@probing(NoSettings)
def fit_majority(train: TrainingData, ctx: FitContext, settings: NoSettings) -> Probe:
    """Always predict the most frequent observed class (the lowest index on a tie)."""
    classes, counts = np.unique(train.observed, return_counts=True)
    probs = np.eye(len(classes), dtype=np.float32)[counts.argmax()]
    return Probe("constant", train.num_classes, {"classes": classes, "probs": probs})


@probing(NoSettings)
def fit_prior(train: TrainingData, ctx: FitContext, settings: NoSettings) -> Probe:
    """Predict the observed class frequencies for every input."""
    classes, counts = np.unique(train.observed, return_counts=True)
    probs = (counts / counts.sum()).astype(np.float32)
    return Probe("constant", train.num_classes, {"classes": classes, "probs": probs})


@probing(NoSettings)
def fit_nearest_mean(train: TrainingData, ctx: FitContext, settings: NoSettings) -> Probe:
    """Predict the class whose mean is nearest: logits are minus squared Euclidean distances.

    References
    ----------
    Janson et al. 2022, "A Simple Baseline that Questions the Use of Pretrained-Models in
    Continual Learning": no training, no class prior.
    """
    rows, classes = rows_of(train), np.unique(train.observed)
    means = np.stack([rows.values[train.observed == k].mean(axis=0) for k in classes])
    return rows.probe("nearest-mean", {"classes": classes, "means": means})


class LogisticSettings(Checked):
    """Settings of logistic regression."""

    c: Positive = 1.0
    """Inverse of the L2 penalty on the sum of losses; > 0."""
    max_iter: Count = 200
    """Iterations of L-BFGS."""


@probing(LogisticSettings)
def fit_logistic(train: TrainingData, ctx: FitContext, settings: LogisticSettings) -> Probe:
    """Fit multinomial logistic regression with an L2 penalty; logits are its linear scores."""
    estimator = LogisticRegression(C=settings.c, max_iter=settings.max_iter, tol=1e-3)
    rows = rows_of(train)
    fitted = fit_linear(estimator, rows.values, train.observed, ctx, halved=True)
    return rows.probe("linear", fitted.arrays())


class SvmSettings(Checked):
    """Settings of the linear SVM."""

    c: Positive = 0.1
    """Inverse of the L2 penalty on the sum of squared hinge losses; > 0."""
    max_iter: Count = 200
    """Iterations of liblinear's trust region Newton method."""


@probing(SvmSettings)
def fit_linear_svm(train: TrainingData, ctx: FitContext, settings: SvmSettings) -> Probe:
    """Fit one linear SVM a class against the rest; logits are the signed margins.

    References
    ----------
    Razavian et al. 2014, "CNN Features off-the-shelf": a linear SVM on whatever features.
    """
    estimator = LinearSVC(C=settings.c, max_iter=settings.max_iter, dual=False, tol=1e-3)
    rows = rows_of(train)
    fitted = fit_linear(estimator, rows.values, train.observed, ctx, halved=False)
    return rows.probe("linear", fitted.arrays())
