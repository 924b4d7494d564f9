"""How predictions are kept: as float32 where that loses no order, features as float16."""

import numpy as np
from jaxtyping import Float, Float16

from harness.errors import PredictionsError
from harness.models.safe.values import check_finite


def as_kept(values: Float[np.ndarray, "n c"], kind: str) -> Float[np.ndarray, "n c"]:
    """Return values as they are kept: float32, or float64 where float32 would lose an order.

    float64 stays when, in some column, two inputs that differ would become equal, or when a row's
    two largest would: columns decide rankings, the largest the predicted class. Of logits the
    row's maximum is taken off first, in the dtype given, for a constant added to a row must not
    matter; energies, for which it does, read the values as they are kept.

    Parameters
    ----------
    values : float array of shape (n, c)
        As given.
    kind : {"logits", "probs"}
        Decides whether the row's maximum is taken off.

    Returns
    -------
    float32 or float64 array of shape (n, c)
    """
    if values.dtype.itemsize <= 4:
        return np.ascontiguousarray(values, dtype=np.float32)
    fine = np.ascontiguousarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        short = fine.astype(np.float32)
    if not np.isfinite(short).all() or not len(fine):
        return fine if len(fine) else short
    exact, kept = fine, short.astype(np.float64)
    if kind == "logits":
        top = fine.max(axis=1, keepdims=True)
        exact, kept = fine - top, kept - kept.max(axis=1, keepdims=True)
    lost = _ties_at_the_top(kept) > _ties_at_the_top(exact) or any(
        _distinct(kept[:, k]) < _distinct(exact[:, k]) for k in range(fine.shape[1])
    )
    return fine if lost else short


def _ties_at_the_top(values: np.ndarray) -> int:
    return int(((values == values.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())


def _distinct(column: np.ndarray) -> int:
    return 1 + int(np.count_nonzero(np.diff(np.sort(column))))


def kept_features(features: Float[np.ndarray, "n d"], source: str) -> Float16[np.ndarray, "n d"]:
    """Return features as float16, refusing what that cannot hold.

    Raises
    ------
    PredictionsError
        If one is not finite or is beyond 65,504.
    """
    check_finite(features, "features", source)
    with np.errstate(over="ignore"):
        short = np.ascontiguousarray(features, dtype=np.float16)
    if np.isinf(short).any():
        raise PredictionsError(
            f"{source}: features are kept as float16, which ends at 65,504; got "
            f"{float(np.abs(features).max()):.4g}. Divide all of them by one constant, or leave "
            "features out."
        )
    return short
