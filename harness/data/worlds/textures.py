"""Outliers that need no download: generated textures, the same on every machine.

Only sums, products, quotients and floors of float64 are used: no function whose last digit a
library decides.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from harness.streams import Stream, stream

COUNT = 2000
"""Textures of a pool: as many of each kind."""

Waves = Float[np.ndarray, "n h w"]


def textures(height: int, width: int, channels: int) -> UInt8[np.ndarray, "n h w c"]:
    """Return gratings, checkerboards, blobs and noise in turns, 2,000 in all.

    Every image lies between two brightnesses of its own, and every channel has a share of it.

    Parameters
    ----------
    height, width, channels : int
        Of the images.
    """
    words = stream(f"textures|{height}x{width}x{channels}", 0, "auxiliary")
    each = COUNT // len(KINDS)
    made = [kind(words, each, height, width) for kind in KINDS.values()]
    waves = np.stack(made, axis=1).reshape(COUNT, height, width, 1)
    ends = words.uniform(2 * COUNT).reshape(COUNT, 2)
    low, high = ends.min(axis=1), ends.max(axis=1)
    shares = 1 - 0.5 * words.uniform(COUNT * channels).reshape(COUNT, 1, 1, channels)
    values = low[:, None, None, None] + (high - low)[:, None, None, None] * waves
    return np.floor(255 * (values * shares if channels > 1 else values) + 0.5).astype(np.uint8)


def gratings(words: Stream, n: int, height: int, width: int) -> Waves:
    """Return stripes in 24 directions whose brightness rises and falls linearly."""
    directions = np.array([(y, x) for y in range(4) for x in range(-3, 4) if (y, x) > (0, 0)])
    y, x = directions[words.integers(n, len(directions))].T
    period = 3 + words.integers(n, 2 * min(height, width))
    across = _rows(height) * y[:, None, None] + _columns(width) * x[:, None, None]
    phase = across / period[:, None, None] + words.uniform(n)[:, None, None]
    return np.abs(2 * (phase - np.floor(phase)) - 1)


def checkerboards(words: Stream, n: int, height: int, width: int) -> Waves:
    """Return rectangles of two brightnesses, each side from one pixel to half the image."""
    sides = [1 + words.integers(n, max(1, length // 2)) for length in (height, width)]
    starts = [words.integers(n, length) for length in (height, width)]
    rows = (_rows(height) + starts[0][:, None, None]) // sides[0][:, None, None]
    columns = (_columns(width) + starts[1][:, None, None]) // sides[1][:, None, None]
    return ((rows + columns) % 2).astype(np.float64)


def blobs(words: Stream, n: int, height: int, width: int) -> Waves:
    """Return black and white noise, averaged over 3×3 pixels twice and cut at its own mean."""
    found = np.floor(2 * _noise(words, n, height, width))
    for _ in range(2):
        wide = np.pad(found, ((0, 0), (1, 1), (1, 1)), mode="edge")
        places = [(i, j) for i in range(3) for j in range(3)]
        found = sum(wide[:, i : i + height, j : j + width] for i, j in places)
    middle = np.sort(found.reshape(n, -1), axis=1)[:, height * width // 2]
    return (found >= middle[:, None, None]).astype(np.float64)


def noise(words: Stream, n: int, height: int, width: int) -> Waves:
    """Return pixels that know nothing of each other, evenly spread."""
    return _noise(words, n, height, width)


KINDS: dict[str, Callable[[Stream, int, int, int], Waves]] = {
    "gratings": gratings,
    "checkerboards": checkerboards,
    "blobs": blobs,
    "noise": noise,
}
"""Kind of texture → (random words, n, height, width) → brightness in [0, 1]."""


def _noise(words: Stream, n: int, height: int, width: int) -> Waves:
    return words.uniform(n * height * width).reshape(n, height, width)


def _rows(height: int) -> Float[np.ndarray, "1 h 1"]:
    return np.arange(height, dtype=np.float64).reshape(1, -1, 1)


def _columns(width: int) -> Float[np.ndarray, "1 1 w"]:
    return np.arange(width, dtype=np.float64).reshape(1, 1, -1)
