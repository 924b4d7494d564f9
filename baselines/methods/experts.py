"""Experts for different class priors over one stem: SADE, MDCS."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.class_counts import class_counts, log_prior
from baselines.losses import adjusted, distillation, reversed_log_prior
from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Experts
from baselines.settings import NonNegative, Positive, Settings, UpTo1
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Sade(Settings):
    """Settings of SADE."""

    inverse_strength: NonNegative = 2.0
    """τ of the third expert's reversed prior."""
    scale: Positive = 30.0
    """Of the cosine heads."""
    branch_width: Positive = 1.0
    """Multiplies the channels of the branches: 0.75 in the published ResNet-32."""


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
    return fit(train, ctx, settings, Parts(Adjusted(offsets), network=sade_network(settings)))


def sade_network(settings: Sade) -> dict[str, object]:
    """Return what SADE decides about the network."""
    width = settings.branch_width
    return {"head": "cosine", "scale": settings.scale, "experts": 3, "branch_width": width}


def sade_offsets(
    prior: Float[Tensor, " c"], strength: float
) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Return what is added to each expert's logits in training.

    0; log π; log π − τ·log π̄, with π̄ the prior whose order of classes is reversed.
    """
    return torch.zeros_like(prior), prior, prior - strength * reversed_log_prior(prior)


class Adjusted(nn.Module):
    """Sum over experts of the cross-entropy of logits plus the expert's offset a class."""

    offsets: Tensor

    def __init__(self, offsets: Float[Tensor, "e c"]) -> None:
        super().__init__()
        self.register_buffer("offsets", offsets)

    def forward(self, network: Experts, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        return adjusted(network.each(batch.images)[0], batch.labels, offsets=self.offsets)


class Mdcs(Settings):
    """Settings of MDCS; the recipe's `augment` makes the weak view."""

    strong: tuple[str, ...] = ("crop", "flip", "autoaugment", "cutout")
    """Augmentations of the second view, which learns from the first."""
    head_strength: float = -0.5
    """Multiplies log n_k for the expert of frequent classes."""
    body_strength: float = 1.0
    """For the expert of all classes."""
    tail_strength: float = 2.5
    """For the expert of rare classes."""
    distillation: NonNegative = 0.6
    """Weight of self-distillation, reached after `ramp_share`."""
    ramp_share: UpTo1 = 0.05
    """Share of the epochs over which it grows from 0: 20 of the authors' 400."""
    scale: Positive = 30.0
    """Of the cosine heads."""
    branch_width: Positive = 1.0
    """Multiplies the channels of the branches: 0.75 in the published ResNet-32."""


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
    width = settings.branch_width
    network = {"head": "cosine", "scale": settings.scale, "experts": 3, "branch_width": width}
    return fit(train, ctx, settings, Parts(Distilled(settings, offsets), network=network))


class Distilled(nn.Module):
    """Adjusted cross-entropy of both views, and distillation from the weak to the strong one."""

    offsets: Tensor

    def __init__(self, settings: Mdcs, offsets: Float[Tensor, "e c"]) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("offsets", offsets)

    def forward(self, network: Experts, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch: both views in one pass, so that they share statistics."""
        settings, b = self.settings, len(batch.labels)
        strong = batch.data.take(batch.rows, settings.strong)
        logits, _ = network.each(torch.cat([batch.images, strong]))
        shifted = logits + self.offsets[:, None]
        ramp = min(1.0, batch.epoch / (settings.ramp_share * settings.epochs))
        taught = distillation(shifted[:, :b], shifted[:, b:], batch.labels)
        both = adjusted(logits, batch.labels.repeat(2), offsets=self.offsets)
        return both + settings.distillation * ramp * taught
