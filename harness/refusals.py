"""What a system refuses that its user can change, told from our own mistakes.

A disk without room, a folder without rights and a name that is too long are the user's; a file of
ours that we forgot to make, or a handle that we closed twice, is not, and keeps its traceback.
"""

import errno
import os
import sys
from collections.abc import Iterable
from pathlib import Path

ROOM = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE,
        errno.ENFILE, errno.ENOMEM, errno.ESTALE,
    }
)  # fmt: skip
"""Of the machine, wherever it happens: no room, a disk that is read-only or broken, its limits."""
RIGHTS = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.EBUSY, errno.ETXTBSY}
)
"""Of a path, wherever it lies outside of the program itself."""
PLACES = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY})
"""Of a path that the user named; any other we should have looked after."""
_PROGRAM = (Path(__file__).resolve().parent, Path(sys.prefix).resolve())
"""Folders of the program: what is wrong in them is wrong with us, or with the installation."""


def is_refusal(error: OSError, named: Iterable[str | Path]) -> bool:
    """Return whether an error is the system's refusal of what a user asked for.

    Parameters
    ----------
    error : OSError
        As the system raised it, with its number and path.
    named : iterable of str or Path
        What the user named: paths are looked for in it, other words do no harm.

    Examples
    --------
    >>> full = OSError(errno.ENOSPC, "No space left on device", "/any/where")
    >>> missing = OSError(errno.ENOENT, "No such file or directory", "/home/me/no/x.json")
    >>> is_refusal(full, []), is_refusal(missing, []), is_refusal(missing, ["/home/me/no/x.json"])
    (True, False, True)
    """
    if error.errno in ROOM:
        return True
    if not isinstance(error.filename, str | Path | bytes):
        return False
    path = _whole(os.fsdecode(error.filename))
    if error.errno in RIGHTS:
        return not any(path.is_relative_to(folder) for folder in _PROGRAM)
    if error.errno not in PLACES:
        return False
    return any(_near(path, _whole(word)) for word in named if str(word))


def words_of_user() -> list[str]:
    """Return what the user named: the words of the command, and the settings of this program."""
    words = [part for word in sys.argv[1:] for part in (word, word.partition("=")[2])]
    settings = [value for name, value in os.environ.items() if name.startswith("TAILMARK_")]
    return [word for word in (*words, *settings) if word]


def _whole(path: str | Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (links stay: they may be what is wrong)


def _near(path: Path, named: Path) -> bool:
    """Return whether a path is a named one, above it, or lies in it directly."""
    return path in (named, *named.parents) or path.parent == named
