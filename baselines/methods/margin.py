"""Larger margins for rarer classes: LDAM, and LDAM with deferred reweighting."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from baselines import model
from baselines.class_counts import class_counts, effective_number_weights
from baselines.method import Parts
from baselines.objectives import Weighted, one_hot, plain
from baselines.settings import Settings, configure_one, settings_from
from baselines.train import fit
from harness.types.models import FitContext, TrainingData

restore = model.restore
Logits = Float[Tensor, "b c"]
Labels = Int[Tensor, " b"]
Losses = Float[Tensor, " b"]


@dataclass(frozen=True)
class Margins(Settings):
    """Settings of LDAM."""

    max_margin: float = 0.5
    """Margin of the rarest class, in units of the cosine."""
    scale: float = 30.0
    """s: cosines are multiplied by it."""


@dataclass(frozen=True)
class DeferredMargins(Margins):
    """Settings of LDAM with deferred reweighting."""

    drw_start: float = 0.8
    """Share of the epochs after which classes are weighted."""
    beta: float = 0.9999
    """Of the class-balanced weights."""


def margins(counts: Float[Tensor, " c"], max_margin: float) -> Float[Tensor, " c"]:
    """Return Δ_k ∝ n_k^(−1/4), scaled so that the largest is `max_margin`."""
    raw = counts**-0.25
    return raw * (max_margin / raw.max())


def ldam(logits: Logits, labels: Labels, *, margins: Float[Tensor, " c"], scale: float) -> Losses:
    """Return the cross-entropy after s·Δ_y is taken off the label's logit.

    Parameters
    ----------
    logits : float tensor of shape (b, c)
        Cosines times s.
    labels : int tensor of shape (b,)
        Observed labels.
    margins : float tensor of shape (c,)
        Δ_k in units of the cosine.
    scale : float
        s.
    """
    taken = one_hot(labels, logits.shape[1]) * margins.to(logits.device)
    return plain(logits - scale * taken, labels)


def fit_ldam(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """Ask for a larger margin of rarer classes, on normalised features and weights.

    References
    ----------
    Cao et al. 2019, "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
    equations 10 to 13.
    """
    settings = settings_from(Margins, ctx.config)
    counts = class_counts(train.observed, train.num_classes)
    return fit(train, ctx, settings, _margin_parts(settings, counts, None, 0))


def fit_ldam_drw(train: TrainingData, ctx: FitContext) -> model.NeuralModel:
    """LDAM, with class-balanced weights over the last part of the training (Cao et al. 2019)."""
    settings = settings_from(DeferredMargins, ctx.config)
    counts = class_counts(train.observed, train.num_classes)
    weights = effective_number_weights(counts, settings.beta)
    start = round(settings.drw_start * settings.epochs)
    return fit(train, ctx, settings, _margin_parts(settings, counts, weights, start))


def _margin_parts(settings: Margins, counts: Tensor, weights: Tensor | None, start: int) -> Parts:
    of_class = margins(counts, settings.max_margin)
    loss = partial(ldam, margins=of_class, scale=settings.scale)
    network = {"head": "cosine", "scale": settings.scale}
    return Parts(Weighted(loss, weights, start), network=network)


SETTINGS: dict[str, type] = {
    "fit_ldam": Margins,
    "fit_ldam_drw": DeferredMargins,
}
"""Trainer function → its settings."""


def configure(function: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a trainer function, defaults filled in."""
    return configure_one(SETTINGS, function, overrides)
