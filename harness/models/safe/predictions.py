"""Predictions as arrays and files: reading safely, checking, placing classes into columns."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int

from harness.errors import PredictionsError
from harness.models.safe.npz import read_npz, wrong_rows
from harness.types.data import Pool
from harness.types.models import Predictions

SUM_TOLERANCE = 1e-3
"""How far the sum of a row of probabilities may be from 1: float16 sums of 1,000 classes pass."""
ABSENT_MARGIN = 50.0
"""How far below the row's minimum the logit of a class never seen in training lies: e^-50."""


def from_arrays(arrays: Mapping[str, np.ndarray], source: str = "predictions") -> Predictions:
    """Return arrays as predictions: exactly one of logits and probs, rows 0 … n−1 by default.

    Parameters
    ----------
    arrays : mapping of str to array
        ``logits`` or ``probs`` (n, c), perhaps ``row`` (n,) and ``features`` (n, d).
    source : str
        What error sentences call it.

    Raises
    ------
    PredictionsError
        If both or neither of logits and probs are given.
    """
    given = [kind for kind in ("logits", "probs") if kind in arrays]
    if len(given) != 1:
        raise PredictionsError(
            f"{source} must hold either 'logits' or 'probs'; got "
            f"{' and '.join(arrays) or 'nothing'}. "
            "Give logits when you have them: energy scores need them."
        )
    kind = given[0]
    n = len(arrays[kind])
    features = arrays.get("features")
    return Predictions(
        kind="logits" if kind == "logits" else "probs",
        values=np.ascontiguousarray(arrays[kind], dtype=np.float32),
        row=np.asarray(arrays.get("row", np.arange(n)), dtype=np.int64),
        features=None if features is None else np.ascontiguousarray(features, dtype=np.float16),
    )


def read_predictions(path: Path, pool: Pool, num_classes: int) -> Predictions:
    """Return the predictions of an npz file about one pool, checked.

    Raises
    ------
    PredictionsError
        If the file is unsafe, or its arrays are not predictions for this pool.
    """
    predictions = from_arrays(read_npz(path, pool=pool), path.name)
    validate(predictions, pool, num_classes, source=path.name)
    return predictions


def validate(
    predictions: Predictions,
    pool: Pool,
    num_classes: int,
    *,
    source: str = "predictions",
    whole: bool = True,
) -> None:
    """Refuse arrays that are not predictions for this pool.

    Parameters
    ----------
    predictions : Predictions
        What a model or a file said.
    pool : Pool
        What it should be about.
    num_classes : int
        C of the suite.
    source : str
        What error sentences call it: a file's name.
    whole : bool, default=True
        True: every row of the pool once. False: a subset is enough.

    Raises
    ------
    PredictionsError
        With expected, received and what to do.
    """
    n, columns = predictions.values.shape
    if columns != num_classes:
        raise PredictionsError(
            f"{source}: {predictions.kind} has {columns:,} columns, the suite has "
            f"{num_classes:,} classes. Write one column per class, in the suite's order."
        )
    _check_rows(predictions.row, n, predictions.kind, pool, source, whole=whole)
    if predictions.features is not None and len(predictions.features) != n:
        raise PredictionsError(
            f"{source}: features has {len(predictions.features):,} rows, {predictions.kind} has "
            f"{n:,}. Write one row of each per image."
        )
    _check_finite(predictions.values, predictions.kind, source)
    if predictions.kind == "probs":
        _check_probs(predictions.values, source)


def _check_rows(
    row: np.ndarray, n: int, kind: str, pool: Pool, source: str, *, whole: bool
) -> None:
    if len(row) != n:
        raise PredictionsError(
            f"{source}: row has {len(row):,} entries, the array {n:,} rows. Write one per image."
        )
    if whole and n != len(pool):
        raise wrong_rows(source, kind, n, pool)
    if n and (row[0] < 0 or row[-1] >= len(pool) or (np.diff(row) <= 0).any()):
        raise PredictionsError(
            f"{source}: row must increase from 0 to at most {len(pool) - 1:,}; got "
            f"{int(row.min()):,} … {int(row.max()):,}"
            f"{' out of order or twice' if (np.diff(row) <= 0).any() else ''}. "
            "Leave 'row' out when the rows are in dataset order."
        )


def _check_finite(values: np.ndarray, kind: str, source: str) -> None:
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise PredictionsError(
            f"{source}: {kind} must be finite; {int(bad.sum()):,} rows hold NaN or infinity, the "
            f"first is row {first:,}. Find out what made them; a NaN is never scored."
        )


def _check_probs(probs: np.ndarray, source: str) -> None:
    sums = probs.sum(axis=1, dtype=np.float64)
    off = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(off):
        raise PredictionsError(
            f"{source}: probs rows must sum to 1; row {off[0]:,} sums to {sums[off[0]]:.4g}. "
            "Apply softmax before saving, or save them as 'logits'."
        )
    if (probs < 0).any():
        first = int(np.flatnonzero((probs < 0).any(axis=1))[0])
        raise PredictionsError(
            f"{source}: probs must lie in [0, 1]; row {first:,} holds {probs[first].min():.4g}. "
            "Apply softmax before saving."
        )


def place_columns(
    values: Float[np.ndarray, "b k"],
    classes: Int[np.ndarray, " k"],
    num_classes: int,
    kind: str,
) -> Float32[np.ndarray, "b c"]:
    """Return columns for all C classes from an estimator's columns for the classes it saw.

    An absent class gets probability 0, or the row's minimum − 50 as logit. An estimator that
    saw one class has one column.

    Parameters
    ----------
    values : float array of shape (b, k)
        As scikit-learn returns them, columns in the order of `classes`.
    classes : int array of shape (k,)
        ``classes_`` of the estimator.
    num_classes : int
        C.
    kind : {"logits", "probs"}
        Decides what an absent class gets.

    Returns
    -------
    float32 array of shape (b, c)

    Raises
    ------
    PredictionsError
        If a class is not in 0 … C−1.
    """
    if len(classes) and (classes.min() < 0 or classes.max() >= num_classes):
        raise PredictionsError(
            f"classes must lie in 0 … {num_classes - 1}; got {classes.min()} … {classes.max()}."
        )
    b = len(values)
    empty = np.zeros(b) if kind == "probs" else values.min(axis=1) - ABSENT_MARGIN
    placed = np.repeat(empty[:, None], num_classes, axis=1).astype(np.float32)  # (b, c)
    placed[:, classes] = values
    return placed
