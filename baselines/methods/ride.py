"""Experts that are pushed apart and asked one after the other: RIDE."""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.class_counts import class_counts
from baselines.losses import (
    Weighted,
    class_temperatures,
    diversity,
    effective_number_weights,
    ldam,
    margins,
    routing,
)
from baselines.method import Batch, Parts
from baselines.methods.margin import DeferredMargins
from baselines.model import NeuralModel, load_state, neural
from baselines.networks.classifier import Experts
from baselines.networks.routed import Routed, running_means
from baselines.samplers import drawn
from baselines.settings import Below1, Count, NonNegative, Positive, changed
from baselines.stages import stage
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Ride(DeferredMargins):
    """Settings of RIDE."""

    experts: Count = 3
    """Number of experts."""
    branch_width: Positive = 1.0
    """Multiplies the channels of the branches: 0.75 in the published ResNet-32."""
    diversity: NonNegative = 0.45
    """λ: weight of the experts' distance from their mean, which is maximised."""
    temperature: Positive = 1.0
    """T of the softmaxes that are pushed apart."""
    temperature_share: Below1 = 0.05
    """How far temperatures follow class frequencies, once classes are weighted."""
    routing: bool = True
    """Train the module that decides how many experts an image is shown to."""
    routing_epochs: Count = 5
    """Epochs of that module, the rest frozen."""
    routing_rate: Positive = 0.01
    """Its peak learning rate; cosine to 0."""
    routing_batch: Count = 512
    """Its batch, at most the number of images."""
    routing_weight: Positive = 100.0
    """Weight of images that need another expert."""


@neural(Ride)
def fit_ride(train: TrainingData, ctx: FitContext, settings: Ride) -> NeuralModel:
    """Train experts together on LDAM-DRW each, push their predictions apart, then learn to route.

    Without the paper's optional distillation from a model of more experts. The routing module is
    trained on classes drawn equally often, everything else frozen.

    References
    ----------
    Wang et al. 2021, "Long-tailed Recognition by Routing Diverse Distribution-Aware Experts",
    sections 3.2 and 3.3, constants as in its code for CIFAR-100.
    """
    counts = class_counts(train.observed, train.num_classes)
    of_class = margins(counts, settings.max_margin)
    loss = partial(ldam, margins=of_class, scale=settings.scale)
    weights = effective_number_weights(counts, settings.beta)
    start = round(settings.drw_start * settings.epochs)
    temperatures = settings.temperature * class_temperatures(counts, settings.temperature_share)
    objective = Diverse(Weighted(loss, weights, start), temperatures, settings)
    network = {
        "head": "cosine",
        "scale": settings.scale,
        "experts": settings.experts,
        "branch_width": settings.branch_width,
    }
    if not settings.routing or settings.experts == 1:
        return fit(train, ctx, settings, Parts(objective, network=network))
    trained = fit(train, stage(ctx, "experts"), settings, Parts(objective, network=network))
    return _routed(train, stage(ctx, "routing", quiet=True, told=False), settings, trained, network)


class Diverse(nn.Module):
    """Sum of the experts' losses minus λ times their distance from the mean prediction."""

    temperatures: Tensor

    def __init__(self, loss: Weighted, temperatures: Float[Tensor, " c"], settings: Ride) -> None:
        super().__init__()
        self.loss, self.settings = loss, settings
        self.register_buffer("temperatures", temperatures)

    def forward(self, network: Experts, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        logits, _ = network.each(batch.images)
        losses = [self.loss.mean(self.loss.loss(one, batch.labels), batch) for one in logits]
        temperatures = self.temperatures
        if batch.epoch < self.loss.start:
            temperatures = torch.full_like(temperatures, self.settings.temperature)
        return torch.stack(losses).sum() - self.settings.diversity * diversity(logits, temperatures)


def _routed(
    train: TrainingData,
    ctx: FitContext,
    settings: Ride,
    trained: NeuralModel,
    network: dict[str, Any],
) -> NeuralModel:
    def initialise(routed: Any) -> None:
        own = {n: t.cpu().numpy() for n, t in routed.state_dict().items() if "gate" in n}
        load_state(routed, {**trained.state(), **own})
        for name, parameter in routed.named_parameters():
            parameter.requires_grad_("gate" in name)

    second = changed(
        settings,
        epochs=settings.routing_epochs,
        lr=settings.routing_rate,
        batch_size=min(settings.routing_batch, len(train.observed)),
        schedule="cosine",
        warmup_epochs=0.0,
        val_fraction=0.0,
    )
    parts = Parts(
        Routing(settings.routing_weight),
        rows=drawn(0.0),
        network={**network, "routed": True},
        initialise=initialise,
    )
    return fit(train, ctx, second, parts)


class Routing(nn.Module):
    """The loss of the gates, with experts that stand still."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, network: Routed, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of a batch."""
        network.eval()
        with torch.no_grad():
            logits, features = network.each(batch.images)
        asking = network.asking(logits, features)
        return routing(asking, running_means(logits), batch.labels, weight=self.weight)
