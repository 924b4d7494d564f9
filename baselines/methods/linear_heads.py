"""Linear heads on cached features, trained with torch: the losses of long tails and noise."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import losses
from baselines.probes.heads import Batch, HeadSettings, Standardised, standardised, train_head
from baselines.probes.probe import Probe, probing
from baselines.settings import Below1, NonNegative, Share
from harness.types.models import FitContext, TrainingData


class LinearHead(HeadSettings):
    """Settings of a linear head."""

    loss: Literal[
        "cross-entropy",
        "balanced-softmax",
        "class-balanced",
        "ldam",
        "focal",
        "label-smoothing",
        "gce",
        "sce",
        "bootstrap",
        "elr",
    ] = "cross-entropy"
    """What is minimised, with the constants of its paper; a name in OBJECTIVES."""
    tau: Share = 0.0
    """τ-normalisation after training: each class's weights are divided by their norm to the τ."""
    hold: NonNegative = 3.0
    """λ of ``elr``: how strongly predictions are held to their running targets."""
    memory: Below1 = 0.7
    """β of ``elr``: decay of those targets."""


@probing(LinearHead)
def fit_linear_head(train: TrainingData, ctx: FitContext, settings: LinearHead) -> Probe:
    """Train a linear head by AdamW on standardised rows; logits are its linear scores.

    References
    ----------
    Kang et al. 2020, "Decoupling Representation and Classifier for Long-Tailed Recognition": a
    head alone decides most of the tail. The losses' sources stand beside them in
    `baselines.losses`.
    """
    data = standardised(train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        head = nn.Linear(data.rows.shape[1], len(data.classes))
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        objective = OBJECTIVES[settings.loss](data, settings)
        train_head(head, data, settings, ctx, lambda batch: objective(head(batch.rows), batch))
    weight = head.weight.detach()
    if settings.tau:
        weight = weight / weight.norm(dim=1, keepdim=True).clamp_min(1e-12) ** settings.tau
        # The bias is of the scale before; the paper drops it with the norms.
        return data.given.probe("linear", data.folded(weight, torch.zeros_like(head.bias)))
    return data.given.probe("linear", data.folded(weight, head.bias))


OfBatch = Callable[[Tensor, Batch], Tensor]
"""(logits (b, k), batch) → scalar."""


def _mean_of(loss: losses.LogitLoss) -> OfBatch:
    return lambda logits, batch: loss(logits, batch.labels).mean()


def _class_balanced(data: Standardised, settings: LinearHead) -> OfBatch:
    weights = losses.effective_number_weights(data.counts, 0.9999)

    def objective(logits: Tensor, batch: Batch) -> Tensor:
        return F.cross_entropy(logits, batch.labels, weights)

    return objective


def _balanced(data: Standardised, settings: LinearHead) -> OfBatch:
    prior = data.log_prior
    return lambda logits, batch: F.cross_entropy(logits + prior, batch.labels)


def _ldam(data: Standardised, settings: LinearHead) -> OfBatch:
    """Margins are taken off linear logits: heads here have no cosine to scale."""
    taken = losses.margins(data.counts, 0.5)
    return _mean_of(lambda logits, labels: losses.ldam(logits, labels, margins=taken, scale=10.0))


class EarlyTargets:
    """ELR: cross-entropy, and predictions held to a running mean of what was predicted before.

    Liu et al. 2020, "Early-Learning Regularization Prevents Memorization of Noisy Labels",
    equations 6 and 9: targets t ← β·t + (1 − β)·p.

    Parameters
    ----------
    n, k : int
        Rows and classes.
    hold, memory : float
        λ and β.
    """

    def __init__(self, n: int, k: int, hold: float, memory: float) -> None:
        self.targets = torch.zeros(n, k)
        self.hold, self.memory = hold, memory

    def __call__(self, logits: Float[Tensor, "b k"], batch: Batch) -> Tensor:
        """Return the loss of a batch, after its rows' targets have moved."""
        probs = logits.softmax(1).clamp(1e-4, 1 - 1e-4)
        now = probs.detach() / probs.detach().sum(1, keepdim=True)
        moved = self.memory * self.targets[batch.index] + (1 - self.memory) * now
        self.targets[batch.index] = moved
        return F.cross_entropy(logits, batch.labels) + self.hold * losses.held(probs, moved)


OBJECTIVES: dict[str, Callable[[Standardised, LinearHead], OfBatch]] = {
    "cross-entropy": lambda data, settings: _mean_of(losses.plain),
    "balanced-softmax": _balanced,
    "class-balanced": _class_balanced,
    "ldam": _ldam,
    "focal": lambda data, settings: _mean_of(
        lambda logits, labels: losses.focal(logits, labels, focusing=2.0)
    ),
    "label-smoothing": lambda data, settings: _mean_of(
        lambda logits, labels: losses.smoothed(logits, labels, smoothing=0.1)
    ),
    "gce": lambda data, settings: _mean_of(
        lambda logits, labels: losses.generalised(logits, labels, q=0.7)
    ),
    "sce": lambda data, settings: _mean_of(
        lambda logits, labels: losses.symmetric(
            logits, labels, alpha=0.1, beta=1.0, log_zero=-9.210340371976184
        )
    ),
    "bootstrap": lambda data, settings: _mean_of(
        lambda logits, labels: losses.bootstrapped(logits, labels, trust=0.95, hard=False)
    ),
    "elr": lambda data, settings: EarlyTargets(
        len(data.rows), len(data.classes), settings.hold, settings.memory
    ),
}
"""Loss → what makes its objective from the training rows and the settings."""
