"""What dtype ``auto`` means for a model: the fastest dtype and memory format that its outputs bear.

Tried once, before the first pass, on the first test inputs, and kept: the key of evidence names
what was chosen, so it has to be known before. Neither time nor the machine's load decides, for then
the same job would give other bits the next day.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from harness.keys import sha256_of
from harness.models.obtain.work import Work, job_key
from harness.models.passes.numerics import AUTO, EXACT, computing, has_bfloat16
from harness.models.passes.predict import autocast, outputs_of
from harness.models.passes.steady import gap_between, spread_of
from harness.types.data import Pool
from harness.types.models import Model

FASTER = (("bfloat16", "channels_last"), ("float32", "channels_last"))
"""Dtypes and memory formats that are tried, the fastest first."""
TOLERANCE = 0.02
"""Largest difference from the exact outputs, as a share of the widest gap between two outputs of an
input. No input that is tried may change its predicted class either."""
ROWS = 32
"""Inputs that are tried."""
Said = Callable[[str, str], Float[np.ndarray, "b c"]]
"""From dtype and memory format to outputs."""
ModelOf = Callable[[Work], tuple[Model, Pool]]
"""From a work with concrete numerics to its model and the test pool as that is given it."""


def settled(work: Work, model_of: ModelOf) -> Work:
    """Return a job's work with a dtype and a memory format in place of ``auto``.

    Parameters
    ----------
    work : Work
        Returned as it is where nothing is left to choose.
    model_of : callable
        Loads or trains the model; called only where the store knows no choice.

    Raises
    ------
    CardError, TrainingError, PredictionsError
        As obtaining the model and passing its first inputs.
    """
    known = kept_choice(work)
    if known is not None:
        return known

    def said(dtype: str, memory_format: str) -> Float[np.ndarray, "b c"]:
        under = _under(work, dtype, memory_format)
        model, pool = model_of(under)
        rows = np.arange(min(ROWS, len(pool)))
        with computing(under.numerics), autocast(under.numerics):
            return outputs_of(model, pool, rows, len(rows)).values

    found = chosen(said, work.numerics.device)
    work.store.save_json("jobs", _choice_key(work), found, note=f"{work.job.name} dtype auto")
    return _under(work, found["dtype"], found["memory_format"])


def kept_choice(work: Work) -> Work | None:
    """Return what `settled` gives where that needs no model; None where it does."""
    if work.numerics.dtype != AUTO:
        return work
    kept = work.store.load_json("jobs", _choice_key(work))
    return None if kept is None else _under(work, kept["dtype"], kept["memory_format"])


def _choice_key(work: Work) -> str:
    return sha256_of({"auto": job_key(work), "tried on": work.opened.test.identity})


def chosen(said: Said, device: str) -> dict[str, Any]:
    """Return the first of `FASTER` whose outputs are within the tolerance, else the exact ones.

    Where outputs are the same to the last bit nothing is gained: the exact ones stay.

    Parameters
    ----------
    said : callable
        From dtype and memory format to the outputs (b, C) on the same inputs.
    device : {"cpu", "cuda"}
        Asked whether it has bfloat16.

    Returns
    -------
    dict
        ``dtype``, ``memory_format``, and ``gaps``: what was seen of each that was tried.
    """
    exact = said(*EXACT)
    gaps: dict[str, float] = {}
    for dtype, memory_format in FASTER:
        if dtype == "bfloat16" and not has_bfloat16(device):
            continue
        found = said(dtype, memory_format)
        gap = gap_between(exact, found) / max(spread_of(exact), 1e-12)
        gaps[f"{dtype} {memory_format}"] = gap
        same = np.array_equal(exact.argmax(axis=1), found.argmax(axis=1))
        if 0 < gap <= TOLERANCE and same:
            return {"dtype": dtype, "memory_format": memory_format, "gaps": gaps}
    return {"dtype": EXACT[0], "memory_format": EXACT[1], "gaps": gaps}


def _under(work: Work, dtype: str, memory_format: str) -> Work:
    under = replace(work.numerics, dtype=dtype, memory_format=memory_format)
    return replace(work, numerics=under)
