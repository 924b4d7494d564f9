"""Training a head on rows with torch: AdamW, cosine schedule, shuffled batches, in memory.

Rows are brought to mean 0 and deviation 1 per feature first, so that one learning rate serves
every backbone; who asks for a linear head gets weights for the rows as they were.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from baselines.probes.probe import Rows, rows_of
from baselines.settings import Checked, Count, NonNegative, Positive
from harness.errors import TrainingError
from harness.types.models import FitContext, TrainingData


class HeadSettings(Checked):
    """How a head is trained; methods add their own fields."""

    epochs: Count = 20
    """Passes over the rows."""
    batch_size: Count = 512
    """Largest batch; an epoch is cut into batches of nearly equal size."""
    lr: Positive = 1e-3
    """Peak learning rate of AdamW; a cosine brings it to 0."""
    weight_decay: NonNegative = 0.1
    """Decoupled decay of AdamW, times the learning rate a step."""


@dataclass(frozen=True)
class Batch:
    """What an objective sees of one step."""

    rows: Float[Tensor, "b d"]
    """Standardised rows."""
    labels: Int[Tensor, " b"]
    """Their classes among the k that have a row, 0 to k − 1."""
    index: Int[Tensor, " b"]
    """Their numbers among all rows."""
    progress: float
    """Share of the training that is over, in [0, 1)."""


Objective = Callable[[Batch], Tensor]
"""What to minimise: from a batch to a scalar."""


@dataclass(frozen=True)
class Standardised:
    """Training rows of mean 0 and deviation 1 as tensors, and the way back."""

    given: Rows
    """The rows as they were, and what turns inputs into such rows."""
    rows: Float[Tensor, "n d"]
    """Standardised."""
    labels: Int[Tensor, " n"]
    """Among the present classes, 0 to k − 1."""
    classes: Int[np.ndarray, " k"]
    """Class index of each present class."""
    counts: Float[Tensor, " k"]
    """Rows of each."""
    mean: Float[np.ndarray, " d"]
    """Of the training rows."""
    deviation: Float[np.ndarray, " d"]
    """Of the training rows; 1 where a feature does not vary."""

    @property
    def log_prior(self) -> Float[Tensor, " k"]:
        """Return log n_k − log n."""
        return (self.counts / self.counts.sum()).log()

    def folded(self, weight: Tensor, bias: Tensor) -> dict[str, np.ndarray]:
        """Return the arrays of the rule ``linear`` for rows that are not standardised."""
        scaled = weight.detach().double().numpy() / self.deviation
        offset = bias.detach().double().numpy() - scaled @ self.mean
        return {
            "classes": self.classes,
            "weight": scaled.astype(np.float32),
            "bias": offset.astype(np.float32),
        }

    def scaling(self) -> dict[str, np.ndarray]:
        """Return what a rule needs to standardise rows itself, with the classes."""
        return {
            "classes": self.classes,
            "mean": self.mean.astype(np.float32),
            "deviation": self.deviation.astype(np.float32),
        }


def standardised(train: TrainingData) -> Standardised:
    """Return the training rows brought to mean 0 and deviation 1.

    Raises
    ------
    TrainingError
        If all rows carry one class.
    """
    given = rows_of(train)
    classes, labels, counts = np.unique(train.observed, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise TrainingError(
            "A head needs training rows of at least two classes; all rows carry class "
            f"{classes[0]}. Use fit_majority, or a split with more classes."
        )
    mean = given.values.mean(axis=0, dtype=np.float64)
    deviation = given.values.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 0, deviation, 1.0)
    rows = (given.values - mean.astype(np.float32)) / deviation.astype(np.float32)
    return Standardised(
        given,
        torch.from_numpy(rows),
        torch.from_numpy(labels.astype(np.int64)),
        classes,
        torch.from_numpy(counts.astype(np.float32)),
        mean,
        deviation,
    )


def train_head(
    head: nn.Module,
    data: Standardised,
    settings: HeadSettings,
    ctx: FitContext,
    objective: Objective,
) -> None:
    """Train a head's parameters in place; random choices follow torch's state.

    Parameters
    ----------
    head : module
        Whose parameters are trained; vectors (biases, scales) are not decayed.
    data : Standardised
        Rows and labels.
    settings : HeadSettings
        Epochs, batches, rate and decay.
    ctx : FitContext
        Where the loss of each epoch goes.
    objective : callable
        What to minimise.

    Raises
    ------
    TrainingError
        If the loss stops being a number.
    """
    decayed = [p for p in head.parameters() if p.ndim > 1]
    others = [p for p in head.parameters() if p.ndim <= 1]
    groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    n = len(data.rows)
    steps = -(-n // settings.batch_size)
    for epoch in range(settings.epochs):
        total = 0.0
        for i, index in enumerate(torch.randperm(n).tensor_split(steps)):
            progress = (epoch + i / steps) / settings.epochs
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * (1 + cos(pi * progress)) / 2
            loss = objective(Batch(data.rows[index], data.labels[index], index, progress))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(index)
        if not np.isfinite(total):
            raise TrainingError(
                f"The loss of the head is not a number after {epoch + 1} epochs. Lower lr "
                f"({settings.lr})."
            )
        ctx.report(epoch + 1, {"loss": total / n})
