"""What logits, probabilities and features must be, how rounded they may be, and how they are kept.

Numbers are looked at in the dtype they are given in; nothing is cast before it is known what the
cast would lose.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from harness.errors import PredictionsError

SUM_TOLERANCE = 1e-3
"""How far the sum of a row of probabilities may be from 1 and is used as given."""
FLAT = 1e-6
"""Sums nearer to 1 than this are 1 up to float32's own rounding."""
BLOCK = 1 << 22
"""Elements looked at at once."""
DECIMALS = (2, 3, 4, 5)
"""Decimal places that rounded text may have."""


@dataclass(frozen=True)
class Rounding:
    """How coarse a matrix of probabilities is, and what that does to sums of rows."""

    name: str
    """``bfloat16``, ``float16``, ``3 decimal places`` or ``""``."""
    tolerance: float
    """How far the sum of a row can be from 1 by rounding alone."""


def rounding_of(probs: Float[np.ndarray, "n c"]) -> Rounding:
    """Return how probabilities were rounded, judged from the values themselves.

    A softmax kept in a short float has an error of half an eps in each value, and another half
    from its rounded sum: together eps times the sum, plus half the smallest step for each class
    (float16's subnormal numbers). Of values rounded to d decimal places the error of a row's sum
    has the standard deviation 10^-d·sqrt(c/12), of which four are allowed.

    Parameters
    ----------
    probs : float array of shape (n, c)
        As given.

    Returns
    -------
    Rounding
        Without a name when they are as fine as float32.
    """
    c = probs.shape[1]
    if _all_in(probs, _as_bfloat16):  # first: most of its numbers are float16's too
        return Rounding("bfloat16", 2.0**-7)
    if _all_in(probs, _as_float16):
        return Rounding("float16", max(SUM_TOLERANCE, 2.0**-10 + c * 2.0**-25))
    for places in DECIMALS:
        if _all_in(probs, lambda block, p=places: _near(block, p)):
            step = 10.0**-places
            noise = min(4 * step * np.sqrt(c / 12), c * step / 2)
            return Rounding(f"{places} decimal places", max(SUM_TOLERANCE, float(noise)))
    return Rounding("", SUM_TOLERANCE)


def _blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    rows = max(1, BLOCK // max(1, values.shape[1]))
    for start in range(0, len(values), rows):
        yield values[start : start + rows]


def _all_in(values: np.ndarray, rounded: "object") -> bool:
    """Return whether every block is what `rounded` makes of it."""
    return all(bool((rounded(block) == block).all()) for block in _blocks(values))  # type: ignore[operator]


def _as_float16(block: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return block.astype(np.float16).astype(block.dtype)


def _as_bfloat16(block: np.ndarray) -> np.ndarray:
    """Cut float32 to the eight leading bits that bfloat16 has of its significand."""
    short = np.ascontiguousarray(block, dtype=np.float32)
    return (short.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32).astype(block.dtype)


def _near(block: np.ndarray, places: int) -> np.ndarray:
    rounded = np.round(block.astype(np.float64), places)
    fine = np.abs(rounded - block) <= np.finfo(block.dtype).eps * np.maximum(rounded, 1e-3)
    return np.where(fine, block, np.nan)


def check_finite(values: Float[np.ndarray, "n c"], array: str, source: str) -> None:
    """Refuse NaN and infinity; an overflow of float16 is named as one.

    Raises
    ------
    PredictionsError
        With the number of such rows and the first.
    """
    bad = ~np.isfinite(values).all(axis=1)
    if not bad.any():
        return
    first = int(np.flatnonzero(bad)[0])
    overflown = values.dtype == np.float16 and np.isinf(values).any() and not np.isnan(values).any()
    raise PredictionsError(
        f"{source}: {array} must be finite; {int(bad.sum()):,} rows hold NaN or infinity, the "
        f"first is row {first:,}. "
        + (
            "float16 ends at 65,504: save the model's output as float32, cast before it overflows."
            if overflown
            else "Where -inf is the logarithm of 0, save the probabilities as 'probs'."
            if array == "logits" and (np.isfinite(values) | np.isneginf(values)).all()
            else "Find out what made them; a NaN is never scored."
        )
    )


def checked_probs(
    probs: Float[np.ndarray, "n c"], source: str
) -> tuple[Float[np.ndarray, "n c"], str]:
    """Return probabilities, made to sum to 1 again where they were rounded, and a note of that.

    Parameters
    ----------
    probs : float array of shape (n, c)
        Finite.
    source : str
        What error sentences call the file.

    Returns
    -------
    tuple
        The probabilities; a sentence, empty when nothing was done.

    Raises
    ------
    PredictionsError
        If a row is not a distribution; says what it seems to be instead.
    """
    sums = probs.sum(axis=1, dtype=np.float64)
    gap = np.abs(sums - 1)
    negative = np.asarray((probs < 0).any(axis=1))
    if not len(probs) or (not negative.any() and gap.max() <= FLAT):
        return probs, ""
    if negative.any():
        raise _negative(probs, sums, negative, source)
    rounding = rounding_of(probs) if gap.max() < 0.5 else Rounding("", SUM_TOLERANCE)
    off = np.flatnonzero(gap > rounding.tolerance)
    if len(off):
        raise PredictionsError(
            f"{source}: probs rows must sum to 1; row {off[0]:,} sums to {sums[off[0]]:.4g}. "
            + _what_sums_like(probs, sums, rounding)
        )
    if not rounding.name:
        return probs, ""
    fine = probs.astype(np.float64) / sums[:, None]
    note = (
        f"{source}: probs are rounded to {rounding.name} (sums of rows within {gap.max():.2g} of "
        "1) and were made to sum to 1; confidences that rounding made equal stay equal. Save "
        "float32 when you can."
    )
    return fine if probs.dtype == np.float64 else fine.astype(np.float32), note


def _negative(
    probs: np.ndarray, sums: np.ndarray, negative: np.ndarray, source: str
) -> PredictionsError:
    if (probs <= 0).all() and np.allclose(
        np.exp(probs.astype(np.float64)).sum(axis=1), 1, atol=0.01
    ):
        return PredictionsError(
            f"{source}: probs must lie in [0, 1]; these are logarithms of probabilities. Save "
            "them as 'logits': a softmax of them is the probabilities."
        )
    lowest, first = float(probs.min()), int(np.flatnonzero(negative)[0])
    if lowest > -0.05 and np.abs(sums - 1).max() < 0.2:
        return PredictionsError(
            f"{source}: probs must lie in [0, 1]; row {first:,} holds {probs[first].min():.4g}. "
            "What is so little below 0 is noise of what made them: numpy.clip(probs, 0, None), "
            "and divide each row by its sum."
        )
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(off):
        return PredictionsError(
            f"{source}: probs rows must sum to 1; row {off[0]:,} sums to {sums[off[0]]:.4g}. "
            "Apply softmax before saving, or save them as 'logits'."
        )
    return PredictionsError(
        f"{source}: probs must lie in [0, 1]; row {first:,} holds {probs[first].min():.4g}. "
        "Apply softmax before saving."
    )


def _what_sums_like(probs: np.ndarray, sums: np.ndarray, rounding: Rounding) -> str:
    """Return what rows without a negative value are, by their sums, and what to do."""
    empty = np.flatnonzero(sums == 0)
    if len(empty):
        return f"Row {empty[0]:,} holds nothing but 0, so no prediction: find out why."
    if np.allclose(sums, 100, rtol=0.01):
        return "They are percentages: divide by 100 before saving."
    if np.ptp(sums) <= 2 * SUM_TOLERANCE and 0.5 < sums.mean() < 1:
        return (
            "Every row lacks the same share: is a class or a background column missing? Save all "
            "columns, or divide each row by its sum where that is what the model means."
        )
    if rounding.name and np.abs(sums - 1).max() < 0.2:
        c = probs.shape[1]
        return f"They are rounded to {rounding.name}, too few for {c:,} classes: save float32."
    if probs.max() <= 1:
        return (
            "All values lie in 0 … 1, as sigmoids of single classes do: divide each row by its sum "
            "(a softmax of them would be nearly flat)."
        )
    return "Apply softmax before saving, or save them as 'logits'."


def check_logits(logits: Float[np.ndarray, "n c"], source: str, *, given: bool = True) -> None:
    """Refuse logits that are probabilities: a softmax of them is nearly uniform.

    Parameters
    ----------
    logits : float array of shape (n, c)
        Finite.
    source : str
        What error sentences call the file.
    given : bool, default=True
        Whether a file holds them; False: a model returned them.

    Raises
    ------
    PredictionsError
        If no value is negative and every row sums to 1, or to 100.
    """
    if not len(logits) or (logits < 0).any():
        return
    sums = logits.sum(axis=1, dtype=np.float64)
    for total, what in ((1.0, "probabilities"), (100.0, "percentages")):
        if (np.abs(sums - total) <= 0.01 * total).all():
            first = "Save" if total == 1 else "Divide by 100 and save"
            advice = f"{first} them as 'probs'."
            if not given:
                advice = (
                    'Say output = "probs" below [model] of the card or in the file itself, or '
                    "return what stands before the softmax."
                )
            raise PredictionsError(
                f"{source}: logits are {what}: no value is negative and every row sums to "
                f"{total:g}. {advice}"
            )


def remarks(values: Float[np.ndarray, "n c"], kind: str, source: str) -> list[str]:
    """Return what is worth a second look in values that are allowed.

    Parameters
    ----------
    values : float array of shape (n, c)
        As given.
    kind : {"logits", "probs"}
        What they are.
    source : str
        What the sentences call the file.
    """
    found = []
    top = values.max(axis=1, keepdims=True)
    if kind == "probs" and len(values) and (top == 1).all():
        found.append(
            f"{source}: every row gives one class probability 1 and the others 0. If these are "
            "predicted classes, save them as 'pred'; NLL and calibration are then left out."
        )
        return found
    if kind == "logits" and len(values) and values.min() >= 0 and values.max() <= 1:
        found.append(
            f"{source}: all logits lie in 0 … 1, as sigmoids do, and a softmax of them is nearly "
            "flat. If they are sigmoids, divide each row by its sum and save them as 'probs'."
        )
    tied = float(((values == top).sum(axis=1) > 1).mean()) if len(values) else 0.0
    if tied > 0.01:
        biggest = float(np.abs(values).max())
        cause = (
            f" Values reach {biggest:.3g}, where {values.dtype} has steps of "
            f"{float(np.spacing(values.dtype.type(biggest))):.2g}: subtract the row's maximum "
            "before saving."
            if kind == "logits" and np.spacing(values.dtype.type(biggest)) > 1e-3
            else ""
        )
        found.append(
            f"{source}: in {tied:.1%} of rows the largest value is shared; the first such class "
            f"counts as predicted.{cause}"
        )
    return found
