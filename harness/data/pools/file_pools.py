"""Pools of image files: a list of paths, decoded in parallel when taken, never held whole."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from harness.atomic import replacing
from harness.data.pools.decoding import DECODING, decoded, open_image, pixels
from harness.data.pools.index_lists import check_present
from harness.types import Pool

WORKERS = min(8, os.cpu_count() or 1)
"""Threads that read and decode: Pillow and hashlib let each other run."""


@dataclass(frozen=True)
class FileInputs:
    """Images in files, decoded to one size.

    Parameters
    ----------
    root : Path
        Folder that `paths` are relative to.
    paths : tuple of str
        One file per image, with forward slashes.
    digests : uint8 array of shape (n, 32)
        sha256 of each file's bytes.
    size : (int, int)
        (height, width) in pixels: the shorter side is scaled to fit, the centre kept.
    workers : int
        Threads that decode; one: the caller's own.
    """

    root: Path
    paths: tuple[str, ...]
    digests: UInt8[np.ndarray, "n 32"]
    size: tuple[int, int]
    workers: int = WORKERS

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Int[np.ndarray, " b"]) -> UInt8[np.ndarray, "b h w 3"]:
        """Return the rows asked for, in that order.

        Raises
        ------
        DataError
            If a file is missing or is not a whole image; names it.
        """
        images = np.empty((len(rows), *self.size, 3), dtype=np.uint8)

        def fill(at: int) -> None:
            images[at] = decode(self.root / self.paths[rows[at]], self.size)

        if self.workers == 1:
            for at in range(len(rows)):
                fill(at)
            return images
        with ThreadPoolExecutor(self.workers) as threads:
            for _ in threads.map(fill, range(len(rows))):
                pass
        return images


def decode(path: Path, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Return one image file as RGB of a given size: scaled to cover it, centre kept.

    Parameters
    ----------
    path : Path
        JPEG, PNG or anything that Pillow reads. Grey of 16 bits is scaled over all of them:
        a pool that is never read whole cannot know that its files use fewer.
    size : (int, int)
        (height, width) in pixels.

    Raises
    ------
    DataError
        If the file is missing, truncated, no image, or of a mode that has no 8-bit form.
    """
    with open_image(path, str(path)) as image:
        return pixels(decoded(image, str(path)), size)


def file_pool(
    name: str,
    root: Path,
    paths: Sequence[str],
    labels: Int[np.ndarray, " n"] | None,
    class_names: Sequence[str] = (),
    *,
    size: tuple[int, int] = (224, 224),
    hashes: Path | None = None,
) -> Pool:
    """Return a pool of image files that is decoded when taken.

    Parameters
    ----------
    name : str
        Pool name (SPEC section 3).
    root : Path
        Folder that `paths` are relative to.
    paths : sequence of str
        One file per image, in order.
    labels : int array of shape (n,) or None
        Clean class indices.
    class_names : sequence of str
        Names of the classes that `labels` index.
    size : (int, int)
        (height, width) that images are decoded to.
    hashes : Path, optional
        File that remembers sha256 by path, size and time of change; written when it is stale.

    Raises
    ------
    DataError
        If a file is missing.

    Notes
    -----
    The fingerprint is the sha256 over lines path NUL file sha256 NUL label: it knows nothing of
    `size`, which is a matter of decoding and stands in the pool's form.
    """
    check_present(root, paths, f"the index list of {name}")
    inputs = FileInputs(root, tuple(paths), file_digests(root, paths, hashes), size)
    labels = None if labels is None else labels.astype(np.int64)
    print_ = fingerprint_files(inputs.paths, inputs.digests, labels)
    form = {"size": list(size), "decoding": DECODING}
    return Pool(name, "files", inputs, labels, tuple(class_names), print_, form=form)


def fingerprint_files(
    paths: Sequence[str], digests: UInt8[np.ndarray, "n 32"], labels: Int[np.ndarray, " n"] | None
) -> str:
    """Return the sha256 over lines path NUL file sha256 NUL label (SPEC section 3).

    Parameters
    ----------
    paths : sequence of str
        Relative paths.
    digests : uint8 array of shape (n, 32)
        sha256 of each file.
    labels : int array of shape (n,) or None
        Clean labels; the field is empty where there are none.
    """
    digest = hashlib.sha256()
    for i, path in enumerate(paths):
        label = "" if labels is None else str(labels[i])
        digest.update(f"{path}\0{digests[i].tobytes().hex()}\0{label}\n".encode())
    return digest.hexdigest()


def file_rows(pool: Pool, rows: Int[np.ndarray, " m"], name: str) -> Pool:
    """Return some rows of a pool of files as a pool of its own; nothing is decoded.

    Parameters
    ----------
    pool : Pool
        From `file_pool`.
    rows : int array of shape (m,)
        Row numbers, in the order wanted.
    name : str
        Name of the new pool.
    """
    inputs = pool.inputs
    if not isinstance(inputs, FileInputs):
        raise TypeError(f"{pool.name} is not a pool of files")
    paths = tuple(inputs.paths[i] for i in rows)
    kept = replace(inputs, paths=paths, digests=inputs.digests[rows])
    labels = None if pool.labels is None else pool.labels[rows]
    print_ = fingerprint_files(paths, kept.digests, labels)
    return replace(pool, name=name, inputs=kept, labels=labels, fingerprint=print_)


def file_digests(
    root: Path, paths: Sequence[str], hashes: Path | None = None
) -> UInt8[np.ndarray, "n 32"]:
    """Return the sha256 of each file, read in parallel, remembered where asked for.

    Parameters
    ----------
    root : Path
        Folder that `paths` are relative to.
    paths : sequence of str
        Files that are there.
    hashes : Path, optional
        File of lines ``size TAB time TAB sha256 TAB path`` to look into and to renew; a file
        counts as unchanged when size and time of change are those remembered.

    Returns
    -------
    uint8 array of shape (n, 32)
        In the order of `paths`.
    """
    known = _remembered(hashes)
    lines: dict[str, str] = {}

    def digest(path: str) -> bytes:
        stat = (root / path).stat()
        mark = f"{stat.st_size}\t{stat.st_mtime_ns}"
        if known.get(path, "").startswith(f"{mark}\t"):
            found = known[path].split("\t")[2]
        else:
            found = hashlib.sha256((root / path).read_bytes()).hexdigest()
        lines[path] = f"{mark}\t{found}"
        return bytes.fromhex(found)

    with ThreadPoolExecutor(WORKERS) as threads:
        raw = b"".join(threads.map(digest, paths, chunksize=64))
    if hashes is not None and lines.items() - known.items():
        _remember(hashes, known | lines)
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, 32)


def _remembered(hashes: Path | None) -> dict[str, str]:
    """Return path → ``size TAB time TAB sha256``; empty when nothing can be read."""
    if hashes is None or not hashes.is_file():
        return {}
    rows = (
        line.rsplit("\t", 1) for line in hashes.read_text("utf-8", errors="replace").splitlines()
    )
    return {row[1]: row[0] for row in rows if len(row) == 2 and len(row[0].split("\t")[-1]) == 64}


def _remember(hashes: Path, lines: dict[str, str]) -> None:
    """Write the file whole or not at all; a folder that cannot be written is not an error."""
    try:
        hashes.parent.mkdir(parents=True, exist_ok=True)
        with replacing(hashes, durable=False) as temporary:
            text = "".join(f"{mark}\t{path}\n" for path, mark in lines.items())
            temporary.write_text(text, "utf-8")
    except OSError:
        return
