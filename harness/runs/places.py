"""Where things lie on this machine: the store, its records, the submissions."""

import os
from pathlib import Path

STORE = ".tailmark"
SUBMISSIONS = "submissions"


def store_folder(option: Path | None = None) -> Path:
    """Return the store's folder: the option, else ``TAILMARK_HOME``, else ``.tailmark``."""
    return option or Path(os.environ.get("TAILMARK_HOME", STORE))


def records_folder(store: Path) -> Path:
    """Return the folder of this machine's own records, laid out as ``submissions/`` is."""
    return store / "records"


def submissions_folder(option: Path | None = None) -> Path:
    """Return the submissions' folder: the option, else ``TAILMARK_SUBMISSIONS``, else beside us."""
    return option or Path(os.environ.get("TAILMARK_SUBMISSIONS", SUBMISSIONS))
