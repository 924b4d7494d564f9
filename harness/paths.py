"""Where things lie on this machine: the store, its records, the submissions."""

import os
from pathlib import Path

STORE = ".tailmark"
SUBMISSIONS = "submissions"
RELEASE = Path(__file__).parent / "release"
"""Entries that a wheel carries (``setup.py``); laid out as ``submissions/`` is."""
CHECKOUT = Path(__file__).parent.parent
"""Folder of the clone that this package lies in, where it does."""


def store_folder(option: Path | None = None) -> Path:
    """Return the store's folder: the option, else ``TAILMARK_HOME``, else ``.tailmark``."""
    return option or Path(os.environ.get("TAILMARK_HOME", STORE))


def weights_folder() -> Path:
    """Return where fetched models are kept: ``TAILMARK_WEIGHTS``, else below the user's cache."""
    named = os.environ.get("TAILMARK_WEIGHTS")
    return Path(named) if named else Path.home() / ".cache" / "tailmark" / "weights"


def records_folder(store: Path) -> Path:
    """Return the folder of this machine's own records, laid out as ``submissions/`` is."""
    return store / "records"


def submissions_folder(option: Path | None = None) -> Path:
    """Return the submissions' folder: the option, else ``TAILMARK_SUBMISSIONS``, else beside us."""
    return option or Path(os.environ.get("TAILMARK_SUBMISSIONS", SUBMISSIONS))


def release_folder() -> Path | None:
    """Return the entries that came with the installed release, or None where one's own are these.

    They are ``TAILMARK_RELEASE`` where that is set (empty: none), else what a wheel carries, else
    the folder ``submissions`` of the clone that an editable install reads. In that clone itself
    they are one's own.
    """
    named = os.environ.get("TAILMARK_RELEASE")
    if named is not None:
        return Path(named) if named else None
    if RELEASE.is_dir():
        return RELEASE
    entries = CHECKOUT / SUBMISSIONS
    cloned = entries.is_dir() and (CHECKOUT / "pyproject.toml").is_file()
    return entries if cloned and entries.resolve() != Path(SUBMISSIONS).resolve() else None


def entry_roots(option: Path | None = None) -> list[Path]:
    """Return where entries and their records are looked for: one's own folder, then the release's.

    Parameters
    ----------
    option : Path, optional
        As in `submissions_folder`.
    """
    own, release = submissions_folder(option), release_folder()
    if release is None or release.resolve() == own.resolve():
        return [own]
    return [own, release]


def record_folders(
    submissions: Path | None, store: Path | None, *, local: bool, with_local: bool
) -> tuple[list[Path], list[Path]]:
    """Return the folders of records that a command reads: submitted ones, and this machine's.

    Parameters
    ----------
    submissions, store : Path, optional
        Of the command's options.
    local : bool
        Read this machine's records only.
    with_local : bool
        Read both.
    """
    own = [records_folder(store_folder(store))] if local or with_local else []
    return [] if local else entry_roots(submissions), own
