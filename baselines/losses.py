"""The losses, as plain functions of logits and labels; each with its source and its constants.

Shapes: logits (b, c), labels (b,), losses (b,) one a sample unless a docstring says otherwise.
"""

from collections.abc import Callable

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
    """Return Σ_k −(1 − p_k)^γ·log p_k, p_k how sure class k's sigmoid is of the right answer.

    Lin et al. 2017, equation 4, one sigmoid a class; the sum over classes as in Cui et al. 2019.
    """
    signs = 2 * one_hot(labels, logits.shape[1]) - 1
    losses = F.softplus(-signs * logits)
    return (torch.sigmoid(-signs * logits) ** focusing * losses).sum(1)


def softmax_focal(logits: Logits, labels: Labels, *, focusing: float) -> Losses:
    """Return −(1 − p_y)^γ·log p_y of the softmax: a form of the focal loss that others use."""
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
    "high": lambda scaled: 0.5 * scaled + 0.5,
    "capped": lambda scaled: scaled.clamp_max(0.0),
    "middle": lambda scaled: 1 - scaled.square(),
    "extremes": torch.abs,
}
"""Name → preference as a function of the loss scaled to [−1, 1] within the batch.

``capped`` (linear, capped at 0), ``middle`` (quadratic) and ``extremes`` are the paper's; ``high``
is an option of its code alone.
"""


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


def self_adjusting_dice(probs: Logits, targets: Logits, *, smooth: float, damping: float) -> Loss:
    """Return 1 − (2qy + γ)/(q² + y² + γ) with q = (1 − p)^α·p.

    Summed over classes, mean over samples. Li et al. 2020, section 3.3, in the form of its
    scripts: squares, α = 0.01, γ = 1.
    """
    damped = (1 - probs).clamp_min(1e-6) ** damping * probs
    below = damped.square() + targets.square() + smooth
    return (1 - (2 * damped * targets + smooth) / below).sum(1).mean()


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

    Wang et al. 2019, equation 7; A = log 1e-4, where its code cuts the labels off.
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


def held(probs: Logits, targets: Logits) -> Loss:
    """Return the mean of log(1 − ⟨p, t⟩): what holds predictions to their running targets.

    Liu et al. 2020 (ELR), equation 6.
    """
    return (1 - (probs * targets).sum(1)).log().mean()


def corrected(logits: Logits, labels: Labels, *, transition: Float[Tensor, "c c"]) -> Losses:
    """Return −log (Tᵀp)_y: cross-entropy after labels have flipped, T (clean, observed).

    Patrini et al. 2017, theorem 2.
    """
    probs = logits.float().softmax(1) @ transition
    return F.nll_loss(probs.clamp_min(1e-12).log(), labels, reduction="none")


# ---- several experts: logits (e, b, c)


def diversity(logits: AllLogits, temperatures: OfClass) -> Loss:
    """Return T̄²·Σ_i KL(p̄ ‖ p_i), mean over the batch; p̄ of the mean logits gets no gradient.

    `temperatures` divide the logits class by class and T̄ is their mean.
    Wang et al. 2021 (RIDE), equations 3 and 4, in the form of its code.
    """
    log_p = F.log_softmax(logits / temperatures, 2)
    log_mean = F.log_softmax(logits.mean(0).detach() / temperatures, 1)
    apart = (log_mean.exp() * (log_mean - log_p)).sum(2).mean(1)  # (e,)
    return temperatures.mean().square() * apart.sum()


def class_temperatures(counts: OfClass, share: float) -> OfClass:
    """Return T_k = share·C·π_k + 1 − share, divided by the largest (RIDE, equation 3; 0.05)."""
    raw = share * len(counts) * counts / counts.sum() + 1 - share
    return raw / raw.max()


def reversed_log_prior(log_prior: OfClass) -> OfClass:
    """Return the log prior whose order of classes is reversed: the rarest gets the largest."""
    ranks = torch.sort(log_prior, descending=True, stable=True).indices
    reversed_prior = torch.empty_like(log_prior)
    reversed_prior[ranks] = log_prior[ranks.flip(0)]
    return reversed_prior


def adjusted(logits: AllLogits, labels: Labels, *, offsets: Float[Tensor, "e c"]) -> Loss:
    """Return the sum over experts of the mean cross-entropy of logits plus the expert's offset.

    Zhang et al. 2022 (SADE), equations 2 to 4; Zhao et al. 2023 (MDCS), diversity loss.
    """
    pairs = zip(logits, offsets, strict=True)
    return torch.stack([F.cross_entropy(one + o, labels) for one, o in pairs]).sum()


def distillation(weak: AllLogits, strong: AllLogits, labels: Labels) -> Loss:
    """Return each expert's KL(weak ‖ strong) over the images its weak view gets right, summed.

    The weak view gets no gradient; both are logits plus the expert's offset.
    Zhao et al. 2023 (MDCS), consistency self-distillation.
    """
    weak = weak.detach()
    right = (weak.argmax(2) == labels).float()  # (e, b)
    log_p, log_q = F.log_softmax(weak, 2), F.log_softmax(strong, 2)
    kl = (log_p.exp() * (log_p - log_q)).sum(2)
    return ((kl * right).sum(1) / right.sum(1).clamp_min(1)).sum()


def routing(
    asking: Float[Tensor, "gates b"], means: AllLogits, labels: Labels, *, weight: float
) -> Loss:
    """Return the binary cross-entropy of asking on exactly where a later mean turns right.

    `asking` are logits of going on after 1, 2, … experts, `means` the mean logits of the first
    1, 2, …; `weight` multiplies the images that should go on.
    Wang et al. 2021 (RIDE), equation 5; weight 100 in its code.
    """
    right = means.argmax(2) == labels  # (e, b)
    later = torch.stack([right[i + 1 :].any(0) for i in range(len(asking))])
    wanted = (~right[:-1] & later).float()
    emphasis = torch.tensor(weight, device=asking.device)
    return F.binary_cross_entropy_with_logits(asking, wanted, pos_weight=emphasis)


# ---- representations


def contrastive(
    queries: Float[Tensor, "b d"],
    keys: Float[Tensor, "b d"],
    others: Float[Tensor, "k d"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of finding a query's own key among the other keys.

    He et al. 2020 (MoCo), equation 1.

    Parameters
    ----------
    queries, keys : float tensors of shape (b, d)
        Two views of the same images, of length 1.
    others : float tensor of shape (k, d)
        Keys of other images, of length 1.
    temperature : float
        Divides the cosines.
    """
    own = (queries * keys).sum(1, keepdim=True)
    cosines = torch.cat([own, queries @ others.T], dim=1) / temperature
    return F.cross_entropy(cosines, torch.zeros(len(queries), dtype=torch.long, device=own.device))


# ---- over a batch


class Weighted(nn.Module):
    """The mean of a loss, each sample weighted by its class from some epoch on.

    The mean is Σ w_y·ℓ / Σ w_y over the batch, so that only ratios of weights matter; with
    ``per_sample`` it is Σ w_y·ℓ / b, as in Cui et al. 2019.

    Parameters
    ----------
    loss : callable
        (logits (b, c), labels (b,)) → losses (b,).
    weights : float tensor of shape (c,), optional
        Default: all equal.
    start : int, default=0
        First epoch with weights: "deferred reweighting" (DRW) where it is late.
    per_sample : bool, default=False
        Divide by the number of samples instead of the sum of their weights.
    """

    weights: Tensor

    def __init__(
        self,
        loss: LogitLoss,
        weights: Float[Tensor, " c"] | None = None,
        start: int = 0,
        *,
        per_sample: bool = False,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.start = start
        self.per_sample = per_sample
        self.register_buffer("weights", torch.ones(1) if weights is None else weights)

    def forward(self, network: nn.Module, batch: Batch) -> Loss:
        """Return the weighted mean loss of a batch."""
        return self.mean(self.loss(network(batch.images), batch.labels), batch)

    def mean(self, losses: Losses, batch: Batch) -> Loss:
        """Return the weighted mean of given losses."""
        if len(self.weights) == 1 or batch.epoch < self.start:
            return losses.mean()
        weights = self.weights[batch.labels]
        return (weights * losses).sum() / (len(losses) if self.per_sample else weights.sum())
