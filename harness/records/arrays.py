"""The arrays beside a record: plain numbers only, sizes checked before anything is unpacked."""

import math
import zlib
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from struct import Struct
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy

from harness.errors import StoreError

MOST_ARRAY_BYTES = 1 << 28
"""What the arrays of a record may unpack to: 256 rows of the largest that is committed."""
_LOCAL = Struct("<4s22xHH")
"""Of a member's own header: signature, and the lengths of its name and of its extra field."""
_DAMAGED_ZIP = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What `zipfile` raises besides: of damage, of methods that it does not know, of passwords."""


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Read an NPZ of plain arrays.

    Parameters
    ----------
    path : Path
        The file.
    names : sequence of str, optional
        Read these only.

    Raises
    ------
    StoreError
        If the file is missing, damaged or holds anything but plain arrays.
    """
    check_plain_file(path, "arrays")
    try:
        if (packed := path.stat().st_size) > MOST_ARRAY_BYTES:
            raise ValueError(f"it has {packed:,} bytes, more than {MOST_ARRAY_BYTES:,}")
        # All of a file is read at once; of a few arrays only their own bytes.
        given = BytesIO(path.read_bytes()) if names is None else None
        with ZipFile(path if given is None else given) as archive:
            size = sum(info.file_size for info in archive.infolist())
            if size > MOST_ARRAY_BYTES:
                raise ValueError(f"it unpacks to {size:,} bytes, more than {MOST_ARRAY_BYTES:,}")
            if given is None:
                return {name: _array(archive.read(f"{name}.npy")) for name in names or ()}
            with given.getbuffer() as data:
                return {
                    info.filename.removesuffix(".npy"): _array(_member(archive, info, data))
                    for info in archive.infolist()
                }
    except (OSError, ValueError, KeyError, *_DAMAGED_ZIP) as error:
        raise StoreError(
            f"{path} should be an npz of plain arrays; reading it says: {error}. "
            "Make it again with: tailmark run"
        ) from error


def _member(archive: ZipFile, info: ZipInfo, data: memoryview) -> bytes:
    """Return a member's bytes out of the whole file; one that is packed is left to `zipfile`."""
    start = info.header_offset + _LOCAL.size
    plain = info.compress_type == ZIP_STORED and not info.flag_bits & 1
    if not plain or start > len(data):
        return archive.read(info)
    signature, name, extra = _LOCAL.unpack_from(data, info.header_offset)
    start += name + extra
    found = bytes(data[start : start + info.file_size])
    if signature != b"PK\x03\x04" or zlib.crc32(found) != info.CRC:
        return archive.read(info)  # which says what is wrong
    return found


def check_plain_file(path: Path, what: str) -> None:
    """Refuse what is not a file before it is opened: a pipe would be waited for."""
    if not path.exists():
        raise StoreError(
            f"Expected {what} at {path}; there is none. A record is two files of one name, "
            ".json and .npz: copy both, or make them with: tailmark run"
        )
    if not path.is_file():
        raise StoreError(f"{path} should be a plain file; it is something else. Remove it.")


def _array(data: bytes) -> np.ndarray:
    """Return the array of an npy file; its header is one of few, and NumPy parses it slowly."""
    if data[:8] != b"\x93NUMPY\x01\x00":
        array: np.ndarray = npy.read_array(BytesIO(data), allow_pickle=False)
        return array
    start = 10 + int.from_bytes(data[8:10], "little")
    shape, by_columns, dtype = _header(data[8:start])
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never opened")
    flat = np.frombuffer(data, dtype, math.prod(shape), start).copy()
    return flat.reshape(shape, order="F" if by_columns else "C")


@cache
def _header(text: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return npy.read_array_header_1_0(BytesIO(text))
