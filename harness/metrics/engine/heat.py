"""The smooth calibration error: residuals spread by heat that cannot leave [0, 1].

A Gaussian reflected at both ends is the heat kernel of the interval, whose eigenfunctions are
cosines: smoothing by bandwidth s multiplies the m-th cosine coefficient by exp(−(π·m·s)²/2). The
coefficients are taken once; each bandwidth is then one short Fourier transform.
"""

import numpy as np
from jaxtyping import Complex128, Float64

CELLS = 1024
"""Cells of the midpoint rule."""
LEAST_BANDWIDTH = 1 / 256
"""Smaller ones would need cosines that the cells cannot hold."""
NOTHING = 8.7
"""exp(−8.7²/2) is below 1e-16: cosines with π·m·s beyond it add nothing."""

Vector = Float64[np.ndarray, " n"]


class Spread:
    """The residuals' cosine coefficients, as many as have been needed so far."""

    def __init__(self, confidence: Vector, residual: Vector) -> None:
        self._turn: Complex128[np.ndarray, " n"] = np.exp(1j * np.pi * confidence)
        self._power = np.ones(len(confidence), dtype=np.complex128)
        self._residual = residual
        self._found: list[float] = []

    def error(self, bandwidth: float) -> float:
        """Return the integral of the absolute smoothed residual."""
        count = min(CELLS - 1, int(NOTHING / (np.pi * bandwidth)) + 2)
        while len(self._found) < count:
            self._found.append(float(self._residual @ self._power.real))
            self._power *= self._turn
        m = np.arange(count)
        damped = np.array(self._found[:count]) * np.exp(-((np.pi * m * bandwidth) ** 2) / 2)
        # Σ_m over cosines at the cells' middles, as the real part of a transform of twice the size.
        spectrum = damped * np.exp(0.5j * np.pi * m / CELLS)
        curve = np.fft.irfft(spectrum, 2 * CELLS)[:CELLS] * (2 * CELLS)
        return float(np.abs(curve).mean())


def smooth_error(confidence: Vector, correct: Vector, weights: Vector | None) -> float:
    """Return the smooth calibration error of checked arrays.

    Parameters
    ----------
    confidence, correct : float64 array of shape (n,)
        Probability of the predicted class; 1 where it is right, else 0.
    weights : float64 array of shape (n,) or None
        Weight of each image; None for ones.
    """
    from scipy.optimize import brentq  # slow to import, and only this metric needs it

    w = np.ones(len(confidence)) if weights is None else weights
    spread = Spread(confidence, w * (correct - confidence) / w.sum())
    low, high = 1.0, 1.0
    # The error falls with the bandwidth: go down until it is above, and the two cross once.
    while (found := spread.error(low)) < low and low > LEAST_BANDWIDTH:
        low, high = low / 2, low
    if found <= low:
        return found
    return float(brentq(lambda s: spread.error(s) - s, low, high, xtol=1e-13, rtol=1e-13))
