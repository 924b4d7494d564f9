"""Soft F1 as a loss: dice, self-adjusting dice, Tversky."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from baselines import model
from baselines.method import Batch, Parts
from baselines.objectives import one_hot
from baselines.settings import Settings, configure_one, settings_from
from baselines.train import fit
from harness.types.models import FitContext, TrainingData

restore = model.restore
Logits = Float[Tensor, "b c"]
Labels = Int[Tensor, " b"]
Losses = Float[Tensor, " b"]


@dataclass(frozen=True)
class Overlap(Settings):
    """Settings of the dice family."""

    smooth: float = 1.0
    """γ of the paper, added to numerator and denominator."""


@dataclass(frozen=True)
class SelfAdjusting(Overlap):
    """Settings of the self-adjusting dice loss."""

    decay: float = 0.1
    """α: probabilities are multiplied by (1 − p)^α, so that easy samples count less."""


@dataclass(frozen=True)
class TverskySettings(Overlap):
    """Settings of the Tversky loss."""

    false_positive: float = 0.3
    """Weight of what is predicted and not there."""
    false_negative: float = 0.7
    """Weight of what is there and not predicted."""


def fit_dice(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Minimise one minus the soft F1 of each class over the batch, squared denominators.

    References
    ----------
    Milletari et al. 2016, "V-Net", section 3; Li et al. 2020, "Dice Loss for Data-imbalanced NLP
    Tasks", section 3.2. Here the mean over classes.
    """
    settings = settings_from(Overlap, ctx.config)
    return fit(train, ctx, settings, Parts(OnProbabilities(partial(dice, smooth=settings.smooth))))


def fit_self_adjusting_dice(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Minimise the dice loss of probabilities that are damped where they are already high.

    References
    ----------
    Li et al. 2020, "Dice Loss for Data-imbalanced NLP Tasks", section 3.3: per sample and class,
    here the mean over both. The paper damps by (1 − p), which is α = 1; its authors' code makes α
    a setting with values as small as 0.01. 0.1 is ours.
    """
    settings = settings_from(SelfAdjusting, ctx.config)
    loss = partial(self_adjusting_dice, smooth=settings.smooth, decay=settings.decay)
    return fit(train, ctx, settings, Parts(OnProbabilities(loss)))


def fit_tversky(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Minimise one minus the Tversky index of each class over the batch.

    References
    ----------
    Salehi et al. 2017, "Tversky loss function for image segmentation", equation 3.
    """
    settings = settings_from(TverskySettings, ctx.config)
    weights = {"fp": settings.false_positive, "fn": settings.false_negative}
    loss = partial(tversky, smooth=settings.smooth, **weights)
    return fit(train, ctx, settings, Parts(OnProbabilities(loss)))


OverlapLoss = Callable[[Tensor, Tensor], Tensor]


class OnProbabilities(nn.Module):
    """A loss of probabilities (b, c) and one-hot labels (b, c)."""

    def __init__(self, loss: OverlapLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        probs = network(batch.images).float().softmax(1)
        return self.loss(probs, one_hot(batch.labels, probs.shape[1]))


def dice(probs: Logits, targets: Logits, *, smooth: float) -> Float[Tensor, ""]:
    """Return 1 − (2Σpy + γ)/(Σp² + Σy² + γ), sums over the batch, mean over classes."""
    both = (probs * targets).sum(0)
    total = probs.square().sum(0) + targets.square().sum(0)
    return (1 - (2 * both + smooth) / (total + smooth)).mean()


def self_adjusting_dice(
    probs: Logits, targets: Logits, *, smooth: float, decay: float
) -> Float[Tensor, ""]:
    """Return the mean of 1 − (2qy + γ)/(q + y + γ) with q = (1 − p)^α·p."""
    damped = (1 - probs).clamp_min(1e-6) ** decay * probs
    return (1 - (2 * damped * targets + smooth) / (damped + targets + smooth)).mean()


def tversky(
    probs: Logits, targets: Logits, *, smooth: float, fp: float, fn: float
) -> Float[Tensor, ""]:
    """Return 1 − (TP + γ)/(TP + α·FP + β·FN + γ) of soft counts, mean over classes."""
    true = (probs * targets).sum(0)
    false_positive = (probs * (1 - targets)).sum(0)
    false_negative = ((1 - probs) * targets).sum(0)
    return (
        1 - (true + smooth) / (true + fp * false_positive + fn * false_negative + smooth)
    ).mean()


SETTINGS: dict[str, type] = {
    "fit_dice": Overlap,
    "fit_self_adjusting_dice": SelfAdjusting,
    "fit_tversky": TverskySettings,
}
"""Trainer function → its settings."""


def configure(function: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a trainer function, defaults filled in."""
    return configure_one(SETTINGS, function, overrides)
