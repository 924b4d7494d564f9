"""Sampling against imbalance: over, under, class-balanced, square-root; two phases; thresholds."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.class_counts import class_counts, log_prior
from baselines.losses import Weighted, plain
from baselines.method import Parts
from baselines.model import NeuralModel, neural
from baselines.samplers import drawn, oversampled, undersampled, with_counts
from baselines.settings import Inside, Settings, Share, changed
from baselines.stages import HeadOnly, stage, start_from, train_head_only
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Degree(Settings):
    """Settings of over- and under-sampling."""

    degree: Share = 1.0
    """0: nothing changes; 1: all classes are equally frequent."""


@neural(Degree)
def fit_oversampling(train: TrainingData, ctx: FitContext, settings: Degree) -> NeuralModel:
    """Repeat rows of the rarer classes, up to the most frequent class at degree 1.

    References
    ----------
    Buda et al. 2018, "A systematic study of the class imbalance problem in convolutional neural
    networks", section 2.2.1. Which rows are repeated once more is drawn in every epoch.
    """
    _counts(train)
    wanted = partial(oversampled, degree=settings.degree)
    rows = with_counts(wanted, redrawn=True)
    return fit(train, ctx, settings, Parts(Weighted(plain), rows=rows))


@neural(Degree)
def fit_undersampling(train: TrainingData, ctx: FitContext, settings: Degree) -> NeuralModel:
    """Leave out rows of the more frequent classes, down to the rarest at degree 1.

    References
    ----------
    Buda et al. 2018, section 2.2.1: one random subset for the whole training.
    """
    _counts(train)
    wanted = partial(undersampled, degree=settings.degree)
    rows = with_counts(wanted, redrawn=False)
    return fit(train, ctx, settings, Parts(Weighted(plain), rows=rows))


@neural(Settings)
def fit_class_balanced_sampling(
    train: TrainingData, ctx: FitContext, settings: Settings
) -> NeuralModel:
    """Draw every class equally often, rows with replacement (Shen et al. 2016)."""
    _counts(train)
    return fit(train, ctx, settings, Parts(Weighted(plain), rows=drawn(0.0)))


@neural(Settings)
def fit_square_root_sampling(
    train: TrainingData, ctx: FitContext, settings: Settings
) -> NeuralModel:
    """Draw classes in proportion to √n_k, half way to balance (Mahajan et al. 2018)."""
    _counts(train)
    return fit(train, ctx, settings, Parts(Weighted(plain), rows=drawn(0.5)))


class TwoPhase(Settings):
    """Settings of two-phase training."""

    second_phase: Inside = 0.2
    """Share of the epochs in which only the head is trained, on the data as they are."""


@neural(TwoPhase)
def fit_two_phase(train: TrainingData, ctx: FitContext, settings: TwoPhase) -> NeuralModel:
    """Train on over-sampled data, then the last layer alone on the original distribution.

    References
    ----------
    Havaei et al. 2017, "Brain tumor segmentation with deep neural networks", section 3.2; Buda
    et al. 2018, section 2.2.3.
    """
    second = max(1, round(settings.second_phase * settings.epochs))
    first = changed(settings, epochs=max(1, settings.epochs - second))
    _counts(train)
    rows = with_counts(partial(oversampled, degree=1.0), redrawn=True)
    balanced = fit(train, stage(ctx, "balanced"), first, Parts(Weighted(plain), rows=rows))

    def initialise(network: nn.Module) -> None:
        start_from(balanced)(network)
        train_head_only(network)

    tuned = changed(settings, epochs=second, lr=settings.lr * 0.1)
    parts = Parts(HeadOnly(plain), initialise=initialise)
    return fit(train, stage(ctx, "head", before=first.epochs), tuned, parts)


@neural(Settings)
def fit_thresholding(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Train with cross-entropy and divide the posteriors by the observed prior at test time.

    The division is a shift of the last layer's bias by −log π, so the model is still linear in
    its features. Training curves show the network before the shift.

    References
    ----------
    Richard and Lippmann 1991, "Neural network classifiers estimate Bayesian a posteriori
    probabilities"; Buda et al. 2018, section 2.2.2.
    """
    prior = log_prior(_counts(train))
    trained = fit(train, ctx, settings, Parts(Weighted(plain)))
    with torch.no_grad():
        trained.network.head.bias -= prior.to(trained.network.head.bias)
    return trained


def _counts(train: TrainingData) -> Float[Tensor, " c"]:
    return class_counts(train.observed, train.num_classes)
