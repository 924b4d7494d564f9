"""NMTune: a perceptron on frozen features that keeps what they know and widens their span."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.probes.heads import Batch, HeadSettings, Standardised, standardised, train_head
from baselines.probes.probe import Probe, probing
from baselines.settings import Count, NonNegative
from harness.types.models import FitContext, TrainingData


class Tuning(HeadSettings):
    """Settings of NMTune."""

    components: Count = 128
    """Principal components of the rows that the perceptron sees; at most rows and features."""
    widened: Count = 4
    """Hidden units for each of them."""
    jitter: NonNegative = 0.1
    """Deviation of the noise that stands for the strong view, of the components' deviation 1."""
    consistency: NonNegative = 1.0
    """Weight of the distance between perceptron and input, both of length 1."""
    covariance: NonNegative = 0.04
    """Weight of the squared covariances between different outputs, over their number."""
    spectrum: NonNegative = 0.001
    """Weight of the mean of the five largest shares of singular values, which is made larger."""


@probing(Tuning)
def fit_nmtune(train: TrainingData, ctx: FitContext, settings: Tuning) -> Probe:
    """Train perceptron and linear head by cross-entropy and three regularisers of the features.

    Features are reduced to whitened principal components first and noise on them stands for
    augmented views: both are ours, so that a core can do it.

    References
    ----------
    Chen et al. 2023, "Understanding and Mitigating the Label Noise in Pre-training on Downstream
    Tasks", equations 5 to 7.
    """
    data = standardised(train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        basis = principal(data.rows, settings.components)  # (d, q), whitening
        reduced = _reduced(data, basis)
        q = basis.shape[1]
        inner, outer = nn.Linear(q, settings.widened * q), nn.Linear(settings.widened * q, q)
        last = nn.Linear(q, len(data.classes))
        head = nn.ModuleList([inner, outer, last])

        def objective(batch: Batch) -> Tensor:
            strong = batch.rows + settings.jitter * torch.randn_like(batch.rows)
            tuned = outer(torch.relu(inner(strong)))
            loss = F.cross_entropy(last(tuned), batch.labels)
            loss = loss + settings.consistency * apart(tuned, batch.rows)
            loss = loss + settings.covariance * correlated(tuned)
            return loss - settings.spectrum * dominance(tuned)

        train_head(head, reduced, settings, ctx, objective)
    weight = inner.weight.detach() @ basis.T  # on standardised rows
    arrays = data.folded(weight, inner.bias)
    return data.given.probe(
        "perceptron",
        {
            "classes": data.classes,
            "inner": arrays["weight"],
            "inner_bias": arrays["bias"],
            "outer": outer.weight.detach().numpy(),
            "outer_bias": outer.bias.detach().numpy(),
            "weight": last.weight.detach().numpy(),
            "bias": last.bias.detach().numpy(),
        },
    )


def principal(rows: Float[Tensor, "n d"], components: int) -> Float[Tensor, "d q"]:
    """Return directions of most variance, scaled so that projections have deviation 1.

    Directions without variance are left out.
    """
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))  # ascending
    kept = values > values.max() * 1e-6
    values, vectors = values[kept].flip(0), vectors[:, kept].flip(1)
    return vectors[:, :components] / values[:components].sqrt()


def apart(tuned: Float[Tensor, "b q"], given: Float[Tensor, "b q"]) -> Float[Tensor, ""]:
    """Return the mean squared distance between rows brought to length 1."""
    return (F.normalize(tuned) - F.normalize(given)).square().sum(1).mean()


def correlated(tuned: Float[Tensor, "b q"]) -> Float[Tensor, ""]:
    """Return the sum of squared covariances of different outputs, over their number."""
    centred = tuned - tuned.mean(0)
    covariance = centred.T @ centred / max(len(tuned) - 1, 1)
    off = covariance - torch.diag(torch.diag(covariance))
    return off.square().sum() / tuned.shape[1]


def dominance(tuned: Float[Tensor, "b q"]) -> Float[Tensor, ""]:
    """Return the mean of the five largest singular values as shares of all."""
    values = torch.linalg.svdvals(tuned)
    return (values / values.sum().clamp_min(1e-12))[:5].mean()


def singular_entropy(rows: Float[np.ndarray, "n d"]) -> float:
    """Return the entropy of singular values as shares of their sum, in nats: how wide a span is.

    From 0 (one direction) to log d. Chen et al. 2023, SVE.
    """
    values = np.linalg.svd(rows.astype(np.float64), compute_uv=False)
    shares = values[values > 0] / values.sum()
    return float(-(shares * np.log(shares)).sum())


def largest_ratio(rows: Float[np.ndarray, "n d"]) -> float:
    """Return −log of the largest singular value's share of their sum, in nats; 0: it is alone.

    Chen et al. 2023, LSVR.
    """
    values = np.linalg.svd(rows.astype(np.float64), compute_uv=False)
    return float(-np.log(values[0] / values.sum()))


def _reduced(data: Standardised, basis: Float[Tensor, "d q"]) -> Standardised:
    """Return the same rows in another basis, for the trainer alone."""
    q = basis.shape[1]
    return Standardised(
        data.given, data.rows @ basis, data.labels, data.classes, data.counts, np.zeros(q),
        np.ones(q),
    )  # fmt: skip
