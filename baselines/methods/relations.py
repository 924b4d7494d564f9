"""Sample relations: BatchFormer, a transformer layer across the batch, in training only."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.class_counts import class_counts
from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Classifier
from baselines.settings import Below1, Count, Positive, Settings
from baselines.train import fit
from harness.errors import SpecError
from harness.types.models import FitContext, TrainingData


class Relations(Settings):
    """Settings of BatchFormer."""

    heads: Count = 4
    """Attention heads; they divide the number of features."""
    dropout: Below1 = 0.5
    """Of the transformer layer, in [0, 1)."""
    layer_rate: Positive = 0.1
    """Learning rate of the transformer layer, as a share of the network's."""


@neural(Relations)
def fit_batchformer(train: TrainingData, ctx: FitContext, settings: Relations) -> NeuralModel:
    """Train one head on features with and without a look at the rest of the batch.

    The loss is balanced softmax, as in its long-tailed experiments, and the layer learns at a
    tenth of the rate. It is dropped at test time, so predictions do not depend on the batch.

    References
    ----------
    Hou et al. 2022, "BatchFormer: Learning to Explore Sample Relationships for Robust
    Representation Learning", section 3.
    """
    counts = class_counts(train.observed, train.num_classes)
    objective = AcrossBatch(settings.heads, settings.dropout, counts.log())
    parts = Parts(objective, initialise=objective.fit_to, own_rate=settings.layer_rate)
    return fit(train, ctx, settings, parts)


class AcrossBatch(nn.Module):
    """Balanced softmax of a shared head on features and on their transformed copies."""

    offset: Tensor

    def __init__(self, heads: int, dropout: float, offset: Float[Tensor, " c"]) -> None:
        super().__init__()
        self.register_buffer("offset", offset)
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
        logits = network.head(torch.cat([features, related])).float()
        return F.cross_entropy(logits + self.offset, batch.labels.repeat(2))
