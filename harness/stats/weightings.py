"""Shared resampling weights of a pool: every entry is reweighed alike, so differences are paired.

The weights are a pure function of the pool's fingerprint and its class counts. Their stream is
`Stream("<fingerprint>|replicates")`: a pool has no seed, so the key has no seed part.
"""

import numpy as np
from jaxtyping import Int, UInt8

from harness.errors import SpecError
from harness.keys import content
from harness.streams import Stream
from harness.types import Weightings

REPLICATES = 1000
"""B of PROTOCOL section 5."""
WORDS_AT_ONCE = 1 << 20
"""Raw words drawn in one block: bounds the working memory to a few tens of MB."""


def weightings(
    fingerprint: str,
    labels: Int[np.ndarray, " n"] | None,
    *,
    n: int | None = None,
    replicates: int = REPLICATES,
) -> Weightings:
    """Return the stratified weightings of a pool (Rao-Wu rescaled bootstrap).

    Within each class, n_k − 1 of its n_k images are drawn with replacement and each draw weighs
    n_k/(n_k − 1): a plain bootstrap's spread is too small by sqrt((n_k − 1)/n_k). Words are used
    replicate by replicate and within a replicate class by class, so fewer replicates are a prefix
    of more.

    Parameters
    ----------
    fingerprint : str
        Of the base pool: a corrupted copy shares its original's weights.
    labels : int array of shape (n,) or None
        Clean class index of every row; None: all rows are one class (an OOD set).
    n : int, optional
        Number of rows, needed when `labels` is None.
    replicates : int, default=1000
        B, at least 2.

    Returns
    -------
    Weightings
        ``undefined`` holds the reason when a class has a single image, which then keeps weight 1.

    Raises
    ------
    SpecError
        If there is no row, or fewer than 2 replicates are asked for.

    References
    ----------
    Rao and Wu 1988, "Resampling inference with complex survey data" (m = n − 1).
    """
    classes = _classes(labels, n)
    if replicates < 2:
        raise SpecError(f"replicates must be at least 2; got {replicates}. Use 1000.")
    sizes = np.bincount(classes)
    order = np.argsort(classes, kind="stable")
    counts = _draw(Stream(f"{fingerprint}|replicates"), sizes, order, replicates)
    scale = np.where(sizes > 1, sizes / np.maximum(sizes - 1, 1), 1.0)[classes]
    lone = np.flatnonzero(sizes == 1)
    reason = None
    if len(lone):
        counts[:, np.isin(classes, lone)] = 1
        reason = f"{len(lone)} of {len(sizes)} classes have one test image, which has no spread"
    return Weightings(counts, scale, content({"counts": counts, "scale": scale}), reason)


def _classes(labels: Int[np.ndarray, " n"] | None, n: int | None) -> Int[np.ndarray, " n"]:
    """Return class indices without gaps."""
    if labels is None and n is None:
        raise SpecError("weightings of an OOD set need its size; got labels=None and n=None.")
    rows = n if labels is None else len(labels)
    if not rows:
        raise SpecError("weightings need at least one row; the pool has none.")
    if labels is None:
        return np.zeros(rows, dtype=np.int64)
    if n not in (None, rows):
        raise SpecError(f"labels has {rows} rows, n is {n}. Give one of the two.")
    return np.unique(labels, return_inverse=True)[1]


def _draw(
    words: Stream, sizes: Int[np.ndarray, " c"], order: Int[np.ndarray, " n"], replicates: int
) -> UInt8[np.ndarray, "replicates n"]:
    """Return how often each row was drawn; `order` lists rows class by class."""
    n, drawn = len(order), sizes - 1
    width = np.repeat(sizes, drawn).astype(np.float64)
    first = np.repeat(np.cumsum(sizes) - sizes, drawn)
    counts = np.zeros((replicates, n), dtype=np.uint8)
    step = max(1, WORDS_AT_ONCE // n)
    for start in range(0, replicates if len(width) else 0, step):
        block = counts[start : start + step]
        u = words.uniform(len(block) * len(width)).reshape(len(block), -1)
        picked = order[(u * width).astype(np.int64) + first]
        picked += n * np.arange(len(block))[:, None]
        # No count can reach 256: even 5,000 images of one class exceed 20 with p < 1e-14.
        block[:] = np.bincount(picked.ravel(), minlength=block.size).reshape(block.shape)
    return counts
