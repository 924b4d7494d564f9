"""Images in blocks of equal confidence, most certain first, for selective prediction."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from harness.metrics.engine.levels import fast_order

Vector = Float64[np.ndarray, " n"]


class Blocks(NamedTuple):
    """Weight of each block of equal confidence, most certain first."""

    mass: Vector
    """Of all images of the block."""
    wrong: Vector
    """Of the wrong ones among them."""


def blocks_of(certainty: Vector, correct: Bool[np.ndarray, " n"], weights: Vector | None) -> Blocks:
    """Return the blocks of equal certainty."""
    order = fast_order(-certainty)
    value = certainty[order]
    starts = np.flatnonzero(np.r_[True, value[1:] != value[:-1]])
    w = np.ones(len(order)) if weights is None else weights[order]
    mass = np.add.reduceat(w, starts)
    wrong = np.add.reduceat(w * ~correct[order], starts)
    return Blocks(mass[mass > 0], wrong[mass > 0])
