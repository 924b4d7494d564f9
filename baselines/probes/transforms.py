"""How an input becomes a row for a probe: its columns, its statistics, random filters, or flat."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

from harness.data.pools.tables import TableInputs
from harness.errors import TrainingError

Arrays = Mapping[str, np.ndarray]
Scale = Literal["auto", "none", "standard", "minmax", "overlap"]
"""How columns are made comparable, by what the training rows say: ``auto``: pixels in [0, 1],
features as they are, tables ``standard``; ``none``: as they are; ``standard``: mean 0, deviation 1;
``minmax``: 0 to 1; ``overlap``: the same, and two different categories lie 1 apart."""
QUANTILES = (5, 25, 50, 75, 95)


def flat(inputs: np.ndarray, arrays: Arrays) -> Float[np.ndarray, "b d"]:
    """Return inputs as flat float32 rows; uint8 is divided by 255."""
    rows = inputs.reshape(len(inputs), -1).astype(np.float32)
    return rows / np.float32(255) if inputs.dtype == np.uint8 else rows


def learn_scaled(rows: Float[np.ndarray, "n d"], scale: Scale) -> dict[str, np.ndarray]:
    """Return what `scaled` takes off and divides by, from training rows alone.

    Parameters
    ----------
    rows : float array of shape (n, d)
        From `flat`.
    scale : str
        ``standard`` or ``minmax``; ``overlap`` is the same as the latter without categories.
    """
    place, spread = _place_and_spread(rows.astype(np.float64), scale)
    return {"place": place.astype(np.float32), "spread": spread.astype(np.float32)}


def scaled(inputs: np.ndarray, arrays: Arrays) -> Float[np.ndarray, "b d"]:
    """Return flat rows with a column's own place taken off, in units of its own spread.

    Parameters
    ----------
    inputs : array of shape (b, …)
        Images or features.
    arrays : mapping
        From `learn_scaled`.
    """
    return (flat(inputs, arrays) - arrays["place"]) / arrays["spread"]


def _place_and_spread(
    numbers: Float[np.ndarray, "n p"], scale: Scale
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """Return what is taken off each column and what it is divided by; a constant column by 1."""
    if scale == "none":
        return np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
    if scale in ("minmax", "overlap"):
        place = numbers.min(axis=0)
        spread = numbers.max(axis=0) - place
    else:
        place, spread = numbers.mean(axis=0), numbers.std(axis=0)
    return place, np.where(spread > 0, spread, 1)


def learn_columns(table: TableInputs, scale: Scale = "auto") -> dict[str, np.ndarray]:
    """Return what `columns` needs to know of a table, from training rows alone.

    Parameters
    ----------
    table : TableInputs
        The training rows, with p numeric and q categorical columns.
    scale : str, default="auto"
        A word of `Scale`.

    Returns
    -------
    dict
        ``fill`` (p,) medians, ``place`` and ``spread`` (p,) after filling, ``marked`` the numeric
        columns with a missing value, ``levels`` (m, 2) pairs of a categorical column and a
        category in it; with ``overlap`` also ``level`` (), what a category's column holds.
    """
    numbers = table.numeric.astype(np.float64)
    holes = np.isnan(numbers)
    medians = [
        0.0 if h.all() else np.median(c[~h]) for c, h in zip(numbers.T, holes.T, strict=True)
    ]
    fill = np.asarray(medians, dtype=np.float64)
    place, spread = _place_and_spread(np.where(holes, fill, numbers), scale)
    pairs = [(k, code) for k, c in enumerate(table.categorical.T) for code in np.unique(c[c >= 0])]
    kind = table.numeric.dtype  # float64 is asked for less only after its mean is taken off
    return {
        "fill": fill.astype(kind),
        "place": place.astype(kind),
        "spread": spread.astype(kind),
        "marked": np.flatnonzero(holes.any(axis=0)),
        "levels": np.array(pairs, dtype=np.int64).reshape(-1, 2),
        **({"level": np.sqrt(np.float32(0.5))} if scale == "overlap" else {}),
    }


def columns(inputs: np.ndarray, arrays: Arrays) -> Float[np.ndarray, "b d"]:
    """Return rows of a table as numbers that a distance or a line can use.

    Numeric columns filled with the training median, of training mean 0 and deviation 1 unless
    another scale was learnt; one marker for each that had holes in training; one column a category
    seen in training. A category that was not seen is none of them, as a missing one.

    Parameters
    ----------
    inputs : float64 or float32 array of shape (b, p + q)
        From `TableInputs.take`.
    arrays : mapping
        From `learn_columns`.
    """
    p, levels = len(arrays["fill"]), arrays["levels"]
    numbers, codes = inputs[:, :p], inputs[:, p:]
    holes = np.isnan(numbers)
    shifted = (np.where(holes, arrays["fill"], numbers) - arrays["place"]) / arrays["spread"]
    seen = (codes[:, levels[:, 0]] == levels[:, 1]) * arrays.get("level", np.float32(1))
    parts = [shifted, holes[:, arrays["marked"]], seen]
    return np.concatenate(parts, axis=1).astype(np.float32)


def learn_codes(table: TableInputs) -> dict[str, np.ndarray]:
    """Return what `codes` needs to know of a table, from training rows alone.

    Parameters
    ----------
    table : TableInputs
        The training rows.

    Returns
    -------
    dict
        ``place`` (q, l): the number among the categories seen in training of each categorical
        column's category, −1 where it was not seen.
    """
    place = np.full((table.categorical.shape[1], max(map(len, table.categories), default=0)), -1)
    for k, column in enumerate(table.categorical.T):
        seen = np.unique(column[column >= 0])
        place[k, seen] = np.arange(len(seen))
    return {"place": place}


def codes(inputs: np.ndarray, arrays: Arrays) -> Float[np.ndarray, "b d"]:
    """Return rows of a table for trees: categories by number, then numbers; NaN where missing.

    A category that was not seen in training counts as missing.

    Parameters
    ----------
    inputs : float64 or float32 array of shape (b, p + q)
        From `TableInputs.take`.
    arrays : mapping
        From `learn_codes`.
    """
    place = arrays["place"]
    q, p = len(place), inputs.shape[1] - len(place)
    given = inputs[:, p:]
    holes = np.isnan(given)
    numbers = place[np.arange(q), np.where(holes, 0, given).astype(np.int64)]
    numbered = np.where(holes | (numbers < 0), np.nan, numbers)
    return np.concatenate([numbered, inputs[:, :p]], axis=1).astype(inputs.dtype)


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
    "scaled": scaled,
    "columns": columns,
    "codes": codes,
    "statistics": statistics,
    "random-convolutions": random_convolutions,
}
"""Name → function of inputs (b, …) and the probe's arrays, to rows (b, d)."""
