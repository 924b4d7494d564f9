"""Networks on rows behind the harness's interface: kept as named arrays, built again from sizes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from baselines.probes.heads import HeadSettings, Objective, Standardised, train_head
from baselines.probes.probe import ABSENT, place
from baselines.probes.transforms import TRANSFORMS
from baselines.settings import Method, S, method
from harness.lookup import lookup
from harness.types.models import FitContext, Output, TrainingData

AT_ONCE = 256
"""Rows that go through a network together: what a look-up holds of each stays small."""
WEIGHTS = "network."
"""First part of the names of a network's weights among a model's arrays."""
N = TypeVar("N", bound=nn.Module)
Build = Callable[..., nn.Module]
"""Builds a network on rows from keyword sizes alone, plain JSON values."""


class RowNetwork:
    """A trained network on standardised rows.

    Parameters
    ----------
    sizes : mapping
        What it is built from, plain JSON values.
    network : module
        It, with its weights.
    num_classes : int
        C.
    arrays : mapping of str to array
        ``classes``, ``mean``, ``deviation`` and what the transform learnt.
    transform : str
        A name in `transforms.TRANSFORMS`.
    """

    preprocessing = None
    head = None

    def __init__(
        self,
        sizes: Mapping[str, Any],
        network: nn.Module,
        num_classes: int,
        arrays: Mapping[str, np.ndarray],
        transform: str,
    ) -> None:
        self.network = network.eval()
        self.num_classes = num_classes
        self.meta: Mapping[str, Any] = {
            "sizes": dict(sizes),
            "num_classes": num_classes,
            "transform": transform,
        }
        self._arrays = dict(arrays)
        self._transform = lookup("transform", transform, TRANSFORMS)

    def state(self) -> dict[str, np.ndarray]:
        """Return all arrays: the network's weights and what brings inputs to it."""
        weights = self.network.state_dict()
        return {
            **self._arrays,
            **{WEIGHTS + name: t.detach().cpu().numpy().copy() for name, t in weights.items()},
        }

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def __call__(self, inputs: np.ndarray) -> Output:
        """Return logits of a batch (b, …)."""
        rows = self._transform(inputs, self._arrays)
        rows = (rows - self._arrays["mean"]) / self._arrays["deviation"]
        parts = torch.from_numpy(rows.astype(np.float32)).split(AT_ONCE)
        values = torch.cat([self.network(part) for part in parts]).numpy()
        placed = place(values, self._arrays["classes"], self.num_classes, ABSENT)
        return Output("logits", placed)


def on_rows(
    settings: type[S], build: Build
) -> Callable[[Callable[[TrainingData, FitContext, S], RowNetwork]], Method[S]]:
    """Make a method of a function that trains a network which `build` makes from its sizes."""
    return method(settings, partial(restore, build))


def restore(build: Build, state: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> RowNetwork:
    """Return the model that `RowNetwork.state` and `RowNetwork.meta` describe."""
    with torch.random.fork_rng(devices=[]):  # building draws weights, which are then replaced
        network = build(**meta["sizes"])
    weights = {n: a for n, a in state.items() if n.startswith(WEIGHTS)}
    network.load_state_dict(
        {n.removeprefix(WEIGHTS): torch.from_numpy(np.array(a)) for n, a in weights.items()}
    )
    others = {n: a for n, a in state.items() if n not in weights}
    return RowNetwork(meta["sizes"], network, meta["num_classes"], others, meta["transform"])


def fitted(
    build: Callable[..., N],
    sizes: Mapping[str, Any],
    data: Standardised,
    settings: HeadSettings,
    ctx: FitContext,
    objective: Callable[[N], Objective],
) -> RowNetwork:
    """Build a network from sizes, train it by `heads.train_head`, return the model.

    Parameters
    ----------
    build : callable
        Makes the network of `sizes`.
    sizes : mapping
        Plain JSON values.
    data : Standardised
        Training rows.
    settings : HeadSettings
        Of the training.
    ctx : FitContext
        Its seed draws the first weights and the batches.
    objective : callable
        From the new network to what is minimised; it may fill the network's buffers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ctx.seed)
        network = build(**sizes)
        wanted = objective(network)
        network.train()  # its dropout is on
        train_head(network, data, settings, ctx, wanted)
    given = data.given
    arrays = {**data.scaling(), **given.learnt}
    return RowNetwork(sizes, network, given.num_classes, arrays, given.transform)
