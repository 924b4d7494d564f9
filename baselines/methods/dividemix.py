"""DivideMix: two networks divide the samples for each other by their losses."""

import warnings

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.nn import functional as F

from baselines.losses import one_hot, plain
from baselines.method import Batch, Parts, Run, predict
from baselines.methods.coteaching import PAIR
from baselines.model import NeuralModel, neural
from baselines.networks.classifier import Experts
from baselines.settings import Count, NonNegative, Positive, Settings, Share, UpTo1
from baselines.train import fit
from harness.types.models import FitContext, TrainingData


class DivideMixSettings(Settings):
    """Settings of DivideMix; shares of the epochs are its code's, of 300."""

    warmup_share: Share = 10 / 300
    """Share of the epochs with plain cross-entropy before the division; at least one epoch."""
    confidence_penalty: bool = False
    """Take the predictions' entropy off the loss in warm-up, as for asymmetric noise."""
    clean_threshold: Share = 0.5
    """Probability of being clean above which a label is kept."""
    loss_history: Count = 1
    """Epochs whose losses are averaged for the division; 5 at a noise rate of 0.9."""
    sharpening: UpTo1 = 0.5
    """T of the sharpened guesses."""
    alpha: Positive = 4.0
    """Of mixup's Beta(α, α)."""
    unlabelled_weight: NonNegative = 25.0
    """λ_u of the unlabelled loss, after its ramp; 0 to 150 in its code, by noise."""
    ramp_share: UpTo1 = 16 / 300
    """Share of the epochs over which λ_u grows from 0."""


@neural(DivideMixSettings)
def fit_dividemix(train: TrainingData, ctx: FitContext, settings: DivideMixSettings) -> NeuralModel:
    """Divide samples by a mixture model of their losses; mix and guess with two networks.

    Views are the recipe's augmentations: without any, both views of an image are the same.

    References
    ----------
    Li et al. 2020, "DivideMix: Learning with Noisy Labels as Semi-supervised Learning",
    algorithm 1, equations 3 to 12, and its code for CIFAR-10.
    """
    objective = DivideMix(settings, len(train.observed), ctx.seed)
    parts = Parts(objective, rows=objective.rows, prepare=objective.divide, network=PAIR)
    return fit(train, ctx, settings, parts)


class DivideMix(torch.nn.Module):
    """The loss of one network at a time, and before each epoch the division of the samples.

    An epoch has two parts: the first trains network 0 on the rows that network 1 finds clean, the
    second the other way round. Each batch of these is joined by as many of the other rows.
    """

    clean: Tensor
    losses: Tensor

    def __init__(self, settings: DivideMixSettings, n: int, seed: int) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        self.warmup = max(1, round(settings.warmup_share * settings.epochs))
        # clean[k]: how surely network k finds each label clean.
        self.register_buffer("clean", torch.ones(2, n))
        self.register_buffer("losses", torch.zeros(2, settings.loss_history, n))
        self.waiting: list[Int[Tensor, " u"]] = [torch.zeros(0, dtype=torch.long)] * 2

    def divide(self, run: Run) -> None:
        """Fit the mixture models to this epoch's losses."""
        if run.epoch < self.warmup:
            return
        seen = min(run.epoch - self.warmup + 1, self.settings.loss_history)
        for k in range(2):
            found = plain(predict(_Member(run.network, k), run.data), run.data.labels)
            n, lowest = len(found), found.min()
            scaled = (found - lowest) / (found.max() - lowest).clamp_min(1e-12)
            self.losses[k] = self.losses[k].roll(1, 0)
            self.losses[k, 0, :n] = scaled
            mean = self.losses[k, :seen, :n].mean(0).cpu().numpy()
            self.clean[k, :n] = torch.from_numpy(clean_probability(mean, self.seed)).to(self.clean)

    def rows(self, run: Run) -> list[Int[Tensor, " r"]]:
        """Return each network's labelled rows; all of them in warm-up."""
        n = len(run.data)
        if run.epoch < self.warmup:
            return [torch.randperm(n) for _ in range(2)]
        parts = []
        for k in range(2):
            kept = self._kept(k)[:n].cpu()
            rows = torch.nonzero(kept).flatten() if kept.any() else torch.arange(n)
            parts.append(rows[torch.randperm(len(rows))])
            self.waiting[k] = torch.zeros(0, dtype=torch.long)
        return parts

    def forward(self, network: Experts, batch: Batch) -> Float[Tensor, ""]:
        """Return the loss of the network whose part of the epoch it is."""
        k = batch.part
        if batch.epoch < self.warmup:
            return self._warm_up(network.member(k, batch.images), batch.labels)
        # Its peer only guesses, and is not moved by it: neither weights nor running statistics.
        network.train()
        network.branches[1 - k].eval()
        labelled = [batch.images, batch.view()]
        rows = self._unlabelled(k, batch)
        unlabelled = [batch.data.take(rows, batch.augment) for _ in range(2)] if len(rows) else []
        targets = self._targets(network, k, batch, labelled, unlabelled)
        b = len(batch.rows)
        mixed, mixed_targets = self._mixed(torch.cat([*labelled, *unlabelled]), targets)
        log_p = F.log_softmax(network.member(k, mixed), 1)
        loss = -(mixed_targets * log_p).sum(1)[: 2 * b].mean()
        if unlabelled:
            squares = (log_p.exp() - mixed_targets).square().mean(1)[2 * b :]
            loss = loss + self.unlabelled_weight(batch.when) * squares.mean()
        return loss + prior_penalty(log_p.exp())

    def unlabelled_weight(self, when: float) -> float:
        """Return λ_u after `when` epochs: it grows linearly from the end of the warm-up."""
        settings = self.settings
        ramp = (when - self.warmup) / (settings.ramp_share * settings.epochs)
        return settings.unlabelled_weight * min(1.0, ramp)

    def _kept(self, k: int) -> Tensor:
        return self.clean[1 - k] > self.settings.clean_threshold  # the other one divides

    def _warm_up(self, logits: Tensor, labels: Tensor) -> Float[Tensor, ""]:
        loss = F.cross_entropy(logits, labels)
        if not self.settings.confidence_penalty:
            return loss
        log_p = F.log_softmax(logits, 1)
        return loss + (log_p.exp() * log_p).sum(1).mean()

    def _unlabelled(self, k: int, batch: Batch) -> Int[Tensor, " u"]:
        """Return as many rows as the batch has that are not kept, each once before any twice."""
        b, kept = len(batch.rows), self._kept(k)[: len(batch.data)]
        if kept.all() or not kept.any():
            return batch.rows[:0]
        while len(self.waiting[k]) < b:
            others = torch.nonzero(~kept).flatten().cpu()
            fresh = others[torch.randperm(len(others))]
            self.waiting[k] = torch.cat([self.waiting[k], fresh])
        taken, self.waiting[k] = self.waiting[k][:b], self.waiting[k][b:]
        return taken.to(batch.rows.device)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _targets(
        self,
        network: Experts,
        k: int,
        batch: Batch,
        labelled: list[Tensor],
        unlabelled: list[Tensor],
    ) -> Float[Tensor, "m c"]:
        """Return sharpened targets: labels refined by the network itself, guesses of both."""
        own = torch.stack([network.member(k, view).softmax(1) for view in labelled]).mean(0)
        clean = self.clean[1 - k, batch.rows][:, None]
        refined = clean * one_hot(batch.labels, own.shape[1]) + (1 - clean) * own
        targets = [sharpened(refined, self.settings.sharpening)] * 2
        if unlabelled:
            both = [network.member(j, view).softmax(1) for j in (k, 1 - k) for view in unlabelled]
            guessed = torch.stack(both).mean(0)
            targets += [sharpened(guessed, self.settings.sharpening)] * 2
        return torch.cat(targets)

    def _mixed(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        beta = torch.distributions.Beta(self.settings.alpha, self.settings.alpha)
        share = float(beta.sample())
        share = max(share, 1 - share)  # nearer to the first, so that its kind of loss is right
        partner = torch.randperm(len(images)).to(images.device)
        mixed = share * images + (1 - share) * images[partner]
        return mixed, share * targets + (1 - share) * targets[partner]


class _Member(torch.nn.Module):
    """One of two networks, by itself."""

    def __init__(self, network: torch.nn.Module, k: int) -> None:
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
