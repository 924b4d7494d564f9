"""Cross-entropy smoothed, focused, weighted by class or by the loss itself."""

from functools import partial
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from baselines.class_counts import class_counts
from baselines.losses import (
    Weighted,
    effective_number_weights,
    focal,
    loss_weights,
    plain,
    smoothed,
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
    """γ ≥ 0; 0 is cross-entropy."""


@neural(Focal)
def fit_focal(train: TrainingData, ctx: FitContext, settings: Focal) -> NeuralModel:
    """Weigh each sample's cross-entropy by (1 − p_y)^γ: what is learnt already counts less.

    References
    ----------
    Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 4, in its softmax form.
    """
    return fit(train, ctx, settings, Parts(Weighted(partial(focal, focusing=settings.focusing))))


class ClassBalanced(Settings):
    """Settings of class-balanced cross-entropy."""

    beta: Below1 = 0.9999
    """β in [0, 1): 0 is no weighting, towards 1 it is inverse frequency."""


class ClassBalancedFocal(ClassBalanced):
    """Settings of the class-balanced focal loss."""

    focusing: NonNegative = 1.0
    """γ ≥ 0."""


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
    """Weigh the focal loss by the inverse effective number of samples (Cui et al. 2019)."""
    counts = class_counts(train.observed, train.num_classes)
    weights = effective_number_weights(counts, settings.beta)
    loss = partial(focal, focusing=settings.focusing)
    return fit(train, ctx, settings, Parts(Weighted(loss, weights)))


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

    favoured: Literal["high", "capped", "middle"] = "capped"
    """``high``, ``capped`` or ``middle``: which losses of a batch get the weight."""
    temperature: Positive = 1.0
    """r > 0: small makes the weights sharp."""


@neural(LossWeights)
def fit_loss_reweighting(
    train: TrainingData, ctx: FitContext, settings: LossWeights
) -> NeuralModel:
    """Weigh the samples of a batch by a softmax over a shape of their losses, step by step.

    ``high`` favours hard samples, ``capped`` does so without outliers, ``middle`` favours losses
    that are neither; under label noise the first should fail.

    References
    ----------
    Sow et al. 2025, "Dynamic Loss-Based Sample Reweighting for Improved Large Language Model
    Pretraining": weights softmax(g(ℓ)/r). The three shapes are ours, after the paper's figure.
    """

    def objective(network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        losses = plain(network(batch.images), batch.labels)
        weights = loss_weights(losses.detach(), settings.favoured, settings.temperature)
        return (weights * losses).sum()

    return fit(train, ctx, settings, Parts(objective))
