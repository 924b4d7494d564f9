"""Generalised cross-entropy that leaves out what it finds too unlikely: truncated GCE."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from baselines.losses import generalised, plain
from baselines.method import Batch, Parts, Run, predict
from baselines.methods.robust import Generalised
from baselines.model import NeuralModel, neural
from baselines.settings import Share, UpTo1
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class Truncated(Generalised):
    """Settings of truncated generalised cross-entropy."""

    threshold: UpTo1 = 0.5
    """k in (0, 1): images whose label has at most this probability are left out."""
    prune_start: Share = 1 / 3
    """Share of the epochs before the first choice: 40 of 120 in public code."""
    prune_every: UpTo1 = 1 / 12
    """Share of the epochs between two choices: 10 of 120 in public code."""


@neural(Truncated)
def fit_truncated_gce(train: TrainingData, ctx: FitContext, settings: Truncated) -> NeuralModel:
    """Minimise (1 − p_y^q)/q over the images whose label is not too unlikely.

    The choice is made by the network as it is, as in algorithm 1. The authors published no code;
    the public one that is often run takes the epoch of best test accuracy instead.

    References
    ----------
    Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with
    Noisy Labels", section 3.3 and algorithm 1.
    """
    objective = TruncatedLoss(settings, len(train.observed))
    return fit(train, ctx, settings, Parts(objective, prepare=objective.choose))


class TruncatedLoss(nn.Module):
    """Generalised cross-entropy of the chosen images of a batch, over the size of the batch."""

    chosen: Tensor

    def __init__(self, settings: Truncated, n: int) -> None:
        super().__init__()
        self.q, self.threshold = settings.q, settings.threshold
        self.start = max(1, round(settings.prune_start * settings.epochs))
        self.every = max(1, round(settings.prune_every * settings.epochs))
        self.register_buffer("chosen", torch.ones(n))

    def choose(self, run: Run) -> None:
        """Leave out, where a choice is due, the images whose label has at most probability k."""
        since = run.epoch - self.start
        if since < 0 or since % self.every:
            return
        probs = torch.exp(-plain(predict(run.network, run.data), run.data.labels))
        self.chosen[: len(probs)] = (probs > self.threshold).to(self.chosen)

    def forward(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean of v·(1 − p_y^q)/q over a batch, v = 1 for chosen images and 0 else."""
        losses = generalised(network(batch.images), batch.labels, q=self.q)
        return (self.chosen[batch.rows] * losses).mean()
