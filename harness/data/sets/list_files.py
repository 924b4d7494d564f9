"""Lists that name the images of a data set, and their labels, below the user's data root."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.pools.index_lists import read_index
from harness.errors import DataError

Listed = tuple[tuple[str, ...], Int[np.ndarray, " n"]]
"""Paths below the images' folder, and labels."""


def listed(folder: str, train: str, test: str) -> Callable[[Path, str], Listed]:
    """Return a reader of lists with lines ``path label``, one file per part.

    Parameters
    ----------
    folder : str
        Folder of the lists below a data root.
    train, test : str
        Names of the lists.
    """
    names = {"train": train, "test": test}
    return lambda root, part: read_index(there(root / folder / names[part]))


def there(path: Path) -> Path:
    """Return a list or folder that is there.

    Raises
    ------
    DataError
        If it is not.
    """
    if not path.exists():
        raise DataError(
            f"Expected {path}; there is none. Unpack the data set's lists there, or name another "
            "data root with --data-root or TAILMARK_DATA."
        )
    return path


def joined(paths: tuple[str, ...], found: dict[str, int], source: Path) -> Listed:
    """Return paths with the labels that another list gives them.

    Parameters
    ----------
    paths : tuple of str
        In order.
    found : dict of str to int
        Path → label.
    source : Path
        The list of labels, for messages.

    Raises
    ------
    DataError
        If a path has no label.
    """
    unknown = [path for path in paths if path not in found]
    if unknown:
        raise DataError(
            f"Expected a label of every image in {source}; {len(unknown):,} have none, for example "
            f"{unknown[0]}. Fetch the file again."
        )
    return paths, np.array([found[path] for path in paths], dtype=np.int64)
