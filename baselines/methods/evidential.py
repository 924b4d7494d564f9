"""Evidence instead of probabilities: a head that says how much it has seen of such inputs."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.losses import one_hot
from baselines.probes.heads import Batch, HeadSettings, standardised, train_head
from baselines.probes.probe import Probe, probing
from baselines.settings import NonNegative, UpTo1
from harness.types.models import FitContext, TrainingData


class Evidential(HeadSettings):
    """Settings of an evidential head."""

    flat: NonNegative = 1.0
    """Largest weight of the divergence from the flat Dirichlet."""
    ramp: UpTo1 = 0.5
    """Share of the training over which that weight grows linearly from 0."""


@probing(Evidential)
def fit_evidential(train: TrainingData, ctx: FitContext, settings: Evidential) -> Probe:
    """Train a linear head whose softplus is the evidence of a Dirichlet distribution.

    Logits are log α, so their softmax is the expected probability α/S and their log-sum log S:
    the OOD score ``energy`` orders inputs by the vacuity K/S.

    References
    ----------
    Sensoy et al. 2018, "Evidential Deep Learning to Quantify Classification Uncertainty",
    equations 5 and 8; the weight grows over 10 of its 50 epochs. Features are frozen; nothing of
    text is fused.
    """
    data = standardised(train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        head = nn.Linear(data.rows.shape[1], len(data.classes))
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)

        def objective(batch: Batch) -> Tensor:
            weight = settings.flat * min(1.0, batch.progress / settings.ramp)
            alpha = 1 + F.softplus(head(batch.rows))
            targets = one_hot(batch.labels, alpha.shape[1])
            return (expected_square(alpha, targets) + weight * divergence(alpha, targets)).mean()

        train_head(head, data, settings, ctx, objective)
    return data.given.probe("evidence", data.folded(head.weight, head.bias))


def expected_square(
    alpha: Float[Tensor, "b k"], targets: Float[Tensor, "b k"]
) -> Float[Tensor, " b"]:
    """Return E‖y − p‖² under Dirichlet(α): squared error of the mean plus the variances."""
    total = alpha.sum(1, keepdim=True)
    mean = alpha / total
    return ((targets - mean) ** 2 + mean * (1 - mean) / (total + 1)).sum(1)


def divergence(alpha: Float[Tensor, "b k"], targets: Float[Tensor, "b k"]) -> Float[Tensor, " b"]:
    """Return KL(Dirichlet(α̃) ‖ Dirichlet(1)), α̃ = α with the label's own evidence taken out."""
    rest = targets + (1 - targets) * alpha
    total = rest.sum(1)
    k = torch.tensor(float(alpha.shape[1]))
    digammas = torch.digamma(rest) - torch.digamma(total)[:, None]
    return (
        torch.lgamma(total)
        - torch.lgamma(k)
        - torch.lgamma(rest).sum(1)
        + ((rest - 1) * digammas).sum(1)
    )
