"""The published CIFAR-10-C and CIFAR-100-C: corrupted test images as their authors made them.

Hendrycks and Dietterich 2019, Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations. One array per corruption: five severities one after the other, each with the test
images in the published order; one array of labels for all. Ours are in `corruption`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from harness.data.pools.file_pools import file_digests
from harness.data.worlds.corruption import SEVERITIES, parse_corruption
from harness.errors import DataError
from harness.keys import sha256_of
from harness.lookup import lookup
from harness.types import Pool

FOLDERS = {"cifar10": "CIFAR-10-C", "cifar100": "CIFAR-100-C"}
"""Data set → folder below the data root that the published archive unpacks to."""
SOURCES = {
    "cifar10": "https://zenodo.org/records/2535967",
    "cifar100": "https://zenodo.org/records/3555552",
}
"""Data set → where the archive is."""


@dataclass(frozen=True)
class SeverityInputs:
    """One severity of a published array, read from the file as it is taken.

    Parameters
    ----------
    path : Path
        The array of a corruption.
    start : int
        First row of the severity.
    count : int
        Rows of one severity.
    """

    path: Path
    start: int
    count: int

    def __len__(self) -> int:
        return self.count

    def take(self, rows: Int[np.ndarray, " b"]) -> UInt8[np.ndarray, "b h w c"]:
        """Return the rows asked for, in that order."""
        whole = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return np.ascontiguousarray(whole[self.start + np.asarray(rows)])


def published_pools(names: Sequence[str], dataset: str, test: Pool, root: Path) -> list[Pool]:
    """Return published corrupted copies of a test pool, named ``test@fog_published-3``.

    Parameters
    ----------
    names : sequence of str
        Such as ``fog-3``, as in `Suite.published_corruptions`.
    dataset : str
        Key of FOLDERS.
    test : Pool
        The clean test images in the published order; the copies' `base`.
    root : Path
        Data root.

    Raises
    ------
    DataError
        If an array is missing, of another shape, or its labels are not those of the test images.
    """
    if not names:
        return []
    folder = root / lookup("data set with published corruptions", dataset, FOLDERS)
    _check_labels(folder, dataset, test)
    wanted = [(name, *parse_corruption(name)) for name in names]
    files = sorted({f"{kind}.npy" for _, kind, _ in wanted})
    for file in files:
        _check_images(folder / file, dataset, test)
    hashes = root / ".hashes" / f"{folder.name}.tsv"
    digests = file_digests(folder, files, hashes)
    known = {file: digest.tobytes().hex() for file, digest in zip(files, digests, strict=True)}
    found = []
    for _, kind, severity in wanted:
        path = folder / f"{kind}.npy"
        inputs = SeverityInputs(path, (severity - 1) * len(test), len(test))
        mark = {"of": test.fingerprint, "file": known[path.name], "severity": severity}
        name = f"{test.name}@{kind}_published-{severity}"
        copy = replace(
            test, name=name, inputs=inputs, fingerprint=sha256_of(mark), base=test.fingerprint
        )
        found.append(copy)
    return found


def _opened(path: Path, dataset: str) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(
            f"Expected {path.name} of {FOLDERS[dataset]} in {path.parent}; there is none. Unpack "
            f"the archive of {SOURCES[dataset]} below the data root, or name another with "
            "--data-root or TAILMARK_DATA."
        ) from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"Expected an array in {path}; it cannot be read ({error}). Unpack the archive of "
            f"{SOURCES[dataset]} again."
        ) from error


def _check_labels(folder: Path, dataset: str, test: Pool) -> None:
    assert test.labels is not None, "a test pool has labels"
    labels = _opened(folder / "labels.npy", dataset)
    expected = np.tile(test.labels, len(SEVERITIES))
    if labels.shape != expected.shape or not np.array_equal(labels, expected):
        same = (
            f"{int((labels == expected).sum()):,} of them"
            if labels.shape == expected.shape
            else f"shape {labels.shape}"
        )
        raise DataError(
            f"Expected the {len(test):,} test labels of {dataset}, five times over, in "
            f"{folder / 'labels.npy'}; got {same}. Unpack the archive of {SOURCES[dataset]} again, "
            "and read the test images from their official files."
        )


def _check_images(path: Path, dataset: str, test: Pool) -> None:
    images = _opened(path, dataset)
    one = test.inputs.take(np.zeros(1, dtype=np.int64))
    expected = (len(SEVERITIES) * len(test), *one.shape[1:])
    if images.shape != expected or images.dtype != np.uint8:
        raise DataError(
            f"Expected uint8 images of shape {expected} in {path}; got {images.dtype} of shape "
            f"{images.shape}. Unpack the archive of {SOURCES[dataset]} again."
        )
