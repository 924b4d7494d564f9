"""A committee: whole networks that share nothing, and the mean of what they say."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Experts
from baselines.settings import Settings
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Committee(Settings):
    """Settings of a committee."""

    members: Annotated[int, Field(ge=2)] = 4
    """Networks; `width` is that of each."""


@neural(Committee)
def fit_committee(train: TrainingData, ctx: FitContext, settings: Committee) -> NeuralModel:
    """Train networks from different starts, each by its own cross-entropy; logits are averaged.

    Members see the same batches, and no gradient passes from one to another. In the paper members
    are shallow where the one network is deep; here they are narrow.

    References
    ----------
    Gross et al. 2025, "Tiny language models": a soft committee of shallow networks against one
    deep network.
    """
    network = {"experts": settings.members, "shared": False}
    return fit(train, ctx, settings, Parts(summed, network=network))


def summed(network: Experts, batch: Batch) -> Float[Tensor, ""]:
    """Return the sum over members of their mean cross-entropy."""
    logits, _ = network.each(batch.images)
    return torch.stack([F.cross_entropy(z, batch.labels) for z in logits]).sum()
