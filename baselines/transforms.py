"""How an input becomes a row for a probe: as it is, by its statistics, by random convolutions."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from harness.errors import TrainingError

Arrays = Mapping[str, np.ndarray]
QUANTILES = (5, 25, 50, 75, 95)


def flat(inputs: np.ndarray, arrays: Arrays) -> Float[np.ndarray, "b d"]:
    """Return inputs as flat float32 rows; uint8 is divided by 255."""
    rows = inputs.reshape(len(inputs), -1).astype(np.float32)
    return rows / np.float32(255) if inputs.dtype == np.uint8 else rows


def statistics(inputs: np.ndarray, arrays: Arrays) -> Float[np.ndarray, "b d"]:
    """Return brightness statistics that know nothing of shapes.

    Per channel: mean, standard deviation, five quantiles, mean absolute difference between
    neighbours across and down.
    """
    pixels = _pixels(inputs)
    axes = (1, 2)
    parts = [pixels.mean(axes), pixels.std(axes)]
    parts += list(np.percentile(pixels, QUANTILES, axis=axes).astype(np.float32))
    parts += [np.abs(np.diff(pixels, axis=axis)).mean(axes) for axis in axes]
    return np.concatenate(parts, axis=1)


def random_convolutions(inputs: np.ndarray, arrays: Arrays) -> Float[np.ndarray, "b d"]:
    """Return rectified responses to fixed random filters, averaged over the four quarters.

    Parameters
    ----------
    inputs : uint8 array of shape (b, h, w, c)
        Images of at least the filters' size plus 1.
    arrays : mapping
        ``filters`` (f, k, k, c).
    """
    filters = arrays["filters"]
    k = filters.shape[1]
    parts = []
    for pixels in np.array_split(_pixels(inputs), -(-len(inputs) // 256)):
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (k, k), axis=(1, 2))
        windows = windows.transpose(0, 1, 2, 4, 5, 3)  # (b, y, x, k, k, c)
        shape = windows.shape[:3]
        flattened = windows.reshape(*shape, -1)
        responses = np.maximum(flattened @ filters.reshape(len(filters), -1).T, 0)
        y, x = shape[1] // 2, shape[2] // 2
        quarters = [responses[:, a, b] for a in _halves(y) for b in _halves(x)]
        parts.append(np.concatenate([q.mean(axis=(1, 2)) for q in quarters], axis=1))
    return np.concatenate(parts)


def _halves(middle: int) -> tuple[slice, slice]:
    return slice(None, middle), slice(middle, None)


def _pixels(inputs: np.ndarray) -> Float[np.ndarray, "b h w c"]:
    if inputs.dtype != np.uint8 or inputs.ndim != 4:
        raise TrainingError(
            "This control takes uint8 images (n, height, width, channels); got "
            f"{inputs.dtype} of shape {inputs.shape}. Use a probe on features instead."
        )
    return inputs.astype(np.float32) / np.float32(255)


TRANSFORMS: dict[str, Callable[[np.ndarray, Arrays], np.ndarray]] = {
    "flat": flat,
    "statistics": statistics,
    "random-convolutions": random_convolutions,
}
"""Name → function of inputs (b, …) and the probe's arrays, to rows (b, d)."""
