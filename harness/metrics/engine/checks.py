"""What arrays must be before a metric looks at them: one sentence for each thing that goes wrong.

Constructors and public functions call these; inside, arrays are taken for granted.
"""

import numpy as np
from jaxtyping import Float, Float64, Int64, Shaped

from harness.errors import PredictionsError

SUM_TOLERANCE = {2: 5e-3, 4: 1e-3, 8: 1e-3}
"""How far a row of probabilities may be from 1, by bytes of its dtype."""

BLOCK_ELEMENTS = 1 << 16
"""Elements of a row block: half a MiB in float64 stays in a core's cache."""

ROUNDING = 1 - 1e-12
"""Sums of weights reach a share of the total when they reach this much of it: 0.3 has no exact
float, and an edge must not depend on the order of summation."""


def block_rows(c: int) -> int:
    """Return how many rows of `c` columns make a block."""
    return max(1, BLOCK_ELEMENTS // max(1, c))


def checked_labels(
    labels: Shaped[np.ndarray, "..."], c: int, *, name: str = "y_true"
) -> Int64[np.ndarray, " n"]:
    """Return `labels` as int64, or say what is wrong with them.

    Parameters
    ----------
    labels : int array of shape (n,)
        Class indices, 0 <= label < c.
    c : int
        Number of classes.
    name : str, default="y_true"
        How the message calls the array.

    Raises
    ------
    PredictionsError
        If it is not one row of integers, empty, or has a label outside the range.
    """
    if labels.ndim != 1:
        raise PredictionsError(
            f"{name} must be one label per image, shape (n,); got shape {labels.shape}. "
            "Give class indices, not one-hot rows."
        )
    if labels.dtype.kind not in "iu":
        raise PredictionsError(
            f"{name} must hold integer class indices; got dtype {labels.dtype}. "
            f"Convert with {name}.astype(int)."
        )
    if len(labels) == 0:
        raise PredictionsError(
            f"{name} must hold at least one label; got 0. Pass a pool with rows."
        )
    bad = np.flatnonzero((labels < 0) | (labels >= c))
    if len(bad):
        raise PredictionsError(
            f"{name} must be in 0 … {c - 1} for {c} classes; row {bad[0]} is {labels[bad[0]]}. "
            "Map labels to the columns of the predictions."
        )
    return labels.astype(np.int64, copy=False)


def check_aligned(array: Shaped[np.ndarray, "..."], n: int, name: str) -> None:
    """Raise unless `array` has one row for each of `n` images.

    Raises
    ------
    PredictionsError
        If it has another number.
    """
    if len(array) != n:
        raise PredictionsError(
            f"{name} has {len(array):,} rows, the predictions have {n:,}. "
            "Give one row per image, in the same order."
        )


def check_finite(values: Float[np.ndarray, "..."], name: str) -> None:
    """Raise when an array holds a NaN or an infinity.

    Raises
    ------
    PredictionsError
        If a value is not finite.
    """
    # One sum instead of a mask: it is finite unless a value is not (or the sum itself overflows).
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.sum(values)):
            return
    where = np.argwhere(~np.isfinite(values))
    if len(where) == 0:
        return
    first = tuple(int(i) for i in where[0])
    raise PredictionsError(
        f"{name} must be finite; got {values[first]} at {list(first)} "
        f"({len(where)} such values). Correct the model or its dtype before saving."
    )


def check_matrix(values: Shaped[np.ndarray, "..."], n: int, name: str) -> None:
    """Raise unless `values` is a float matrix of n rows and at least two columns.

    Raises
    ------
    PredictionsError
        If dtype or shape is another.
    """
    if values.ndim != 2 or values.shape[1] < 2:
        raise PredictionsError(
            f"{name} must have one row per image and one column per class, shape (n, c), c at "
            f"least 2; got shape {values.shape}. Write two columns for two classes."
        )
    if values.dtype.kind != "f":
        raise PredictionsError(
            f"{name} must be floating point; got dtype {values.dtype}. "
            "Save what the model returned, as float32."
        )
    if len(values) != n:
        raise PredictionsError(
            f"{name} has {len(values):,} rows, y_true has {n:,}. "
            "Give one row per label, in the same order."
        )
    check_finite(values, name)


def check_probabilities(probs: Float[np.ndarray, "n c"]) -> None:
    """Raise unless every entry is in [0, 1] and every row sums to one.

    Raises
    ------
    PredictionsError
        If a row is not a distribution; the first such row is named.
    """
    sums = probs.sum(axis=1, dtype=np.float64)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE[min(probs.dtype.itemsize, 8)])
    if len(off):
        raise PredictionsError(
            f"probs rows must sum to 1; row {off[0]} sums to {sums[off[0]]:.4g}. "
            "Apply softmax before saving."
        )
    low, high = probs.min(), probs.max()
    if low < 0 or high > 1 + SUM_TOLERANCE[min(probs.dtype.itemsize, 8)]:
        raise PredictionsError(
            f"probs must be in [0, 1]; got {low:.4g} … {high:.4g}. Apply softmax before saving."
        )


def checked_weights(
    weights: Shaped[np.ndarray, "..."] | None, n: int, *, name: str = "weights"
) -> Float64[np.ndarray, " n"] | None:
    """Return weights as float64, or None for equal ones.

    Raises
    ------
    PredictionsError
        If shape, sign or sum are not those of weights.
    """
    if weights is None:
        return None
    if weights.shape != (n,):
        raise PredictionsError(
            f"{name} must have one weight per image, shape ({n},); got shape {weights.shape}. "
            "For class weights pass class_weights[y_true]."
        )
    w = weights.astype(np.float64)
    check_finite(w, name)
    if w.min() < 0 or w.sum() <= 0:
        raise PredictionsError(
            f"{name} must not be negative and must not all be zero; smallest {w.min():.4g}, "
            f"sum {w.sum():.4g}. Drop the images that should not count."
        )
    return w


def checked_scores(scores: Shaped[np.ndarray, "..."], name: str) -> Float[np.ndarray, " n"]:
    """Return one score per image; float32 stays (it sorts faster, and only order counts).

    Raises
    ------
    PredictionsError
        If it is empty, not one row of floats, or not finite.
    """
    if scores.ndim != 1 or scores.dtype.kind not in "fiu":
        raise PredictionsError(
            f"{name} must be one number per image, shape (n,); got {scores.dtype} of shape "
            f"{scores.shape}. Reduce to one score per row first."
        )
    if len(scores) == 0:
        raise PredictionsError(f"{name} must hold at least one score; got 0. Pass a set with rows.")
    narrow = scores.dtype in (np.float16, np.float32)
    values = scores.astype(np.float32 if narrow else np.float64, copy=False)
    check_finite(values, name)
    return values
