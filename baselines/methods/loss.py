"""Cross-entropy smoothed, focused, weighted by class or by the loss itself."""

import math
from functools import partial
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

from baselines.class_counts import class_counts
from baselines.losses import (
    LogitLoss,
    Weighted,
    effective_number_weights,
    focal,
    loss_weights,
    plain,
    smoothed,
    softmax_focal,
)
from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.settings import Below1, NonNegative, Positive, Settings, Share
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Smoothing(Settings):
    """Settings of label smoothing."""

    smoothing: Share = 0.1
    """ε: share of the target spread evenly over all classes."""


@neural(Smoothing)
def fit_label_smoothing(train: TrainingData, ctx: FitContext, settings: Smoothing) -> NeuralModel:
    """Train towards (1 − ε) on the label and ε/C on every class.

    References
    ----------
    Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7.
    """
    loss = partial(smoothed, smoothing=settings.smoothing)
    return fit(train, ctx, settings, Parts(Weighted(loss)))


class Focal(Settings):
    """Settings of the focal loss."""

    focusing: NonNegative = 2.0
    """γ; 0 is the cross-entropy of the same form."""
    form: Literal["sigmoid", "softmax"] = "sigmoid"
    """One sigmoid a class, as published, or the softmax that others put in its place."""


@neural(Focal)
def fit_focal(train: TrainingData, ctx: FitContext, settings: Focal) -> NeuralModel:
    """Weigh each answer's cross-entropy by (1 − p)^γ: what is learnt already counts less.

    References
    ----------
    Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 4, one sigmoid a class,
    summed over classes as Bag of Tricks for Long-Tailed Visual Recognition compares it.
    """
    return fit(train, ctx, settings, Parts(Weighted(_focal(settings))))


class ClassBalanced(Settings):
    """Settings of class-balanced cross-entropy."""

    beta: Below1 = 0.9999
    """β in [0, 1): 0 is no weighting, towards 1 it is inverse frequency."""


class ClassBalancedFocal(ClassBalanced):
    """Settings of the class-balanced focal loss."""

    focusing: NonNegative = 1.0
    """γ; 0.5, 1 or 2 in the paper."""
    form: Literal["sigmoid", "softmax"] = "sigmoid"
    """As for the focal loss."""


@neural(ClassBalanced)
def fit_class_balanced(
    train: TrainingData, ctx: FitContext, settings: ClassBalanced
) -> NeuralModel:
    """Weigh cross-entropy by the inverse effective number of samples (Cui et al. 2019)."""
    counts = class_counts(train.observed, train.num_classes)
    weights = effective_number_weights(counts, settings.beta)
    return fit(train, ctx, settings, Parts(Weighted(plain, weights)))


@neural(ClassBalancedFocal)
def fit_class_balanced_focal(
    train: TrainingData, ctx: FitContext, settings: ClassBalancedFocal
) -> NeuralModel:
    """Weigh the focal loss by the inverse effective number of samples, over the size of the batch.

    In the sigmoid form the last bias starts at −log(C − 1): every class is as likely as one in C.

    References
    ----------
    Cui et al. 2019, "Class-Balanced Loss Based on Effective Number of Samples", section 4.3 and
    its code.
    """
    counts = class_counts(train.observed, train.num_classes)
    weights = effective_number_weights(counts, settings.beta)
    objective = Weighted(_focal(settings), weights, per_sample=True)
    rare = settings.form == "sigmoid" and train.num_classes > 1

    def initialise(network: Any) -> None:
        if rare:
            nn.init.constant_(network.head.bias, -math.log(train.num_classes - 1))

    return fit(train, ctx, settings, Parts(objective, initialise=initialise))


def _focal(settings: Focal | ClassBalancedFocal) -> LogitLoss:
    form = focal if settings.form == "sigmoid" else softmax_focal
    return partial(form, focusing=settings.focusing)


@neural(Settings)
def fit_cost_sensitive(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Weigh cross-entropy by 1/n_k: every class costs the same in all.

    References
    ----------
    Japkowicz and Stephen 2002, "The class imbalance problem", misclassification costs.
    """
    counts = class_counts(train.observed, train.num_classes)
    return fit(train, ctx, settings, Parts(Weighted(plain, counts.min() / counts)))


class LossWeights(Settings):
    """Settings of reweighting by loss."""

    favoured: Literal["capped", "middle", "extremes", "high"] = "capped"
    """Which losses of a batch get the weight; see `losses.FAVOURED`."""
    temperature: Positive = 1.0
    """r > 0: small makes the weights sharp."""
    burn_in: Share = 0.05
    """Share of the epochs with equal weights: 1,000 of 20,000 steps in the authors' code."""


@neural(LossWeights)
def fit_loss_reweighting(
    train: TrainingData, ctx: FitContext, settings: LossWeights
) -> NeuralModel:
    """Weigh the samples of a batch by a softmax over a shape of their losses, step by step.

    ``capped`` favours hard samples without outliers, ``middle`` losses that are neither hard nor
    easy, ``extremes`` both; ``high`` favours hard samples and should fail under label noise.

    References
    ----------
    Sow et al. 2025, "Dynamic Loss-Based Sample Reweighting for Improved Large Language Model
    Pretraining": weights softmax(g(ℓ)/r); shapes and the start with equal weights as in its code.
    """

    def objective(network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        losses = plain(network(batch.images), batch.labels)
        if batch.when < settings.burn_in * settings.epochs:
            return losses.mean()
        weights = loss_weights(losses.detach(), settings.favoured, settings.temperature)
        return (weights * losses).sum()

    return fit(train, ctx, settings, Parts(objective))
