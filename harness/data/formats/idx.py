"""The idx format of MNIST and its relatives, read without any framework."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from harness.data.formats.files import first_existing, missing, read_bytes
from harness.errors import DataError

_UBYTE = 8
"""Third byte of the header when elements are unsigned bytes."""


def read_idx(path: Path) -> UInt8[np.ndarray, "..."]:
    """Return the array of an idx file of unsigned bytes, packed with gzip or not.

    Parameters
    ----------
    path : Path
        A file that is there.

    Raises
    ------
    DataError
        If it is not an idx file of bytes, or holds fewer or more bytes than its header says.
    """
    raw = read_bytes(path)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UBYTE or len(raw) < 4 + 4 * raw[3]:
        raise DataError(
            f"Expected an idx file of bytes in {path}; it begins with {raw[:4].hex() or 'nothing'}."
            " Delete it and fetch it again."
        )
    start = 4 + 4 * raw[3]
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], dtype=">u4"))
    if len(raw) - start != math.prod(shape):
        raise DataError(
            f"Expected {math.prod(shape):,} bytes after the header of {path} "
            f"(shape {shape}); got {len(raw) - start:,}. Delete it and fetch it again."
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


def read_idx_part(
    dataset: str, part: str, root: Path, folders: Sequence[str], source: str, prefix: str = ""
) -> tuple[UInt8[np.ndarray, "n h w 1"], np.ndarray]:
    """Return images and labels of one part of an MNIST-like data set.

    Parameters
    ----------
    dataset : str
        Name in DATASETS, for messages.
    part : {"train", "test"}
        The official part.
    root : Path
        Data root.
    folders : sequence of str
        Folders below it where the four files may lie.
    source : str
        Where they come from, for messages.
    prefix : str, optional
        What comes before ``-images-idx3-ubyte`` in the files' names; default: MNIST's own.

    Returns
    -------
    tuple
        uint8 (n, h, w, 1) and int64 (n,).
    """
    prefix = prefix or {"train": "train", "test": "t10k"}[part]
    arrays = []
    for name in (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"):
        path = first_existing(root, folders, (name, f"{name}.gz"))
        if path is None:
            raise missing(dataset, f"{name}.gz", root, folders, source)
        arrays.append(read_idx(path))
    images, labels = arrays
    if len(images) != len(labels):
        raise DataError(
            f"Expected as many labels as images of {dataset} {part}; got {len(labels):,} labels "
            f"for {len(images):,} images. Delete both files and fetch them again."
        )
    return images[..., None], labels.astype(np.int64)
