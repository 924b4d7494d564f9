"""Index lists: text files that say which image files a pool has, and their labels."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.errors import DataError


def read_index(path: Path) -> tuple[tuple[str, ...], Int[np.ndarray, " n"]]:
    """Return paths and labels of an index list.

    Two forms: lines ``path label`` (ImageNet-LT, Places-LT, OpenOOD), and CSV with the columns
    ``path`` and ``label``. Lines that are empty or begin with ``#`` are skipped.

    Parameters
    ----------
    path : Path
        A text file; its name ends in ``.csv`` for the second form.

    Raises
    ------
    DataError
        If it is missing, empty, or a line has no path and whole-number label; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise DataError(
            f"Expected an index list of lines 'path label' at {path}; got {error}. "
            "Fetch the list again or name another."
        ) from error
    pairs = list(_csv_pairs(path, text) if path.suffix == ".csv" else _line_pairs(path, text))
    if not pairs:
        raise DataError(
            f"Expected lines 'path label' in {path}; it names no image. Fetch it again."
        )
    names, labels = zip(*pairs, strict=True)
    return tuple(names), np.asarray(labels, dtype=np.int64)


def _line_pairs(path: Path, text: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, label = line.strip().rpartition(" ")
        yield name.strip(), _label(path, number, line, name, label)


def _csv_pairs(path: Path, text: str) -> Iterator[tuple[str, int]]:
    reader = csv.DictReader(text.splitlines())
    if not {"path", "label"} <= set(reader.fieldnames or ()):
        raise DataError(
            f"Expected the columns 'path' and 'label' in {path}; got "
            f"{', '.join(reader.fieldnames or ()) or 'none'}. Rename them."
        )
    for row in reader:
        name, label = row["path"] or "", row["label"] or ""
        yield name, _label(path, reader.line_num, f"{name},{label}", name, label)


def _label(path: Path, number: int, line: str, name: str, label: str) -> int:
    if not name or not label.lstrip("-").isdigit():
        raise DataError(
            f"Expected 'path label' in line {number} of {path}; got {line.strip()[:80]!r}. "
            "Labels are whole numbers; write one image a line."
        )
    return int(label)


def check_present(root: Path, paths: Sequence[str], source: str) -> None:
    """Refuse a list that names images which are not there, before anything is decoded.

    Parameters
    ----------
    root : Path
        Folder that `paths` are relative to.
    paths : sequence of str
        What the list names.
    source : str
        What to call the list in the message.

    Raises
    ------
    DataError
        With how many are missing and the first three; also for a path that leaves the folder.
    """
    outside = [p for p in paths if Path(p).is_absolute() or ".." in Path(p).parts]
    if outside:
        raise DataError(
            f"Expected paths below {root} in {source}; got {outside[0]!r}. Write relative paths."
        )
    gone = [p for p in paths if not (root / p).is_file()]
    if gone:
        raise DataError(
            f"{source} names {len(paths):,} images; {len(gone):,} of them are not below {root}, "
            f"for example {', '.join(gone[:3])}. Unpack the archive there, or name its folder."
        )
