"""Reading npz files of strangers: every declared size, dtype and shape is checked first."""

import struct
import zipfile
from collections.abc import Mapping
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np

from harness.errors import PredictionsError
from harness.types.data import Pool

MEMBERS = {"row": "iu", "logits": "f", "probs": "f", "features": "f"}
"""Arrays a predictions file may hold, with the numpy kinds of each."""
MAX_BYTES = 4 << 30
"""Largest file, unpacked, that is read when the caller names no limit."""


def read_npz(
    path: Path, *, pool: Pool | None = None, max_bytes: int = MAX_BYTES
) -> dict[str, np.ndarray]:
    """Return the arrays of an npz of predictions, declared sizes checked before reading.

    Pickled arrays are refused before anything is opened, and so is a file that would unpack to
    more than its own npy headers declare.

    Parameters
    ----------
    path : Path
        An ``.npz`` with ``row`` (optional), ``logits`` or ``probs``, ``features`` (optional).
    pool : Pool, optional
        What it should be about: another number of rows is refused before reading.
    max_bytes : int
        Refuse more than this many bytes after unpacking.

    Raises
    ------
    PredictionsError
        If it is no npz, holds other members, other dtypes, or would unpack to too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            headers = _members(archive, path.name)
            _check_headers(headers, path.name, pool, max_bytes)
            return {name: _member(archive, name, header) for name, header in headers.items()}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, struct.error) as error:
        raise PredictionsError(
            f"{path.name} must be an npz file written by numpy.savez; got: {error}. Write it again."
        ) from None


Header = tuple[zipfile.ZipInfo, tuple[int, ...], np.dtype]


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, Header]:
    found: dict[str, Header] = {}
    for info in archive.infolist():
        member = info.filename.removesuffix(".npy")
        if member not in MEMBERS or not info.filename.endswith(".npy") or member in found:
            raise PredictionsError(
                f"{name} must hold only {', '.join(MEMBERS)}, each once; got {info.filename!r}. "
                "Leave it out."
            )
        found[member] = _header(archive, info)
    return found


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    """Read an npy header: at most 64 KiB of the member, no data."""
    with archive.open(info) as handle:
        start = BytesIO(handle.read(1 << 16))
    version = np.lib.format.read_magic(start)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"npy version {version} of {info.filename}")
    shape, _, dtype = read(start)
    declared = start.tell() + prod(shape) * dtype.itemsize
    if not dtype.hasobject and declared != info.file_size:
        raise ValueError(
            f"{info.filename} declares {declared:,} bytes and the archive {info.file_size:,}"
        )
    return info, shape, dtype


def _check_headers(
    headers: Mapping[str, Header], name: str, pool: Pool | None, max_bytes: int
) -> None:
    total = 0
    for member, (_, shape, dtype) in headers.items():
        if dtype.kind not in MEMBERS[member]:
            raise PredictionsError(
                f"{name}: {member} must be of dtype "
                f"{'int' if member == 'row' else 'float'}; got {dtype}. "
                "Pickled and other arrays are not opened."
            )
        if len(shape) != (1 if member == "row" else 2):
            raise PredictionsError(
                f"{name}: {member} must have {1 if member == 'row' else 2} dimensions; "
                f"got shape {shape}."
            )
        if pool is not None and shape[0] != len(pool):
            raise wrong_rows(name, member, shape[0], pool)
        total += prod(shape) * dtype.itemsize
    if total > max_bytes:
        raise PredictionsError(
            f"{name} would unpack to {total:,} bytes and at most {max_bytes:,} are read. "
            "Write one row per image and one column per class, float32."
        )


def wrong_rows(source: str, array: str, n: int, pool: Pool) -> PredictionsError:
    """Return the error for an array with another number of rows than the pool."""
    test = pool.name == "test"
    return PredictionsError(
        f"{source}: {array} has {n:,} rows, the {'test set' if test else f'pool {pool.name}'} has "
        f"{len(pool):,}. Write one row per {'test ' if test else ''}image, in dataset order."
    )


def _member(archive: zipfile.ZipFile, name: str, header: Header) -> np.ndarray:
    info, shape, dtype = header
    with archive.open(info) as handle:
        array = np.lib.format.read_array(handle, allow_pickle=False)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} is not what its header says")
    return np.asarray(array)
