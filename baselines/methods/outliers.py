"""Training against auxiliary outliers: outlier exposure, energy fine-tuning and COCL.

`Outliers` and `passed` serve PASCL too (`baselines.methods.pascl`).

The card names the outliers (``method.auxiliary``); they are never images of the suite's test or
OOD pools. ID images and outliers pass the network together, so that they share its batch
statistics, as in the authors' code of all four.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.class_counts import class_counts, log_prior
from baselines.images import Images, load
from baselines.method import Batch, Parts
from baselines.methods.decoupling import parent_of
from baselines.model import NeuralModel, load_state, neural
from baselines.networks.classifier import Classifier
from baselines.outlier_losses import (
    energy_gap,
    head_margin,
    prototype_contrast,
    uniformity,
)
from baselines.settings import NonNegative, Positive, Settings, Share
from baselines.train import fit
from harness.errors import TrainingError
from harness.types.models import FitContext, TrainingData


class Against(Settings):
    """Settings of every method that trains against outliers."""

    outliers_per_image: Positive = 2.0
    """Outliers in a batch for each of its ID images."""


class Exposure(Against):
    """Settings of outlier exposure."""

    exposure: NonNegative = 0.5
    """λ: weight of the outliers' loss."""


@neural(Exposure)
def fit_exposure(train: TrainingData, ctx: FitContext, settings: Exposure) -> NeuralModel:
    """Minimise the cross-entropy, and λ times that from the uniform distribution on outliers.

    From scratch, 256 outliers for 128 images, λ = 0.5, as in its code for CIFAR.

    References
    ----------
    Hendrycks et al. 2019, "Deep Anomaly Detection with Outlier Exposure".
    """
    outliers = Outliers(train, settings)

    def objective(network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        logits, beside, _ = passed(network, batch.images, outliers.drawn(batch))
        return F.cross_entropy(logits, batch.labels) + settings.exposure * uniformity(beside)

    return fit(train, ctx, settings, Parts(objective))


class EnergyTuning(Against):
    """Settings of energy fine-tuning."""

    energy_weight: NonNegative = 0.1
    """Weight of the squared hinges."""
    most_inside: float = -23.0
    """m_in: the energy, in nats, above which an ID image costs."""
    least_outside: float = -5.0
    """m_out: the energy, in nats, below which an outlier costs."""


@neural(EnergyTuning)
def fit_energy(train: TrainingData, ctx: FitContext, settings: EnergyTuning) -> NeuralModel:
    """Go on from a trained network; ID energies are drawn below m_in, outliers' above m_out.

    The card names the network (``init_from``). In its code: 10 epochs, peak rate 0.001, cosine.

    References
    ----------
    Liu et al. 2020, "Energy-based Out-of-distribution Detection", section 3.3.
    """
    if settings.most_inside > settings.least_outside:
        raise TrainingError(
            "ID images need less energy than outliers: most_inside must be at most least_outside; "
            f"got {settings.most_inside} and {settings.least_outside}. Change them in the recipe."
        )
    outliers = Outliers(train, settings)
    gap = {"most_inside": settings.most_inside, "least_outside": settings.least_outside}

    def objective(network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        logits, beside, _ = passed(network, batch.images, outliers.drawn(batch))
        hinges = energy_gap(logits, beside, **gap)
        return F.cross_entropy(logits, batch.labels) + settings.energy_weight * hinges

    def initialise(network: Any) -> None:
        load_state(network, parent_of(ctx))

    return fit(train, ctx, settings, Parts(objective, initialise=initialise))


class Cocl(Against):
    """Settings of COCL."""

    outlier_class: NonNegative = 0.05
    """Weight of the outliers' cross-entropy to the outlier class."""
    prototypes: NonNegative = 0.05
    """Weight of the loss of rare classes' prototypes."""
    head_gap: NonNegative = 0.1
    """Weight of the triplet loss that keeps outliers from frequent classes."""
    prototype_temperature: Positive = 0.07
    """Divides the cosines to prototypes and outliers."""
    margin: NonNegative = 1.0
    """Of the triplet loss, in units of the features."""
    head_share: Share = 0.4
    """Share of the classes, the most frequent, that outliers are kept from."""
    tail_share: Share = 0.4
    """Share of the classes, the rarest, that have prototypes."""
    tau: NonNegative = 1.0
    """How often the log prior is taken off the ID logits after training."""


@neural(Cocl)
def fit_cocl(train: TrainingData, ctx: FitContext, settings: Cocl) -> NeuralModel:
    """Learn an outlier class, kept from frequent and rare classes, and adjust the ID logits.

    A model here says its ID logits relative to that of the outlier class, after the prior is taken
    off. Their softmax is what the paper classifies with, and their energy orders images exactly as
    the outlier class's probability does: cards declare the OOD score ``energy``.

    References
    ----------
    Miao et al. 2024, "Out-of-Distribution Detection in Long-Tailed Recognition with Calibrated
    Outlier Class Learning", constants as in its code for CIFAR.
    """
    counts = class_counts(train.observed, train.num_classes)
    objective = OutlierClass(train, counts, settings)
    network = {"head": "outlier-class"}
    return fit(train, ctx, settings, Parts(objective, network=network, initialise=objective.fit_to))


class OutlierClass(nn.Module):
    """Cross-entropy with an outlier class, prototypes of rare classes, a gap to frequent ones."""

    place: Tensor
    offset: Tensor

    def __init__(self, train: TrainingData, counts: Float[Tensor, " c"], settings: Cocl) -> None:
        super().__init__()
        self.settings, self.outliers = settings, Outliers(train, settings)
        self.register_buffer("place", places(counts))
        self.register_buffer("offset", settings.tau * log_prior(counts))
        self.first_rare = round((1 - settings.tail_share) * len(counts))
        self.prototypes = nn.Parameter(torch.zeros(len(counts) - self.first_rare, 0))

    def fit_to(self, network: Classifier) -> None:
        """Draw prototypes as wide as the network's features; give the prior to its head."""
        d = int(network.body.d)
        drawn = torch.empty(len(self.prototypes), d).uniform_(-(d**-0.5), d**-0.5)
        self.prototypes = nn.Parameter(drawn)
        network.head.offset.copy_(self.offset)

    def forward(self, network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        settings, b = self.settings, len(batch.labels)
        logits, beside, found = passed(network, batch.images, self.outliers.drawn(batch))
        inside, outside, place = found[:b], found[b:], self.place[batch.labels]
        loss = F.cross_entropy(with_outlier_class(logits), batch.labels)
        loss = loss + settings.outlier_class * with_outlier_class(beside).logsumexp(1).mean()
        rare = place >= self.first_rare
        loss = loss + settings.prototypes * prototype_contrast(
            halves_normalised(inside[rare]),
            place[rare] - self.first_rare,
            halves_normalised(self.prototypes),
            halves_normalised(outside),
            temperature=settings.prototype_temperature,
        )
        # One class more than the share says, as in the authors' code.
        head = inside[place <= round(settings.head_share * len(self.place))]
        if len(head) == 0:
            return loss
        partners = head[torch.randint(len(head), (len(outside),), device=head.device)]
        return loss + settings.head_gap * head_margin(outside, partners, margin=settings.margin)


class Outliers:
    """The outliers of a training, resident beside its images.

    Parameters
    ----------
    train : TrainingData
        Its `auxiliary` are the outliers.
    settings : Against
        How many a batch has.

    Raises
    ------
    TrainingError
        If there are none.
    """

    def __init__(self, train: TrainingData, settings: Against) -> None:
        if train.auxiliary is None:
            raise TrainingError(
                "This method trains against outliers and received none. Name some on the card: "
                '[method] auxiliary = "generated-textures", or a data set.'
            )
        self.inputs, self.settings = train.auxiliary, settings
        self.images: Images | None = None

    def drawn(self, batch: Batch) -> Float[Tensor, "o c h w"]:
        """Return outliers for a batch, drawn with replacement, augmented like its images."""
        data = batch.data
        if self.images is None:
            nothing = np.zeros(len(self.inputs), dtype=np.int64)
            classes, device, how = data.num_classes, str(data.pixels.device), data.preprocessing
            self.images = load(self.inputs, nothing, classes, self.settings, device, how)
        wanted = max(1, round(self.settings.outliers_per_image * len(batch.rows)))
        rows = torch.randint(len(self.images), (wanted,), device=data.pixels.device)
        return self.images.take(rows, batch.augment)


def passed(
    network: Classifier, images: Float[Tensor, "b c h w"], outliers: Float[Tensor, "o c h w"]
) -> tuple[Float[Tensor, "b k"], Float[Tensor, "o k"], Float[Tensor, "n d"]]:
    """Return the logits of images and of outliers, and the features of both, in one pass."""
    logits, found = network.outputs(torch.cat([images, outliers]))
    logits = logits.float()
    return logits[: len(images)], logits[len(images) :], found.float()


def places(counts: Float[Tensor, " c"]) -> Int[Tensor, " c"]:
    """Return each class's place by its number of images, from 0 for the most frequent."""
    return counts.argsort(descending=True, stable=True).argsort()


def rarest(counts: Float[Tensor, " c"], share: float) -> Bool[Tensor, " c"]:
    """Return which classes are the rarest `share` of all, rounded as in the authors' code."""
    return places(counts) >= round((1 - share) * len(counts))


def with_outlier_class(relative: Float[Tensor, "b c"]) -> Float[Tensor, "b c+1"]:
    """Return logits relative to the outlier class's, with that one, which is 0, behind them."""
    return F.pad(relative, (0, 1))


def halves_normalised(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Return rows whose first and second half have length 1 each, as in the code of COCL."""
    return torch.cat([F.normalize(half) for half in rows.tensor_split(2, dim=1)], dim=1)
