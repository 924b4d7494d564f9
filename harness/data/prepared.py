"""The prepared form of a data set: plain arrays beside their fingerprint, read in a moment."""

import json
from pathlib import Path

import numpy as np

from harness.data.pools import fingerprint
from harness.errors import DataError

FOLDER = "prepared"
"""Folder below a data root."""


def save_prepared(root: Path, name: str, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Write one part as arrays; the fingerprint comes last, so that half is never taken for whole.

    Parameters
    ----------
    root : Path
        Data root.
    name, part : str
        Data set and part.
    images : uint8 array of shape (n, h, w, c)
        As the pool holds them.
    labels : int array of shape (n,)
        Clean labels.
    """
    folder = root / FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    labels = labels.astype(np.int64)
    np.save(folder / f"{part}-images.npy", images, allow_pickle=False)
    np.save(folder / f"{part}-labels.npy", labels, allow_pickle=False)
    stamp = {"fingerprint": fingerprint(images, labels), "shape": list(images.shape)}
    (folder / f"{part}.json").write_text(json.dumps(stamp) + "\n")


def load_prepared(root: Path, name: str, part: str) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Return images, labels and the fingerprint they were written with; None when not prepared.

    Parameters
    ----------
    root : Path
        Data root.
    name, part : str
        Data set and part.

    Raises
    ------
    DataError
        If a file was damaged since.
    """
    folder = root / FOLDER / name
    stamp = folder / f"{part}.json"
    if not stamp.is_file():
        return None
    try:
        expected = json.loads(stamp.read_text())["fingerprint"]
        images = np.load(folder / f"{part}-images.npy", allow_pickle=False)
        labels = np.load(folder / f"{part}-labels.npy", allow_pickle=False)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"Expected the prepared form of {name} {part} in {folder}; it cannot be read "
            f"({error}). Delete the folder and run: tailmark data prepare {name}"
        ) from error
    return images, labels, expected
