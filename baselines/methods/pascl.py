"""PASCL: rare classes pushed from outliers, and a branch beside it that classifies."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from baselines import model
from baselines.class_counts import class_counts, log_prior
from baselines.method import Batch, Parts
from baselines.methods.outliers import Against, Outliers, passed, rarest
from baselines.methods.prior import AdjustedCrossEntropy
from baselines.networks.classifier import Classifier
from baselines.outlier_losses import partial_contrast, uniformity
from baselines.settings import Count, NonNegative, Positive, Share, changed, method
from baselines.stages import stage
from baselines.train import fit
from harness.types.models import FitContext, Output, TrainingData

MAIN, AUXILIARY = "main.", "auxiliary."
"""What names of weights start with, by branch."""


class Pascl(Against):
    """Settings of PASCL."""

    outliers_per_image: Positive = 1.0
    """Outliers in a batch for each of its ID images."""
    exposure: NonNegative = 0.5
    """Weight of outlier exposure."""
    contrast: NonNegative = 0.1
    """Weight of the contrastive loss of tail images and outliers."""
    contrast_temperature: Positive = 0.07
    """Divides the cosines."""
    tail_share: Share = 0.4
    """Share of the classes, the rarest, that are pushed from outliers."""
    projection: Count = 128
    """Numbers of the projection that is contrasted."""
    branch_epochs: Annotated[int, Field(ge=0)] = 10
    """Epochs in which the auxiliary branch is tuned; 0: the main branch classifies as well."""
    branch_rate: Positive = 5e-4
    """Peak rate of that, by AdamW; a cosine brings it to 0."""
    tau: NonNegative = 1.0
    """How often the log prior is added to the branch's logits while it is tuned."""


class TwoBranches:
    """A network that detects, and its copy that classifies by other normalisation and head.

    Logits are the auxiliary branch's, all moved by one number an image: their softmax does not
    change, and their energy orders images as the largest probability of the main branch does.
    Features are the main branch's.

    Parameters
    ----------
    main, auxiliary : NeuralModel
        Of one architecture, fed alike.
    """

    head = None

    def __init__(self, main: model.NeuralModel, auxiliary: model.NeuralModel) -> None:
        self.main, self.auxiliary = main, auxiliary
        self.network = nn.ModuleList([main.network, auxiliary.network])
        self.num_classes = main.num_classes
        self.preprocessing = main.preprocessing
        self.meta: Mapping[str, Any] = {**main.meta, "branches": 2}

    def state(self) -> dict[str, np.ndarray]:
        """Return all weights and running statistics of both branches."""
        return {
            f"{name}{key}": array
            for name, branch in ((MAIN, self.main), (AUXILIARY, self.auxiliary))
            for key, array in branch.state().items()
        }

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits and features of one preprocessed batch (b, c, h, w)."""
        seen, said = self.main(inputs), self.auxiliary(inputs)
        return Output("logits", together(said.values, seen.values), seen.features)


def together(
    classifying: Float[np.ndarray, "b c"], detecting: Float[np.ndarray, "b c"]
) -> Float[np.ndarray, "b c"]:
    """Return logits with the softmax of the first; log Σ exp is the log odds of the second's MSP.

    Parameters
    ----------
    classifying, detecting : float arrays of shape (b, c)
        Logits of the auxiliary and of the main branch; c is at least 2.
    """
    said, seen = (torch.from_numpy(z).double() for z in (classifying, detecting))
    ordered = seen.sort(dim=1).values
    odds = ordered[:, -1:] - ordered[:, :-1].logsumexp(dim=1, keepdim=True)
    return (said.log_softmax(dim=1) + odds).float().numpy()


def restore(
    state: Mapping[str, np.ndarray], meta: Mapping[str, Any]
) -> model.NeuralModel | TwoBranches:
    """Return the model that was kept, of one branch or of two."""
    if "branches" not in meta:
        return model.restore(state, meta)
    main, auxiliary = (
        {key.removeprefix(name): a for key, a in state.items() if key.startswith(name)}
        for name in (MAIN, AUXILIARY)
    )
    return TwoBranches(model.restore(main, meta), model.restore(auxiliary, meta))


@method(Pascl, restore)
def fit_pascl(
    train: TrainingData, ctx: FitContext, settings: Pascl
) -> model.NeuralModel | TwoBranches:
    """Train against outliers, push rare classes from them, then tune a branch that classifies.

    The main branch: outlier exposure, and rare classes pushed from outliers by a supervised
    contrastive loss over two views of every ID image. The auxiliary branch is its copy: the
    normalisation layers and the last layer are tuned on ID images by the logit-adjusted loss, all
    other weights are shared. It classifies; the main branch detects. Cards declare the OOD score
    ``energy``, which is the main branch's maximal softmax probability here.

    References
    ----------
    Wang et al. 2022, "Partial and Asymmetric Contrastive Learning for Out-of-Distribution
    Detection in Long-Tailed Recognition", constants as in its code for CIFAR.
    """
    counts = class_counts(train.observed, train.num_classes)
    objective = Contrasted(train, rarest(counts, settings.tail_share), settings)
    parts = Parts(objective, initialise=objective.fit_to)
    if settings.branch_epochs == 0:
        return fit(train, ctx, settings, parts)
    main = fit(train, stage(ctx, "main"), settings, parts)
    told = stage(ctx, "branch", quiet=True, told=False)  # its epochs are not the recipe's
    return TwoBranches(main, _branch(train, told, settings, main))


def _branch(
    train: TrainingData, ctx: FitContext, settings: Pascl, main: model.NeuralModel
) -> model.NeuralModel:
    """Return a copy of the main branch whose normalisation and last layer are tuned."""
    prior = log_prior(class_counts(train.observed, train.num_classes))

    def initialise(network: Any) -> None:
        model.load_state(network, main.state())
        tune_normalisation_and_head(network)

    second = changed(
        settings,
        epochs=settings.branch_epochs,
        optimizer="adamw",
        lr=settings.branch_rate,
        schedule="cosine",
        warmup_epochs=0.0,
        val_fraction=0.0,
    )
    parts = Parts(AdjustedCrossEntropy(settings.tau * prior), initialise=initialise)
    return fit(train, ctx, second, parts)


def tune_normalisation_and_head(network: Classifier) -> None:
    """Freeze all but the scales and shifts of normalisation layers, and the head."""
    network.requires_grad_(False)
    network.head.requires_grad_(True)
    for layer in network.body.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.requires_grad_(True)


class Contrasted(nn.Module):
    """Cross-entropy of two views, outlier exposure and the contrast of rare classes."""

    rare: Tensor

    def __init__(self, train: TrainingData, rare: Bool[Tensor, " c"], settings: Pascl) -> None:
        super().__init__()
        self.settings, self.outliers = settings, Outliers(train, settings)
        self.projection: nn.Module = nn.Identity()
        self.register_buffer("rare", rare)

    def fit_to(self, network: Classifier) -> None:
        """Make the projection as wide as the network's features."""
        d = int(network.body.d)
        self.projection = nn.Sequential(
            nn.Linear(d, d), nn.ReLU(), nn.Linear(d, self.settings.projection)
        )

    def forward(self, network: Classifier, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of a batch."""
        settings, b, labels = self.settings, len(batch.labels), batch.labels
        views = torch.cat([batch.images, batch.view()])
        logits, beside, found = passed(network, views, self.outliers.drawn(batch))
        placed = F.normalize(self.projection(found).float())
        rare = self.rare[labels]
        contrast = partial_contrast(
            placed[: 2 * b].view(2, b, -1)[:, rare],
            labels[rare],
            placed[2 * b :],
            temperature=settings.contrast_temperature,
        )
        loss = F.cross_entropy(logits, labels.repeat(2)) + settings.exposure * uniformity(beside)
        return loss + settings.contrast * contrast
