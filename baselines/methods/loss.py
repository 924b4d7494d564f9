"""Cross-entropy smoothed, focused, weighted by class or by the loss itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import model
from baselines.class_counts import class_counts, effective_number_weights
from baselines.method import Batch, Parts
from baselines.objectives import Weighted, plain
from baselines.settings import Settings, configure_one, settings_from
from baselines.train import fit
from harness.errors import SpecError
from harness.lookup import lookup
from harness.types.models import FitContext, TrainingData

restore = model.restore
Logits = Float[Tensor, "b c"]
Labels = Int[Tensor, " b"]
Losses = Float[Tensor, " b"]


@dataclass(frozen=True)
class Smoothing(Settings):
    """Settings of label smoothing."""

    smoothing: float = 0.1
    """ε: share of the target spread evenly over all classes."""


def fit_label_smoothing(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Train towards (1 − ε) on the label and ε/C on every class.

    References
    ----------
    Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7.
    """
    settings = settings_from(Smoothing, ctx.config)
    loss = partial(F.cross_entropy, reduction="none", label_smoothing=settings.smoothing)
    return fit(train, ctx, settings, Parts(Weighted(loss)))


@dataclass(frozen=True)
class Focal(Settings):
    """Settings of the focal loss."""

    focusing: float = 2.0
    """γ ≥ 0; 0 is cross-entropy."""


def fit_focal(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Weigh each sample's cross-entropy by (1 − p_y)^γ: what is learnt already counts less.

    References
    ----------
    Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 4, in its softmax form.
    """
    settings = settings_from(Focal, ctx.config)
    return fit(train, ctx, settings, Parts(Weighted(partial(focal, focusing=settings.focusing))))


def focal(logits: Logits, labels: Labels, *, focusing: float) -> Losses:
    """Return −(1 − p_y)^γ·log p_y of each sample."""
    losses = plain(logits, labels)
    # 1 − p from the loss itself: exact near p = 1, where a softmax has no digits left.
    return (-torch.expm1(-losses)).clamp_min(0) ** focusing * losses


@dataclass(frozen=True)
class ClassBalanced(Settings):
    """Settings of class-balanced cross-entropy."""

    beta: float = 0.9999
    """β in [0, 1): 0 is no weighting, towards 1 it is inverse frequency."""


@dataclass(frozen=True)
class ClassBalancedFocal(ClassBalanced):
    """Settings of the class-balanced focal loss."""

    focusing: float = 1.0
    """γ ≥ 0."""


def fit_class_balanced(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Weigh cross-entropy by the inverse effective number of samples (Cui et al. 2019)."""
    settings = settings_from(ClassBalanced, ctx.config)
    counts = class_counts(train.observed, train.num_classes)
    weights = effective_number_weights(counts, settings.beta)
    return fit(train, ctx, settings, Parts(Weighted(plain, weights)))


def fit_class_balanced_focal(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Weigh the focal loss by the inverse effective number of samples (Cui et al. 2019)."""
    settings = settings_from(ClassBalancedFocal, ctx.config)
    counts = class_counts(train.observed, train.num_classes)
    weights = effective_number_weights(counts, settings.beta)
    loss = partial(focal, focusing=settings.focusing)
    return fit(train, ctx, settings, Parts(Weighted(loss, weights)))


def fit_cost_sensitive(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Weigh cross-entropy by 1/n_k: every class costs the same in all.

    References
    ----------
    Japkowicz and Stephen 2002, "The class imbalance problem", misclassification costs.
    """
    settings = settings_from(Settings, ctx.config)
    counts = class_counts(train.observed, train.num_classes)
    return fit(train, ctx, settings, Parts(Weighted(plain, counts.min() / counts)))


@dataclass(frozen=True)
class LossWeights(Settings):
    """Settings of reweighting by loss."""

    favoured: str = "capped"
    """``high``, ``capped`` or ``middle``: which losses of a batch get the weight."""
    temperature: float = 1.0
    """r > 0: small makes the weights sharp."""


FAVOURED = {
    "high": lambda scaled: scaled,
    "capped": lambda scaled: scaled.clamp_max(0.5),
    "middle": lambda scaled: 1 - scaled.square(),
}
"""Name → preference as a function of the loss scaled to [−1, 1] within the batch."""


def fit_loss_reweighting(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Weigh the samples of a batch by a softmax over a shape of their losses, step by step.

    ``high`` favours hard samples, ``capped`` does so without outliers, ``middle`` favours losses
    that are neither; under label noise the first should fail.

    References
    ----------
    Sow et al. 2025, "Dynamic Loss-Based Sample Reweighting for Improved Large Language Model
    Pretraining": weights softmax(g(ℓ)/r). The three shapes are ours, after the paper's figure.
    """
    settings = settings_from(LossWeights, ctx.config)
    lookup("shape", settings.favoured, FAVOURED)
    if settings.temperature <= 0:
        raise SpecError(f"temperature must be above 0; got {settings.temperature}. Change it.")

    def objective(network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        losses = plain(network(batch.images), batch.labels)
        weights = loss_weights(losses.detach(), settings.favoured, settings.temperature)
        return (weights * losses).sum()

    return fit(train, ctx, settings, Parts(objective))


def loss_weights(losses: Losses, favoured: str, temperature: float) -> Losses:
    """Return weights that sum to 1: softmax(g(ℓ̃)/r), ℓ̃ the losses scaled to [−1, 1]."""
    span = (losses.max() - losses.min()).clamp_min(1e-12)
    scaled = 2 * (losses - losses.min()) / span - 1
    return (FAVOURED[favoured](scaled) / temperature).softmax(0)


SETTINGS: dict[str, type] = {
    "fit_label_smoothing": Smoothing,
    "fit_focal": Focal,
    "fit_class_balanced": ClassBalanced,
    "fit_class_balanced_focal": ClassBalancedFocal,
    "fit_cost_sensitive": Settings,
    "fit_loss_reweighting": LossWeights,
}
"""Trainer function → its settings."""


def configure(function: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a trainer function, defaults filled in."""
    return configure_one(SETTINGS, function, overrides)
