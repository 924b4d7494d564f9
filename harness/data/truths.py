"""Alternative truths of a test pool: corrected labels, and how people spread over classes.

Published test labels are wrong here and there, and some images have no single right answer. A
truth gives every image a share for each class (one class for corrected labels) and leaves out
images on which its annotators found no answer.
"""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from harness.errors import DataError, SpecError
from harness.lookup import lookup

WORKERS = 5
"""People who judged each suspected label error; three of them are a majority."""


@dataclass(frozen=True)
class Truth:
    """What a test pool's labels are according to somebody else."""

    name: str
    """Key of TRUTHS."""
    shares: Float[np.ndarray, "n c"]
    """Share of each class; rows sum to 1."""
    kept: Bool[np.ndarray, " n"]
    """Which images have an answer at all."""
    source: str
    """Who says so."""

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        """Return the class with the largest share, the lowest index where several have it."""
        return np.argmax(self.shares, axis=1)

    def summary(self, labels: Int[np.ndarray, " n"]) -> str:
        """Return in one sentence how this truth differs from the published labels.

        Parameters
        ----------
        labels : int array of shape (n,)
            Published test labels.
        """
        other = int((self.labels != labels)[self.kept].sum())
        return (
            f"{self.name}: {other:,} of {len(labels):,} labels differ from the published ones, "
            f"{int((~self.kept).sum()):,} images have no answer ({self.source})."
        )


@dataclass(frozen=True)
class RankChange:
    """One entry under the published labels and under another truth."""

    entry: str
    """Name."""
    published: float
    """Accuracy against the published labels, in [0, 1], over the images that the truth keeps."""
    value: float
    """Agreement with the truth, in [0, 1]."""
    published_rank: int
    """1 is best; ties by name."""
    rank: int
    """Under the truth."""


def label_errors(dataset: str, labels: Int[np.ndarray, " n"], c: int, root: Path) -> Truth:
    """Return test labels corrected by five people each (labelerrors.com).

    Where three or more chose the guessed label it replaces the given one; where three or more
    chose the given label, or nobody was asked, that stays; every other image has no answer.

    Parameters
    ----------
    dataset : str
        ``mnist``, ``cifar10`` or ``cifar100``.
    labels : int array of shape (n,)
        Published test labels in the official order: images are named by their position.
    c : int
        Number of classes.
    root : Path
        Data root with ``label-errors/mturk/<dataset>_mturk.json.gz``.

    Raises
    ------
    DataError
        If the file is missing or unreadable, or the pool is not in the official order.

    References
    ----------
    Northcutt et al. 2021, "Pervasive Label Errors in Test Sets Destabilize Machine Learning
    Benchmarks", section 4.
    """
    path = root / "label-errors" / "mturk" / f"{dataset}_mturk.json.gz"
    corrected, kept = labels.astype(np.int64).copy(), np.ones(len(labels), dtype=bool)
    for item in _verdicts(path):
        row = int(item["id"])
        if row >= len(labels) or int(item["given_original_label"]) != labels[row]:
            raise DataError(
                f"Expected test image {row} of {dataset} with the label "
                f"{item['given_original_label']} as {path.name} has it; got "
                f"{labels[row] if row < len(labels) else 'no such image'}. "
                "These verdicts need the pool in its official order."
            )
        votes = item["mturk"]
        if 2 * votes["guessed"] > WORKERS:
            corrected[row] = int(item["our_guessed_label"])
        elif 2 * votes["given"] <= WORKERS:
            kept[row] = False
    return Truth("label_errors", np.eye(c)[corrected], kept, "labelerrors.com, 5 people an image")


def cifar10h(dataset: str, labels: Int[np.ndarray, " n"], c: int, root: Path) -> Truth:
    """Return how about fifty people each labelled CIFAR-10's test images.

    Parameters
    ----------
    dataset : str
        ``cifar10``.
    labels : int array of shape (n,)
        Published test labels in the official order.
    c : int
        Number of classes.
    root : Path
        Data root with ``cifar-10h/cifar10h-counts.npy``.

    Raises
    ------
    DataError
        If the file is missing or not that of CIFAR-10's 10,000 test images.

    References
    ----------
    Peterson et al. 2019, "Human Uncertainty Makes Classification More Robust".
    """
    path = root / "cifar-10h" / "cifar10h-counts.npy"
    try:
        counts = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _unreadable(path, "https://github.com/jcpeterson/cifar-10h", error) from error
    if counts.shape != (len(labels), c) or (counts.sum(axis=1) <= 0).any():
        raise DataError(
            f"Expected counts of shape ({len(labels)}, {c}) in {path}; got {counts.shape}. "
            "Fetch the file again, and use the official test pool of CIFAR-10."
        )
    shares = counts / counts.sum(axis=1, keepdims=True)
    if np.mean(np.argmax(shares, axis=1) == labels) < 0.9:
        raise DataError(
            f"Expected people to agree with most labels; {path} agrees with "
            f"{np.mean(np.argmax(shares, axis=1) == labels):.0%}. Use the official test order."
        )
    return Truth("cifar10h", shares, np.ones(len(labels), dtype=bool), "CIFAR-10H, about 50 people")


Reader = Callable[[str, Int[np.ndarray, " n"], int, Path], Truth]

TRUTHS: dict[str, tuple[Reader, frozenset[str]]] = {
    "label_errors": (label_errors, frozenset({"mnist", "cifar10", "cifar100"})),
    "cifar10h": (cifar10h, frozenset({"cifar10"})),
}
"""Truth → what reads it, and the data sets that it speaks of."""


def read_truth(
    name: str, dataset: str, labels: Int[np.ndarray, " n"], num_classes: int, root: Path
) -> Truth:
    """Return another truth of a data set's official test pool.

    Parameters
    ----------
    name : str
        Key of TRUTHS.
    dataset : str
        Name in DATASETS.
    labels : int array of shape (n,)
        Published test labels in the official order.
    num_classes : int
        C.
    root : Path
        Data root.

    Raises
    ------
    UnknownNameError
        If there is no such truth.
    SpecError
        If it says nothing about this data set.
    DataError
        If its file is missing or does not fit.
    """
    reader, datasets = lookup("truth", name, TRUTHS)
    if dataset not in datasets:
        raise SpecError(
            f"The truth {name!r} speaks of {', '.join(sorted(datasets))}; got {dataset!r}. "
            "Other data sets have their published labels only."
        )
    return reader(dataset, labels, num_classes, root)


def agreement(truth: Truth, y_pred: Int[np.ndarray, " n"]) -> float:
    """Return how often predictions are what the truth says.

    For corrected labels the accuracy; for shares of people the probability that a person drawn at
    random says what the model says. Images without an answer are left out.

    Parameters
    ----------
    truth : Truth
        Of n images.
    y_pred : int array of shape (n,)
        Predicted class indices.

    Returns
    -------
    float
        Share in [0, 1]; higher is better.
    """
    return float(truth.shares[np.arange(len(y_pred)), y_pred][truth.kept].mean())


def soft_nll(truth: Truth, log_probs: Float[np.ndarray, "n c"]) -> float:
    """Return the mean −Σ_c share_c · ln p_c: the cross-entropy to people's labels.

    Parameters
    ----------
    truth : Truth
        Of n images.
    log_probs : float array of shape (n, c)
        Natural logarithms of predicted probabilities.

    Returns
    -------
    float
        In nats, at least the entropy of the shares; lower is better.
    """
    used = truth.shares > 0  # 0 · ln 0 is 0
    terms = np.where(used, truth.shares * np.where(used, log_probs, 0.0), 0.0)
    return float(-terms.sum(axis=1)[truth.kept].mean())


def rank_changes(
    truth: Truth,
    labels: Int[np.ndarray, " n"],
    predicted: Mapping[str, Int[np.ndarray, " n"]],
) -> list[RankChange]:
    """Return each entry's accuracy and rank under the published labels and under a truth.

    Parameters
    ----------
    truth : Truth
        Of n images.
    labels : int array of shape (n,)
        Published test labels.
    predicted : mapping of str to int array of shape (n,)
        Entry → predicted class indices.

    Returns
    -------
    list of RankChange
        In the order of the ranking under the truth.
    """
    published = {e: float((y == labels)[truth.kept].mean()) for e, y in predicted.items()}
    values = {e: agreement(truth, y) for e, y in predicted.items()}
    before, after = _ranks(published), _ranks(values)
    changes = [RankChange(e, published[e], values[e], before[e], after[e]) for e in predicted]
    return sorted(changes, key=lambda change: change.rank)


def _ranks(values: Mapping[str, float]) -> dict[str, int]:
    order = sorted(values, key=lambda entry: (-values[entry], entry))
    return {entry: at for at, entry in enumerate(order, start=1)}


def _verdicts(path: Path) -> list[dict[str, Any]]:
    source = "https://github.com/cleanlab/label-errors (mturk)"
    try:
        return list(json.loads(gzip.decompress(path.read_bytes())))
    except (OSError, EOFError, ValueError) as error:
        raise _unreadable(path, source, error) from error


def _unreadable(path: Path, source: str, error: Exception) -> DataError:
    found = "there is none" if isinstance(error, FileNotFoundError) else f"got: {error}"
    return DataError(f"Expected annotations at {path}; {found}. Fetch the file from {source}.")
