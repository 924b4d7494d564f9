"""Several questions asked at once: which of them are still answered when all are counted."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from harness.errors import SpecError


def holm(p: Sequence[float]) -> Float[np.ndarray, " m"]:
    """Return p-values adjusted for their number, by Holm's step-down method.

    Parameters
    ----------
    p : sequence of float
        One p-value a question, in [0, 1]; they may depend on each other in any way.

    Returns
    -------
    float array of shape (m,)
        In [0, 1], in the order given. Rejecting those that are at most α is wrong in any of them
        with a chance of at most α.

    Raises
    ------
    SpecError
        If a value is not in [0, 1].

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]

    References
    ----------
    Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    values = np.asarray(p, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise SpecError(f"p-values must lie in [0, 1]; got {list(p)}.")
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
