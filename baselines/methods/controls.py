"""Controls that a learnt representation must beat: neighbours, statistics, random filters."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from baselines.probes.probe import Probe, Scaled, fit_linear, probing, rows_of
from baselines.settings import Checked, Count
from harness.errors import SpecError
from harness.types.models import FitContext, TrainingData


class Neighbours(Scaled):
    """Settings of nearest neighbours."""

    k: Count = 5
    """Neighbours that vote; 1 is the nearest neighbour rule."""


@probing(Neighbours)
def fit_neighbours(train: TrainingData, ctx: FitContext, settings: Neighbours) -> Probe:
    """Let the k nearest training rows vote; probabilities are shares of votes.

    References
    ----------
    Cover and Hart 1967, "Nearest Neighbor Pattern Classification".
    """
    if not 1 <= settings.k <= len(train.observed):
        raise SpecError(
            f"k must be between 1 and the {len(train.observed)} training rows; got {settings.k}. "
            "Change it in the recipe."
        )
    rows = rows_of(train, scale=settings.scale)
    inputs = train.inputs.take(np.arange(len(train.inputs)))
    kept = inputs.reshape(len(inputs), -1) if rows.transform == "flat" else rows.values
    arrays = {
        "classes": np.unique(train.observed),
        "rows": kept,
        "labels": train.observed,
        "k": np.array(settings.k),
    }
    return rows.probe("neighbours", arrays)


class Statistics(Checked):
    """Settings of the image-statistics control."""

    max_iter: Count = 500
    """Iterations of L-BFGS."""


class RandomFilters(Statistics):
    """Settings of the random-convolution control."""

    filters: Count = 64
    """Number of random filters; ≥ 1."""
    size: Count = 3
    """Their side in pixels."""


@probing(Statistics)
def fit_image_statistics(train: TrainingData, ctx: FitContext, settings: Statistics) -> Probe:
    """Logistic regression on brightness statistics: what is known without seeing shapes."""
    return _standardised("statistics", {}, train, ctx, settings.max_iter)


@probing(RandomFilters)
def fit_random_convolutions(train: TrainingData, ctx: FitContext, settings: RandomFilters) -> Probe:
    """Logistic regression on rectified responses to random filters: features that learnt nothing.

    References
    ----------
    Saxe et al. 2011, "On Random Weights and Unsupervised Feature Learning".
    """
    channels = train.inputs.take(np.arange(1)).shape[-1]
    generator = np.random.default_rng(ctx.seed)
    shape = settings.filters, settings.size, settings.size, channels
    filters = generator.standard_normal(shape).astype(np.float32)
    return _standardised("random-convolutions", {"filters": filters}, train, ctx, settings.max_iter)


def _standardised(
    transform: str,
    arrays: dict[str, np.ndarray],
    train: TrainingData,
    ctx: FitContext,
    max_iter: int,
) -> Probe:
    """Fit on rows of mean 0 and deviation 1, and fold both into the weights."""
    rows = rows_of(train, transform, arrays).values
    mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    estimator = LogisticRegression(max_iter=max_iter, tol=1e-3)
    scaled = (rows - mean) / deviation
    fitted = fit_linear(estimator, scaled, train.observed, ctx, halved=True).arrays()
    fitted["weight"] = fitted["weight"] / deviation
    fitted["bias"] = fitted["bias"] - fitted["weight"] @ mean
    return Probe("linear", train.num_classes, fitted | arrays, transform)
