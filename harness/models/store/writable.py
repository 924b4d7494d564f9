"""Whether a store can be written: said once before any work, and whenever it stops being so."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.atomic import check_locks, unfinished
from harness.errors import StoreError
from harness.refusals import is_refusal

HOME = "TAILMARK_HOME"
"""Environment variable that names the store's folder."""
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})
"""What a file system answers that knows no files without a name."""


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Turn what the system refuses inside the block into a sentence about the store.

    Parameters
    ----------
    root : Path
        The store's folder, which the user named.

    Raises
    ------
    StoreError
        Instead of the system's refusal. Other errors, which are ours, stay what they are.
    """
    try:
        yield
    except OSError as error:
        if not is_refusal(error, [root]) and root.is_dir():
            raise
        raise StoreError(
            f"The store {root} must be a folder that can be written; got {error.strerror}: "
            f"{error.filename}. Change its permissions or make room, or name another folder with "
            f"--store or {HOME}."
        ) from None


def check_writable(root: Path) -> None:
    """Refuse a store that a run could not write into; nothing is left behind.

    A small file is written, and locked, in the store and in each of its rooms; before there is a
    store, in the folder in which it would be made.

    Parameters
    ----------
    root : Path
        The store's folder; it need not be there.

    Raises
    ------
    StoreError
        If it is no folder, cannot be written, or is on a file system without locks.
    """
    with writing(root):
        there = root
        while not os.path.lexists(there):
            there = there.parent
        if not there.is_dir():
            code = errno.ENOENT if there.is_symlink() else errno.ENOTDIR
            raise OSError(code, os.strerror(code), str(root))
        rooms = [path for path in there.iterdir() if path.is_dir()] if there == root else []
        for folder in (there, *rooms):
            _try(folder)


def _try(folder: Path) -> None:
    """Write a byte into a fresh file of a folder and lock it; the file has no name by then."""
    try:
        handle = _nameless(folder)
    except OSError as error:  # the name of a temporary file would tell nobody anything
        raise type(error)(error.errno, error.strerror, str(folder)) from error
    try:
        os.write(handle, b"\n")
        with check_locks(folder / "file"):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(handle)


def _nameless(folder: Path) -> int:
    """Return the handle of a fresh file without a name: a kill leaves nothing behind."""
    with suppress(AttributeError):  # a system without such files
        try:
            return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in _NO_NAMELESS:
                raise
    handle, name = tempfile.mkstemp(dir=folder, prefix=unfinished("try"))
    os.unlink(name)  # noqa: PTH108
    return handle
