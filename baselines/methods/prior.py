"""The class prior inside the loss: cross-entropy, balanced softmax, logit adjustment."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.class_counts import class_counts, log_prior
from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.settings import NonNegative, Settings
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


@neural(Settings)
def fit_cross_entropy(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Minimise the mean cross-entropy: empirical risk minimisation, the reference of all others."""
    return fit(train, ctx, settings, Parts(cross_entropy))


def cross_entropy(network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of a batch."""
    return F.cross_entropy(network(batch.images), batch.labels)


@neural(Settings)
def fit_balanced_softmax(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Minimise the cross-entropy of softmax(z + log n_y): the prior is accounted for in training.

    References
    ----------
    Ren et al. 2020, "Balanced Meta-Softmax for Long-Tailed Visual Recognition", equation 4,
    without its meta sampler.
    """
    counts = class_counts(train.observed, train.num_classes)
    return fit(train, ctx, settings, Parts(AdjustedCrossEntropy(counts.log())))


class LogitAdjustment(Settings):
    """Settings of logit adjustment."""

    tau: NonNegative = 1.0
    """Strength of the adjustment; 1 is Fisher consistent for the balanced error."""


@neural(LogitAdjustment)
def fit_logit_adjustment(
    train: TrainingData, ctx: FitContext, settings: LogitAdjustment
) -> NeuralModel:
    """Minimise the cross-entropy of softmax(z + τ·log π): the logit-adjusted loss.

    With τ = 1 it is balanced softmax: log n and log π differ by a constant, which softmax
    does not see.

    References
    ----------
    Menon et al. 2021, "Long-tail learning via logit adjustment", equation 10.
    """
    prior = log_prior(class_counts(train.observed, train.num_classes))
    return fit(train, ctx, settings, Parts(AdjustedCrossEntropy(settings.tau * prior)))


class AdjustedCrossEntropy(nn.Module):
    """Cross-entropy of logits plus an offset a class, which is left out at test time.

    Parameters
    ----------
    offset : float tensor of shape (c,)
        Added to the logits in training, in nats.
    """

    def __init__(self, offset: Float[Tensor, " c"]) -> None:
        super().__init__()
        self.register_buffer("offset", offset)

    def forward(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of a batch."""
        return F.cross_entropy(network(batch.images) + self.offset, batch.labels)
