"""Objectives that many methods share: a loss of logits and labels, weighted by class."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from baselines.method import Batch
from baselines.networks.classifier import Classifier

LogitLoss = Callable[[Tensor, Tensor], Tensor]
"""(logits (b, c), labels (b,)) → losses (b,)."""


class Weighted(nn.Module):
    """The mean of a loss, each sample weighted by its class from some epoch on.

    The mean is Σ w_y·ℓ / Σ w_y over the batch, so that only ratios of weights matter.

    Parameters
    ----------
    loss : callable
        (logits (b, c), labels (b,)) → losses (b,).
    weights : float tensor of shape (c,), optional
        Default: all equal.
    start : int, default=0
        First epoch with weights: "deferred reweighting" (DRW) where it is late.
    """

    weights: Tensor

    def __init__(
        self, loss: LogitLoss, weights: Float[Tensor, " c"] | None = None, start: int = 0
    ) -> None:
        super().__init__()
        self.loss = loss
        self.start = start
        self.register_buffer("weights", torch.ones(1) if weights is None else weights)

    def forward(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Return the weighted mean loss of a batch."""
        return self.mean(self.loss(network(batch.images), batch.labels), batch)

    def mean(self, losses: Float[Tensor, " b"], batch: Batch) -> Float[Tensor, ""]:
        """Return the weighted mean of given losses."""
        if len(self.weights) == 1 or batch.epoch < self.start:
            return losses.mean()
        weights = self.weights[batch.labels]
        return (weights * losses).sum() / weights.sum()


def one_hot(labels: Int[Tensor, " b"], num_classes: int) -> Float[Tensor, "b c"]:
    """Return labels as rows with a single one."""
    return torch.nn.functional.one_hot(labels, num_classes).float()


def plain(logits: Float[Tensor, "b c"], labels: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Return the cross-entropy of each sample."""
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


class HeadOnly(nn.Module):
    """The mean of a loss, with the body held still: its running statistics too.

    Parameters
    ----------
    loss : callable
        (logits (b, c), labels (b,)) → losses (b,).
    """

    def __init__(self, loss: LogitLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of a batch."""
        network.body.eval()
        with torch.no_grad():
            features = network.body(batch.images)
        return self.loss(network.head(features), batch.labels).mean()
