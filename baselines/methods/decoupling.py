"""A new head on a trained body: cRT, learnable weight scaling, τ-normalisation, class means.

All start from another entry's trained state (``init_from`` on the card), keep its body and need
the recipe that it was trained with, as far as the network goes.
"""

from collections.abc import Mapping
from typing import Any

import torch

from baselines.class_counts import class_counts
from baselines.losses import plain
from baselines.method import Parts, features
from baselines.model import NeuralModel, load_state, neural
from baselines.samplers import drawn
from baselines.settings import NonNegative, Settings
from baselines.stages import HeadOnly, train_head_only
from baselines.train import fit, own_randomness, set_up
from harness.errors import TrainingError
from harness.types.models import FitContext, TrainingData


@neural(Settings)
def fit_crt(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Train a new linear head on the frozen body with class-balanced sampling.

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

    tau: NonNegative = 0.7
    """τ in [0, 1]: 0 leaves the weights, 1 makes their norms equal."""


@neural(TauNormalisation)
def fit_tau_normalisation(
    train: TrainingData, ctx: FitContext, settings: TauNormalisation
) -> NeuralModel:
    """Divide each class weight by its norm to the power τ; no training.

    References
    ----------
    Kang et al. 2020, section 4.1, equation 3. The bias is left out; the paper chooses τ on
    validation data, here it is fixed.
    """
    state = dict(parent_of(ctx))
    weight = torch.from_numpy(state["head.weight"])
    state["head.weight"] = (weight / weight.norm(dim=1, keepdim=True) ** settings.tau).numpy()
    state["head.bias"] = state["head.bias"] * 0
    parts = Parts(HeadOnly(plain), initialise=lambda network: load_state(network, state))
    with own_randomness(ctx):
        run, spec = set_up(train, ctx, settings, parts)
    return NeuralModel(spec, run.network, run.data.preprocessing)


@neural(Settings)
def fit_nearest_class_mean(train: TrainingData, ctx: FitContext, settings: Settings) -> NeuralModel:
    """Predict the class whose mean feature is nearest in Euclidean distance; no training.

    References
    ----------
    Kang et al. 2020, section 4.1, nearest class mean, without normalising the features.
    """
    class_counts(train.observed, train.num_classes)
    state = dict(parent_of(ctx))

    def initialise(network: Any) -> None:
        body = {n: a for n, a in state.items() if not n.startswith("head.")}
        head = {"head.weight": network.head.weight.detach().cpu().numpy()}
        load_state(network, body | head)

    with own_randomness(ctx):
        parts = Parts(HeadOnly(plain), network={"head": "distance"}, initialise=initialise)
        run, spec = set_up(train, ctx, settings, parts)
        rows, labels = features(run.network, run.data), run.data.labels
        means = [rows[labels == k].mean(0) for k in range(train.num_classes)]
        run.network.head.weight.data = torch.stack(means)
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
    return Parts(HeadOnly(plain), rows=drawn(0.0), network=network, initialise=initialise)
