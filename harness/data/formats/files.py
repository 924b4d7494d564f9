"""Files below a data root: where they lie, whether they are what they should be."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import DataError
from harness.types import DatasetSpec

_PAGE = (b"<!doctype html", b"<html", b"<?xml")
"""How a web page begins that was saved under the name of a data file."""


def data_root(root: Path | None = None) -> Path:
    """Return where data sets lie: the argument, else TAILMARK_DATA, else ~/.cache/tailmark/data."""
    if root is not None:
        return root
    named = os.environ.get("TAILMARK_DATA")
    return Path(named) if named else Path.home() / ".cache" / "tailmark" / "data"


def first_existing(root: Path, folders: Sequence[str], names: Iterable[str]) -> Path | None:
    """Return the first of ``root/folder/name`` that is there, names before folders."""
    names = tuple(names)
    for folder in folders:
        for name in names:
            if (path := root / folder / name).is_file():
                return path
    return None


def missing(dataset: str, name: str, root: Path, folders: Sequence[str], source: str) -> DataError:
    """Return the error for a data file that is in none of the places looked at.

    Parameters
    ----------
    dataset : str
        Name in DATASETS.
    name : str
        The file's name.
    root : Path
        Data root.
    folders : sequence of str
        Folders below it that were looked at.
    source : str
        Where the file comes from.
    """
    return DataError(
        f"Expected {name} of {dataset} in {root / folders[0]}; there is none. "
        f"Run: tailmark data prepare {dataset}, or name another data root with --data-root or "
        f"TAILMARK_DATA (from {source})."
    )


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, unpacked when its name ends in ``.gz``.

    Parameters
    ----------
    path : Path
        A file that is there.

    Raises
    ------
    DataError
        If it is a web page, truncated or not gzip.
    """
    raw = path.read_bytes()
    if raw[:64].lstrip().lower().startswith(_PAGE):
        raise DataError(
            f"Expected data in {path}; got a web page ({len(raw):,} bytes), which a proxy or a "
            "login may have sent instead. Delete the file and fetch it again."
        )
    if path.suffix != ".gz":
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"Expected a whole gzip file in {path}; it holds {len(raw):,} bytes and ends early or "
            f"is damaged ({error}). Delete it and fetch it again."
        ) from error


def md5_of(path: Path) -> str:
    """Return the MD5 of a file's bytes: what publishers of these data state."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def wrong_checksum(path: Path, expected: str, received: str, source: str) -> DataError:
    """Return the error for a file whose bytes are not the published ones."""
    return DataError(
        f"Expected {path} with {expected}; got {received}. The file is damaged or another "
        f"edition. Delete it and fetch it again from {source}."
    )


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
