"""Long tail and label noise at once: RCAL, from recovered class Gaussians."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.neighbors import LocalOutlierFactor
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.class_counts import class_counts
from baselines.images import load
from baselines.losses import Weighted, plain
from baselines.method import Batch, Parts, features
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Classifier
from baselines.probes.statistics import ClassStatistics, class_statistics, sampled
from baselines.settings import Count, Inside, NonNegative, Positive, Settings, changed
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
    views: tuple[str, ...] = ("crop", "cutout")
    """Augmentations of the two contrasted views."""
    contrast_temperature: Positive = 0.5
    """Of the contrastive softmax."""
    contrast_rate: Positive = 0.05
    """Learning rate of the start."""
    neighbours: Count = 20
    """Of the local outlier factor."""
    borrowed: Count = 3
    """Frequent classes from which a rare class takes its covariance."""
    strength: NonNegative = 32.0
    """Rows that the shared covariance counts as in each class's covariance."""
    hold: NonNegative = 0.1
    """Weight of the squared distance to the starting feature."""


@neural(Rcal)
def fit_rcal(train: TrainingData, ctx: FitContext, settings: Rcal) -> NeuralModel:
    """Represent without labels, recover each class's Gaussian, train on real and drawn features.

    A batch-wise contrastive loss stands for the paper's momentum contrast and its mixup is left
    out; which covariances a rare class borrows is ours, the abstract does not say.

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
    contrast = Contrast(settings.views, settings.contrast_temperature)
    parts = Parts(contrast, initialise=contrast.fit_to)
    return fit(train, ctx, changed(short, lr=settings.contrast_rate), parts)


class Contrast(nn.Module):
    """Two views of an image are alike, views of different images are not.

    References
    ----------
    Chen et al. 2020, "A Simple Framework for Contrastive Learning", equation 1.
    """

    def __init__(self, views: tuple[str, ...], temperature: float) -> None:
        super().__init__()
        self.views, self.temperature = views, temperature
        self.projection: nn.Module = nn.Identity()

    def fit_to(self, network: Classifier) -> None:
        """Make the projection as wide as the network's features."""
        d = int(network.body.d)
        self.projection = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d))

    def forward(self, network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch; labels are not looked at."""
        views = [batch.data.take(batch.rows, self.views) for _ in range(2)]
        projected = self.projection(network.body(torch.cat(views)))
        return contrastive(projected, self.temperature)


def contrastive(projected: Float[Tensor, "m d"], temperature: float) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of finding an image's other view among all others.

    Parameters
    ----------
    projected : float tensor of shape (m, d)
        m = 2b: first views, then second views in the same order.
    temperature : float
        Divides the cosines.
    """
    m = len(projected)
    unit = F.normalize(projected.float())
    cosines = unit @ unit.T / temperature
    cosines = cosines.masked_fill(torch.eye(m, dtype=torch.bool, device=unit.device), -1e9)
    other = torch.arange(m, device=unit.device).roll(m // 2)
    return F.cross_entropy(cosines, other)


def recover(
    rows: Float[np.ndarray, "n d"], observed: Int[np.ndarray, " n"], settings: Rcal
) -> ClassStatistics:
    """Return class statistics without outliers; rare classes borrow the spread of near ones.

    A class with fewer rows than the median class is rare. It keeps its mean and takes the mean
    covariance of the `borrowed` frequent classes whose means are nearest.
    """
    kept = inliers(rows, observed, settings.neighbours)
    statistics = class_statistics(rows[kept], observed[kept])
    frequent = statistics.counts >= np.median(statistics.counts)
    covariances = statistics.scatters / statistics.counts[:, None, None]
    for k in np.flatnonzero(~frequent):
        gaps = ((statistics.means[frequent] - statistics.means[k]) ** 2).sum(axis=1)
        near = np.flatnonzero(frequent)[np.argsort(gaps, kind="stable")[: settings.borrowed]]
        covariances[k] = covariances[near].mean(axis=0)
    return replace(statistics, scatters=covariances * statistics.counts[:, None, None])


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
    """Cross-entropy on images, on drawn features, and the hold on the starting features."""

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
        found = network.body(batch.images)
        loss = F.cross_entropy(network.head(found), batch.labels)
        if self.settings.distribution:
            rows = torch.randint(len(self.drawn), (len(batch.rows),)).to(batch.rows.device)
            loss = loss + F.cross_entropy(network.head(self.drawn[rows]), self.classes[rows])
        if self.settings.individual:
            apart = (found - self.start[batch.rows]).square().sum(1).mean()
            loss = loss + self.settings.hold * apart
        return loss
