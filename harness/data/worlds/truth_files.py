"""Files that say what test labels really are: majorities of people, and how people spread.

A clone of each source below the data root is found as it is; so is the single file beside it,
packed or not.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from harness.errors import DataError

WORKERS = 5
"""People who judged each suspected label error; three of them are a majority."""

Judged = tuple[Float[np.ndarray, "n c"], Bool[np.ndarray, " n"]]
"""Share of each class, and which images have an answer at all."""


def label_errors(path: Path, labels: Int[np.ndarray, " n"], num_classes: int) -> Judged:
    """Return test labels corrected by five people each (labelerrors.com).

    Where three or more chose the guessed label it replaces the given one; where three or more
    chose the given label, or nobody was asked, that stays; every other image has no answer.

    Parameters
    ----------
    path : Path
        ``<dataset>_mturk.json``, perhaps packed as ``.gz``.
    labels : int array of shape (n,)
        Published test labels in the official order: images are named by their position.
    num_classes : int
        C.

    Raises
    ------
    DataError
        If the file is unreadable, or the pool is not in the official order.

    References
    ----------
    Northcutt et al. 2021, "Pervasive Label Errors in Test Sets Destabilize Machine Learning
    Benchmarks", section 4.
    """
    corrected, kept = labels.astype(np.int64).copy(), np.ones(len(labels), dtype=bool)
    for item in _verdicts(path):
        row = int(item["id"])
        if row >= len(labels) or int(item["given_original_label"]) != labels[row]:
            raise DataError(
                f"Expected test image {row} with the label {item['given_original_label']} as "
                f"{path.name} has it; got "
                f"{labels[row] if row < len(labels) else 'no such image'}. "
                "These verdicts need the pool in its official order."
            )
        votes = item["mturk"]
        if 2 * votes["guessed"] > WORKERS:
            corrected[row] = int(item["our_guessed_label"])
        elif 2 * votes["given"] <= WORKERS:
            kept[row] = False
    return np.eye(num_classes)[corrected], kept


def cifar10h(path: Path, labels: Int[np.ndarray, " n"], num_classes: int) -> Judged:
    """Return how about fifty people each labelled CIFAR-10's test images.

    Parameters
    ----------
    path : Path
        ``cifar10h-counts.npy``.
    labels : int array of shape (n,)
        Published test labels in the official order.
    num_classes : int
        C.

    Raises
    ------
    DataError
        If the file is not that of CIFAR-10's 10,000 test images in the official order.

    References
    ----------
    Peterson et al. 2019, "Human Uncertainty Makes Classification More Robust".
    """
    try:
        counts = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if counts.shape != (len(labels), num_classes) or (counts.sum(axis=1) <= 0).any():
        raise DataError(
            f"Expected counts of shape ({len(labels)}, {num_classes}) in {path}; got "
            f"{counts.shape}. Fetch the file again, and use the official test pool of CIFAR-10."
        )
    shares = counts / counts.sum(axis=1, keepdims=True)
    agreed = float(np.mean(np.argmax(shares, axis=1) == labels))
    if agreed < 0.9:
        raise DataError(
            f"Expected people to agree with most labels; {path} agrees with {agreed:.0%}. "
            "Use the official test order."
        )
    return shares, np.ones(len(labels), dtype=bool)


def _verdicts(path: Path) -> list[dict[str, Any]]:
    try:
        raw = path.read_bytes()
        return list(json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw))
    except (OSError, EOFError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"Expected whole annotations in {path}; got: {error}. Delete the file and fetch it again; "
        "tailmark data truths says where from."
    )
