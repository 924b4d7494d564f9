"""CIFAR-100-LT: one long-tailed training set of CIFAR-100, found by what its images hold.

Papers draw their own images at imbalance factor 100 and publish no list of them. This list names
images by their bytes, so that every edition of CIFAR-100 gives the same rows in the same order,
whatever order its files have.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8, UInt64

from harness.data.sets.cifar import CIFAR_100, read_batches, read_columns
from harness.data.sets.family import DataSet
from harness.errors import DataError
from harness.types import DatasetSpec

LARGEST, FACTOR = 500, 100
"""Images of the first class, and how many times more it has than the last (Cao et al. 2019)."""
COLUMNS = {"train": "ltif100", "test": "test"}
"""Part → what its lossless columns and labels are called."""


def counts(classes: int = 100) -> Int[np.ndarray, " c"]:
    """Return the published sizes of the classes, first to last: ⌊500 · 100^(−k/(C−1))⌋.

    Parameters
    ----------
    classes : int
        C.

    Examples
    --------
    >>> int(counts().sum()), int(counts()[0]), int(counts()[-1])
    (10847, 500, 5)

    References
    ----------
    Cao et al. 2019, arXiv:1906.07413.
    """
    sizes = LARGEST * (1 / FACTOR) ** (np.arange(classes) / (classes - 1))
    return (sizes + 1e-9).astype(np.int64)


def digests(images: UInt8[np.ndarray, "n h w c"]) -> UInt64[np.ndarray, " n"]:
    """Return the first eight bytes of the SHA-256 of every image's pixels, big-endian.

    Parameters
    ----------
    images : uint8 array of shape (n, h, w, c)
        Row by row, channels last.
    """
    each = (hashlib.sha256(image.tobytes()).digest()[:8] for image in images)
    return np.frombuffer(b"".join(each), dtype=">u8").astype(np.uint64)


@lru_cache(maxsize=1)
def listed() -> UInt64[np.ndarray, " n"]:
    """Return the digests of the training images, by class and then by digest."""
    with as_file(files("harness.data.sets") / "cifar100_lt.npy") as path:
        return np.load(path, allow_pickle=False)


def read_cifar100_lt(
    spec: DatasetSpec, part: str, root: Path, folders: Sequence[str]
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int[np.ndarray, " n"]]:
    """Return one part by class and, within a class, by digest.

    Parameters
    ----------
    spec : DatasetSpec
        ``cifar100_lt``.
    part : {"train", "test"}
        The listed training images, or all official test images.
    root : Path
        Data root.
    folders : sequence of str
        The official folder of CIFAR-100, then that of lossless columns.

    Raises
    ------
    DataError
        If files are missing or damaged, or a listed image is not among them.
    """
    official, columns = (root / folder for folder in folders)
    if not official.is_dir() and columns.is_dir():
        images, labels = read_columns(spec, COLUMNS[part], columns)
    else:
        images, labels = read_batches(CIFAR_100.facts, part, official)
    found = digests(images)
    order = np.lexsort((found, labels))
    if part == "train":
        order = order[_wanted(found[order], labels[order])]
    return images[order], labels[order]


def _wanted(
    found: UInt64[np.ndarray, " m"], labels: Int[np.ndarray, " m"]
) -> Int[np.ndarray, " n"]:
    """Return the positions of the listed images among images by class and digest; each once."""
    wanted, sizes = listed(), counts()
    positions, ends = [], np.cumsum(sizes)
    for label, (size, end) in enumerate(zip(sizes, ends, strict=True)):
        there, mine = np.flatnonzero(labels == label), wanted[end - size : end]
        # Images with equal pixels are listed as often as they are wanted.
        nth = np.arange(size) - np.searchsorted(mine, mine)
        at = np.searchsorted(found[there], mine) + nth
        if at.max() >= len(there) or not np.array_equal(found[there][at], mine):
            raise DataError(
                f"Expected the {len(wanted):,} listed images of CIFAR-100 in its training part; "
                f"an image of class {CIFAR_100.facts.class_names[label]} is not there. The files "
                "are damaged or another edition. Find them with: tailmark data verify "
                "cifar100_lt, delete them and fetch CIFAR-100 again."
            )
        positions.append(there[at])
    return np.concatenate(positions)


CIFAR_100_LT = DataSet(
    facts=DatasetSpec(
        name="cifar100_lt",
        title="CIFAR-100-LT: imbalance factor 100, images listed by content",
        modality="image",
        class_names=CIFAR_100.facts.class_names,
        image_shape=(32, 32, 3),
        source=CIFAR_100.facts.source,
        licence=CIFAR_100.facts.licence,
        citation=CIFAR_100.facts.citation,
        checksums=CIFAR_100.facts.checksums,
        contents={
            "train": "b812cbefbd7c44584cb74ada6627011ffe7eabf5fe2c484708f3813e2980045e",
            "test": "0506d8a654bf2cc4edd1b03741c15d825eac503c38550957b5dfd08ce464adc4",
        },
        asymmetric_map=CIFAR_100.facts.asymmetric_map,
        hierarchy=CIFAR_100.facts.hierarchy,
        caveat="Class sizes are the published ones, the images are one draw of this project: no "
        "paper's own. Rows are ordered by class and digest, so labels that people gave in the "
        "official order (CIFAR-100N) cannot be joined. Five test images stand among the "
        "training images pixel for pixel.",
    ),
    folders=("cifar-100-python", "cifar100"),
    read=read_cifar100_lt,
    torchvision=CIFAR_100.torchvision,
)
