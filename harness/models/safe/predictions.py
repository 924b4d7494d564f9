"""Predictions as arrays: what they must be, and how classes are placed into columns."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float32, Int

from harness.errors import PredictionsError
from harness.models.safe.kept import as_kept, kept_features
from harness.models.safe.npz import wrong_rows
from harness.models.safe.order import class_numbers
from harness.models.safe.values import (
    SUM_TOLERANCE,
    check_finite,
    check_logits,
    checked_probs,
)
from harness.types.data import Pool
from harness.types.models import Predictions

ABSENT_MARGIN = 50.0
"""How far below the row's minimum the logit of a class never seen in training lies: e^-50."""
KINDS = ("logits", "probs", "pred")
"""What a file may say of its inputs: one of these."""


def from_arrays(arrays: Mapping[str, np.ndarray], source: str = "predictions") -> Predictions:
    """Return arrays as predictions: one of logits, probs and pred, rows 0 … n−1 by default.

    Parameters
    ----------
    arrays : mapping of str to array
        ``logits`` or ``probs`` (n, c), or ``pred`` (n,) and perhaps ``conf`` (n,); perhaps ``row``
        (n,) and ``features`` (n, d).
    source : str
        What error sentences call it.

    Raises
    ------
    PredictionsError
        If none or several of logits, probs and pred are given, or features do not fit float16.
    """
    kind = kind_of(arrays, source)
    n = len(arrays[kind])
    row = np.asarray(arrays.get("row", np.arange(n)), dtype=np.int64)
    features = arrays.get("features")
    kept = None if features is None else kept_features(features, source)
    if kind == "pred":
        conf = arrays.get("conf")
        return Predictions(
            kind="decisions",
            values=np.ascontiguousarray(arrays["pred"], dtype=np.int64),
            row=row,
            features=kept,
            confidence=None if conf is None else _native(conf),
        )
    if "conf" in arrays:
        raise PredictionsError(
            f"{source}: 'conf' stands beside 'pred'; got it beside {kind!r}, which has its own "
            "confidence. Leave it out, or give 'pred' and 'conf' alone."
        )
    return Predictions(
        kind="logits" if kind == "logits" else "probs",
        values=as_kept(arrays[kind], kind),
        row=row,
        features=kept,
    )


def kind_of(arrays: Mapping[str, np.ndarray], source: str) -> str:
    """Return which one of `KINDS` the arrays hold.

    Raises
    ------
    PredictionsError
        If it is none or several.
    """
    given = [kind for kind in KINDS if kind in arrays]
    if len(given) != 1:
        raise PredictionsError(
            f"{source} must hold either 'logits' or 'probs', or 'pred' alone; got "
            f"{' and '.join(arrays) or 'nothing'}. "
            "Give logits when you have them: energy scores need them."
        )
    return given[0]


def _native(values: np.ndarray) -> np.ndarray:
    """Return floats in this machine's byte order, float64 kept."""
    wide = values.dtype.itemsize > 4
    return np.ascontiguousarray(values, dtype=np.float64 if wide else np.float32)


def validate(
    predictions: Predictions,
    pool: Pool,
    num_classes: int,
    *,
    source: str = "predictions",
    whole: bool = True,
    given: bool = True,
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
    given : bool, default=True
        True: a file holds them. False: a model returned them just now.

    Raises
    ------
    PredictionsError
        With expected, received and what to do.
    """
    values, kind = predictions.values, predictions.kind
    array = "pred" if kind == "decisions" else kind
    n = len(values)
    if kind != "decisions" and values.shape[1] != num_classes:
        raise PredictionsError(
            f"{source}: {kind} has {values.shape[1]:,} columns, the suite has "
            f"{num_classes:,} classes. Write one column per class, in the suite's order."
        )
    _check_rows(predictions.row, n, array, pool, source, whole=whole)
    if predictions.features is not None and len(predictions.features) != n:
        raise PredictionsError(
            f"{source}: features has {len(predictions.features):,} rows, {array} has "
            f"{n:,}. Write one row of each per image."
        )
    if kind == "decisions":
        _check_decisions(predictions, num_classes, source)
        return
    check_finite(values, kind, source)
    if kind == "probs":
        _check_probs(values, source)
    elif whole:
        check_logits(values, source, given=given)


def _check_decisions(predictions: Predictions, num_classes: int, source: str) -> None:
    names = [str(k) for k in range(num_classes)]
    class_numbers(predictions.values, "pred", names, source)
    if predictions.confidence is not None:
        check_finite(predictions.confidence[:, None], "conf", source)


def _check_rows(
    row: np.ndarray, n: int, array: str, pool: Pool, source: str, *, whole: bool
) -> None:
    if len(row) != n:
        raise PredictionsError(
            f"{source}: row has {len(row):,} entries, the array {n:,} rows. Write one per image."
        )
    if whole and n != len(pool):
        raise wrong_rows(source, array, n, pool)
    if n and (row[0] < 0 or row[-1] >= len(pool) or (np.diff(row) <= 0).any()):
        raise PredictionsError(
            f"{source}: row must increase from 0 to at most {len(pool) - 1:,}; got "
            f"{int(row.min()):,} … {int(row.max()):,}"
            f"{' out of order or twice' if (np.diff(row) <= 0).any() else ''}. "
            "Sort values and row together."
        )


def _check_probs(probs: np.ndarray, source: str) -> None:
    """Refuse what `checked_probs` would, of a model's outputs, which are used as they are."""
    sums = probs.sum(axis=1, dtype=np.float64)
    if (np.abs(sums - 1) > SUM_TOLERANCE).any() or (probs < 0).any():
        checked_probs(probs, source)
        worst = int(np.argmax(np.abs(sums - 1)))
        raise PredictionsError(
            f"{source}: probs rows must sum to 1; row {worst:,} sums to {sums[worst]:.4g}. "
            "Compute the softmax in float32."
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
