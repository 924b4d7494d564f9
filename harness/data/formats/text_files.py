"""Text files as text: packed or plain, in whatever encoding; other kinds of file are named."""

import bz2
import gzip
import io
import lzma
import re
import stat
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DataError

MOST_BYTES = 1 << 31
"""Unpacked bytes that are read at most: a packed file of a few kilobytes may hold terabytes."""
_BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""First bytes → encoding; the longer one comes first where one begins with another."""
_PACKERS: dict[str, tuple[bytes, Any]] = {
    ".gz": (rb"\x1f\x8b", gzip.open),
    ".xz": (rb"\xfd7zXZ\x00", lzma.open),
    ".bz2": (rb"BZh[1-9]1AY&", bz2.open),
}
"""End of a name → pattern of the first bytes, and what opens it."""
_OTHER = {
    rb"\xd0\xcf\x11\xe0": "an Excel file (.xls); save the sheet as CSV",
    rb"\(\xb5/\xfd": "packed with zstd; unpack it, or pack it with gzip",
    rb"7z\xbc\xaf": "packed with 7-Zip; unpack it",
    rb"Rar!": "packed with RAR; unpack it",
    rb"\x1f\x8b|PK\x03\x04|BZh[1-9]1AY&|\xfd7zXZ": "packed twice; unpack it and name what is in it",
    rb"(?s:.{257})ustar": "an archive of tar; unpack it and name the file in it",
    rb"\x89HDF": "an HDF5 file; save the table as CSV or Parquet",
    rb"SQLite format 3": "an SQLite database; save the table as CSV or Parquet",
    rb"\x93NUMPY": "a NumPy array; save it as CSV or Parquet with its labels",
    rb"\x80[\x02-\x05]": "a pickle, which is never opened; save the table as CSV or Parquet",
    rb"ORC[^ -~]": "an ORC file; save the table as Parquet",
    rb"Obj\x01": "an Avro file; save the table as Parquet",
    rb"%PDF": "a PDF; save the table as CSV",
    rb"\$FL2": "an SPSS file; save the table as CSV",
    rb"<stata_dta>": "a Stata file; save the table as CSV",
    rb"version https://git-lfs": "a pointer of Git LFS; run: git lfs pull",
}
"""Pattern of the first bytes of files that are not text → what they are and what to do."""


@dataclass(frozen=True)
class Text:
    """What a text file says."""

    text: str
    """In Unicode's composed form (NFC), line ends as they are."""
    notes: tuple[str, ...] = ()
    """How it was read where that was not plain, one sentence each."""


def check_regular(path: Path) -> None:
    """Refuse what is not a file, without opening it: a pipe would never end.

    Raises
    ------
    DataError
        If there is nothing, or a folder, a pipe or a device.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise _not_whole(path, error) from error
    if stat.S_ISDIR(mode):
        raise DataError(
            f"Expected a table in a file at {path}; it is a folder. Name the file in it, or write "
            "folder: for a folder of images."
        )
    if not stat.S_ISREG(mode):
        raise DataError(
            f"Expected a table in a regular file at {path}; it is a pipe or a device. Save its "
            "content in a file and name that."
        )


def read_text(path: Path, encoding: str = "") -> Text:
    """Return the text of a file.

    Parameters
    ----------
    path : Path
        Plain or packed (``.gz``, ``.xz``, ``.bz2``, ``.zip`` of one file).
    encoding : str, optional
        A name that Python knows; empty: by its first bytes, else UTF-8, else Windows-1252 where
        every word looks like one of it.

    Raises
    ------
    DataError
        If it is missing, damaged, not text or in another encoding.
    """
    check_regular(path)
    data = _unpacked(path)
    kind = next((said for magic, said in _OTHER.items() if re.match(magic, data)), None)
    if kind is not None:
        what, _, advice = kind.partition("; ")
        raise DataError(
            f"Expected a CSV or Parquet file at {path}; it is {what}. {_sentence(advice)}."
        )
    text, notes = _decoded(data, path, encoding)
    _check_text(text, path)
    return Text(text if text.isascii() else unicodedata.normalize("NFC", text), notes)


def _unpacked(path: Path) -> bytes:
    """Return the bytes of a file, unpacked by what its first bytes say."""
    try:
        with path.open("rb") as handle:
            start = handle.read(8)
            handle.seek(0)
            for end, (magic, opener) in _PACKERS.items():
                if re.match(magic, start, re.DOTALL):
                    with opener(handle, "rb") as packed:
                        return _read(packed, path)
                if path.suffix == end:
                    raise OSError(f"not packed as its name {end} says")
            if start.startswith(b"PK\x03\x04"):
                return _from_zip(handle, path)
            return _read(handle, path)
    except (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise _not_whole(path, error) from error


def _read(handle: Any, path: Path) -> bytes:
    data = handle.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DataError(
            f"Expected a table of at most {MOST_BYTES >> 30} GiB of text in {path}; there is more. "
            "Save it as Parquet, or take fewer rows."
        )
    return data


def _from_zip(handle: Any, path: Path) -> bytes:
    """Return the only file of an archive; Excel's and OpenDocument's sheets are archives too."""
    with zipfile.ZipFile(handle) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if "[Content_Types].xml" in names or "mimetype" in names:
            raise DataError(
                f"Expected a CSV or Parquet file at {path}; it is a sheet of Excel or "
                "OpenDocument. Save the sheet as CSV (UTF-8) and name that file."
            )
        names = [name for name in names if not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise DataError(
                f"Expected one file in {path}; it holds {len(names)}. Unpack it and name one of "
                "them."
            )
        try:
            with archive.open(names[0]) as packed:
                return _read(packed, path)
        except (RuntimeError, NotImplementedError) as error:  # a password, an unknown packing
            raise _not_whole(path, error) from error


def _decoded(data: bytes, path: Path, encoding: str) -> tuple[str, tuple[str, ...]]:
    """Return bytes as text, and how that was done where it was not plain."""
    if encoding:
        return _strictly(data, path, encoding), ()
    for bom, name in _BOMS.items():
        if data.startswith(bom):
            return _strictly(data, path, name), ()
    for name, at in (("utf-16-le", 1), ("utf-16-be", 0)):  # every other byte of Latin text is 0
        if len(data) > 3 and data[:2000][at::2].count(0) > 0.4 * len(data[:2000]):
            text = _strictly(data, path, name)
            return text, (f"The file has no byte order mark; it is read as {name}.",)
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        return _as_windows(data, path, error)


def _strictly(data: bytes, path: Path, encoding: str) -> str:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise DataError(
            f"Expected the name of an encoding; got --encoding {encoding}. Write for example "
            "--encoding cp1252"
        ) from None
    except UnicodeError as error:
        raise DataError(
            f"Expected text in {encoding} in {path}; it is not ({error}). Name another encoding: "
            "--encoding cp1252"
        ) from None


def _as_windows(data: bytes, path: Path, error: UnicodeDecodeError) -> tuple[str, tuple[str, ...]]:
    """Return text in Windows-1252, of which Latin-1 is a part; refused where it looks wrong.

    Any bytes can be read so. In Western languages no three signs in a row are beyond ASCII; in
    Cyrillic, Greek or Japanese text read as Windows-1252 nearly all are.
    """
    line = data.count(b"\n", 0, error.start) + 1
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    run = longest = 0
    for letter in text:
        run = run + 1 if ord(letter) > 127 and not letter.isspace() else 0
        longest = max(longest, run)
    if not text or longest > 2 or any(ord(letter) < 9 for letter in text[:100_000]):
        raise DataError(
            f"Expected text in UTF-8 in {path}; line {line:,} is not. Save the file as UTF-8, or "
            "name its encoding, for example: --encoding cp1252, or --encoding cp1251 for Cyrillic"
        )
    words = text.splitlines()[line - 1].strip()[:40]
    return text, (
        f"The file is not UTF-8; it is read as Windows-1252 (cp1252), so line {line:,} begins "
        f"{words!r}; for another encoding say --encoding.",
    )


def _check_text(text: str, path: Path) -> None:
    """Refuse text that is not a table of values between separators."""
    start = text[:2000].lstrip().lower()
    if start.startswith(("<!doctype html", "<html")):
        raise DataError(
            f"Expected a CSV file at {path}; got a web page. Delete it and fetch it again."
        )
    for begins, what in (
        (("<?xml", "<"), "XML"),
        (("{", "[{", "[["), "JSON"),
        (("@relation",), "ARFF"),
    ):
        if start.replace(" ", "").replace("\n", "").startswith(begins):
            raise DataError(
                f"Expected a CSV or Parquet file at {path}; it holds {what}, which is not read. "
                "Save the table as CSV, for example with pandas: frame.to_csv('table.csv', "
                "index=False)"
            )
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise DataError(
            f"Expected text in {path}; line {line:,} has a zero byte, so it is damaged or no text. "
            "Fetch it again, or save the table as CSV."
        )


def _not_whole(path: Path, error: object) -> DataError:
    return DataError(
        f"Expected a whole CSV file at {path}; got: {error}. Fetch it again or name another."
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def lines_of(text: str) -> io.StringIO:
    """Return text as lines that end where a line ends in a file: LF, CR LF or CR alone."""
    return io.StringIO(text, newline="")
