"""Class features taken as Gaussian: naive Bayes, LDA, and heads trained on drawn features."""

from typing import Literal

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression

from baselines.probes.probe import Probe, Rows, Scaled, fit_linear, probing, rows_of, signed_root
from baselines.probes.statistics import (
    ClassStatistics,
    class_statistics,
    gaussian_rows,
    sampled,
    shrunk,
)
from baselines.settings import Checked, Count, NonNegative, Positive, Share
from harness.types.models import FitContext, TrainingData


class NaiveBayes(Scaled):
    """Settings of naive Bayes."""

    smoothing: Positive = 0.01
    """Added to every variance, as a share of the largest variance of a feature; > 0."""
    shared: bool = False
    """One variance a feature for all classes instead of one each."""
    prior: Literal["observed", "uniform"] = "observed"
    """Share of each class: as in the observed training labels, or equal."""


@probing(NaiveBayes)
def fit_naive_bayes(train: TrainingData, ctx: FitContext, settings: NaiveBayes) -> Probe:
    """Take features as independent Gaussians within a class; logits are log joint densities.

    References
    ----------
    Hand and Yu 2001, "Idiot's Bayes: Not So Stupid After All?". With shared variances it is LDA
    with a diagonal covariance.
    """
    rows = rows_of(train, scale=settings.scale)
    statistics = class_statistics(rows.values, train.observed)
    floor = settings.smoothing * rows.values.astype(np.float64).var(axis=0).max()
    variances = statistics.variances
    if settings.shared:
        variances = np.broadcast_to(np.diag(statistics.shared_covariance), variances.shape)
    variances = variances + max(floor, 1e-12)
    log_prior = statistics.log_prior if settings.prior == "observed" else 0.0
    offset = log_prior - 0.5 * np.log(2 * np.pi * variances).sum(axis=1)
    arrays = {"means": statistics.means, "variances": variances, "offset": offset}
    return _probe("gaussian", statistics, rows, arrays)


class Discriminant(Scaled):
    """Settings of linear discriminant analysis."""

    shrinkage: Share = 0.1
    """Share of a multiple of the identity in the covariance, in [0, 1]; 0: pseudo-inverse."""


@probing(Discriminant)
def fit_lda(train: TrainingData, ctx: FitContext, settings: Discriminant) -> Probe:
    """Take class features as Gaussians with one covariance; logits are linear.

    References
    ----------
    Lee et al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", section 2.1: Gaussian discriminant analysis as a classifier.
    """
    rows = rows_of(train, scale=settings.scale)
    statistics = class_statistics(rows.values, train.observed)
    covariance = shrunk(statistics.shared_covariance, settings.shrinkage)
    if settings.shrinkage:
        weight = np.linalg.solve(covariance, statistics.means.T).T  # (k, d)
    else:
        weight = statistics.means @ np.linalg.pinv(covariance, hermitian=True)
    bias = statistics.log_prior - 0.5 * (weight * statistics.means).sum(axis=1)
    return _probe("linear", statistics, rows, {"weight": weight, "bias": bias})


class Drawn(Checked):
    """Settings of heads trained on drawn features."""

    per_class: Count = 256
    """Rows drawn of each class for alignment."""
    strength: NonNegative = 32.0
    """Rows that the shared covariance counts as in each class's covariance; > 0."""
    c: Positive = 1.0
    """Inverse of the L2 penalty on the sum of losses."""
    max_iter: Count = 200
    """Iterations of L-BFGS."""


@probing(Drawn)
def fit_classifier_alignment(train: TrainingData, ctx: FitContext, settings: Drawn) -> Probe:
    """Train the head on equally many features of each class, all drawn from class Gaussians.

    The alignment stage of SLCA on cached features: the backbone's slow learning rate and the
    normalisation of logits are left out, the head is logistic regression.

    References
    ----------
    Zhang et al. 2023, "SLCA: Slow Learner with Classifier Alignment", section 3.3.
    """
    rows = rows_of(train)
    statistics = class_statistics(rows.values, train.observed)
    wanted = np.full(len(statistics.classes), settings.per_class)
    drawn = sampled(statistics, wanted, _generator(ctx), strength=settings.strength)
    return _logistic(*drawn, settings, rows, ctx)


@probing(Drawn)
def fit_gaussian_sampling(train: TrainingData, ctx: FitContext, settings: Drawn) -> Probe:
    """Fill every class up to the most frequent one with drawn features, then train the head.

    References
    ----------
    Yang et al. 2021, "Free Lunch for Few-shot Learning: Distribution Calibration": drawing from
    Gaussians whose spread is borrowed, which is `fit_distribution_calibration`; here a class keeps
    its mean and the spread is the shared covariance's, in proportion to rarity.
    """
    rows = rows_of(train)
    statistics = class_statistics(rows.values, train.observed)
    wanted = statistics.counts.max() - statistics.counts
    drawn, classes = sampled(statistics, wanted, _generator(ctx), strength=settings.strength)
    return _logistic(
        np.concatenate([rows.values, drawn]), np.concatenate([train.observed, classes]),
        settings, rows, ctx,
    )  # fmt: skip


class Calibration(Checked):
    """Settings of distribution calibration."""

    borrowed: Count = 2
    """Frequent classes whose statistics a row of a rare class borrows: k."""
    spread: NonNegative = 0.21
    """Added to every entry of a borrowed covariance: α."""
    drawn: Count = 750
    """Rows drawn for each rare class, shared evenly by its own rows."""
    c: Positive = 1.0
    """Inverse of the L2 penalty on the sum of losses."""
    max_iter: Count = 1000
    """Iterations of L-BFGS."""


@probing(Calibration)
def fit_distribution_calibration(
    train: TrainingData, ctx: FitContext, settings: Calibration
) -> Probe:
    """Let rows of rare classes borrow the statistics of near frequent ones, draw, and train a head.

    A class with fewer rows than the median class is rare. Features go through a square root, as in
    the paper; the frequent classes' statistics are of features as they are.

    References
    ----------
    Yang et al. 2021, "Free Lunch for Few-shot Learning: Distribution Calibration", equations 3 to
    7 with its values; there base and novel classes, here frequent and rare ones.
    """
    rows = rows_of(train)
    statistics = class_statistics(rows.values, train.observed)
    frequent = statistics.counts >= np.median(statistics.counts)
    covariances = (
        statistics.scatters[frequent]
        / np.maximum(statistics.counts[frequent] - 1, 1)[:, None, None]
    )
    roots, generator = signed_root(rows.values), _generator(ctx)
    values, labels = [roots], [train.observed]
    for k in statistics.classes[~frequent]:
        own = roots[train.observed == k]
        share = max(1, round(settings.drawn / len(own)))
        for row in own:
            mean, covariance = calibrated(
                row, statistics.means[frequent], covariances, settings.borrowed, settings.spread
            )
            values.append(gaussian_rows(mean, covariance, share, generator).astype(np.float32))
            labels.append(np.full(share, k))
    estimator = LogisticRegression(C=settings.c, max_iter=settings.max_iter, tol=1e-3)
    inputs, classes = np.concatenate(values).astype(np.float32), np.concatenate(labels)
    fitted = fit_linear(estimator, inputs, classes, ctx, halved=True)
    return rows.probe("root-linear", fitted.arrays())


def calibrated(
    row: Float[np.ndarray, " d"],
    means: Float[np.ndarray, "f d"],
    covariances: Float[np.ndarray, "f d d"],
    borrowed: int,
    spread: float,
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
    """Return the mean and covariance that a row borrows from its nearest frequent classes.

    The mean of k class means and the row itself; the mean of k covariances, plus α everywhere.
    """
    near = np.argsort(((means - row) ** 2).sum(axis=1), kind="stable")[:borrowed]
    mean = (means[near].sum(axis=0) + row) / (len(near) + 1)
    return mean, covariances[near].mean(axis=0) + spread


def _logistic(
    drawn: np.ndarray, labels: np.ndarray, settings: Drawn, rows: Rows, ctx: FitContext
) -> Probe:
    estimator = LogisticRegression(C=settings.c, max_iter=settings.max_iter, tol=1e-3)
    fitted = fit_linear(estimator, drawn.astype(np.float32), labels, ctx, halved=True)
    return rows.probe("linear", fitted.arrays())


def _generator(ctx: FitContext) -> np.random.Generator:
    return np.random.default_rng(ctx.seed)


def _probe(
    rule: str, statistics: ClassStatistics, rows: Rows, arrays: dict[str, np.ndarray]
) -> Probe:
    floats = {name: array.astype(np.float32) for name, array in arrays.items()}
    return rows.probe(rule, {"classes": statistics.classes, **floats})
