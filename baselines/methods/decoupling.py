"""A new head on a trained body: cRT, learnable weight scaling, τ-normalisation, class means.

All start from another entry's trained state (``init_from`` on the card), keep its body and need
the recipe that it was trained with, as far as the network goes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from baselines.class_counts import class_counts
from baselines.losses import Weighted, plain
from baselines.method import Parts, features
from baselines.model import NeuralModel, load_state, neural
from baselines.samplers import drawn
from baselines.settings import Below1, NonNegative, Settings, changed
from baselines.stages import HeadOnly, stage, train_head_only
from baselines.train import fit, own_randomness, prepare_data, set_up
from harness.errors import SpecError, TrainingError
from harness.types.models import FitContext, TrainingData


@neural(Settings)
def fit_crt(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Train a new linear head on the frozen body with class-balanced sampling.

    As in its code the body's normalisation still uses, and follows, the statistics of the batches.

    References
    ----------
    Kang et al. 2020, "Decoupling Representation and Classifier for Long-Tailed Recognition",
    section 4.1, classifier re-training.
    """

    def initialise(network: Any) -> None:
        load_state(network, parent_of(ctx))
        network.head.reset_parameters()
        train_head_only(network)

    return fit(train, ctx, settings, _balanced(train, initialise, {}))


@neural(Settings)
def fit_lws(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Train one factor a class on the parent's head with class-balanced sampling.

    References
    ----------
    Kang et al. 2020, section 4.1, learnable weight scaling.
    """

    def initialise(network: Any) -> None:
        start = network.state_dict()["head.scales"].cpu().numpy()
        load_state(network, {**parent_of(ctx), "head.scales": start})
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(name == "head.scales")

    return fit(train, ctx, settings, _balanced(train, initialise, {"head": "scaled"}))


class TauNormalisation(Settings):
    """Settings of τ-normalisation."""

    validate_tau: bool = True
    """Choose τ on rows held back from a second training; False: take `tau`."""
    tau: NonNegative = 1.0
    """τ: 0 leaves the weights, 1 makes their norms equal."""
    keep_bias: bool = False
    """Keep the bias, as Bag of Tricks for Long-Tailed Visual Recognition does."""
    val_fraction: Below1 = 0.1
    """Share of each class's rows held back where the split has no validation rows."""


TAUS = tuple(round(0.1 * k, 1) for k in range(21))
"""What τ is chosen from: 0, 0.1, …, 2, as in the authors' code."""


@neural(TauNormalisation)
def fit_tau_normalisation(
    train: TrainingData, ctx: FitContext, settings: TauNormalisation
) -> NeuralModel:
    """Divide each class weight of the parent by its norm to the power τ.

    τ is the one with the best mean recall on validation rows with observed labels. The parent has
    seen all other rows, so where the split has no validation rows τ is chosen for a network that
    is trained alike without a tenth of them.

    References
    ----------
    Kang et al. 2020, section 4.1, equation 3; the bias is left out as in its code.
    """
    parent, tau = parent_of(ctx), settings.tau
    if settings.validate_tau:
        tau = _chosen_tau(train, ctx, settings, parent)
    state = dict(parent)
    state["head.weight"] = normalised(torch.from_numpy(state["head.weight"]), tau).numpy()
    if not settings.keep_bias:
        state["head.bias"] = state["head.bias"] * 0
    return _as_it_is(train, ctx, changed(settings, val_fraction=0.0), state)


def normalised(weight: Float[Tensor, "c d"], tau: float) -> Float[Tensor, "c d"]:
    """Return w_k/‖w_k‖^τ."""
    return weight / weight.norm(dim=1, keepdim=True) ** tau


def _chosen_tau(
    train: TrainingData, ctx: FitContext, settings: TauNormalisation, parent: Mapping[str, Any]
) -> float:
    with own_randomness(ctx):
        _, _, val = prepare_data(train, settings, ctx)
    if val is None:
        raise SpecError(
            "validate_tau needs validation rows: val_fraction is 0 and this split has none. Set "
            "val_fraction above 0, or validate_tau = false and tau."
        )
    if train.val is not None:
        judged = _as_it_is(train, ctx, settings, dict(parent))
    else:  # the same draw of rows as above: both start from the job's seed
        judged = fit(train, stage(ctx, "choosing", quiet=True), settings, Parts(Weighted(plain)))
    rows, head = features(judged.network, val), judged.network.head
    bias = head.bias if settings.keep_bias else torch.zeros_like(head.bias)
    with torch.no_grad():
        guesses = [(rows @ normalised(head.weight, tau).T + bias).argmax(1) for tau in TAUS]
    return TAUS[int(np.argmax([mean_recall(guess, val.labels) for guess in guesses]))]


def mean_recall(guess: Int[Tensor, " n"], labels: Int[Tensor, " n"]) -> float:
    """Return the mean over the classes present of the share of their rows that is guessed."""
    shares = [float((guess[labels == k] == k).double().mean()) for k in torch.unique(labels)]
    return float(np.mean(shares))


def _as_it_is(
    train: TrainingData, ctx: FitContext, settings: Settings, state: Mapping[str, Any]
) -> NeuralModel:
    """Return the model of a state without training."""
    parts = Parts(Weighted(plain), initialise=lambda network: load_state(network, state))
    with own_randomness(ctx):
        run, spec = set_up(train, ctx, settings, parts)
    return NeuralModel(spec, run.network, run.data.preprocessing)


class ClassMeans(Settings):
    """Settings of the nearest class mean."""

    normalise: bool = True
    """Centre features and scale them to length 1, in the authors' code "cl2n"."""


@neural(ClassMeans)
def fit_nearest_class_mean(
    train: TrainingData, ctx: FitContext, settings: ClassMeans
) -> NeuralModel:
    """Predict the class whose mean feature is nearest in Euclidean distance; no training.

    References
    ----------
    Kang et al. 2020, section 4.1, nearest class mean: of features less their training mean, scaled
    to length 1, as in its code.
    """
    class_counts(train.observed, train.num_classes)
    state = dict(parent_of(ctx))

    def initialise(network: Any) -> None:
        body = {n: a for n, a in state.items() if not n.startswith("head.")}
        own = {f"head.{n}": t.cpu().numpy() for n, t in network.head.state_dict().items()}
        load_state(network, body | own)

    with own_randomness(ctx):
        kind = "normalised-distance" if settings.normalise else "distance"
        parts = Parts(Weighted(plain), network={"head": kind}, initialise=initialise)
        run, spec = set_up(train, ctx, settings, parts)
        rows, labels, head = features(run.network, run.data), run.data.labels, run.network.head
        if settings.normalise:
            head.centre.copy_(rows.mean(0))
        placed = head.placed(rows)
        means = [placed[labels == k].mean(0) for k in range(train.num_classes)]
        head.weight.data = torch.stack(means)
    return NeuralModel(spec, run.network, run.data.preprocessing)


def parent_of(ctx: FitContext) -> Mapping[str, Any]:
    """Return the parent's trained state.

    Raises
    ------
    TrainingError
        If there is none.
    """
    if ctx.parent is None:
        raise TrainingError(
            "This method starts from another entry's weights and received none. Name that entry "
            "on the card: [method] init_from = 'cnn-ce'."
        )
    return ctx.parent


def _balanced(train: TrainingData, initialise: Any, network: dict[str, Any]) -> Parts:
    class_counts(train.observed, train.num_classes)
    return Parts(
        HeadOnly(plain, still=False), rows=drawn(0.0), network=network, initialise=initialise
    )
