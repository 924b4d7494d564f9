"""Sample relations: BatchFormer, a transformer layer across the batch, in training only."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Classifier
from baselines.settings import Below1, Count, Settings
from baselines.train import fit
from harness.errors import SpecError
from harness.types.models import FitContext, TrainingData


class Relations(Settings):
    """Settings of BatchFormer."""

    heads: Count = 4
    """Attention heads; they divide the number of features."""
    dropout: Below1 = 0.5
    """Of the transformer layer, in [0, 1)."""


@neural(Relations)
def fit_batchformer(train: TrainingData, ctx: FitContext, settings: Relations) -> NeuralModel:
    """Train one head on features with and without a look at the rest of the batch.

    The layer is dropped at test time, so predictions do not depend on the batch.

    References
    ----------
    Hou et al. 2022, "BatchFormer: Learning to Explore Sample Relationships for Robust
    Representation Learning", section 3.
    """
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
