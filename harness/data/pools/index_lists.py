"""Index lists: text files that say which image files a pool has, and their labels."""

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.formats.text import utf8_text
from harness.errors import DataError

_LABEL = re.compile(r"-?[0-9]{1,9}")


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
    text = utf8_text(path)
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
        *words, label = line.strip().rsplit(None, 1)
        name = words[0] if words else ""
        yield name, _label(path, number, line, name, label)


def _csv_pairs(path: Path, text: str) -> Iterator[tuple[str, int]]:
    reader = csv.DictReader(text.splitlines())
    if not {"path", "label"} <= set(reader.fieldnames or ()):
        raise DataError(
            f"Expected the columns 'path' and 'label' in {path}; got "
            f"{', '.join(reader.fieldnames or ()) or 'none'}. Rename them."
        )
    try:
        for row in reader:
            name, label = (row["path"] or "").strip(), (row["label"] or "").strip()
            yield name, _label(path, reader.line_num, f"{name},{label}", name, label)
    except csv.Error as error:
        raise DataError(
            f"Expected 'path,label' in line {reader.line_num} of {path}; it is not a line of a CSV "
            f"file ({error}). Write the list again."
        ) from error


def _label(path: Path, number: int, line: str, name: str, label: str) -> int:
    if not name or _LABEL.fullmatch(label) is None:
        raise DataError(
            f"Expected 'path label' in line {number} of {path}; got {line.strip()[:80]!r}. "
            "Labels are whole numbers in the digits 0 … 9; write one image per line."
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
    gone = [p for p in paths if not _is_file(root / p)]
    if gone:
        raise DataError(
            f"{source} names {len(paths):,} images; {len(gone):,} of them are not below {root}, "
            f"for example {', '.join(gone[:3])}. Unpack the archive there, or name its folder."
        )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # longer than a name may be, a nul byte, a circle of links
        return False


def on_disk(root: Path, paths: Sequence[str]) -> tuple[str, ...]:
    """Return listed paths as the disk spells them; one that is not there stays as it is.

    A list may be written on a system that stores accents in another form (macOS), or that has
    backslashes between folders (Windows).

    Parameters
    ----------
    root : Path
        Folder that `paths` are relative to.
    paths : sequence of str
        As listed.
    """
    folders: dict[Path, dict[str, str]] = {}

    def spelled(path: str) -> str:
        if _is_file(root / path):
            return path
        here, parts = root, []
        for part in path.replace("\\", "/").split("/"):
            if here not in folders:
                inside = here.iterdir() if here.is_dir() else ()
                folders[here] = {unicodedata.normalize("NFC", p.name): p.name for p in inside}
            found = folders[here].get(unicodedata.normalize("NFC", part))
            if found is None:
                return path
            parts.append(found)
            here /= found
        return "/".join(parts)

    return tuple(map(spelled, paths))
