"""Writing so that a reader sees all or nothing, and one process at a time where it must be."""

import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

MODE = 0o644
"""Of files that others may read."""


@contextmanager
def locked(path: Path, timeout: float = -1.0) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for whoever holds it.

    Parameters
    ----------
    path : Path
        Created if it is not there; it stays, empty.
    timeout : float, default=-1.0
        Seconds to wait; negative: for ever.

    Raises
    ------
    TimeoutError
        If another process holds it for longer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path, timeout=timeout, mode=MODE):
        yield


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
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
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
        Where it shall be; a reader sees all of it or nothing.
    staging : Path
        Folder on the same file system for the unfinished one.
    meta : mapping
        Written as ``meta.json``, with the time.
    write : callable
        Gets the fresh folder and writes the other files into it.
    replace : bool, default=False
        False: what another process put there meanwhile stands.
    """
    fresh = staging / f"{goal.name[:16]}-{uuid.uuid4().hex}"
    goal.parent.mkdir(parents=True, exist_ok=True)
    fresh.mkdir(parents=True)
    try:
        write(fresh)
        text = json.dumps({**meta, "written": time.time()}, sort_keys=True, indent=1)
        (fresh / "meta.json").write_text(text, encoding="utf-8")
        for path in fresh.iterdir():  # contents before the name that makes them visible
            _fsync(path)
        if replace or not (goal / "meta.json").is_file():
            _move_away(goal, fresh.with_name(f"{fresh.name}-old"))
        _place(fresh, goal)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _move_away(goal: Path, old: Path) -> None:
    with suppress(FileNotFoundError):  # nothing there, or another process was first
        goal.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _place(fresh: Path, goal: Path) -> None:
    try:
        fresh.rename(goal)
    except OSError:  # another process placed the same thing: theirs stands
        if not goal.is_dir():
            raise


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
