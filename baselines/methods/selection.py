"""Choosing whom to believe under label noise by a model: DivideMix, self-training."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.nn import functional as F

from baselines.images import load
from baselines.losses import Weighted, one_hot, plain
from baselines.method import Batch, Parts, Run, predict
from baselines.methods.coteaching import PAIR
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Experts
from baselines.settings import Below1, NonNegative, Positive, Settings, Share, UpTo1, changed
from baselines.stages import stage
from baselines.train import fit, own_randomness
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData


class DivideMixSettings(Settings):
    """Settings of DivideMix."""

    warmup_share: Share = 0.2
    """Share of the epochs with plain cross-entropy before the division."""
    clean_threshold: Share = 0.5
    """Probability of being clean above which a label is kept."""
    sharpening: UpTo1 = 0.5
    """T of the sharpened guesses, in (0, 1]."""
    alpha: Positive = 4.0
    """Of mixup's Beta(α, α)."""
    unlabelled_weight: NonNegative = 25.0
    """λ_u of the unlabelled loss, after its ramp."""
    ramp_epochs: Positive = 16.0
    """Epochs over which λ_u grows from 0."""


@neural(DivideMixSettings)
def fit_dividemix(train: TrainingData, ctx: FitContext, settings: DivideMixSettings) -> NeuralModel:
    """Divide samples by a mixture model of their losses; mix and guess with two networks.

    Each batch is divided by itself instead of drawing labelled and unlabelled batches of equal
    size, and both networks step at once instead of one an epoch after the other; the rest
    follows the paper: co-refinement, co-guessing, two augmentations, MixMatch, both penalties,
    the mean of both networks at test time.

    References
    ----------
    Li et al. 2020, "DivideMix: Learning with Noisy Labels as Semi-supervised Learning",
    algorithm 1, equations 3 to 12.
    """
    objective = DivideMix(settings, len(train.observed), ctx.seed)
    parts = Parts(objective, prepare=objective.divide, network=PAIR)
    return fit(train, ctx, settings, parts)


class DivideMix(torch.nn.Module):
    """The loss of both networks, and before each epoch the division of the samples."""

    clean: Tensor

    def __init__(self, settings: DivideMixSettings, n: int, seed: int) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        self.warmup = max(1, round(settings.warmup_share * settings.epochs))
        # clean[k]: how surely network k finds each label clean.
        self.register_buffer("clean", torch.ones(2, n))

    def divide(self, run: Run) -> None:
        """Fit the mixture models to this epoch's losses."""
        if run.epoch < self.warmup:
            return
        network = run.network
        for k in range(2):
            one = _Member(network, k)
            losses = plain(predict(one, run.data), run.data.labels).cpu().numpy()
            found = torch.from_numpy(clean_probability(losses, self.seed))
            self.clean[k, : len(found)] = found.to(self.clean)

    def forward(self, network: Experts, batch: Batch) -> Float[Tensor, ""]:
        """Return the sum of both networks' losses on a batch."""
        if batch.epoch < self.warmup:
            losses = [plain(network.member(k, batch.images), batch.labels) for k in range(2)]
            return (losses[0] + losses[1]).mean()
        views = [batch.images, batch.view()]
        with torch.no_grad():
            guesses = torch.stack([network.each(view)[0].softmax(2) for view in views])
        parts = [self._loss(network, k, batch, views, guesses) for k in range(2)]
        return parts[0] + parts[1]

    def _loss(
        self,
        network: Experts,
        k: int,
        batch: Batch,
        views: list[Tensor],
        guesses: Float[Tensor, "v e b c"],
    ) -> Float[Tensor, ""]:
        settings, clean = self.settings, self.clean[1 - k, batch.rows]  # the other one divides
        kept = clean > settings.clean_threshold
        labels = one_hot(batch.labels, guesses.shape[-1])
        refined = clean[:, None] * labels + (1 - clean[:, None]) * guesses[:, k].mean(0)
        guessed = guesses.mean((0, 1))
        targets = sharpened(torch.where(kept[:, None], refined, guessed), settings.sharpening)
        order = torch.cat([torch.nonzero(kept).flatten(), torch.nonzero(~kept).flatten()])
        images = torch.cat([view[order] for view in views])
        targets = torch.cat([targets[order]] * 2)
        labelled = torch.cat([kept[order]] * 2)
        mixed, mixed_targets = self._mixed(images, targets)
        log_p = F.log_softmax(network.member(k, mixed).float(), 1)
        loss = _mean(-(mixed_targets * log_p).sum(1)[labelled])
        squares = (log_p.exp() - mixed_targets).square().mean(1)
        ramp = min(1.0, (batch.epoch - self.warmup) / settings.ramp_epochs)
        loss = loss + settings.unlabelled_weight * ramp * _mean(squares[~labelled])
        return loss + prior_penalty(log_p.exp())

    def _mixed(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        beta = torch.distributions.Beta(self.settings.alpha, self.settings.alpha)
        share = float(beta.sample())
        share = max(share, 1 - share)  # nearer to the first, so that its kind of loss is right
        partner = torch.randperm(len(images)).to(images.device)
        mixed = share * images + (1 - share) * images[partner]
        return mixed, share * targets + (1 - share) * targets[partner]


class _Member(torch.nn.Module):
    """One of two networks, by itself."""

    def __init__(self, network: Any, k: int) -> None:
        super().__init__()
        self.network, self.k = network, k

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network.member(self.k, images)
        return logits


def clean_probability(losses: Float[np.ndarray, " n"], seed: int) -> Float[np.ndarray, " n"]:
    """Return each loss's probability under the lower of two Gaussians fitted to all of them."""
    span = losses.max() - losses.min()
    scaled = ((losses - losses.min()) / (span if span > 0 else 1.0)).reshape(-1, 1)
    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten steps are the paper's choice
        mixture.fit(scaled.astype(np.float64))
    probs: np.ndarray = mixture.predict_proba(scaled)[:, mixture.means_.argmin()]
    return probs


def sharpened(probs: Float[Tensor, "b c"], temperature: float) -> Float[Tensor, "b c"]:
    """Return p^(1/T), scaled to sum to 1."""
    powered = probs.clamp_min(1e-12) ** (1 / temperature)
    return powered / powered.sum(1, keepdim=True)


def prior_penalty(probs: Float[Tensor, "b c"]) -> Float[Tensor, ""]:
    """Return Σ π_k·log(π_k/p̄_k) with π uniform: keeps a batch from falling into one class."""
    mean = probs.mean(0).clamp_min(1e-12)
    uniform = 1 / len(mean)
    return (uniform * (uniform / mean).log()).sum()


class SelfTraining(Settings):
    """Settings of self-training."""

    kept: UpTo1 = 0.5
    """Share of the inputs of each predicted class that the teacher labels: its surest ones."""
    val_fraction: Below1 = 0.1
    """Share of the rows that chooses the teacher's epoch where the split has no validation."""


@neural(SelfTraining)
def fit_self_training(train: TrainingData, ctx: FitContext, settings: SelfTraining) -> NeuralModel:
    """Stop a teacher early and train a student on the labels of which it is sure.

    Observed labels are only seen through the teacher, which stops where it is best on held-back
    observed labels. Unlabelled inputs are used where the suite offers them.

    References
    ----------
    Lee 2013, "Pseudo-Label"; Amini et al. 2022, "Self-Training: A Survey": a quota a class instead
    of a fixed threshold, one round.
    """
    teaching = changed(settings, select="noisy_val")
    teacher = fit(train, stage(ctx, "teacher", quiet=True), teaching, Parts(Weighted(plain)))
    relabelled = pseudo_labelled(train, teacher, settings, ctx)
    size = min(settings.batch_size, len(relabelled.observed))
    learning = changed(settings, batch_size=size, val_fraction=0.0)
    student = stage(ctx, "student", before=settings.epochs, quiet=True)
    return fit(relabelled, student, learning, Parts(Weighted(plain)))


def pseudo_labelled(
    train: TrainingData, teacher: NeuralModel, settings: SelfTraining, ctx: FitContext
) -> TrainingData:
    """Return the surest share of the inputs of each class that the teacher predicts."""
    arrays = [train.inputs.take(np.arange(len(train.inputs)))]
    if train.unlabelled is not None:
        arrays.append(train.unlabelled.take(np.arange(len(train.unlabelled))))
    everything = np.concatenate(arrays)
    unknown = np.zeros(len(everything), dtype=np.int64)
    data = TrainingData(ArrayInputs(everything), unknown, train.num_classes)
    with own_randomness(ctx):
        how = teacher.preprocessing
        given = load(data.inputs, unknown, train.num_classes, settings, ctx.device, how)
        probs = predict(teacher.network, given).softmax(1).cpu().numpy()
    rows, labels = surest(probs, settings.kept)
    return replace(data, inputs=ArrayInputs(everything[rows]), observed=labels)


def surest(
    probs: Float[np.ndarray, "n c"], kept: float
) -> tuple[Int[np.ndarray, " r"], Int[np.ndarray, " r"]]:
    """Return the rows and classes of the surest share of each predicted class, in row order."""
    guess, sureness = probs.argmax(1), probs.max(1)
    rows = []
    for label in np.unique(guess):
        of_class = np.flatnonzero(guess == label)
        order = of_class[np.argsort(-sureness[of_class], kind="stable")]
        rows.append(order[: max(1, round(kept * len(order)))])
    chosen = np.sort(np.concatenate(rows))
    return chosen, guess[chosen].astype(np.int64)


def _mean(values: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    return values.sum() / max(1, len(values))
