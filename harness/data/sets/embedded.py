"""What comes with scikit-learn: its handwritten digits and its two photographs."""

from importlib.resources import files

import numpy as np
from jaxtyping import Int, UInt8

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
"""Photographs in scikit-learn, 427×640 pixels each."""


def digits() -> tuple[UInt8[np.ndarray, "1797 8 8 1"], Int[np.ndarray, " 1797"]]:
    """Return scikit-learn's 1,797 handwritten digits as uint8 images, and their labels.

    Its values 0 … 16 are stretched to 0 … 255: round(v · 255/16), halves to even.
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    images = np.rint(loaded.images * (255 / 16)).astype(np.uint8)
    return images[..., None], loaded.target.astype(np.int64)


def grey_photograph(name: str) -> UInt8[np.ndarray, "h w"]:
    """Return the brightness of one of scikit-learn's photographs.

    The JPEG's own brightness channel is read, without colour conversion: every decoder gives the
    same bytes.
    """
    from PIL import Image

    with (files("sklearn.datasets.images") / name).open("rb") as handle:
        image = Image.open(handle)
        image.draft("L", image.size)
        return np.asarray(image.convert("L"))


def patches(size: int) -> UInt8[np.ndarray, "n size size 1"]:
    """Return grey patches of both photographs on a grid without overlap, row by row.

    Parameters
    ----------
    size : int
        Height and width in pixels; what does not fill a patch at the right and lower edge is
        left out.

    Returns
    -------
    uint8 array of shape (n, size, size, 1)
        8,480 patches of 8 pixels, 660 of 28.
    """
    return np.concatenate([_grid(grey_photograph(name), size) for name in PHOTOGRAPHS])


def _grid(image: UInt8[np.ndarray, "h w"], size: int) -> UInt8[np.ndarray, "n size size 1"]:
    rows, columns = (length // size for length in image.shape)
    cut = image[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return cut.swapaxes(1, 2).reshape(-1, size, size, 1)
