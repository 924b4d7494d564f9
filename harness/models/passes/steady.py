"""Whether a model answers the same to the same input: tried on a few rows before any pass.

A model left in training mode draws dropout or measures the batch it is in. Its numbers would depend
on chance and on which inputs happened to go together, and nothing in them would show it.
"""

import sys
from typing import Any

import numpy as np
from jaxtyping import Float

from harness.errors import PredictionsError
from harness.models.passes.numerics import Numerics, computing
from harness.models.passes.predict import autocast, outputs_of
from harness.types.data import Pool
from harness.types.models import Model

ROWS = 8
"""Inputs that are tried."""
TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2}
"""Largest difference that rounding explains, as a share of the spread of a batch's outputs.

Kernels of other shapes add in another order: some 1e-6 in float32, some 1e-2 in bfloat16."""
_ROUNDING = 1e-6
"""The same as a share of the outputs themselves, for those far from zero."""


def check_steady(model: Model, pool: Pool, numerics: Numerics) -> None:
    """Refuse a model whose answer to an input depends on the call or on the rest of the batch.

    Three batches of at most eight rows: some inputs, the same again, and the first of them alone.

    Parameters
    ----------
    model : Model
        Not transductive: such a model may answer by the batch.
    pool : Pool
        Whose first rows are tried.
    numerics : Numerics
        As in the pass that is to come.

    Raises
    ------
    PredictionsError
        With what differs, how much, and what to do.
    """
    rows = np.arange(min(ROWS, len(pool)))
    with computing(numerics, filled=False), autocast(numerics):
        first = outputs_of(model, pool, rows, len(rows)).values
    with computing(numerics), autocast(numerics):  # NaN in new memory: who reads it is seen
        again = outputs_of(model, pool, rows, len(rows)).values
        alone = outputs_of(model, pool, np.repeat(rows[:1], len(rows)), len(rows)).values
    slack = slack_of(first, numerics)
    if (gap := gap_between(first, again)) > slack:
        raise PredictionsError(
            f"The model answers differently to the same {len(rows)} inputs of {pool.name}: its "
            f"outputs move by {gap:.3g} from one call to the next. {remedy(model)}"
        )
    if (gap := gap_between(first[:1], alone[:1])) > slack:
        raise PredictionsError(
            f"The model's answer to an input depends on the inputs passed with it: row 0 of "
            f"{pool.name} alone and among {len(rows) - 1} others differs by {gap:.3g}. "
            f"{remedy(model)}"
        )


def _centred(values: Float[np.ndarray, "b c"]) -> Float[np.ndarray, "b c"]:
    """Take each row's maximum off: what all classes share decides nothing."""
    wide = values.astype(np.float64)
    return wide - wide.max(axis=1, keepdims=True)


def gap_between(one: Float[np.ndarray, "b c"], other: Float[np.ndarray, "b c"]) -> float:
    """Return the largest difference between two answers to the same rows; NaN equals NaN alone."""
    if not np.array_equal(np.isnan(one), np.isnan(other)):
        return float("inf")
    with np.errstate(invalid="ignore"):  # two infinities of one sign are the same answer
        both = np.abs(_centred(one) - _centred(other))
    return float(np.nan_to_num(both, nan=0.0).max(initial=0.0))


def spread_of(values: Float[np.ndarray, "b c"]) -> float:
    """Return the widest gap between two outputs of one row."""
    return float(np.nan_to_num(np.abs(_centred(values)), posinf=0.0).max(initial=0.0))


def slack_of(values: Float[np.ndarray, "b c"], numerics: Numerics) -> float:
    """Return the largest difference that is still the same answer."""
    spread = spread_of(values)
    size = np.nan_to_num(np.abs(values), posinf=0.0).max(initial=0.0)
    return float(TOLERANCE[numerics.dtype] * spread + _ROUNDING * size + 1e-12)


def remedy(model: Any) -> str:
    """Return what to do: another sentence where a torch module says that it is in training mode."""
    torch = sys.modules.get("torch")
    inside = [model, *(vars(model).values() if hasattr(model, "__dict__") else ())]
    for each in inside:
        if torch is not None and isinstance(each, torch.nn.Module) and each.training:
            return "It is in training mode: call .eval() on it before it is handed in."
    return (
        "Fix its random choices and take batch statistics from training; an entry that adapts on "
        "test inputs says so: facets.transductive = true."
    )
