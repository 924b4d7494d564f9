"""Data sets: facts about them, and their parts as pools of uint8 images."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from harness.data.embedded import digits
from harness.data.pools import image_pool
from harness.lookup import lookup
from harness.types import DatasetSpec, Pool

Part = Literal["train", "test", "all"]
Arrays = tuple[np.ndarray, np.ndarray]
"""Images uint8 (n, h, w, c) and labels int64 (n,)."""

DATASETS: dict[str, DatasetSpec] = {
    "digits": DatasetSpec(
        name="digits",
        title="Optical recognition of handwritten digits (scikit-learn)",
        modality="image",
        class_names=tuple("0123456789"),
        image_shape=(8, 8, 1),
        source="embedded in scikit-learn",
        licence="CC BY 4.0 (UCI)",
        citation="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI",
        embedded=True,
        caveat="1,797 images of 8×8 pixels, 0 … 16 stretched to 0 … 255; there is no official "
        "test part.",
    ),
}
"""Every data set by its name in split ids."""


def data_root(root: Path | None = None) -> Path:
    """Return where data sets lie: the argument, else TAILMARK_DATA, else ~/.cache/tailmark/data."""
    if root is not None:
        return root
    named = os.environ.get("TAILMARK_DATA")
    return Path(named) if named else Path.home() / ".cache" / "tailmark" / "data"


def _digits(part: Part, root: Path) -> Arrays:
    return digits()


LOADERS: dict[str, Callable[[Part, Path], Arrays]] = {"digits": _digits}
"""Data set → what reads one part of it below a data root."""


def load_part(name: str, part: Part, root: Path | None = None) -> Pool:
    """Return one part of a data set as a pool in memory.

    Parameters
    ----------
    name : str
        Key of DATASETS.
    part : {"train", "test", "all"}
        ``all`` where there is no official test part.
    root : Path, optional
        Data root; see `data_root`.

    Returns
    -------
    Pool
        Images as uint8 (n, h, w, c), in the published order.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    DataError
        If its files are missing, truncated or not what they should be.
    """
    spec = lookup("data set", name, DATASETS)
    images, labels = LOADERS[name](part, data_root(root))
    return image_pool(part, images, labels, spec.class_names)
