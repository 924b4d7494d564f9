"""Two networks that choose for each other whom to believe: co-teaching."""

import torch
from jaxtyping import Float
from torch import Tensor

from baselines.losses import plain
from baselines.method import Batch, Parts
from baselines.methods.transition import Estimated, estimated, noise_rate, observed_counts
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Experts
from baselines.settings import Below1, Positive, changed
from baselines.stages import stage
from baselines.train import fit
from harness.types.models import FitContext, TrainingData

PAIR = {"experts": 2, "shared": False}
"""Two whole networks."""


class CoTeaching(Estimated):
    """Settings of co-teaching."""

    estimate: bool = True
    """Take the noise rate that a first network finds as τ; False: `forget_rate`."""
    forget_rate: Below1 = 0.2
    """τ: share of a batch that is left out at the end, where it is not estimated."""
    forget_epochs: Positive = 10.0
    """T_k > 0: epochs over which it grows from 0, of the paper's 200; shorter in proportion."""


@neural(CoTeaching)
def fit_coteaching(train: TrainingData, ctx: FitContext, settings: CoTeaching) -> NeuralModel:
    """Train two networks, each on the samples of small loss that the other chooses.

    The paper takes the true noise rate as τ; no trainer is told it here, so a first network
    estimates it as forward correction does, from its predictions on the surest images. The first
    network of the two predicts.

    References
    ----------
    Han et al. 2018, "Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy
    Labels", algorithm 1: R(T) = 1 − min(τ·T/T_k, τ) with T_k = 10 of 200 epochs.
    """
    rate, own = settings.forget_rate, ctx
    if settings.estimate:
        found = noise_rate(estimated(train, ctx, settings), observed_counts(train))
        rate, own = min(found, 0.99), stage(ctx, "pair", before=settings.epochs)

    def objective(network: Experts, batch: Batch) -> Float[Tensor, ""]:
        keep = kept_share(batch.epoch, rate, settings)
        first, second = (plain(network.member(k, batch.images), batch.labels) for k in range(2))
        return exchanged(first, second, keep)

    parts = Parts(objective, network=PAIR, initialise=lambda n: n.mixing.copy_(_FIRST))
    return fit(train, own, changed(settings, val_fraction=0.0), parts)


_FIRST = torch.tensor([1.0, 0.0])


def kept_share(epoch: int, rate: float, settings: CoTeaching) -> float:
    """Return R(T): the share of a batch that is kept in an epoch, counted from 0."""
    grown = settings.forget_epochs * settings.epochs / 200
    return 1 - rate * min(epoch / grown, 1.0)


def exchanged(
    first: Float[Tensor, " b"], second: Float[Tensor, " b"], keep: float
) -> Float[Tensor, ""]:
    """Return the mean of each network's losses on the share `keep` that the other finds small."""
    n = max(1, int(keep * len(first)))
    of_first, of_second = first.detach().argsort()[:n], second.detach().argsort()[:n]
    return first[of_second].mean() + second[of_first].mean()
