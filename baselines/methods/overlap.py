"""Soft F1 as a loss: dice, self-adjusting dice, Tversky."""

from collections.abc import Callable
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from baselines.losses import dice, one_hot, self_adjusting_dice, tversky
from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.settings import NonNegative, Settings
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Overlap(Settings):
    """Settings of the dice family."""

    smooth: NonNegative = 1.0
    """γ of the paper, added to numerator and denominator."""


class SelfAdjusting(Overlap):
    """Settings of the self-adjusting dice loss."""

    damping: NonNegative = 0.01
    """α: probabilities are multiplied by (1 − p)^α, so that easy samples count less."""


class TverskySettings(Overlap):
    """Settings of the Tversky loss."""

    false_positive: NonNegative = 0.3
    """Weight of what is predicted and not there."""
    false_negative: NonNegative = 0.7
    """Weight of what is there and not predicted."""


@neural(Overlap)
def fit_dice(train: TrainingData, ctx: FitContext, settings: Overlap) -> NeuralModel:
    """Minimise one minus the soft F1 of each class over the batch, squared denominators.

    References
    ----------
    Milletari et al. 2016, "V-Net", section 3; Li et al. 2020, "Dice Loss for Data-imbalanced NLP
    Tasks", section 3.2. Here the mean over classes.
    """
    return fit(train, ctx, settings, Parts(OnProbabilities(partial(dice, smooth=settings.smooth))))


@neural(SelfAdjusting)
def fit_self_adjusting_dice(
    train: TrainingData, ctx: FitContext, settings: SelfAdjusting
) -> NeuralModel:
    """Minimise the dice loss of probabilities that are damped where they are already high.

    References
    ----------
    Li et al. 2020, "Dice Loss for Data-imbalanced NLP Tasks", section 3.3, in the form of its
    scripts: per sample and class with squared denominators, summed over classes, α = 0.01. The
    paper damps by (1 − p), which is α = 1.
    """
    loss = partial(self_adjusting_dice, smooth=settings.smooth, damping=settings.damping)
    return fit(train, ctx, settings, Parts(OnProbabilities(loss)))


@neural(TverskySettings)
def fit_tversky(train: TrainingData, ctx: FitContext, settings: TverskySettings) -> NeuralModel:
    """Minimise one minus the Tversky index of each class over the batch.

    References
    ----------
    Salehi et al. 2017, "Tversky loss function for image segmentation", equation 3.
    """
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
