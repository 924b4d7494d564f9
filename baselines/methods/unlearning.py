"""Repairing what corrupted training rows did, where some of them are revealed."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from baselines.images import Images
from baselines.method import Network, Parts
from baselines.methods.decoupling import parent_of
from baselines.methods.prior import cross_entropy
from baselines.model import NeuralModel, load_state, neural
from baselines.settings import Positive, Settings
from baselines.stages import stage
from baselines.train import fit, own_randomness, set_up
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData

Importance = dict[str, Tensor]
"""Parameter's name → its diagonal of the Fisher information, in the parameter's shape."""
HELD = 1 << 24
"""Numbers held at once as gradients of single images: 64 MiB in float32."""


@neural(Settings)
def fit_without_known(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Train with cross-entropy from scratch on the rows that are not known to be corrupted.

    The standard reference of unlearning; where no row is revealed it is plain cross-entropy.

    References
    ----------
    Goel et al. 2024, "Corrective Machine Unlearning", retraining without the deletion set.
    """
    return _fit_on_the_rest(train, ctx, settings, Parts(cross_entropy))


@neural(Settings)
def fit_fine_tuning(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Train the parent on with cross-entropy on the rows that are not known to be corrupted.

    What is no longer trained on may be forgotten: "catastrophic forgetting" as a repair. Where no
    row is revealed it trains on all of them.

    References
    ----------
    Goel et al. 2024, "Corrective Machine Unlearning", catastrophic forgetting (CF).
    """
    state = parent_of(ctx)
    parts = Parts(cross_entropy, initialise=lambda network: load_state(network, state))
    return _fit_on_the_rest(train, ctx, settings, parts)


def _fit_on_the_rest(
    train: TrainingData, ctx: FitContext, settings: Settings, parts: Parts
) -> NeuralModel:
    if train.known is None or not len(train.known):
        return fit(train, ctx, settings, parts)
    # Snapshots would hold fewer rows than the split: nobody is told of them.
    own = stage(ctx, "remaining", quiet=True)
    return fit(without(train, train.known), own, settings, parts)


def without(train: TrainingData, rows: Int[np.ndarray, " r"]) -> TrainingData:
    """Return the training data without some rows, in their order; nothing is known of the rest."""
    kept = np.setdiff1d(np.arange(len(train.observed)), rows)
    inputs = ArrayInputs(train.inputs.take(kept))  # the loop reads all of them at once anyway
    return replace(train, inputs=inputs, observed=train.observed[kept], known=None)


class Dampening(Settings):
    """Settings of selective synaptic dampening."""

    selection: Positive = 10.0
    """α > 0: a weight is dampened when the known rows need it α times more than all rows do."""
    dampening: Positive = 1.0
    """λ > 0: multiplies the ratio of importances that a dampened weight is scaled by."""


@neural(Dampening)
def fit_selective_dampening(
    train: TrainingData, ctx: FitContext, settings: Dampening
) -> NeuralModel:
    """Dampen the parent's weights that matter for the known corrupted rows above all; no training.

    A weight's importance is its diagonal of the Fisher information, image by image, under the
    observed labels. Known rows are among all rows, so that no ratio exceeds n over their number:
    α selects nothing where more than one row in α is known. Where no row is revealed the parent
    stays as it is.

    References
    ----------
    Foster et al. 2023, "Fast Machine Unlearning Without Retraining Through Selective Synaptic
    Dampening", its selection and its dampening of weights; α and λ as in the benchmark of
    Goel et al. 2024, "Corrective Machine Unlearning".
    """
    state = parent_of(ctx)
    parts = Parts(cross_entropy, initialise=lambda network: load_state(network, state))
    with own_randomness(ctx):
        run, spec = set_up(train, ctx, settings, parts)
        if train.known is not None and len(train.known):
            told = torch.from_numpy(train.known.astype(np.int64)).to(run.given.labels.device)
            everything = torch.arange(len(run.given), device=told.device)
            of_all, of_known = (importance(run.network, run.given, r) for r in (everything, told))
            dampen(run.network, of_all, of_known, settings.selection, settings.dampening)
    return NeuralModel(spec, run.network, run.data.preprocessing)


def importance(network: Network, data: Images, rows: Int[Tensor, " r"]) -> Importance:
    """Return the mean over rows of the squared gradient of each image's cross-entropy.

    Parameters
    ----------
    network : Network
        Its running statistics are used and not changed.
    data : Images
        With observed labels.
    rows : int tensor of shape (r,)
        Rows of `data`, at least one.
    """
    network.eval()
    weights = {name: p.detach() for name, p in network.named_parameters()}
    buffers = dict(network.named_buffers())

    def loss(weights: Mapping[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        logits = functional_call(network, (weights, buffers), (image[None],))
        return F.cross_entropy(logits, label[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))
    total = {name: torch.zeros_like(p, dtype=torch.float64) for name, p in weights.items()}
    for chunk in rows.split(max(1, HELD // sum(p.numel() for p in weights.values()))):
        found = gradients(weights, data.take(chunk), data.labels[chunk])
        for name, gradient in found.items():
            total[name] += gradient.square().sum(0, dtype=torch.float64)
    return {name: summed / len(rows) for name, summed in total.items()}


def dampen(
    network: nn.Module, of_all: Importance, of_known: Importance, alpha: float, lam: float
) -> None:
    """Scale in place each weight with I_known > α·I_all by min(λ·I_all/I_known, 1)."""
    for name, parameter in network.named_parameters():
        scale = (lam * of_all[name] / of_known[name].clamp_min(1e-300)).clamp_max(1.0)
        chosen = of_known[name] > alpha * of_all[name]
        parameter.data.mul_(torch.where(chosen, scale, 1.0).to(parameter.dtype))
