"""The expected absolute deviation of a sum of unequal coins from its mean, exactly."""

import numpy as np
from jaxtyping import Float64

SPAN = 256
"""Length of the circle on which the distribution is computed.

With Σ c(1−c) ≤ 25 at most 50 coins are expected to fall on their unlikely side; the chance that
128 do is below 1e-18, so nothing that a float64 could show wraps around.
"""


def expected_deviation(chances: Float64[np.ndarray, " n"]) -> float:
    """Return E|Σ (X_i − c_i)| of independent X_i that are 1 with chance c_i.

    Parameters
    ----------
    chances : float64 array of shape (n,)
        In [0, 1], with Σ c(1−c) of at most 25.

    Returns
    -------
    float
        In units of coins.

    References
    ----------
    Hong 2013, "On computing the distribution function for the Poisson binomial distribution"
    (discrete Fourier transform).
    """
    flipped = chances > 0.5
    # Counting the unlikely side of every coin keeps all counts near 0, whatever n is.
    unlikely = np.where(flipped, 1 - chances, chances)
    turn = np.exp(-2j * np.pi * np.arange(SPAN // 2 + 1) / SPAN) - 1
    spectrum = np.ones(len(turn), dtype=np.complex128)
    for side, w in ((unlikely[~flipped], turn), (unlikely[flipped], turn.conj())):
        for i in range(0, len(side), 256):
            spectrum *= np.prod(1 + side[i : i + 256, None] * w, axis=0)
    probability = np.fft.irfft(spectrum, SPAN)
    mean = unlikely[~flipped].sum() - unlikely[flipped].sum()
    count = np.fft.fftfreq(SPAN, 1 / SPAN)
    return float(probability @ np.abs(count - mean))
