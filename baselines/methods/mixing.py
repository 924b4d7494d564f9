"""Training on mixtures of two images: mixup, Remix, CutMix."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from baselines.class_counts import class_counts
from baselines.losses import plain
from baselines.method import Batch, Parts
from baselines.model import NeuralModel, neural
from baselines.settings import AtLeast1, Positive, Settings, Share, UpTo1
from baselines.train import fit
from harness.types.models import FitContext, TrainingData

Images = Float[Tensor, "b c h w"]
Shares = Float[Tensor, " b"]
Mix = Callable[[Images, Images, float], tuple[Images, float]]
"""(images, partners, λ) → mixtures and the share of each image that they really hold."""


class Mixing(Settings):
    """Settings of mixup and CutMix."""

    alpha: Positive = 1.0
    """λ is drawn from Beta(α, α); > 0."""


class CutMix(Mixing):
    """Settings of CutMix."""

    probability: Share = 0.5
    """How often a batch is mixed at all."""


class Remixing(Mixing):
    """Settings of Remix."""

    kappa: AtLeast1 = 3.0
    """κ ≥ 1: a class that is κ times as frequent counts as the majority."""
    threshold: UpTo1 = 0.5
    """τ: the minority takes the whole label where its share exceeds 1 − τ."""


@neural(Mixing)
def fit_mixup(train: TrainingData, ctx: FitContext, settings: Mixing) -> NeuralModel:
    """Train on λx + (1 − λ)x′ with the labels mixed alike.

    References
    ----------
    Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", equation 1; one λ a batch.
    """
    return fit(train, ctx, settings, Parts(Mixed(settings.alpha, blend)))


@neural(Remixing)
def fit_remix(train: TrainingData, ctx: FitContext, settings: Remixing) -> NeuralModel:
    """Mixup whose label goes to the rarer class where the two are far from equally frequent.

    References
    ----------
    Chou et al. 2020, "Remix: Rebalanced Mixup", equation 8.
    """
    counts = class_counts(train.observed, train.num_classes)
    objective = Mixed(settings.alpha, blend, counts, settings.kappa, settings.threshold)
    return fit(train, ctx, settings, Parts(objective))


@neural(CutMix)
def fit_cutmix(train: TrainingData, ctx: FitContext, settings: CutMix) -> NeuralModel:
    """Paste a rectangle of another image, labels mixed by area.

    References
    ----------
    Yun et al. 2019, "CutMix", equations 1 and 2; in half of the batches, as its code
    does on CIFAR.
    """
    return fit(
        train, ctx, settings, Parts(Mixed(settings.alpha, paste, probability=settings.probability))
    )


class Mixed(nn.Module):
    """Cross-entropy of mixtures.

    Parameters
    ----------
    alpha : float
        λ ~ Beta(α, α).
    mix : callable
        How two batches become one.
    counts : float tensor of shape (c,), optional
        Class counts: labels are then mixed as Remix does.
    kappa, threshold : float
        Of Remix.
    probability : float
        How often a batch is mixed.
    """

    def __init__(
        self,
        alpha: float,
        mix: Mix,
        counts: Float[Tensor, " c"] | None = None,
        kappa: float = 3.0,
        threshold: float = 0.5,
        probability: float = 1.0,
    ) -> None:
        super().__init__()
        self.probability = probability
        self.alpha, self.mix, self.kappa, self.threshold = alpha, mix, kappa, threshold
        self.register_buffer("counts", torch.ones(0) if counts is None else counts)

    def forward(self, network: nn.Module, batch: Batch) -> Float[Tensor, ""]:
        """Return the mean loss of a batch mixed with a shuffled copy of itself."""
        if self.probability < 1 and float(torch.rand(())) >= self.probability:
            return plain(network(batch.images), batch.labels).mean()
        partner = torch.randperm(len(batch.labels)).to(batch.labels.device)
        share = float(torch.distributions.Beta(self.alpha, self.alpha).sample())
        images, share = self.mix(batch.images, batch.images[partner], share)
        shares = self.label_shares(batch.labels, batch.labels[partner], share)
        logits = network(images)
        both = plain(logits, batch.labels), plain(logits, batch.labels[partner])
        return (shares * both[0] + (1 - shares) * both[1]).mean()

    def label_shares(
        self, labels: Int[Tensor, " b"], partners: Int[Tensor, " b"], share: float
    ) -> Shares:
        """Return how much of each target is the first label's."""
        shares = torch.full(labels.shape, share, device=labels.device)
        if not len(self.counts):
            return shares
        ratio = self.counts[labels] / self.counts[partners]
        shares[(ratio >= self.kappa) & (share < self.threshold)] = 0.0
        shares[(ratio <= 1 / self.kappa) & (1 - share < self.threshold)] = 1.0
        return shares


def blend(images: Images, partners: Images, share: float) -> tuple[Images, float]:
    """Return share·x + (1 − share)·x′."""
    return share * images + (1 - share) * partners, share


def paste(images: Images, partners: Images, share: float) -> tuple[Images, float]:
    """Return the images with a rectangle of 1 − share of their area from the partners.

    The rectangle's centre is uniform and what sticks out is cut, so the share changes.
    """
    height, width = images.shape[2:]
    side = (1 - share) ** 0.5
    top, bottom = _interval(height, side)
    left, right = _interval(width, side)
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = partners[:, :, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)


def _interval(size: int, side: float) -> tuple[int, int]:
    centre, length = int(torch.randint(size, (1,))), int(size * side)
    start = centre - length // 2
    return max(start, 0), min(start + length, size)
