"""Archives that models come in, looked at before anything in them is read."""

import zipfile
from pathlib import Path

from harness.errors import CardError
from harness.models.loaders.feeding import MOST, Said, said_in

MAX_BYTES = 8 << 30
"""Most that an archive may unpack to."""
MAX_RATIO = 200
"""Most that a member may grow by: beyond it is a bomb, no weights."""
MAX_MEMBERS = 100_000
"""Most files in an archive."""
SAID = "tailmark.json"
"""Member that holds what the file says of itself."""


def checked_zip(path: Path, what: str, writer: str) -> zipfile.ZipFile:
    """Return an open archive whose members are plain and of a size that memory can hold.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What sentences call it.
    writer : str
        What writes such files.

    Raises
    ------
    CardError
        If it is no zip archive, is damaged, or unpacks to too much.
    """
    try:
        archive = zipfile.ZipFile(path)
        infos = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CardError(
            f"{what} must be a file of {writer}; got one that is no archive or is cut off "
            f"({str(error)[:80]}). Save it again."
        ) from None
    total = sum(info.file_size for info in infos)
    swollen = any(i.file_size > MAX_RATIO * max(i.compress_size, 1024) for i in infos)
    names = [info.filename for info in infos]
    bad = [n for n in names if n.startswith(("/", "\\")) or ".." in n.split("/") or "\\" in n]
    if (
        total > MAX_BYTES
        or swollen
        or len(infos) > MAX_MEMBERS
        or bad
        or len(set(names)) < len(names)
    ):
        archive.close()
        raise CardError(
            f"{what} must be a file of {writer}; got an archive of {len(infos):,} members and "
            f"{total:,} bytes"
            + (", which compress suspiciously well" if swollen else "")
            + (", with a path that leaves it" if bad else "")
            + (", one of them twice" if len(set(names)) < len(names) else "")
            + ". Save it again."
        )
    return archive


def said_by_zip(path: Path, what: str, writer: str) -> Said:
    """Return what an archive says of itself in its member ``tailmark.json``."""
    with checked_zip(path, what, writer) as archive:
        for info in archive.infolist():
            if info.filename.rpartition("/")[2] == SAID and info.file_size <= MOST:
                try:
                    return said_in(archive.read(info), what)
                except (OSError, zipfile.BadZipFile, RuntimeError) as error:
                    raise CardError(
                        f"{what}: its member {SAID} is damaged: {str(error)[:80]}. Save it again."
                    ) from None
    return Said()
