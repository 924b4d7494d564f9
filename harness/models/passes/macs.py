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
}
"""Rule of a probe of `baselines.probes` → its arrays that an input's row is multiplied with. Rules
that are not here (trees, neighbours, densities) are not networks."""
PLAIN_ROWS = ("flat", "scaled", "columns", "codes")
"""Transforms that make a probe's row without any product of matrices."""
NO_NETWORK = "not a network"
OUT_OF_REACH = "no torch network in this process"


def count_macs(model: Model, pool: Pool, numerics: Numerics) -> Macs:
    """Return the multiply-accumulates of a model for one input of a pool.

    Parameters
    ----------
    model : Model
        One that holds a torch module answers one input for this, alone in its batch; of a probe
        of ours the arrays are counted that a row is multiplied with.
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
    rule = meta.get("rule") if ours else None
    if rule not in LAYERS:
        return Macs(None, NO_NETWORK if ours else OUT_OF_REACH)
    if meta.get("transform") not in PLAIN_ROWS:
        return Macs(None, f"its rows are made by {meta.get('transform')}, which is not counted")
    state = model.state()  # type: ignore[attr-defined]  # what is ours and has a rule is a probe
    return Macs(sum(prod(np.shape(state[name])) for name in LAYERS[str(rule)]))


def _holds_a_network(model: Model) -> bool:
    torch = sys.modules.get("torch")
    inside = [model, *(vars(model).values() if hasattr(model, "__dict__") else ())]
    return torch is not None and any(isinstance(each, torch.nn.Module) for each in inside)


def _while_answering(model: Model, pool: Pool, numerics: Numerics) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with computing(numerics), autocast(numerics), FlopCounterMode(display=False) as counter:
        outputs_of(model, pool, np.arange(1), 1)
    return counter.get_total_flops() // 2  # a product and a sum each
