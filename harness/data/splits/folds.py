"""Folds: which rows a model predicts without having seen them, and what is left to train on."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int, Shaped

from harness.data.pools.parting import fold_of_rows
from harness.streams import stream
from harness.types import Split


@dataclass(frozen=True)
class Folds:
    """How the rows of a pool are dealt into folds, seed by seed."""

    number: int
    """Folds; 0: one per row."""
    labels: Int[np.ndarray, " n"]
    """Clean labels of the pool: folds are stratified."""
    key: str
    """Names the stream that deals the rows out."""
    noted: Int[np.ndarray, " n"] | None = None
    """Fold of each row, from 0, where the data say it; it is then the same under every seed."""

    def of_rows(self, seed: int) -> Int[np.ndarray, " n"]:
        """Return the fold of each row under one seed, from 0.

        Parameters
        ----------
        seed : int
            Seed of the job.
        """
        n = len(self.labels)
        if self.noted is not None:
            return self.noted
        if not self.number:
            return np.arange(n)
        order = stream(f"{self.key}|folds", seed, "partition").permutation(n)
        return fold_of_rows(self.labels, self.number, order)


def without_rows(split: Split, rows: Int[np.ndarray, " r"]) -> Split:
    """Return a split that does not train on some rows of its pool.

    Parameters
    ----------
    split : Split
        Any.
    rows : int array of shape (r,)
        Rows of the training pool.

    Returns
    -------
    Split
        Its rows in the same order, without those.
    """
    kept = ~np.isin(split.indices, rows)
    held: Bool[np.ndarray, " m"] | None = None
    if split.val_indices is not None:
        held = ~np.isin(split.val_indices, rows)

    def some(array: Shaped[np.ndarray, " n"] | None) -> Shaped[np.ndarray, " m"] | None:
        return None if array is None else array[kept]

    def validation(array: Int[np.ndarray, " v"] | None) -> Int[np.ndarray, " w"] | None:
        return None if array is None or held is None else array[held]

    known = None
    if split.known is not None:
        places = np.cumsum(kept) - 1
        known = places[split.known[kept[split.known]]]
    return replace(
        split,
        indices=split.indices[kept],
        observed=split.observed[kept],
        clean=split.clean[kept],
        foreign=some(split.foreign),
        attributes=some(split.attributes),
        patched=some(split.patched),
        known=known,
        val_indices=validation(split.val_indices),
        val_observed=validation(split.val_observed),
        val_clean=validation(split.val_clean),
    )
