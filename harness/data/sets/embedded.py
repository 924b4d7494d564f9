"""What comes with scikit-learn: its handwritten digits and its two photographs."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from harness.data.sets.family import DIGIT_NAMES, Arrays, DataSet
from harness.types import DatasetSpec

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

    package = find_spec("sklearn")  # its place alone: importing it takes two seconds
    assert package is not None and package.origin is not None, "a dependency of ours"
    with (Path(package.origin).parent / "datasets" / "images" / name).open("rb") as handle:
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


def _read_digits(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    return digits()


DIGITS = DataSet(
    facts=DatasetSpec(
        name="digits",
        title="Optical recognition of handwritten digits (scikit-learn)",
        modality="image",
        class_names=DIGIT_NAMES,
        image_shape=(8, 8, 1),
        source="embedded in scikit-learn",
        licence="CC BY 4.0 (UCI)",
        citation="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI",
        contents={"all": "6d70c8a6de14ab3d361d8593a879745472e17f5ea3758e762cc53c451a2f65d9"},
        embedded=True,
        parts=("all",),
        caveat="1,797 images of 8×8 pixels, 0 … 16 stretched to 0 … 255; there is no official "
        "test part.",
    ),
    folders=(),
    read=_read_digits,
)
