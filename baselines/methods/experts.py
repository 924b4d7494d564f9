"""Several experts over one stem: RIDE, SADE, MDCS."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.class_counts import class_counts, log_prior
from baselines.losses import (
    AllLogits,
    Weighted,
    distillation,
    divergence,
    effective_number_weights,
    ldam,
    margins,
)
from baselines.method import Batch, Parts
from baselines.methods.margin import DeferredMargins
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Experts
from baselines.settings import Count, NonNegative, Positive, Settings
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Ride(DeferredMargins):
    """Settings of RIDE."""

    experts: Count = 3
    """Number of experts."""
    diversity: NonNegative = 0.2
    """λ: weight of the experts' divergence, which is maximised."""
    temperature: Positive = 1.0
    """T of the softmaxes that are pushed apart."""


@neural(Ride)
def fit_ride(train: TrainingData, ctx: FitContext, settings: Ride) -> NeuralModel:
    """Train experts together on LDAM-DRW each, and push their predictions apart.

    Without the routing module and without distillation; one temperature instead of one a class.

    References
    ----------
    Wang et al. 2021, "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts",
    equations 4 and 5.
    """
    counts = class_counts(train.observed, train.num_classes)
    of_class = margins(counts, settings.max_margin)
    loss = partial(ldam, margins=of_class, scale=settings.scale)
    weights = effective_number_weights(counts, settings.beta)
    weighted = Weighted(loss, weights, round(settings.drw_start * settings.epochs))
    objective = Diverse(weighted, settings.diversity, settings.temperature)
    network = {"head": "cosine", "scale": settings.scale, "experts": settings.experts}
    return fit(train, ctx, settings, Parts(objective, network=network))


class Diverse(nn.Module):
    """Sum of the experts' losses minus λ times their mean divergence from each other."""

    def __init__(self, loss: Weighted, diversity: float, temperature: float) -> None:
        super().__init__()
        self.loss, self.diversity, self.temperature = loss, diversity, temperature

    def forward(self, network: Experts, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        logits, _ = network.each(batch.images)
        losses = [self.loss.mean(self.loss.loss(one, batch.labels), batch) for one in logits]
        apart = divergence(logits, self.temperature)
        return torch.stack(losses).sum() - self.diversity * apart


class Sade(Settings):
    """Settings of SADE."""

    inverse_strength: NonNegative = 2.0
    """τ of the third expert's reversed prior."""
    scale: Positive = 30.0
    """Of the cosine heads."""


@neural(Sade)
def fit_sade(train: TrainingData, ctx: FitContext, settings: Sade) -> NeuralModel:
    """Train three experts for the long-tailed, the uniform and the reversed prior.

    Their logits are mixed evenly; `methods.aggregation` weighs them on unlabelled test inputs,
    which makes an entry transductive.

    References
    ----------
    Zhang et al. 2022, "Self-Supervised Aggregation of Diverse Experts for Test-Agnostic
    Long-Tailed Recognition", equations 1 to 4.
    """
    prior = log_prior(class_counts(train.observed, train.num_classes))
    offsets = torch.stack(sade_offsets(prior, settings.inverse_strength))
    network = {"head": "cosine", "scale": settings.scale, "experts": 3}
    return fit(train, ctx, settings, Parts(Adjusted(offsets), network=network))


def sade_offsets(
    prior: Float[Tensor, " c"], strength: float
) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Return what is added to each expert's logits in training.

    0; log π; log π − τ·log π̄, with π̄ the prior whose order of classes is reversed.
    """
    ranks = torch.sort(prior, descending=True, stable=True).indices
    reversed_prior = torch.empty_like(prior)
    reversed_prior[ranks] = prior[ranks.flip(0)]
    return torch.zeros_like(prior), prior, prior - strength * reversed_prior


class Adjusted(nn.Module):
    """Sum over experts of the cross-entropy of logits plus the expert's offset a class."""

    offsets: Tensor

    def __init__(self, offsets: Float[Tensor, "e c"]) -> None:
        super().__init__()
        self.register_buffer("offsets", offsets)

    def forward(self, network: Experts, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        return self.of(network.each(batch.images)[0], batch)

    def of(self, logits: AllLogits, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of given logits."""
        pairs = zip(logits, self.offsets, strict=True)
        losses = [F.cross_entropy(one + offset, batch.labels) for one, offset in pairs]
        return torch.stack(losses).sum()


class Mdcs(Settings):
    """Settings of MDCS."""

    strong: tuple[str, ...] = ("crop", "cutout")
    """Augmentations of the second view, which learns from the first."""
    head_strength: float = -0.5
    """Multiplies log n_k for the expert of frequent classes."""
    body_strength: float = 1.0
    """For the expert of all classes."""
    tail_strength: float = 2.5
    """For the expert of rare classes."""
    distillation: NonNegative = 0.6
    """Weight of self-distillation, reached after `distillation_epochs`."""
    distillation_epochs: Positive = 20.0
    """Epochs over which it grows from 0."""
    scale: Positive = 30.0
    """Of the cosine heads."""


@neural(Mdcs)
def fit_mdcs(train: TrainingData, ctx: FitContext, settings: Mdcs) -> NeuralModel:
    """Train three experts for different classes; each teaches its own strongly augmented view.

    Only images that the weakly augmented view gets right are taught.

    References
    ----------
    Zhao et al. 2023, "MDCS: More Diverse Experts with Consistency Self-distillation for
    Long-tailed Recognition", diversity loss and consistency self-distillation; strengths and
    weights as in its code.
    """
    counts = class_counts(train.observed, train.num_classes)
    strengths = [settings.head_strength, settings.body_strength, settings.tail_strength]
    offsets = torch.stack([strength * counts.log() for strength in strengths])
    network = {"head": "cosine", "scale": settings.scale, "experts": 3}
    return fit(train, ctx, settings, Parts(Distilled(settings, offsets), network=network))


class Distilled(nn.Module):
    """Adjusted cross-entropy of both views, and distillation from the weak to the strong one."""

    def __init__(self, settings: Mdcs, offsets: Float[Tensor, "e c"]) -> None:
        super().__init__()
        self.settings = settings
        self.adjusted = Adjusted(offsets)

    def forward(self, network: Experts, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        weak, _ = network.each(batch.images)
        strong, _ = network.each(batch.data.take(batch.rows, self.settings.strong))
        settings = self.settings
        share = min(1.0, batch.epoch / settings.distillation_epochs)
        taught = distillation(weak.detach(), strong, batch.labels)
        both = (self.adjusted.of(weak, batch) + self.adjusted.of(strong, batch)) / 2
        return both + settings.distillation * share * taught
