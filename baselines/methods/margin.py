"""Larger margins for rarer classes: LDAM, and LDAM with deferred reweighting."""

from functools import partial

from torch import Tensor

from baselines.class_counts import class_counts
from baselines.losses import Weighted, effective_number_weights, ldam, margins
from baselines.method import Parts
from baselines.model import NeuralModel, neural
from baselines.settings import Below1, NonNegative, Positive, Settings, Share
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Margins(Settings):
    """Settings of LDAM."""

    max_margin: NonNegative = 0.5
    """Margin of the rarest class, in units of the cosine."""
    scale: Positive = 30.0
    """s: cosines are multiplied by it."""


class DeferredMargins(Margins):
    """Settings of LDAM with deferred reweighting."""

    drw_start: Share = 0.8
    """Share of the epochs after which classes are weighted."""
    beta: Below1 = 0.9999
    """Of the class-balanced weights."""


@neural(Margins)
def fit_ldam(train: TrainingData, ctx: FitContext, settings: Margins) -> NeuralModel:
    """Ask for a larger margin of rarer classes, on normalised features and weights.

    References
    ----------
    Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
    equations 10 to 13.
    """
    counts = class_counts(train.observed, train.num_classes)
    return fit(train, ctx, settings, _margin_parts(settings, counts, None, 0))


@neural(DeferredMargins)
def fit_ldam_drw(train: TrainingData, ctx: FitContext, settings: DeferredMargins) -> NeuralModel:
    """LDAM, with class-balanced weights over the last part of the training (Cao et al. 2019)."""
    counts = class_counts(train.observed, train.num_classes)
    weights = effective_number_weights(counts, settings.beta)
    start = round(settings.drw_start * settings.epochs)
    return fit(train, ctx, settings, _margin_parts(settings, counts, weights, start))


def _margin_parts(settings: Margins, counts: Tensor, weights: Tensor | None, start: int) -> Parts:
    of_class = margins(counts, settings.max_margin)
    loss = partial(ldam, margins=of_class, scale=settings.scale)
    network = {"head": "cosine", "scale": settings.scale}
    return Parts(Weighted(loss, weights, start), network=network)
