"""Losses against label noise on one network: GCE, SCE, bootstrapping, ELR, early stopping."""

import math
from functools import partial
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.losses import Weighted, bootstrapped, generalised, held, plain, symmetric
from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.settings import Below1, NonNegative, Settings, Share, UpTo1
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Generalised(Settings):
    """Settings of generalised cross-entropy."""

    q: UpTo1 = 0.7
    """q in (0, 1]: towards 0 it is cross-entropy, at 1 mean absolute error."""


@neural(Generalised)
def fit_gce(train: TrainingData, ctx: FitContext, settings: Generalised) -> NeuralModel:
    """Minimise (1 − p_y^q)/q: between cross-entropy and mean absolute error.

    References
    ----------
    Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with
    Noisy Labels", equation 6; its truncated form is `methods.truncated`.
    """
    return fit(train, ctx, settings, Parts(Weighted(partial(generalised, q=settings.q))))


class Symmetric(Settings):
    """Settings of symmetric cross-entropy."""

    alpha: NonNegative = 0.1
    """Weight of cross-entropy."""
    beta: NonNegative = 1.0
    """Weight of reverse cross-entropy."""
    log_zero: Annotated[float, Field(lt=0)] = math.log(1e-4)
    """A: what log 0 counts as; −9.21 in the authors' code."""


@neural(Symmetric)
def fit_sce(train: TrainingData, ctx: FitContext, settings: Symmetric) -> NeuralModel:
    """Minimise α·CE + β·reverse CE.

    References
    ----------
    Wang et al. 2019, "Symmetric Cross Entropy for Robust Learning with Noisy Labels", equation 7,
    with its values for CIFAR-10.
    """
    weights = {"alpha": settings.alpha, "beta": settings.beta, "log_zero": settings.log_zero}
    return fit(train, ctx, settings, Parts(Weighted(partial(symmetric, **weights))))


class Bootstrap(Settings):
    """Settings of bootstrapping."""

    trust: Share = 0.8
    """β in [0, 1]: weight of the given label; the rest is the prediction's."""
    hard: bool = True
    """Whether the prediction counts as a class (True) or as probabilities."""


@neural(Bootstrap)
def fit_bootstrapping(train: TrainingData, ctx: FitContext, settings: Bootstrap) -> NeuralModel:
    """Train on a mixture of the given label and the current prediction.

    References
    ----------
    Reed et al. 2015, "Training Deep Neural Networks on Noisy Labels with Bootstrapping",
    equations 6 (soft, β = 0.95) and 7 (hard, β = 0.8).
    """
    loss = partial(bootstrapped, trust=settings.trust, hard=settings.hard)
    return fit(train, ctx, settings, Parts(Weighted(loss)))


class EarlyLearning(Settings):
    """Settings of early-learning regularisation."""

    memory: Below1 = 0.7
    """β in [0, 1): share of the old target that stays at each step."""
    strength: NonNegative = 3.0
    """λ ≥ 0 of the regulariser."""


@neural(EarlyLearning)
def fit_elr(train: TrainingData, ctx: FitContext, settings: EarlyLearning) -> NeuralModel:
    """Keep each image's running prediction as a target and hold the network to it.

    References
    ----------
    Liu et al. 2020, "Early-Learning Regularization Prevents Memorization of Noisy Labels",
    equations 6 and 9, with its values for CIFAR-10.
    """
    shape = len(train.observed), train.num_classes
    objective = EarlyLearningLoss(*shape, settings.memory, settings.strength)
    return fit(train, ctx, settings, Parts(objective))


class EarlyLearningLoss(nn.Module):
    """Cross-entropy + λ·log(1 − ⟨p, t⟩) with t ← β·t + (1 − β)·p for each image."""

    targets: Tensor

    def __init__(self, n: int, num_classes: int, memory: float, strength: float) -> None:
        super().__init__()
        self.memory, self.strength = memory, strength
        self.register_buffer("targets", torch.zeros(n, num_classes))

    def forward(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of a batch and move its images' targets."""
        logits = network(batch.images).float()
        probs = logits.softmax(1).clamp(1e-4, 1 - 1e-4)  # as the authors bound it
        now = probs.detach() / probs.detach().sum(1, keepdim=True)
        targets = self.memory * self.targets[batch.rows] + (1 - self.memory) * now
        self.targets[batch.rows] = targets
        loss = F.cross_entropy(logits, batch.labels)
        return loss + self.strength * held(probs, targets)


class EarlyStopping(Settings):
    """Settings of early stopping."""

    select: Literal["noisy_val"] = "noisy_val"
    """``noisy_val``."""
    val_fraction: Below1 = 0.1
    """Share of the rows held back where the split has no validation rows."""


@neural(EarlyStopping)
def fit_early_stopping(
    train: TrainingData, ctx: FitContext, settings: EarlyStopping
) -> NeuralModel:
    """Cross-entropy, stopped where accuracy on validation rows with observed labels is best.

    References
    ----------
    Chen et al. 2021, "Robustness of Accuracy Metric and its Inspirations in Learning with Noisy
    Labels": a noisy validation set suffices to choose.
    """
    return fit(train, ctx, settings, Parts(Weighted(plain)))
