"""Reading images between their pixels, bilinearly, many images at once."""

import numpy as np
from jaxtyping import Float, Int

Images = Float[np.ndarray, "b h w c"]


def displaced(
    images: Images, dy: Float[np.ndarray, "#b h w"], dx: Float[np.ndarray, "#b h w"]
) -> Images:
    """Return images whose pixel (y, x) is the original's at (y + dy, x + dx), bilinearly.

    Parameters
    ----------
    images : float array of shape (b, h, w, c)
        Any values.
    dy, dx : float arrays of shape (b, h, w) or (1, h, w)
        In pixels; places outside are the nearest edge.
    """
    b, h, w, c = images.shape
    y = np.clip(np.arange(h)[None, :, None] + dy, 0, h - 1)
    x = np.clip(np.arange(w)[None, None, :] + dx, 0, w - 1)
    y0, x0 = np.minimum(y.astype(int), max(h - 2, 0)), np.minimum(x.astype(int), max(w - 2, 0))
    fy, fx = (y - y0)[..., None], (x - x0)[..., None]
    at = np.arange(b)[:, None, None] * h * w + y0 * w + x0
    below, right = (w if h > 1 else 0), (1 if w > 1 else 0)
    flat = images.reshape(-1, c)
    upper = flat[at] * (1 - fx) + flat[at + right] * fx
    lower = flat[at + below] * (1 - fx) + flat[at + below + right] * fx
    return upper * (1 - fy) + lower * fy


def moved(images: Images, dy: Float[np.ndarray, " b"], dx: Float[np.ndarray, " b"]) -> Images:
    """Return `displaced` images, each by one offset: rows and columns are read whole.

    Parameters
    ----------
    images : float array of shape (b, h, w, c)
        Any values.
    dy, dx : float arrays of shape (b,)
        In pixels; places outside are the nearest edge.
    """
    h, w = images.shape[1:3]
    image = np.arange(len(images))[:, None]
    x, across = _places(w, dx)
    columns, across = images.swapaxes(1, 2), across[:, :, None, None]  # b w h c
    wide = columns[image, x] * (1 - across)
    wide += columns[image, np.minimum(x + 1, w - 1)] * across
    y, down = _places(h, dy)
    rows, down = wide.swapaxes(1, 2), down[:, :, None, None]  # b h w c
    return rows[image, y] * (1 - down) + rows[image, np.minimum(y + 1, h - 1)] * down


def _places(
    n: int, offset: Float[np.ndarray, " b"]
) -> tuple[Int[np.ndarray, "b n"], Float[np.ndarray, "b n"]]:
    """Return where each of n moved places begins, and how far behind its beginning it is."""
    at = np.clip(np.arange(n)[None] + offset[:, None], 0, n - 1)
    first = np.minimum(at.astype(int), max(n - 2, 0))
    return first, at - first


def reading(places: Float[np.ndarray, " m"], n: int) -> Float[np.ndarray, "m n"]:
    """Return the matrix that reads n values linearly at m places; two weights per row.

    Parameters
    ----------
    places : float array of shape (m,)
        From 0 to n − 1; others are the nearest edge.
    n : int
        How many values are read.
    """
    places = np.clip(places, 0, n - 1)
    first = np.minimum(places.astype(int), max(n - 2, 0))
    matrix = np.zeros((len(places), n))
    rows = np.arange(len(places))
    matrix[rows, np.minimum(first + 1, n - 1)] = places - first
    matrix[rows, first] += 1 - (places - first)
    return matrix


def read(
    images: Images, rows: Float[np.ndarray, "p h"], columns: Float[np.ndarray, "q w"]
) -> Float[np.ndarray, "b p q c"]:
    """Return images read at other rows and columns.

    Parameters
    ----------
    images : float array of shape (b, h, w, c)
        Any values.
    rows, columns : float arrays of shape (p, h) and (q, w)
        From `reading`.

    Returns
    -------
    float array of shape (b, p, q, c)
        Rows first, then columns.
    """
    b, h, w, c = images.shape
    tall = np.matmul(rows, images.reshape(b, h, w * c)).reshape(b, -1, w, c)
    return np.matmul(columns, tall)
