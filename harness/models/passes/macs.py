"""Multiply-accumulates of a network for one input, counted while it answers one.

Counted are products of convolutions, linear layers and other matrix products, as they are done.
Biases, normalisation, activations and pooling are left out, as in published numbers.
"""

import sys
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from harness.models.passes.numerics import Numerics, computing
from harness.models.passes.predict import autocast, outputs_of
from harness.types.data import Pool
from harness.types.models import Model
from harness.types.results import Macs

LAYERS: dict[str, tuple[str, ...]] = {
    "linear": ("weight",),
    "root-linear": ("weight",),
    "one-vs-rest": ("weight",),
    "nearest-mean": ("means",),
    "cosine": ("prototypes",),
    "evidence": ("weight",),
    "expected-distance": ("weight", "squares"),
    "components": ("centres", "positive"),
    "key-value": ("projections", "keys"),
    "perceptron": ("inner", "outer", "weight"),
    "sigmoid-units": ("inner", "outer"),
    "pattern-misfit": ("patterns",),
    "Boundaries": ("weight",),
}
"""Rule of a probe of `baselines.probes`, or class of a model of ours that has but one rule → its
arrays that an input's row is multiplied with. What is not here (trees, neighbours, densities) is
no network."""
PLAIN_ROWS = ("flat", "scaled", "columns", "codes", "statistics")
"""Transforms that make a model's row without any product of matrices."""
FILTERED_ROWS = "random-convolutions"
"""The transform that multiplies an image with filters at every place."""
NO_NETWORK = "not a network"
OUT_OF_REACH = "no torch network in this process"


def count_macs(model: Model, pool: Pool, numerics: Numerics) -> Macs:
    """Return the multiply-accumulates of a model for one input of a pool.

    Parameters
    ----------
    model : Model
        One that holds a torch module answers one input for this, alone in its batch; of another
        model of ours the arrays are counted that a row is multiplied with.
    pool : Pool
        Its first input is taken.
    numerics : Numerics
        As in the model's passes.

    Returns
    -------
    Macs
        Without a count, and why, for what is not a network or cannot be looked into.
    """
    if _holds_a_network(model):
        count = _while_answering(model, pool, numerics)
        return Macs(count) if count else Macs(None, "it does no product of matrices")
    meta: Mapping[str, Any] = getattr(model, "meta", None) or {}
    ours = type(model).__module__.partition(".")[0] == "baselines"
    rule = meta.get("rule", type(model).__name__) if ours else None
    if rule not in LAYERS:
        return Macs(None, NO_NETWORK if ours else OUT_OF_REACH)
    state: Mapping[str, np.ndarray] = model.state()  # type: ignore[attr-defined]  # ours has one
    row = _of_row(meta.get("transform"), state, pool)
    if row is None:
        return Macs(None, f"its rows are made by {meta.get('transform')}, which is not counted")
    return Macs(row + sum(prod(np.shape(state[name])) for name in LAYERS[str(rule)]))


def _of_row(transform: object, state: Mapping[str, np.ndarray], pool: Pool) -> int | None:
    """Return the multiply-accumulates that make a row of an input; None where nobody knows."""
    if transform in PLAIN_ROWS:
        return 0
    if transform != FILTERED_ROWS:
        return None
    filters, (height, width) = state["filters"], pool.inputs.take(np.arange(1)).shape[1:3]
    side = filters.shape[1]
    return (height - side + 1) * (width - side + 1) * prod(filters.shape)


def _holds_a_network(model: Model) -> bool:
    torch = sys.modules.get("torch")
    inside = [model, *(vars(model).values() if hasattr(model, "__dict__") else ())]
    return torch is not None and any(isinstance(each, torch.nn.Module) for each in inside)


def _while_answering(model: Model, pool: Pool, numerics: Numerics) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with computing(numerics), autocast(numerics), FlopCounterMode(display=False) as counter:
        outputs_of(model, pool, np.arange(1), 1)
    return counter.get_total_flops() // 2  # a product and a sum each
