"""Messages between the harness and a sandboxed process: JSON and plain arrays, never a pickle.

What comes out is written by code that nobody vouches for. Sizes are limited before anything is
read, types are those of a list, and every array is made from its bytes alone.
"""

import json
import math
import os
import re
import select
import struct
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

HEAD = struct.Struct("<Q")
MAX_HEAD = 16 << 20
"""Bytes of a message's JSON."""
DTYPES = frozenset(
    {"<f2", "<f4", "<f8", "|u1", "|i1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "|b1"}
)
"""Types of arrays that are taken: numbers and truth values."""
MAX_ARRAYS = 100_000
STATISTIC = "statistic/"
"""Before the names of a model's statistics among the arrays of its answer."""
TICK = 0.25
"""Seconds after which one looks at the process while nothing comes."""
_NAME = re.compile(r"[\w.\-/:\[\]]{1,256}")


class Closed(Exception):  # noqa: N818  (an end of a stream, which the caller words)
    """The other side ended, or broke off within a message."""


class Late(Exception):  # noqa: N818
    """Nothing came in time."""


class Malformed(Exception):  # noqa: N818
    """What came is no message of ours."""


def described(arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return what a header says of arrays: name, type, shape.

    Raises
    ------
    Malformed
        If one holds something else than numbers.
    """
    rows = []
    for name, array in arrays.items():
        kind = array.dtype.newbyteorder("<").str
        if kind not in DTYPES:
            raise Malformed(f"array {name!r} holds {array.dtype}, which is no plain number")
        rows.append({"name": name, "dtype": kind, "shape": list(array.shape)})
    return rows


def send(
    fd: int, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray], limit: int | None = None
) -> None:
    """Write one message: a length, JSON, and the bytes of each array in order."""
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    rows = described(plain)
    total = sum(array.nbytes for array in plain.values())
    if limit is not None and total > limit:
        raise Malformed(f"an answer of {total:,} bytes is larger than {limit:,}")
    text = json.dumps({**head, "arrays": rows}).encode()
    if len(text) > MAX_HEAD:
        raise Malformed(f"a message of {len(text):,} bytes without its arrays is too large")
    write_all(fd, HEAD.pack(len(text)) + text)
    for array in plain.values():
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        write_all(fd, np.ascontiguousarray(little).reshape(-1).view(np.uint8).data)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of some bytes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[: 1 << 20]) :]


def receive(
    fd: int, *, limit: int, deadline: float | None = None, watch: Any = None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read one message.

    Parameters
    ----------
    fd : int
        Of a pipe.
    limit : int
        Bytes of all its arrays.
    deadline : float, optional
        As `time.monotonic` counts.
    watch : callable, optional
        Called with every piece that comes, and every `TICK` seconds while none does.

    Returns
    -------
    head : dict
        Without ``arrays``.
    arrays : dict of str to array

    Raises
    ------
    Closed, Late, Malformed
        If the other side ended, was too slow, or sent something else.
    """
    (length,) = HEAD.unpack(bytes(_read(fd, HEAD.size, deadline, watch)))
    if length > MAX_HEAD:
        raise Malformed(f"a message of {length:,} bytes without its arrays is too large")
    head, rows = _head(bytes(_read(fd, length, deadline, watch)))
    total, planned, names = 0, [], set()
    for name, kind, shape in map(_row, rows):
        size = math.prod(shape) * np.dtype(kind).itemsize
        total += size
        if total > limit:
            raise Malformed(f"an answer of more than {limit:,} bytes is too large")
        if name in names:
            raise Malformed(f"array {name[:40]!r} comes twice")
        names.add(name)
        planned.append((name, kind, shape, size))
    arrays = {}
    for name, kind, shape, size in planned:
        data = _read(fd, size, deadline, watch)
        array = np.frombuffer(data, dtype=kind).reshape(shape)
        if kind == "|b1" and size and int(np.frombuffer(data, np.uint8).max()) > 1:
            raise Malformed(f"array {name!r} holds truth values other than 0 and 1")
        arrays[name] = array
    return head, arrays


def _head(text: bytes) -> tuple[dict[str, Any], list[Any]]:
    try:
        head = json.loads(text)
        rows = head.pop("arrays")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        raise Malformed("the header is not the JSON of a message") from None
    if not isinstance(rows, list) or len(rows) > MAX_ARRAYS:
        raise Malformed("the header should list its arrays")
    return head, rows


def _row(row: Any) -> tuple[str, str, tuple[int, ...]]:
    try:
        name, kind, shape = row["name"], row["dtype"], tuple(row["shape"])
    except (KeyError, TypeError):
        raise Malformed("an array should have a name, a type and a shape") from None
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise Malformed(f"an array is called {str(name)[:40]!r}")
    if kind not in DTYPES if isinstance(kind, str) else True:
        raise Malformed(f"array {name!r} should hold plain numbers; got type {str(kind)[:40]!r}")
    sides = [side for side in shape if type(side) is int and 0 <= side < 1 << 40]
    if len(sides) != len(shape) or len(shape) > 8:
        raise Malformed(f"array {name!r} has the shape {str(shape)[:80]}")
    return name, kind, shape


def _read(fd: int, size: int, deadline: float | None, watch: Any) -> bytearray:
    """Read exactly `size` bytes; memory is taken as they come, not as they are announced."""
    data = bytearray()
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while len(data) < size:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Late
            ready = poller.poll(max(1, int(1000 * min(TICK, left))))
            if watch is not None:
                watch()
            if not ready:
                continue
        part = os.read(fd, min(size - len(data), 1 << 20))
        if not part:
            raise Closed
        data += part
    return data
