"""Sample relations: BatchFormer, a transformer layer across the batch, in training only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import model
from baselines.method import Batch, Parts
from baselines.networks.classifier import Classifier
from baselines.settings import Settings, configure_one, settings_from
from baselines.train import fit
from harness.errors import SpecError
from harness.types.models import FitContext, TrainingData

restore = model.restore


@dataclass(frozen=True)
class Relations(Settings):
    """Settings of BatchFormer."""

    heads: int = 4
    """Attention heads; they divide the number of features."""
    dropout: float = 0.5
    """Of the transformer layer, in [0, 1)."""


def fit_batchformer(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Train one head on features with and without a look at the rest of the batch.

    The layer is dropped at test time, so predictions do not depend on the batch.

    References
    ----------
    Hou et al. 2022, "BatchFormer: Learning to Explore Sample Relationships for Robust
    Representation Learning", section 3.
    """
    settings = settings_from(Relations, ctx.config)
    objective = AcrossBatch(settings.heads, settings.dropout)
    return fit(train, ctx, settings, Parts(objective, initialise=objective.fit_to))


class AcrossBatch(nn.Module):
    """Cross-entropy of a shared head on features and on their transformed copies."""

    def __init__(self, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.layer: nn.Module = nn.Identity()

    def fit_to(self, network: Classifier) -> None:
        """Make the layer as wide as the network's features.

        Raises
        ------
        SpecError
            If the heads do not divide them.
        """
        d = int(network.body.d)
        if d % self.heads:
            raise SpecError(f"heads must divide the {d} features; got {self.heads}. Change it.")
        self.layer = nn.TransformerEncoderLayer(d, self.heads, d, self.dropout)

    def forward(self, network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of both copies."""
        features = network.body(batch.images)
        related = self.layer(features.unsqueeze(1)).squeeze(1)  # the batch is the sequence
        logits = network.head(torch.cat([features, related]))
        return F.cross_entropy(logits, batch.labels.repeat(2))


SETTINGS: dict[str, type] = {"fit_batchformer": Relations}
"""Trainer function → its settings."""


def configure(function: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a trainer function, defaults filled in."""
    return configure_one(SETTINGS, function, overrides)
