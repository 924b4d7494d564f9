"""Weights as safetensors: what a file declares is checked before anything is allocated."""

import json
import struct
from collections.abc import Collection, Iterator, Mapping
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


def inside(folder: Path, path: str) -> Path:
    """Return a card's path, refusing one that leaves the entry's folder after resolving links.

    Raises
    ------
    CardError
        If the path leaves the folder, or there is no such file.
    """
    home = folder.resolve()
    try:
        found = (home / path).resolve()
        regular = found.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a nul byte, a loop of links
        raise CardError(
            f"{folder.name}: {path[:80]!r} is not a path that can be followed: {str(error)[:120]}. "
            "Name a file of the entry's folder."
        ) from None
    if not found.is_relative_to(home):
        raise CardError(
            f"Files of an entry lie in its folder; {path[:80]!r} of {folder.name} leads to "
            f"{str(found)[:200]}. "
            "Copy the file into the folder."
        )
    if not regular:
        there = found.exists()
        raise CardError(
            f"{folder.name}/{path} is named on the card and "
            + ("is a folder, pipe or device" if there else "does not exist")
            + ". Add the file, or take it off the card."
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


def beside_path(path: Path, name: str, sha256: str, what: str) -> Path:
    """Return where a file beside a model lies, its sha256 compared.

    Parameters
    ----------
    path : Path
        The model's file.
    name : str
        Of the other, on the card.
    sha256 : str
        On the card.
    what : str
        What sentences call the model.

    Raises
    ------
    CardError
        If it lies outside of the model's folder, is missing or another file.
    """
    found = inside(path.parent, name)
    received = sha256_file(found)
    if received != sha256:
        raise CardError(
            f"{what}: {name[:80]} should have sha256 {sha256[:16]}… and has {received[:16]}…. "
            f"Restore the file, or write its sha256 on the card: {received}"
        )
    return found


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
        header = {n: (str(e["dtype"]), _shape(e["shape"])) for n, e in tensors.items()}
        total = sum(_ITEM[dtype] * prod(shape) for dtype, shape in header.values())
    except (
        ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError
    ) as error:  # fmt: skip
        raise _not_safetensors(path, f"a header that cannot be read ({str(error)[:80]})") from None
    if total != size - 8 - length:
        raise _not_safetensors(path, f"{total:,} bytes declared and {size - 8 - length:,} there")
    return header


def metadata_of(path: Path) -> dict[str, str]:
    """Return the texts under ``__metadata__`` of a safetensors file, checked as `read_header` does.

    Raises
    ------
    CardError
        If it is not such a file.
    """
    read_header(path)
    with path.open("rb") as handle:
        length = struct.unpack("<Q", handle.read(8))[0]
        found = json.loads(handle.read(length)).get("__metadata__", {})
    texts = found.items() if isinstance(found, dict) else ()
    return {str(name): text for name, text in texts if isinstance(text, str)}


def _shape(given: Any) -> tuple[int, ...]:
    if not isinstance(given, list) or not all(type(n) is int and n >= 0 for n in given):
        raise ValueError(f"shape {str(given)[:60]}")
    return tuple(given)


def _not_safetensors(path: Path, received: str) -> CardError:
    return CardError(
        f"{path.name} must be a safetensors file; got {received}. Write it with "
        "safetensors.torch.save_file; pickles (.pt, .pth, .bin) are not opened."
    )


def check_numbers(
    path: Path, header: Mapping[str, tuple[str, tuple[int, ...]]], floating: Collection[str]
) -> None:
    """Refuse weights that are integers, or not finite as float32.

    Parameters
    ----------
    path : Path
        A safetensors file.
    header : mapping of str
        As `read_header` returns it.
    floating : collection of str
        Tensors that the architecture computes with; others count or index.

    Raises
    ------
    CardError
        Naming the tensor.
    """
    for name, (dtype, _) in header.items():
        if name in floating and dtype not in _FLOATS:
            raise CardError(
                f"{path.name}: weights are floating point; {name} is {dtype}. Save the trained "
                "weights as float32, not quantised ones."
            )
    for name, array in _float_arrays(path):
        with np.errstate(over="ignore"):
            finite = np.isfinite(array.astype(np.float32)).all()
        if not finite:
            raise CardError(
                f"{path.name}: {name} must be finite as float32; it holds NaN, infinity or values "
                "beyond 3.4e38. Save the weights of a training that converged."
            )


def _float_arrays(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the tensors that numpy has a dtype for; bfloat16 has float32's range."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118  (safe_open is not a mapping)
            if file.get_slice(name).get_dtype() in ("F16", "F32", "F64"):
                yield name, file.get_tensor(name)


_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})


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
