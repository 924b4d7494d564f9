"""Losses against label noise on one network: GCE, SCE, bootstrapping, ELR, forward correction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import model
from baselines.images import load
from baselines.method import Batch, Parts, predict
from baselines.objectives import Weighted, one_hot, plain
from baselines.settings import Settings, configure_one, settings_from
from baselines.stages import stage
from baselines.train import fit, own_randomness
from harness.errors import SpecError
from harness.types.models import FitContext, TrainingData

restore = model.restore
Logits = Float[Tensor, "b c"]
Labels = Int[Tensor, " b"]
Losses = Float[Tensor, " b"]


@dataclass(frozen=True)
class Generalised(Settings):
    """Settings of generalised cross-entropy."""

    q: float = 0.7
    """q in (0, 1]: towards 0 it is cross-entropy, at 1 mean absolute error."""


def fit_gce(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Minimise (1 − p_y^q)/q: between cross-entropy and mean absolute error.

    References
    ----------
    Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with
    Noisy Labels", equation 6; its truncated form is `methods.truncated`.
    """
    settings = settings_from(Generalised, ctx.config)
    if not 0 < settings.q <= 1:
        raise SpecError(f"q must be in (0, 1]; got {settings.q}. Change it in the recipe.")
    return fit(train, ctx, settings, Parts(Weighted(partial(generalised, q=settings.q))))


def generalised(logits: Logits, labels: Labels, *, q: float) -> Losses:
    """Return (1 − p_y^q)/q of each sample."""
    return -torch.expm1(-q * plain(logits, labels)) / q


@dataclass(frozen=True)
class Symmetric(Settings):
    """Settings of symmetric cross-entropy."""

    alpha: float = 0.1
    """Weight of cross-entropy."""
    beta: float = 1.0
    """Weight of reverse cross-entropy."""
    log_zero: float = -4.0
    """A: what log 0 counts as."""


def fit_sce(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Minimise α·CE + β·reverse CE.

    References
    ----------
    Wang et al. 2019, "Symmetric Cross Entropy for Robust Learning with Noisy Labels", equation 7,
    with its values for CIFAR-10.
    """
    settings = settings_from(Symmetric, ctx.config)
    weights = {"alpha": settings.alpha, "beta": settings.beta, "log_zero": settings.log_zero}
    return fit(train, ctx, settings, Parts(Weighted(partial(symmetric, **weights))))


def symmetric(
    logits: Logits, labels: Labels, *, alpha: float, beta: float, log_zero: float
) -> Losses:
    """Return α·(−log p_y) + β·(−A·(1 − p_y)): the reverse term's sum over k ≠ y is 1 − p_y."""
    losses = plain(logits, labels)
    return alpha * losses + beta * -log_zero * -torch.expm1(-losses)


@dataclass(frozen=True)
class Bootstrap(Settings):
    """Settings of bootstrapping."""

    trust: float = 0.8
    """β in [0, 1]: weight of the given label; the rest is the prediction's."""
    hard: bool = True
    """Whether the prediction counts as a class (True) or as probabilities."""


def fit_bootstrapping(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Train on a mixture of the given label and the current prediction.

    References
    ----------
    Reed et al. 2015, "Training Deep Neural Networks on Noisy Labels with Bootstrapping",
    equations 6 (soft, β = 0.95) and 7 (hard, β = 0.8).
    """
    settings = settings_from(Bootstrap, ctx.config)
    loss = partial(bootstrapped, trust=settings.trust, hard=settings.hard)
    return fit(train, ctx, settings, Parts(Weighted(loss)))


def bootstrapped(logits: Logits, labels: Labels, *, trust: float, hard: bool) -> Losses:
    """Return −Σ_k (β·y_k + (1 − β)·z_k)·log p_k, z the prediction."""
    log_p = F.log_softmax(logits, 1)
    guess = one_hot(logits.argmax(1), logits.shape[1]) if hard else log_p.exp()
    targets = trust * one_hot(labels, logits.shape[1]) + (1 - trust) * guess
    return -(targets * log_p).sum(1)


@dataclass(frozen=True)
class EarlyLearning(Settings):
    """Settings of early-learning regularisation."""

    memory: float = 0.7
    """β in [0, 1): share of the old target that stays at each step."""
    strength: float = 3.0
    """λ ≥ 0 of the regulariser."""


def fit_elr(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Keep each image's running prediction as a target and hold the network to it.

    References
    ----------
    Liu et al. 2020, "Early-Learning Regularization Prevents Memorization of Noisy Labels",
    equations 6 and 9, with its values for CIFAR-10.
    """
    settings = settings_from(EarlyLearning, ctx.config)
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
        held = (1 - (probs * targets).sum(1)).log().mean()
        return F.cross_entropy(logits, batch.labels) + self.strength * held


@dataclass(frozen=True)
class Forward(Settings):
    """Settings of forward correction."""

    estimate_share: float = 0.2
    """Share of the epochs after which a first network estimates the transition matrix."""
    percentile: float = 97.0
    """Rank of the image that stands for a class, by its probability; 100 is the maximum."""


def fit_forward_correction(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Estimate how labels flip, then train a network whose predictions flip the same way.

    The transition matrix is read off a first network stopped early, before it has memorised.

    References
    ----------
    Patrini et al. 2017, "Making Deep Neural Networks Robust to Label Noise: a Loss Correction
    Approach", theorem 2 and equation 12 (97th percentile as in its experiments).
    """
    settings = settings_from(Forward, ctx.config)
    short = max(1, round(settings.estimate_share * settings.epochs))
    first = replace(settings, epochs=short)
    early = fit(train, stage(ctx, "estimate", quiet=True), first, Parts(Weighted(plain)))
    with own_randomness(ctx):
        how = early.preprocessing
        given = load(train.inputs, train.observed, train.num_classes, settings, ctx.device, how)
        probs = predict(early.network, given).softmax(1).cpu()
    transition = estimated_transition(probs, settings.percentile)
    return fit(train, stage(ctx, "corrected", before=short), settings, Parts(Corrected(transition)))


def estimated_transition(probs: Float[Tensor, "n c"], percentile: float) -> Float[Tensor, "c c"]:
    """Return T (clean, observed): row k is the prediction on the image most surely of class k."""
    rank = round((len(probs) - 1) * percentile / 100)
    anchors = torch.sort(probs, dim=0, stable=True).indices[rank]  # (c,): one image a class
    rows = probs[anchors]
    return rows / rows.sum(1, keepdim=True)


class Corrected(nn.Module):
    """Cross-entropy of Tᵀp: what the network says after labels have flipped."""

    transition: Tensor

    def __init__(self, transition: Float[Tensor, "c c"]) -> None:
        super().__init__()
        self.register_buffer("transition", transition)

    def forward(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of a batch."""
        probs = network(batch.images).float().softmax(1) @ self.transition
        return F.nll_loss(probs.clamp_min(1e-12).log(), batch.labels)


def fit_early_stopping(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Cross-entropy, stopped where accuracy on validation rows with observed labels is best.

    References
    ----------
    Chen et al. 2021, "Robustness of Accuracy Metric and its Inspirations in Learning with Noisy
    Labels": a noisy validation set suffices to choose.
    """
    settings = settings_from(EarlyStopping, ctx.config)
    return fit(train, ctx, settings, Parts(Weighted(plain)))


@dataclass(frozen=True)
class EarlyStopping(Settings):
    """Settings of early stopping."""

    select: str = "noisy_val"
    """``noisy_val``."""
    val_fraction: float = 0.1
    """Share of the rows held back where the split has no validation rows."""


SETTINGS: dict[str, type] = {
    "fit_gce": Generalised,
    "fit_sce": Symmetric,
    "fit_bootstrapping": Bootstrap,
    "fit_elr": EarlyLearning,
    "fit_forward_correction": Forward,
    "fit_early_stopping": EarlyStopping,
}
"""Trainer function → its settings."""


def configure(function: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a trainer function, defaults filled in."""
    return configure_one(SETTINGS, function, overrides)
