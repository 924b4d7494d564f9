"""Data sets published as arrays in formats of their own: SVHN, USPS, STL-10, CIFAR-10.1, EMNIST.

Each reader takes the official files, checks their published MD5 where there is one, and returns
upright uint8 images with labels 0 … C−1.
"""

import bz2
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from harness.data.formats.files import first_existing, md5_of, missing, wrong_checksum
from harness.data.formats.idx import read_idx_part
from harness.errors import DataError
from harness.types import DatasetSpec

Arrays = tuple[UInt8[np.ndarray, "n h w c"], Int[np.ndarray, " n"]]


def checked(spec: DatasetSpec, name: str, root: Path, folders: tuple[str, ...]) -> Path:
    """Return where a file of a data set lies, its published MD5 compared.

    Parameters
    ----------
    spec : DatasetSpec
        With `checksums`.
    name : str
        The file's name.
    root : Path
        Data root.
    folders : tuple of str
        Folders below it to look into.

    Raises
    ------
    DataError
        If it is missing or not the published one.
    """
    path = first_existing(root, folders, (name,))
    if path is None:
        raise missing(spec.name, name, root, folders, spec.source)
    stated = spec.checksums.get(name)
    if stated is not None and (received := f"md5:{md5_of(path)}") != stated:
        raise wrong_checksum(path, stated, received, spec.source)
    return path


def svhn(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a part of SVHN's cropped digits; its label 10 is the digit 0."""
    from scipy.io import loadmat

    path = checked(spec, f"{part}_32x32.mat", root, folders)
    try:
        found = loadmat(path)
        images, labels = found["X"], found["y"].ravel().astype(np.int64)
    except (KeyError, ValueError, OSError) as error:
        raise DataError(
            f"Expected arrays X and y in {path}; it cannot be read ({error}). Delete it and fetch "
            f"it again from {spec.source}."
        ) from error
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels % 10


def usps(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a part of USPS from libsvm lines; its labels 1 … 10 are the digits 0 … 9.

    Values −1 … 1 are stretched to 0 … 255.
    """
    path = checked(spec, "usps.bz2" if part == "train" else "usps.t.bz2", root, folders)
    lines = bz2.decompress(path.read_bytes()).decode("ascii").splitlines()
    images = np.full((len(lines), 256), -1.0)
    labels = np.empty(len(lines), dtype=np.int64)
    for row, line in enumerate(lines):
        label, *pairs = line.split()
        labels[row] = int(float(label)) - 1
        for pair in pairs:
            column, value = pair.split(":")
            images[row, int(column) - 1] = float(value)
    scaled = np.rint((images + 1) * 127.5).astype(np.uint8)
    return scaled.reshape(-1, 16, 16, 1), labels


def stl10(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a labelled part of STL-10 from its binary files (column-major 96×96 planes)."""
    images = np.fromfile(checked(spec, f"{part}_X.bin", root, folders), dtype=np.uint8)
    labels = np.fromfile(checked(spec, f"{part}_y.bin", root, folders), dtype=np.uint8)
    planes = images.reshape(len(labels), 3, 96, 96)
    return np.ascontiguousarray(planes.transpose(0, 3, 2, 1)), labels.astype(np.int64) - 1


def cifar10_1(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return CIFAR-10.1 version 6, a test part only."""
    data = checked(spec, "cifar10.1_v6_data.npy", root, folders)
    labels = checked(spec, "cifar10.1_v6_labels.npy", root, folders)
    return (
        np.load(data, allow_pickle=False),
        np.load(labels, allow_pickle=False).astype(np.int64),
    )


def emnist(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a part of EMNIST "balanced", turned upright: its files hold images transposed."""
    prefix = f"emnist-balanced-{part}"
    images, labels = read_idx_part(spec.name, part, root, folders, spec.source, prefix)
    return np.ascontiguousarray(images.transpose(0, 2, 1, 3)), labels


def idx_set(spec: DatasetSpec, part: str, root: Path, folders: tuple[str, ...]) -> Arrays:
    """Return a part of MNIST or a relative from its idx files, packed or not."""
    return read_idx_part(spec.name, part, root, folders, spec.source)
