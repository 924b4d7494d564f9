"""Reading npz and npy files that nobody vouches for: sizes, dtypes and shapes are checked first."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from tokenize import TokenError

import numpy as np

from harness.errors import PredictionsError
from harness.lookup import closest
from harness.types.data import Pool

MEMBERS = {
    "row": "iufUS",
    "id": "US",
    "logits": "f",
    "probs": "f",
    "pred": "iufUS",
    "conf": "f",
    "label": "iufUS",
    "classes": "US",
    "features": "f",
}
"""Arrays a predictions file may hold, with the numpy kinds of each."""
UNNAMED = "values"
"""Key of a matrix of which its file does not say whether it holds logits or probabilities."""
POSITIONAL = "arr_0"
"""What numpy.savez calls an array that was given without a name; read when it is alone."""
MATRICES = ("logits", "probs", "features")
"""Those with one row per input and several columns; the others have one axis."""
_KINDS = {"f": "float", "iufUS": "int", "US": "text"}
MAX_BYTES = 4 << 30
"""Largest file, unpacked, that is read when the caller names no limit."""
MAX_FEATURES = 1 << 16
"""Most columns of features: no network has a wider last layer."""
SMALL = 64 << 20
"""Bytes up to which a file may shrink as much as it likes: constant predictions do."""
MOST_PACKED = 50
"""Above `SMALL`, how many times smaller than its content a file may be. Deflate reaches 1,032."""
_FAULTS = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, struct.error, RuntimeError,
    NotImplementedError, RecursionError, MemoryError, OverflowError, SyntaxError, TypeError,
    TokenError,
)  # fmt: skip
"""What zipfile and numpy raise on damaged, encrypted or hostile files."""


def read_npz(
    path: Path,
    *,
    pool: Pool | None = None,
    num_classes: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> dict[str, np.ndarray]:
    """Return the arrays of an npz of predictions, declared sizes checked before reading.

    Pickled arrays are refused before anything is opened, and so is a file that would unpack to
    more than its own npy headers declare.

    Parameters
    ----------
    path : Path
        An ``.npz`` with some of `MEMBERS`.
    pool : Pool, optional
        What it should be about: another number of rows is refused before reading.
    num_classes : int, optional
        C: another number of columns is refused before reading.
    max_bytes : int
        Refuse more than this many bytes after unpacking.

    Raises
    ------
    PredictionsError
        If it is not an npz, holds other members, other dtypes, or would unpack to too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            headers = _members(archive, path.name)
            named = bool({"row", "id"} & set(headers))
            for member, (_, shape, dtype) in headers.items():
                known = member if member != POSITIONAL else "pred" if len(shape) == 1 else "logits"
                check_declared(path.name, known, shape, dtype, pool, num_classes, named=named)
            _check_size(headers, path.name, max_bytes)
            arrays = {name: _member(archive, name, header) for name, header in headers.items()}
            if POSITIONAL in arrays:
                return named_alone(arrays[POSITIONAL])
            return arrays
    except _FAULTS as error:
        raise PredictionsError(
            f"{path.name} must be an npz file written by numpy.savez; got: {_short(error)}. "
            "Write it again."
        ) from None


def read_npy(path: Path, *, pool: Pool | None = None, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Return the one array of an npy file: a matrix of floats, or predicted classes.

    Parameters
    ----------
    path : Path
        An ``.npy`` of numpy.save.
    pool : Pool, optional
        What it should be about: another number of rows is refused before reading.
    max_bytes : int
        Refuse more than this many bytes.

    Raises
    ------
    PredictionsError
        If it is not an npy, holds objects, or has another shape.
    """
    try:
        with path.open("rb") as handle:
            shape, dtype, start = _npy_header(handle.read(1 << 16), path.name)
            member = "pred" if len(shape) == 1 else "the array"
            check_declared(path.name, member, shape, dtype, pool, None)
            declared, there = prod(shape) * dtype.itemsize, path.stat().st_size - start
            if declared != there:
                raise ValueError(f"{declared:,} bytes declared and {there:,} there")
            if declared > max_bytes:
                raise _too_large(path.name, declared, max_bytes)
            handle.seek(0)
            return np.asarray(np.lib.format.read_array(handle, allow_pickle=False))
    except _FAULTS as error:
        raise PredictionsError(
            f"{path.name} must be an npy file written by numpy.save; got: {_short(error)}. "
            "Write it again."
        ) from None


def named_alone(array: np.ndarray) -> dict[str, np.ndarray]:
    """Return an array without a name under what it must be: predicted classes or a matrix."""
    return {"pred" if array.ndim == 1 else UNNAMED: array}


Header = tuple[zipfile.ZipInfo, tuple[int, ...], np.dtype]


def _short(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, Header]:
    found: dict[str, Header] = {}
    for info in archive.infolist():
        member = info.filename.removesuffix(".npy")
        if member == POSITIONAL and len(archive.infolist()) == 1:
            return {POSITIONAL: _header(archive, info)}
        if member not in MEMBERS or not info.filename.endswith(".npy") or member in found:
            near = None if member in found else closest(member, MEMBERS)
            raise PredictionsError(
                f"{name} must hold only {', '.join(MEMBERS)}, each once; got "
                f"{info.filename[:80]!r}. "
                + (f"Did you mean {near!r}? Else leave" if near else "Leave")
                + " it out."
            )
        found[member] = _header(archive, info)
    return found


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    """Read an npy header: at most 64 KiB of the member, no data."""
    with archive.open(info) as handle:
        shape, dtype, start = _npy_header(handle.read(1 << 16), info.filename)
    declared = start + prod(shape) * dtype.itemsize
    if not dtype.hasobject and declared != info.file_size:
        raise ValueError(
            f"{info.filename} declares {declared:,} bytes and the archive {info.file_size:,}"
        )
    return info, shape, dtype


def _npy_header(start: bytes, name: str) -> tuple[tuple[int, ...], np.dtype, int]:
    """Return shape, dtype and length of an npy header."""
    stream = BytesIO(start)
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"npy version {version} of {name}")
    shape, _, dtype = read(stream)
    if any(side < 0 for side in shape):
        raise ValueError(f"{name} has shape {shape}")
    return tuple(map(int, shape)), dtype, stream.tell()


def check_declared(
    name: str,
    member: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    pool: Pool | None,
    num_classes: int | None,
    *,
    named: bool = False,
) -> None:
    """Refuse an array by what is declared of it, before it is read.

    Parameters
    ----------
    name : str
        The file, for the sentence.
    member : str
        Key of `MEMBERS`, or what to call an array without a name.
    shape, dtype
        As declared.
    pool : Pool or None
        What it should be about.
    num_classes : int or None
        C of the suite.
    named : bool, default=False
        Whether the rows carry numbers or ids: which of them is missing or double is then said
        when they have been read.

    Raises
    ------
    PredictionsError
        With expected, received and what to do.
    """
    kinds = MEMBERS.get(member, "f")
    if dtype.kind not in kinds:
        raise PredictionsError(
            f"{name}: {member} must be of dtype {_KINDS[kinds]}; got {dtype}. "
            + _instead(member, dtype)
        )
    axes = 1 if member in MEMBERS and member not in MATRICES else 2
    if len(shape) != axes:
        raise PredictionsError(
            f"{name}: {member} must have {axes} dimensions; got shape {shape}. "
            + _reshaped(member, shape, num_classes)
        )
    if member == "classes":
        _check_columns(name, member, shape[0], num_classes, "names")
        return
    if pool is not None and shape[0] != len(pool) and not (named and shape[0] < 2 * len(pool)):
        if len(shape) == 2 and shape == (num_classes, len(pool)):
            raise PredictionsError(
                f"{name}: {member} has shape {shape}, one row per class; expected "
                f"({len(pool)}, {num_classes}), one row per input. Save {member}.T."
            )
        raise wrong_rows(name, member, shape[0], pool)
    if member in ("logits", "probs"):
        if shape[1] == 1:
            raise PredictionsError(f"{name}: {member} has one column. {_TWO_COLUMNS}")
        _check_columns(name, member, shape[1], num_classes, "columns")
    if member == "features" and shape[1] > MAX_FEATURES:
        raise PredictionsError(
            f"{name}: features has {shape[1]:,} columns and at most {MAX_FEATURES:,} are read. "
            "Save the inputs of the last layer, or leave features out."
        )


_TWO_COLUMNS = (
    "Of two classes both are written, in the suite's order: numpy.stack([1 - p, p], axis=1) as "
    "probs where p is the probability of the second, numpy.stack([0 * z, z], axis=1) as logits."
)


def _check_columns(name: str, member: str, n: int, num_classes: int | None, what: str) -> None:
    if num_classes is not None and n != num_classes:
        raise PredictionsError(
            f"{name}: {member} has {n:,} {what}, the suite has {num_classes:,} classes. "
            "Write one column per class, in the suite's order."
        )


def _instead(member: str, dtype: np.dtype) -> str:
    if dtype.hasobject:
        return "Pickled and other arrays are not opened."
    if member in ("logits", "probs") and dtype.kind in "iub":
        return (
            "Save what the model returned, as float32; predicted classes alone are saved as "
            "'pred', one integer per input."
        )
    return "Convert it before saving."


def _reshaped(member: str, shape: tuple[int, ...], num_classes: int | None) -> str:
    if len(shape) == 3 and 1 in shape:
        axis = shape.index(1)
        return f"Remove the axis of length 1: {member}.squeeze({axis})."
    if len(shape) == 3 and member in ("logits", "probs"):
        return (
            "Of several passes or members save one mean of their probabilities, for example "
            "probs.mean(axis=0), as 'probs'."
        )
    if len(shape) == 1 and member in ("logits", "probs"):
        return _TWO_COLUMNS if num_classes in (2, None) else "Write one column per class."
    if len(shape) == 2 and member == "pred":
        return "Give one class per input; a matrix is saved as 'logits' or 'probs'."
    return "Write one row per input."


def _check_size(headers: Mapping[str, Header], name: str, max_bytes: int) -> None:
    total = sum(prod(shape) * dtype.itemsize for _, shape, dtype in headers.values())
    packed = sum(info.compress_size for info, _, _ in headers.values())
    if total > max_bytes:
        raise _too_large(name, total, max_bytes)
    if total > SMALL and total > MOST_PACKED * packed:
        raise PredictionsError(
            f"{name} would unpack to {total:,} bytes from {packed:,}, more than {MOST_PACKED} "
            "times as many, as predictions never do. Save it with numpy.savez."
        )


def _too_large(name: str, total: int, most: int) -> PredictionsError:
    return PredictionsError(
        f"{name} would unpack to {total:,} bytes and at most {most:,} are read. "
        "Write one row per input and one column per class, float32."
    )


def wrong_rows(source: str, array: str, n: int, pool: Pool) -> PredictionsError:
    """Return the error for an array with another number of rows than the pool."""
    test = pool.name == "test"
    return PredictionsError(
        f"{source}: {array} has {n:,} rows, the {'test set' if test else f'pool {pool.name}'} has "
        f"{len(pool):,}. Write one row per {'test ' if test else ''}input, in dataset order or "
        "with its number as 'row'."
    )


def _member(archive: zipfile.ZipFile, name: str, header: Header) -> np.ndarray:
    info, shape, dtype = header
    with archive.open(info) as handle:
        array = np.lib.format.read_array(handle, allow_pickle=False)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} is not what its header says")
    return np.asarray(array)
