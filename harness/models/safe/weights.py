"""Weights as safetensors: what a file declares is checked before anything is allocated."""

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from harness.errors import CardError, HarnessError
from harness.keys import sha256_file
from harness.types.models import WeightFile

MAX_HEADER = 1 << 20
"""Longest header in bytes that is read."""
_ITEM = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "U16": 2, "U32": 4, "U64": 8, "BOOL": 1,
}  # fmt: skip
"""Bytes of one number of each dtype of the format."""
Shapes = Mapping[str, tuple[int, ...]]


def inside(folder: Path, path: str) -> Path:
    """Return a card's path, refusing one that leaves the entry's folder after resolving links.

    Raises
    ------
    CardError
        If the path leaves the folder, or there is no such file.
    """
    home = folder.resolve()
    found = (home / path).resolve()
    if not found.is_relative_to(home):
        raise CardError(
            f"Files of an entry lie in its folder; {path!r} of {folder.name} leads to {found}. "
            "Copy the file into the folder."
        )
    if not found.is_file():
        raise CardError(
            f"{folder.name}/{path} is named on the card and does not exist. Add the file, or take "
            "it off the card."
        )
    return found


def checked_file(folder: Path, file: WeightFile) -> Path:
    """Return the path of a card's file whose bytes have the sha256 on the card.

    Raises
    ------
    CardError
        If it is outside the folder, missing, or another file.
    """
    path = inside(folder, file.path)
    received = sha256_file(path)
    if received != file.sha256:
        raise CardError(
            f"{folder.name}/{file.path} should have sha256 {file.sha256[:16]}… and has "
            f"{received[:16]}…. Restore the file, or write its new sha256 on the card: {received}"
        )
    return path


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the tensors that a safetensors file declares: name → (dtype, shape).

    Raises
    ------
    CardError
        If the header is longer than 1 MiB, no JSON, or does not fit the file's size.
    """
    size = path.stat().st_size
    with path.open("rb") as handle:
        start = handle.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > MAX_HEADER or length + 8 > size:
            raise _not_safetensors(path, f"a header of {length:,} bytes in a file of {size:,}")
        text = handle.read(length)
    try:
        declared = json.loads(text)
        tensors = {name: entry for name, entry in declared.items() if name != "__metadata__"}
        header = {n: (str(e["dtype"]), tuple(map(int, e["shape"]))) for n, e in tensors.items()}
        total = sum(_ITEM[dtype] * prod(shape) for dtype, shape in header.values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_safetensors(path, f"a header that cannot be read ({error!r})") from None
    if total != size - 8 - length:
        raise _not_safetensors(path, f"{total:,} bytes declared and {size - 8 - length:,} there")
    return header


def _not_safetensors(path: Path, received: str) -> CardError:
    return CardError(
        f"{path.name} must be a safetensors file; got {received}. Write it with "
        "safetensors.torch.save_file; pickles (.pt, .pth, .bin) are not opened."
    )


def check_shapes(
    header: Mapping[str, tuple[str, tuple[int, ...]]],
    expected: Shapes,
    *,
    what: str,
    classifier: str | None = None,
    num_classes: int | None = None,
) -> None:
    """Refuse weights whose names or shapes are not those of the architecture.

    Parameters
    ----------
    header : mapping of str
        As `read_header` returns it.
    expected : mapping of str to shape
        The architecture's parameters and buffers.
    what : str
        File's name, for the sentence.
    classifier : str, optional
        Name of the last layer's weight: another number of rows gets its own sentence.
    num_classes : int, optional
        C of the suite.

    Raises
    ------
    CardError
        With the first difference.
    """
    if classifier is not None and classifier in header and classifier in expected:
        rows = header[classifier][1][0] if header[classifier][1] else 0
        if num_classes is not None and rows != num_classes:
            raise CardError(
                f"{what} is for {rows:,} classes ({classifier} has {rows:,} rows), the suite has "
                f"{num_classes:,}. Train the last layer on the suite's classes."
            )
    if missing := sorted(set(expected) - set(header)):
        raise CardError(
            f"{what} lacks {len(missing)} of the architecture's {len(expected)} tensors, first "
            f"{missing[0]!r}. Check model.arch and model.kwargs."
        )
    if extra := sorted(set(header) - set(expected)):
        raise CardError(
            f"{what} holds {len(extra)} tensors that the architecture has not, first "
            f"{extra[0]!r}. Check model.arch and model.kwargs."
        )
    for name, shape in expected.items():
        if header[name][1] != tuple(shape):
            raise CardError(
                f"{what}: {name} has shape {header[name][1]}, the architecture's is "
                f"{tuple(shape)}. Check model.kwargs (in_chans, img_size, …)."
            )


def save_state(path: Path, state: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as safetensors."""
    # np.ascontiguousarray would turn a scalar into (1,)
    save_file({name: np.asarray(array, order="C") for name, array in state.items()}, path)


def load_state(path: Path) -> dict[str, np.ndarray]:
    """Return the named arrays of a safetensors file, its header checked first."""
    read_header(path)
    try:
        return dict(load_file(path))
    except HarnessError:
        raise
    except Exception as error:  # the library raises its own class without a public name
        raise _not_safetensors(path, str(error)) from None


def parameters(state: Mapping[str, Any]) -> int:
    """Return how many trained numbers a state holds: no counters, no running statistics."""
    return sum(
        int(np.size(array))
        for name, array in state.items()
        if np.issubdtype(array.dtype, np.floating) and name.split(".")[-1] not in _STATISTICS
    )


_STATISTICS = ("running_mean", "running_var")
"""Buffers of batch normalisation: measured, not trained."""
