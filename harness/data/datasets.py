"""Data sets: their parts as pools, whichever way the bytes arrived."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from harness.data.cifar import read_cifar, read_columns
from harness.data.embedded import digits
from harness.data.facts import DATASETS
from harness.data.files import data_root
from harness.data.idx import read_idx_part
from harness.data.pools import image_pool
from harness.data.prepared import FOLDER as PREPARED
from harness.data.prepared import load_prepared
from harness.errors import DataError, SpecError
from harness.lookup import lookup
from harness.types import DatasetSpec, Pool

__all__ = [
    "DATASETS",
    "FOLDERS",
    "LOADERS",
    "Part",
    "cifar100_test_images",
    "data_root",
    "load_part",
]

Part = Literal["train", "test", "all"]
"""``all`` where there is no official test part."""
Arrays = tuple[np.ndarray, np.ndarray]
"""Images uint8 (n, h, w, c) and labels int64 (n,)."""
Loader = Callable[[DatasetSpec, Part, Path], Arrays]


def _embedded_digits(spec: DatasetSpec, part: Part, root: Path) -> Arrays:
    if part != "all":
        raise SpecError(f"{spec.name} has no official parts; got {part!r}. Ask for 'all'.")
    return digits()


def _idx(spec: DatasetSpec, part: Part, root: Path) -> Arrays:
    _official_parts(spec, part)
    return read_idx_part(spec.name, part, root, FOLDERS[spec.name], spec.source)


def _cifar(spec: DatasetSpec, part: Part, root: Path) -> Arrays:
    _official_parts(spec, part)
    return read_cifar(spec, part, root, FOLDERS[spec.name])


def _official_parts(spec: DatasetSpec, part: Part) -> None:
    if part == "all":
        raise SpecError(f"{spec.name} has official parts; got 'all'. Ask for 'train' or 'test'.")


FOLDERS: dict[str, tuple[str, ...]] = {
    "mnist": ("MNIST/raw", "mnist"),
    "fashion_mnist": ("FashionMNIST/raw", "fashion-mnist"),
    "cifar10": ("cifar-10-batches-py", "cifar10"),
    "cifar100": ("cifar-100-python",),
}
"""Data set → folders below a data root where its files may lie, torchvision's first."""

LOADERS: dict[str, Loader] = {
    "digits": _embedded_digits,
    "mnist": _idx,
    "fashion_mnist": _idx,
    "cifar10": _cifar,
    "cifar100": _cifar,
}
"""Data set → what reads one part of it below a data root."""


def load_part(name: str, part: Part, root: Path | None = None) -> Pool:
    """Return one part of a data set as a pool in memory, checked against what was published.

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
    spec, where = lookup("data set", name, DATASETS), data_root(root)
    prepared = load_prepared(where, name, part)
    images, labels, stamped = prepared or (*LOADERS[name](spec, part, where), None)
    pool = image_pool(part, images, labels, spec.class_names)
    expected = spec.contents.get(part, stamped)
    if expected is not None and pool.fingerprint != expected:
        raise DataError(
            f"Expected {name} {part} with fingerprint {expected[:12]}…; the files below {where} "
            f"give {pool.fingerprint[:12]}…. They are damaged or another edition. Find the file "
            f"with: tailmark data verify {name}, delete it and fetch it again from {spec.source}."
        )
    return pool


def cifar100_test_images(root: Path) -> UInt8[np.ndarray, "n 32 32 3"]:
    """Return the test images of CIFAR-100 in whatever order an edition has them.

    Parameters
    ----------
    root : Path
        Data root with the official files, or with lossless columns in ``cifar100``.
    """
    if (root / "cifar100").is_dir() and not is_official("cifar100", root):
        return read_columns(DATASETS["cifar100"], "test", root / "cifar100")[0]
    pool = load_part("cifar100", "test", root)
    return pool.inputs.take(np.arange(len(pool)))


def is_official(name: str, root: Path) -> bool:
    """Return whether the official files of a data set, or their prepared form, are there."""
    return (root / FOLDERS[name][0]).is_dir() or (root / PREPARED / name).is_dir()
