"""Writing so that a reader sees all or nothing, and one process at a time where it must be."""

import errno
import fcntl
import json
import os
import re
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.errors import StoreError

MODE = 0o644
"""Of files that others may read."""
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""What a file system answers that knows no locks."""
TRIES = 100
"""How often a folder is placed while others place and replace the same one."""
_OWNER = re.compile(r"~(?P<host>[^~/]*)~(?P<pid>[0-9]+)~")
"""Part of the name of whatever is unfinished: who is writing it."""


@contextmanager
def locked(path: Path, timeout: float = -1.0) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for whoever holds it.

    Parameters
    ----------
    path : Path
        Created if it is not there, and removed when the block ends.
    timeout : float, default=-1.0
        Seconds to wait; negative: for ever.

    Raises
    ------
    TimeoutError
        If another process holds it for longer.
    StoreError
        If the file system knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _held(path, timeout)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # whoever waits for it notices that it is gone, and opens a new one
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _held(path: Path, timeout: float) -> int:
    """Return a file handle with the lock of the file that lies at `path` now."""
    end = None if timeout < 0 else time.monotonic() + timeout
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            _wait(handle, path, end)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _wait(handle: int, path: Path, end: float | None) -> None:
    with check_locks(path):
        if end is None:
            fcntl.flock(handle, fcntl.LOCK_EX)
            return
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > end:
                raise TimeoutError(f"{path} is held by another process")
            time.sleep(0.05)


@contextmanager
def check_locks(path: Path) -> Iterator[None]:
    """Turn the answer of a file system that knows no locks into a sentence.

    Parameters
    ----------
    path : Path
        File that is locked inside the block.

    Raises
    ------
    StoreError
        If the file system knows no locks.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise StoreError(
            f"{path.parent} must be on a file system with file locks, so that two runs do not "
            f"write over each other; it answered: {error.strerror}. Network shares often have "
            "none: name a folder on a local disk with --store or TAILMARK_HOME."
        ) from None


def unfinished(name: str) -> str:
    """Return a name for something unfinished that says which process writes it."""
    return f".{name}~{socket.gethostname()}~{os.getpid()}~{uuid.uuid4().hex[:8]}"


def remove_abandoned(folder: Path) -> int:
    """Remove the unfinished files and folders below a folder whose writers are gone.

    Only what processes of this machine began is judged: those of another may be alive.

    Parameters
    ----------
    folder : Path
        Searched with everything below it.

    Returns
    -------
    int
        How many were removed.
    """
    removed = 0
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            owner = _OWNER.search(name)
            if owner is None or owner["host"] != socket.gethostname() or _alive(int(owner["pid"])):
                continue
            path = Path(parent, name)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed += 1
        folders[:] = [name for name in folders if _OWNER.search(name) is None]
    return removed


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def replacing(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a fresh path beside the target, and move it there when the block succeeds.

    A reader sees the old file or the new one. A target that is a link is replaced, never followed.

    Parameters
    ----------
    target : Path
        In a folder that exists.
    durable : bool, default=True
        Wait until it is on the disk; False for what is verified when it is read, and made again.
    """
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=unfinished(target.name))
    except OSError as error:  # the name of the temporary file would tell nobody anything
        raise type(error)(error.errno, error.strerror, str(target)) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(MODE)
        if durable:
            _fsync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_folder(
    goal: Path,
    staging: Path,
    meta: Mapping[str, Any],
    write: Callable[[Path], Any],
    *,
    replace: bool = False,
) -> None:
    """Write files and ``meta.json`` into a fresh folder, fsync them, rename it into place.

    Parameters
    ----------
    goal : Path
        Where it goes; a reader sees all of it or nothing.
    staging : Path
        Folder on the same file system for the unfinished one.
    meta : mapping
        Written as ``meta.json``.
    write : callable
        Gets the fresh folder and writes the other files into it.
    replace : bool, default=False
        False: what another process put there meanwhile stands.
    """
    fresh = staging / unfinished(goal.name[:16])
    goal.parent.mkdir(parents=True, exist_ok=True)
    fresh.mkdir(parents=True)
    try:
        write(fresh)
        text = json.dumps(meta, sort_keys=True)  # with an indent Python writes it, ten times slower
        (fresh / "meta.json").write_text(text, encoding="utf-8")
        for path in fresh.iterdir():  # contents before the name that makes them visible
            _fsync(path)
        _place(fresh, goal, replace=replace)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _place(fresh: Path, goal: Path, *, replace: bool) -> None:
    """Rename a finished folder into place while others may do the same."""
    for tried in range(TRIES):
        if replace or not (goal / "meta.json").is_file():
            _move_away(goal, fresh.with_name(f"{fresh.name}-old{tried}"))
        try:
            fresh.rename(goal)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            if not replace and (goal / "meta.json").is_file():
                return  # another process placed the same thing: theirs stands
        else:
            return
    raise OSError(errno.EBUSY, "others write the same folder all the time", str(goal))


def _move_away(goal: Path, old: Path) -> None:
    with suppress(FileNotFoundError):  # nothing there, or another process was first
        goal.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
