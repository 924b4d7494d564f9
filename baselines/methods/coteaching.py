"""Two networks that choose for each other whom to believe: co-teaching."""

import torch
from jaxtyping import Float
from torch import Tensor

from baselines.losses import plain
from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Experts
from baselines.settings import Below1, Positive, Settings
from baselines.train import fit
from harness.types.models import FitContext, TrainingData

PAIR = {"experts": 2, "shared": False}
"""Two whole networks."""


class CoTeaching(Settings):
    """Settings of co-teaching."""

    forget_rate: Below1 = 0.2
    """τ in [0, 1): share of a batch that is left out at the end; ideally the noise rate."""
    forget_epochs: Positive = 10.0
    """T_k > 0: epochs over which it grows from 0, of the paper's 200; shorter in proportion."""


@neural(CoTeaching)
def fit_coteaching(train: TrainingData, ctx: FitContext, settings: CoTeaching) -> NeuralModel:
    """Train two networks, each on the samples of small loss that the other chooses.

    The forget rate is a setting, not told from the split's true noise rate. The first network
    predicts.

    References
    ----------
    Han et al. 2018, "Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy
    Labels", algorithm 1: R(T) = 1 − min(τ·T/T_k, τ) with T_k = 10 of 200 epochs.
    """

    def objective(network: Experts, batch: Batch) -> Float[Tensor, ""]:
        keep = kept_share(batch.epoch, settings)
        first, second = (plain(network.member(k, batch.images), batch.labels) for k in range(2))
        return exchanged(first, second, keep)

    parts = Parts(objective, network=PAIR, initialise=lambda n: n.mixing.copy_(_FIRST))
    return fit(train, ctx, settings, parts)


_FIRST = torch.tensor([1.0, 0.0])


def kept_share(epoch: int, settings: CoTeaching) -> float:
    """Return R(T): the share of a batch that is kept in an epoch, counted from 0."""
    grown = settings.forget_epochs * settings.epochs / 200
    return 1 - settings.forget_rate * min(epoch / grown, 1.0)


def exchanged(
    first: Float[Tensor, " b"], second: Float[Tensor, " b"], keep: float
) -> Float[Tensor, ""]:
    """Return the mean of each network's losses on the share `keep` that the other finds small."""
    n = max(1, int(keep * len(first)))
    of_first, of_second = first.detach().argsort()[:n], second.detach().argsort()[:n]
    return first[of_second].mean() + second[of_first].mean()
