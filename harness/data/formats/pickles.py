"""Published pickles of plain arrays, read without running anything that they name.

Some data sets are published only so. What is allowed: numpy arrays, bytes, text, numbers, lists,
dicts. Anything else that a pickle names is refused before it is looked up.
"""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import DataError

_LARGEST = 1 << 30
"""Bytes: no published file of this kind is larger."""


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for ``_codecs.encode``: only the one encoding that numpy's pickles use."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin-1")


_RECONSTRUCT: Callable[..., Any] = np.array(0).__reduce__()[0]  # type: ignore[assignment]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}


class _Restricted(pickle.Unpickler):
    """An unpickler that knows nothing but arrays."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def read_pickle(path: Path) -> dict[str, Any]:
    """Return the dict of arrays, lists and text in a pickle, or in a ``.pt`` file of one.

    Parameters
    ----------
    path : Path
        A pickle, or a zip archive with one member ``<name>/data.pkl`` (torch.save of arrays).

    Raises
    ------
    DataError
        If it is truncated, or names anything but arrays.
    """
    try:
        raw = _member(path) if zipfile.is_zipfile(path) else path.read_bytes()
        found = _Restricted(io.BytesIO(raw), encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"Expected a published pickle of plain arrays in {path}; got one that cannot be read "
            f"safely ({error}). Delete it and fetch it again."
        ) from error
    if not isinstance(found, dict):
        raise DataError(
            f"Expected a dict in {path}; got {type(found).__name__}. Delete it and fetch it again."
        )
    return found


def _member(path: Path) -> bytes:
    """Return the one pickle of a torch archive, after looking at its declared size."""
    with zipfile.ZipFile(path) as archive:
        members = [i for i in archive.infolist() if i.filename.endswith("/data.pkl")]
        if len(members) != 1 or members[0].file_size > _LARGEST:
            raise ValueError("an archive without exactly one data.pkl of ordinary size")
        return archive.read(members[0])
