"""Long tail and label noise at once: RCAL, from recovered class Gaussians."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.neighbors import LocalOutlierFactor
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.class_counts import class_counts
from baselines.images import load
from baselines.losses import Weighted, contrastive, plain
from baselines.method import Batch, Parts, features
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Classifier
from baselines.probes.statistics import ClassStatistics, class_statistics, sampled
from baselines.settings import (
    Below1,
    Count,
    Inside,
    NonNegative,
    Positive,
    Settings,
    Share,
    changed,
)
from baselines.stages import stage, start_from
from baselines.train import fit, own_randomness
from harness.types.models import FitContext, TrainingData


class Rcal(Settings):
    """Settings of RCAL; the three parts can be switched off one by one."""

    contrastive: bool = True
    """Start from an unsupervised representation; False: from one learnt with the labels."""
    distribution: bool = True
    """Train the head on features drawn from the recovered Gaussians too."""
    individual: bool = True
    """Hold each image's feature near where it started."""
    contrastive_share: Inside = 0.33
    """Share of the epochs that the start takes."""
    views: tuple[str, ...] = ("crop", "flip", "jitter", "grey")
    """Augmentations of the two contrasted views; afterwards the recipe's `augment`."""
    contrast_temperature: Positive = 0.2
    """Of the contrastive softmax."""
    contrast_rate: Positive = 0.05
    """Learning rate of the start."""
    queue: Count = 1024
    """Keys of earlier batches that an image is told apart from."""
    key_momentum: Below1 = 0.99
    """Share of the key encoder's weights that stays at each step."""
    neighbours: Count = 20
    """Of the local outlier factor."""
    borrowed: Count = 3
    """Frequent classes from which a rare class takes mean and covariance."""
    borrowed_share: Share = 0.3
    """γ: weight of what is borrowed."""
    added_spread: NonNegative = 0.1
    """α: added to a borrowed covariance's diagonal, as a share of the mean variance."""
    strength: NonNegative = 32.0
    """Rows that the shared covariance counts as in each class's covariance."""
    mixup: Positive = 1.0
    """α of the mixup's Beta(α, α)."""
    hold: NonNegative = 0.1
    """Weight of the squared distance to the starting feature."""


@neural(Rcal)
def fit_rcal(train: TrainingData, ctx: FitContext, settings: Rcal) -> NeuralModel:
    """Represent without labels, recover each class's Gaussian, train on real and drawn features.

    Momentum contrast with a queue, outliers of each class left out, means and covariances borrowed
    by rare classes, mixup, features held near their start: as the paper describes it. No code is
    public and its constants for small images are not stated: those in `Rcal` are ours.

    References
    ----------
    Zhang et al. 2023, "When Noisy Labels Meet Long Tail Dilemmas: A Representation Calibration
    Method" (RCAL), its three steps.
    """
    class_counts(train.observed, train.num_classes)
    first = max(1, round(settings.contrastive_share * settings.epochs))
    start = _start(train, stage(ctx, "start", quiet=True), settings, first)
    with own_randomness(ctx):
        how = start.preprocessing
        data = load(train.inputs, train.observed, train.num_classes, settings, ctx.device, how)
        found = features(start.network, data)
        recovered = recover(found.cpu().numpy(), train.observed, settings)
        drawn = _drawn(recovered, np.random.default_rng(ctx.seed), settings.strength)
    objective = Calibrated(found, *drawn, settings)
    second = changed(settings, epochs=max(1, settings.epochs - first))
    parts = Parts(objective, initialise=start_from(start))
    return fit(train, stage(ctx, "calibrated", before=first), second, parts)


def _start(train: TrainingData, ctx: FitContext, settings: Rcal, epochs: int) -> NeuralModel:
    short = changed(settings, epochs=epochs)
    if not settings.contrastive:
        return fit(train, ctx, short, Parts(Weighted(plain)))
    contrast = Contrast(settings)
    parts = Parts(contrast, initialise=contrast.fit_to)
    return fit(train, ctx, changed(short, lr=settings.contrast_rate), parts)


class Contrast(nn.Module):
    """Momentum contrast: an image's view is found again among the keys of other images.

    References
    ----------
    He et al. 2020, "Momentum Contrast for Unsupervised Visual Representation Learning",
    algorithm 1; two layers behind the features as in Chen et al. 2020, "Improved Baselines with
    Momentum Contrastive Learning".
    """

    keys: Tensor

    def __init__(self, settings: Rcal) -> None:
        super().__init__()
        self.settings = settings
        self.projection: nn.Module = nn.Identity()
        self.key_encoder: nn.Module = nn.Identity()

    def fit_to(self, network: Classifier) -> None:
        """Make the projection as wide as the network's features, and the key encoder alike."""
        d = int(network.body.d)
        self.projection = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d))
        self.projection.to(next(network.parameters()).device)
        self.key_encoder = deepcopy(nn.Sequential(network.body, self.projection))
        self.key_encoder.requires_grad_(False)
        keys = F.normalize(torch.randn(self.settings.queue, d))
        self.register_buffer("keys", keys)

    def forward(self, network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch; labels are not looked at."""
        views = [batch.data.take(batch.rows, self.settings.views) for _ in range(2)]
        queries = F.normalize(self.projection(network.body(views[0])).float())
        with torch.no_grad():
            self._follow(nn.Sequential(network.body, self.projection))
            keys = F.normalize(self.key_encoder(views[1]).float())
        loss = contrastive(queries, keys, self.keys, self.settings.contrast_temperature)
        self.keys = torch.cat([keys, self.keys])[: len(self.keys)]  # the oldest go
        return loss

    def _follow(self, encoder: nn.Module) -> None:
        """Move the key encoder's weights a little towards the query encoder's."""
        pairs = zip(self.key_encoder.parameters(), encoder.parameters(), strict=True)
        for key, query in pairs:
            key.lerp_(query.detach(), 1 - self.settings.key_momentum)


def recover(
    rows: Float[np.ndarray, "n d"], observed: Int[np.ndarray, " n"], settings: Rcal
) -> ClassStatistics:
    """Return class statistics without outliers; rare classes borrow those of near ones.

    A class with fewer rows than the median class is rare. Of the `borrowed` frequent classes c
    whose means are nearest, weighted equally by w = 1/q, it takes
    μ' = γ·Σ w·μ_c + (1 − γ)·μ_k and Σ' = γ²·Σ w²·Σ_c + (1 − γ)²·Σ_k + α·I.
    """
    kept = inliers(rows, observed, settings.neighbours)
    statistics = class_statistics(rows[kept], observed[kept])
    frequent = statistics.counts >= np.median(statistics.counts)
    covariances = statistics.scatters / statistics.counts[:, None, None]
    means, gamma = statistics.means.copy(), settings.borrowed_share
    d = means.shape[1]
    added = settings.added_spread * np.trace(statistics.shared_covariance) / d * np.eye(d)
    for k in np.flatnonzero(~frequent):
        gaps = ((statistics.means[frequent] - statistics.means[k]) ** 2).sum(axis=1)
        near = np.flatnonzero(frequent)[np.argsort(gaps, kind="stable")[: settings.borrowed]]
        means[k] = gamma * statistics.means[near].mean(axis=0) + (1 - gamma) * means[k]
        of_near = covariances[near].sum(axis=0) / len(near) ** 2
        covariances[k] = gamma**2 * of_near + (1 - gamma) ** 2 * covariances[k] + added
    scatters = covariances * statistics.counts[:, None, None]
    return replace(statistics, means=means, scatters=scatters)


def inliers(
    rows: Float[np.ndarray, "n d"], observed: Int[np.ndarray, " n"], neighbours: int
) -> Bool[np.ndarray, " n"]:
    """Return which rows are no local outliers among the rows of their observed class.

    References
    ----------
    Breunig et al. 2000, "LOF: Identifying Density-Based Local Outliers". Classes of fewer than
    five rows keep all of them.
    """
    kept = np.ones(len(rows), dtype=bool)
    for label in np.unique(observed):
        of_class = np.flatnonzero(observed == label)
        if len(of_class) < 5:
            continue
        detector = LocalOutlierFactor(min(neighbours, len(of_class) - 1))
        kept[of_class] = detector.fit_predict(rows[of_class]) == 1
    return kept


def _drawn(
    statistics: ClassStatistics, generator: np.random.Generator, strength: float
) -> tuple[Float[Tensor, "m d"], Int[Tensor, " m"]]:
    """Draw as many features of every class as the most frequent class has rows."""
    wanted = np.full(len(statistics.classes), max(int(statistics.counts.max()), 64))
    rows, classes = sampled(statistics, wanted, generator, strength=strength)
    return torch.from_numpy(rows).float(), torch.from_numpy(classes)


class Calibrated(nn.Module):
    """Cross-entropy on mixed images, on drawn features, and the hold on the starting features."""

    start: Tensor
    drawn: Tensor
    classes: Tensor

    def __init__(
        self,
        start: Float[Tensor, "n d"],
        drawn: Float[Tensor, "m d"],
        classes: Int[Tensor, " m"],
        settings: Rcal,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("start", start)
        self.register_buffer("drawn", drawn)
        self.register_buffer("classes", classes)

    def forward(self, network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        beta = torch.distributions.Beta(self.settings.mixup, self.settings.mixup)
        share, partner = float(beta.sample()), torch.randperm(len(batch.rows)).to(batch.rows.device)
        found = network.body(share * batch.images + (1 - share) * batch.images[partner])
        logits = network.head(found).float()
        both = [F.cross_entropy(logits, labels) for labels in (batch.labels, batch.labels[partner])]
        loss = share * both[0] + (1 - share) * both[1]
        if self.settings.distribution:
            rows = torch.randint(len(self.drawn), (len(batch.rows),)).to(batch.rows.device)
            loss = loss + F.cross_entropy(network.head(self.drawn[rows]), self.classes[rows])
        if self.settings.individual:
            start = self.start[batch.rows]
            apart = (found - share * start - (1 - share) * start[partner]).square().sum(1).mean()
            loss = loss + self.settings.hold * apart
        return loss
