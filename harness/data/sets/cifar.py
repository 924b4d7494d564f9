"""CIFAR-10 and CIFAR-100: the official python batches, or lossless WebP columns of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from harness.data.formats.files import md5_of, missing, wrong_checksum
from harness.data.formats.pickles import read_pickle
from harness.errors import DataError
from harness.types import DatasetSpec

Images = UInt8[np.ndarray, "n 32 32 3"]

BATCHES: dict[tuple[str, str], tuple[str, ...]] = {
    ("cifar10", "train"): tuple(f"data_batch_{k}" for k in range(1, 6)),
    ("cifar10", "test"): ("test_batch",),
    ("cifar100", "train"): ("train",),
    ("cifar100", "test"): ("test",),
}
"""Data set and part → official files, in order."""


def read_batches(
    spec: DatasetSpec, part: str, folder: Path
) -> tuple[Images, Int[np.ndarray, " n"]]:
    """Return images and (fine) labels of the official python batches.

    A file is opened only when its MD5 is the published one.

    Parameters
    ----------
    spec : DatasetSpec
        ``cifar10`` or ``cifar100``.
    part : {"train", "test"}
        The official part.
    folder : Path
        ``cifar-10-batches-py`` or ``cifar-100-python``.

    Returns
    -------
    tuple
        uint8 (n, 32, 32, 3) and int64 (n,), in the official order.

    Raises
    ------
    DataError
        If a file is missing or is not the published one.
    """
    planes, labels = [], []
    for name in BATCHES[spec.name, part]:
        path = folder / name
        if not path.is_file():
            raise missing(spec.name, name, folder, (".",), spec.source)
        stated, received = spec.checksums[name], f"md5:{md5_of(path)}"
        if received != stated:
            raise wrong_checksum(path, stated, received, spec.source)
        batch = read_pickle(path)
        planes.append(batch["data"].reshape(-1, 3, 32, 32))
        labels.append(np.asarray(batch.get("labels", batch.get("fine_labels")), dtype=np.int64))
    images = np.empty((sum(map(len, planes)), 32, 32, 3), dtype=np.uint8)
    np.concatenate([p.transpose(0, 2, 3, 1) for p in planes], out=images)
    return images, np.concatenate(labels)


def read_columns(
    spec: DatasetSpec, part: str, folder: Path
) -> tuple[Images, Int[np.ndarray, " n"]]:
    """Return images and labels of ``<part>_*.webp``: lossless columns of 32×32 images.

    Parameters
    ----------
    spec : DatasetSpec
        Named in messages.
    part : {"train", "test"}
        The official part.
    folder : Path
        With the columns and ``labels_<part>.npy``.

    Raises
    ------
    DataError
        If a column cannot be decoded, or labels and images differ in number.
    """
    paths = sorted(folder.glob(f"{part}_*.webp"))
    if not paths:
        raise missing(spec.name, f"{part}_000.webp", folder, (".",), spec.source)
    images = np.concatenate([_column(path) for path in paths])
    labels = np.load(folder / f"labels_{part}.npy", allow_pickle=False).astype(np.int64)
    if len(images) != len(labels):
        raise DataError(
            f"Expected as many labels as images of {spec.name} {part} in {folder}; got "
            f"{len(labels):,} labels for {len(images):,} images. A file is missing or damaged."
        )
    return images, labels


def _column(path: Path) -> Images:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB")).reshape(-1, 32, 32, 3)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise DataError(
            f"Expected a column of 32×32 images in {path}; it cannot be decoded ({error}). Delete "
            "it and fetch it again."
        ) from error


def read_cifar(
    spec: DatasetSpec, part: str, root: Path, folders: Sequence[str]
) -> tuple[Images, Int[np.ndarray, " n"]]:
    """Return one part from the first folder that is there, whatever its layout.

    Parameters
    ----------
    spec : DatasetSpec
        ``cifar10`` or ``cifar100``.
    part : {"train", "test"}
        The official part.
    root : Path
        Data root.
    folders : sequence of str
        Folders below it: the first is the official one.
    """
    official = root / folders[0]
    for folder in folders[1:]:
        if not official.is_dir() and (root / folder).is_dir():
            return read_columns(spec, part, root / folder)
    if not official.is_dir():
        raise missing(spec.name, BATCHES[spec.name, part][0], root, folders, spec.source)
    return read_batches(spec, part, official)
