"""Data sets: their parts as pools, whichever way the bytes arrived."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from harness.data.formats.files import data_root
from harness.data.pools.pools import image_pool
from harness.data.sets.arrays import STL10, SVHN, USPS
from harness.data.sets.cifar import CIFAR_10, CIFAR_10_1, CIFAR_100, read_columns
from harness.data.sets.cifar100_lt import CIFAR_100_LT
from harness.data.sets.embedded import DIGITS
from harness.data.sets.family import DataSet
from harness.data.sets.funnels import FUNNELS, load_funnel
from harness.data.sets.graded import GRADED, load_graded
from harness.data.sets.image_files import FILE_SETS, load_files
from harness.data.sets.keel import KEEL, load_keel
from harness.data.sets.medmnist import MEDMNIST
from harness.data.sets.mnist import EMNIST, FASHION_MNIST, KMNIST, MNIST, NOTMNIST
from harness.data.sets.own_options import check_reading
from harness.data.sets.prepared import FOLDER as PREPARED
from harness.data.sets.prepared import load_prepared, load_prepared_table, own_datasets
from harness.data.sets.tabular import TABLES, load_table
from harness.errors import DataError, SpecError
from harness.lookup import lookup
from harness.types import DatasetSpec, Pool

__all__ = [
    "DATASETS",
    "SETS",
    "UNSEEN",
    "cifar100_test_images",
    "data_root",
    "facts_of",
    "load_part",
]


SETS: dict[str, DataSet] = {
    "digits": DIGITS,
    "mnist": MNIST,
    "fashion_mnist": FASHION_MNIST,
    "cifar10": CIFAR_10,
    "cifar100": CIFAR_100,
    "cifar100_lt": CIFAR_100_LT,
    "kmnist": KMNIST,
    "emnist": EMNIST,
    "notmnist": NOTMNIST,
    "svhn": SVHN,
    "usps": USPS,
    "stl10": STL10,
    "cifar10_1": CIFAR_10_1,
    **MEDMNIST,
}
"""Data set in memory → its facts, folders, reader and download; `FILE_SETS` has those of files."""

DATASETS: dict[str, DatasetSpec] = {
    **{name: found.facts for name, found in SETS.items() if name not in MEDMNIST},
    **{name: found.facts for name, found in FILE_SETS.items()},
    **{name: found.facts for name, found in MEDMNIST.items()},
    **TABLES,
    **KEEL,
    **FUNNELS,
    **GRADED,
}
"""Facts of every data set by its name in split ids."""

UNSEEN = frozenset(
    {name for name, found in SETS.items() if found.unseen}
    | {name for name, files in FILE_SETS.items() if files.unseen}
)
"""Data sets that this project never had whole: read in tests from made files of their layout."""


def facts_of(name: str, root: Path | None = None) -> DatasetSpec:
    """Return the facts of a data set: those shipped, or those of one that the user prepared.

    Parameters
    ----------
    name : str
        Key of DATASETS, or the name that ``tailmark data prepare`` gave.
    root : Path, optional
        Data root; see `data_root`.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    DataError
        If it is the user's own and an earlier version prepared it.
    """
    if name in DATASETS:
        return DATASETS[name]
    home = data_root(root)
    found = lookup("data set", name, DATASETS | own_datasets(home))
    return check_reading(found, home / PREPARED / name)


def load_part(name: str, part: str, root: Path | None = None) -> Pool:
    """Return one part of a data set as a pool, checked against what was published.

    Parameters
    ----------
    name : str
        Key of DATASETS, or of a data set that the user prepared.
    part : str
        One of the data set's `parts`: ``train``, ``test``, or ``all``.
    root : Path, optional
        Data root; see `data_root`.

    Returns
    -------
    Pool
        Images in the published order: uint8 (n, h, w, c) in memory, or files decoded when taken;
        tables as published.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    SpecError
        If it has no such part.
    DataError
        If its files are missing, truncated or not what they should be.
    """
    spec, where = facts_of(name, root), data_root(root)
    if part not in spec.parts:
        raise SpecError(
            f"{name} has the parts {' and '.join(map(repr, spec.parts))}; got {part!r}. Ask for "
            "one of those."
        )
    if name in FILE_SETS:
        return load_files(spec, part, where)
    if name in TABLES:
        return load_table(name, where, part)
    if name in KEEL:
        return load_keel(name)
    if name in FUNNELS:
        return load_funnel(name, part)
    if name in GRADED:
        return load_graded(name, where, part)
    if spec.modality == "table":
        return load_prepared_table(where, name, part)
    images, labels, stamped = _images(spec, part, where)
    pool = image_pool(part, images, labels, spec.class_names)
    expected = spec.contents.get(part, stamped)
    if expected is not None and pool.fingerprint != expected:
        raise DataError(
            f"Expected {name} {part} with fingerprint {expected[:12]}…; the files below {where} "
            f"give {pool.fingerprint[:12]}…. They are damaged or another edition. Find the file "
            f"with: tailmark data verify {name}, delete it and fetch it again from {spec.source}."
        )
    return pool


def _images(spec: DatasetSpec, part: str, root: Path) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Return images, labels and, from the prepared form, the fingerprint it was written with."""
    prepared = load_prepared(root, spec.name, part)
    if prepared is not None:
        return prepared
    if spec.name not in SETS:
        raise DataError(
            f"Expected part {part} of {spec.name} in {root / PREPARED / spec.name}; there is none. "
            f"Delete the folder and prepare it again from {spec.source}."
        )
    found = SETS[spec.name]
    return *found.read(spec, part, root, found.folders), None


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
    return (root / SETS[name].folders[0]).is_dir() or (root / PREPARED / name).is_dir()
