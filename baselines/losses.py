"""The losses, as plain functions of logits and labels; each with its source and its constants.

Shapes: logits (b, c), labels (b,), losses (b,) one a sample unless a docstring says otherwise.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.method import Batch

Logits = Float[Tensor, "b c"]
Labels = Int[Tensor, " b"]
Losses = Float[Tensor, " b"]
Loss = Float[Tensor, ""]
OfClass = Float[Tensor, " c"]
AllLogits = Float[Tensor, "e b c"]
LogitLoss = Callable[[Tensor, Tensor], Tensor]
"""(logits (b, c), labels (b,)) → losses (b,)."""


def one_hot(labels: Labels, num_classes: int) -> Logits:
    """Return labels as rows with a single one."""
    return F.one_hot(labels, num_classes).float()


# ---- cross-entropy, and what weighs it


def plain(logits: Logits, labels: Labels) -> Losses:
    """Return −log p_y."""
    return F.cross_entropy(logits, labels, reduction="none")


def smoothed(logits: Logits, labels: Labels, *, smoothing: float) -> Losses:
    """Return the cross-entropy to (1 − ε) on the label and ε/C on every class.

    Szegedy et al. 2016, section 7; ε = 0.1 there.
    """
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)


def focal(logits: Logits, labels: Labels, *, focusing: float) -> Losses:
    """Return −(1 − p_y)^γ·log p_y.

    Lin et al. 2017, equation 4, in its softmax form.
    """
    losses = plain(logits, labels)
    # 1 − p from the loss itself: exact near p = 1, where a softmax has no digits left.
    return (-torch.expm1(-losses)).clamp_min(0) ** focusing * losses


def effective_number_weights(counts: OfClass, beta: float) -> OfClass:
    """Return (1 − β)/(1 − β^n_k), scaled to sum to C.

    Cui et al. 2019, equation 10.
    """
    weights = (1 - beta) / (1 - beta ** counts.double())
    return (weights * len(counts) / weights.sum()).float()


FAVOURED: dict[str, Callable[[Tensor], Tensor]] = {
    "high": lambda scaled: scaled,
    "capped": lambda scaled: scaled.clamp_max(0.5),
    "middle": lambda scaled: 1 - scaled.square(),
}
"""Name → preference as a function of the loss scaled to [−1, 1] within the batch."""


def loss_weights(losses: Losses, favoured: str, temperature: float) -> Losses:
    """Return weights that sum to 1: softmax(g(ℓ̃)/r), ℓ̃ the losses scaled to [−1, 1].

    Sow et al. 2025.
    """
    span = (losses.max() - losses.min()).clamp_min(1e-12)
    scaled = 2 * (losses - losses.min()) / span - 1
    return (FAVOURED[favoured](scaled) / temperature).softmax(0)


# ---- margins and priors


def margins(counts: OfClass, max_margin: float) -> OfClass:
    """Return Δ_k ∝ n_k^(−1/4), scaled so that the largest is `max_margin`.

    Cao et al. 2019, equation 13; 0.5 in the authors' code.
    """
    raw = counts**-0.25
    return raw * (max_margin / raw.max())


def ldam(logits: Logits, labels: Labels, *, margins: OfClass, scale: float) -> Losses:
    """Return the cross-entropy after s·Δ_y is taken off the label's logit.

    `logits` are cosines times s (30 in the authors' code), `margins` Δ_k in units of the cosine.
    Cao et al. 2019, equation 12.
    """
    taken = one_hot(labels, logits.shape[1]) * margins.to(logits.device)
    return plain(logits - scale * taken, labels)


# ---- overlap: soft F1 over the batch, of probabilities (b, c) and one-hot targets (b, c)


def dice(probs: Logits, targets: Logits, *, smooth: float) -> Loss:
    """Return 1 − (2Σpy + γ)/(Σp² + Σy² + γ), sums over the batch, mean over classes.

    Milletari et al. 2016, section 3; Li et al. 2020, section 3.2.
    """
    both = (probs * targets).sum(0)
    total = probs.square().sum(0) + targets.square().sum(0)
    return (1 - (2 * both + smooth) / (total + smooth)).mean()


def self_adjusting_dice(probs: Logits, targets: Logits, *, smooth: float, decay: float) -> Loss:
    """Return the mean of 1 − (2qy + γ)/(q + y + γ) with q = (1 − p)^α·p.

    Li et al. 2020, section 3.3.
    """
    damped = (1 - probs).clamp_min(1e-6) ** decay * probs
    return (1 - (2 * damped * targets + smooth) / (damped + targets + smooth)).mean()


def tversky(probs: Logits, targets: Logits, *, smooth: float, fp: float, fn: float) -> Loss:
    """Return 1 − (TP + γ)/(TP + α·FP + β·FN + γ) of soft counts, mean over classes.

    Salehi et al. 2017, equation 3; α = 0.3 and β = 0.7 there.
    """
    true = (probs * targets).sum(0)
    false_positive = (probs * (1 - targets)).sum(0)
    false_negative = ((1 - probs) * targets).sum(0)
    return (
        1 - (true + smooth) / (true + fp * false_positive + fn * false_negative + smooth)
    ).mean()


# ---- label noise


def generalised(logits: Logits, labels: Labels, *, q: float) -> Losses:
    """Return (1 − p_y^q)/q: towards q = 0 cross-entropy, at 1 mean absolute error.

    Zhang and Sabuncu 2018, equation 6; q = 0.7 there.
    """
    return -torch.expm1(-q * plain(logits, labels)) / q


def symmetric(
    logits: Logits, labels: Labels, *, alpha: float, beta: float, log_zero: float
) -> Losses:
    """Return α·(−log p_y) + β·(−A·(1 − p_y)): the reverse term's sum over k ≠ y is 1 − p_y.

    Wang et al. 2019, equation 7.
    """
    losses = plain(logits, labels)
    return alpha * losses + beta * -log_zero * -torch.expm1(-losses)


def bootstrapped(logits: Logits, labels: Labels, *, trust: float, hard: bool) -> Losses:
    """Return −Σ_k (β·y_k + (1 − β)·z_k)·log p_k, z the prediction.

    Reed et al. 2015, equations 6 (soft, β = 0.95) and 7 (hard, β = 0.8).
    """
    log_p = F.log_softmax(logits, 1)
    guess = one_hot(logits.argmax(1), logits.shape[1]) if hard else log_p.exp()
    targets = trust * one_hot(labels, logits.shape[1]) + (1 - trust) * guess
    return -(targets * log_p).sum(1)


def corrected(logits: Logits, labels: Labels, *, transition: Float[Tensor, "c c"]) -> Losses:
    """Return −log (Tᵀp)_y: cross-entropy after labels have flipped, T (clean, observed).

    Patrini et al. 2017, theorem 2.
    """
    probs = logits.float().softmax(1) @ transition
    return F.nll_loss(probs.clamp_min(1e-12).log(), labels, reduction="none")


# ---- several experts: logits (e, b, c)


def divergence(logits: AllLogits, temperature: float) -> Loss:
    """Return Σ_i (1/(E − 1)) Σ_{j≠i} KL(p_i ‖ p_j), mean over the batch (Wang et al. 2021)."""
    log_p = F.log_softmax(logits / temperature, 2)
    own = (log_p.exp() * log_p).sum(2)  # (e, b)
    cross = torch.einsum("ibk,jbk->ijb", log_p.exp(), log_p)
    pairs = own[:, None] - cross  # (e, e, b); the diagonal is 0
    return pairs.mean(2).sum() / (len(logits) - 1)


def distillation(weak: AllLogits, strong: AllLogits, labels: Any) -> Loss:
    """Return each expert's KL(weak ‖ strong) over the images its weak view gets right, summed.

    Zhao et al. 2023 (MDCS), consistency self-distillation.
    """
    right = (weak.argmax(2) == labels).float()  # (e, b)
    p, log_q = weak.softmax(2), F.log_softmax(strong, 2)
    kl = (p * (F.log_softmax(weak, 2) - log_q)).sum(2)
    return ((kl * right).sum(1) / right.sum(1).clamp_min(1)).sum()


# ---- over a batch


class Weighted(nn.Module):
    """The mean of a loss, each sample weighted by its class from some epoch on.

    The mean is Σ w_y·ℓ / Σ w_y over the batch, so that only ratios of weights matter.

    Parameters
    ----------
    loss : callable
        (logits (b, c), labels (b,)) → losses (b,).
    weights : float tensor of shape (c,), optional
        Default: all equal.
    start : int, default=0
        First epoch with weights: "deferred reweighting" (DRW) where it is late.
    """

    weights: Tensor

    def __init__(
        self, loss: LogitLoss, weights: Float[Tensor, " c"] | None = None, start: int = 0
    ) -> None:
        super().__init__()
        self.loss = loss
        self.start = start
        self.register_buffer("weights", torch.ones(1) if weights is None else weights)

    def forward(self, network: nn.Module, batch: Batch) -> Loss:
        """Return the weighted mean loss of a batch."""
        return self.mean(self.loss(network(batch.images), batch.labels), batch)

    def mean(self, losses: Losses, batch: Batch) -> Loss:
        """Return the weighted mean of given losses."""
        if len(self.weights) == 1 or batch.epoch < self.start:
            return losses.mean()
        weights = self.weights[batch.labels]
        return (weights * losses).sum() / weights.sum()
