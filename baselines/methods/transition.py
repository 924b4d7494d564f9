"""How labels flip, read off a network that was trained on them: forward correction, noise rates."""

import math
from functools import partial

import torch
from jaxtyping import Float
from pydantic import field_validator
from torch import Tensor

from baselines.images import load
from baselines.losses import Weighted, corrected, plain
from baselines.method import Parts, predict
from baselines.model import NeuralModel, neural
from baselines.settings import Below1, Count, Settings, Share, changed
from baselines.stages import stage
from baselines.train import fit, own_randomness
from harness.errors import SpecError
from harness.types.models import FitContext, TrainingData


class Estimated(Settings):
    """Settings of the first network, which estimates the transition matrix."""

    val_fraction: Below1 = 0.1
    """Share of the rows that chooses its epoch where the split has no validation rows."""
    outliers: Share = 0.3
    """Share of a class's rows that are passed over as surer than the one that stands for it."""
    most_filtered: Count = 10
    """With more classes than this the surest image stands for each."""


class Forward(Estimated):
    """Settings of forward correction."""

    transition: tuple[tuple[float, ...], ...] = ()
    """A matrix (clean, observed) that is known; empty: estimated."""

    @field_validator("transition")
    @classmethod
    def _learnable(cls, rows: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        for k, row in enumerate(rows):
            if len(row) != len(rows):
                raise ValueError(
                    f"'transition' must be square; row {k} has {len(row)} of {len(rows)} entries. "
                    "Write one row per class."
                )
            if min(row) < 0 or not math.isclose(sum(row), 1, abs_tol=1e-6):
                raise ValueError(
                    f"Each row of 'transition' must be a distribution; row {k} is {list(row)} and "
                    f"sums to {sum(row):g}. Rows are clean classes, columns observed ones."
                )
            if max(row) > row[k] or row.count(row[k]) > 1:
                raise ValueError(
                    f"A 'transition' can be learnt from only if most labels of each class stay; "
                    f"class {k} keeps {row[k]:g} and flips {max(row[:k] + row[k + 1 :]):g} to "
                    "another. Leave it out to have it estimated."
                )
        return rows


@neural(Forward)
def fit_forward_correction(train: TrainingData, ctx: FitContext, settings: Forward) -> NeuralModel:
    """Estimate how labels flip, then train a network whose predictions flip the same way.

    The matrix is read off a first network, trained in full and kept where its loss on validation
    rows with observed labels is least.

    References
    ----------
    Patrini et al. 2017, "Making Deep Neural Networks Robust to Label Noise: a Loss Correction
    Approach", theorem 2 and equation 12. Its code passes over the surest 3 % of all images for
    each of ten equal classes, 30 % of a class, and over none for a hundred classes.
    """
    if settings.transition:
        if len(settings.transition) != train.num_classes:
            raise SpecError(
                f"'transition' must have a row for each of {train.num_classes} classes; got "
                f"{len(settings.transition)}. Change it in the recipe."
            )
        given = torch.tensor(settings.transition)
        return fit(train, ctx, settings, _corrected(given, ctx))
    transition = estimated(train, ctx, settings)
    after = stage(ctx, "corrected", before=settings.epochs)
    second = changed(settings, val_fraction=0.0)
    return fit(train, after, second, _corrected(transition, ctx))


def _corrected(transition: Float[Tensor, "c c"], ctx: FitContext) -> Parts:
    return Parts(Weighted(partial(corrected, transition=transition.to(ctx.device))))


def estimated(train: TrainingData, ctx: FitContext, settings: Estimated) -> Float[Tensor, "c c"]:
    """Train a network on the labels as they are and return how they flip: (clean, observed)."""
    first = changed(settings, select="noisy_val_loss")
    early = fit(train, stage(ctx, "estimate", quiet=True), first, Parts(Weighted(plain)))
    with own_randomness(ctx):
        how = early.preprocessing
        given = load(train.inputs, train.observed, train.num_classes, settings, ctx.device, how)
        probs = predict(early.network, given).softmax(1).cpu()
    filtered = train.num_classes <= settings.most_filtered
    return transition_of(probs, observed_counts(train), settings.outliers if filtered else 0.0)


def observed_counts(train: TrainingData) -> Float[Tensor, " c"]:
    """Return how many training images carry each label; a class may have none."""
    labels = torch.from_numpy(train.observed.astype("int64"))
    return torch.bincount(labels, minlength=train.num_classes).float()


def transition_of(
    probs: Float[Tensor, "n c"], counts: Float[Tensor, " c"], outliers: float
) -> Float[Tensor, "c c"]:
    """Return T (clean, observed): row k is the prediction on the image that stands for class k.

    Parameters
    ----------
    probs : float tensor of shape (n, c)
        Predictions on the training images.
    counts : float tensor of shape (c,)
        Rows of each class, by observed label.
    outliers : float
        The images that are surer to be of class k than the one taken, as a share of its rows.
    """
    ranks = (outliers * counts).round().long().clamp_max(len(probs) - 1)
    order = torch.sort(probs, dim=0, descending=True, stable=True).indices
    anchors = order[ranks, torch.arange(probs.shape[1])]  # (c,): one image a class
    rows = probs[anchors]
    return rows / rows.sum(1, keepdim=True)


def noise_rate(transition: Float[Tensor, "c c"], counts: Float[Tensor, " c"]) -> float:
    """Return the share of labels that flip under T, classes as frequent as they are observed."""
    return float(1 - (counts / counts.sum() * transition.diagonal()).sum())
