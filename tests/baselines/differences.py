"""Gradients by central differences: what automatic ones are compared with."""

from collections.abc import Callable

import numpy as np


def by_differences(
    value: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    """Return the gradient of a function of an array, one number moved at a time."""
    found = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        found[place] = (value(moved[0]) - value(moved[1])) / (2 * step)
    return found
