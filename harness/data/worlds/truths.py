"""Alternative truths of a test pool: corrected labels, and how people spread over classes.

Published test labels are wrong here and there, and some images have no single right answer. A
truth gives every image a share for each class (one class for corrected labels) and leaves out
images on which its annotators found no answer. Of made tables the truth is exact: the
probabilities that their labels were drawn from.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from harness.data.formats.files import first_existing
from harness.data.sets.funnels import FUNNELS, true_shares
from harness.data.worlds.truth_files import Judged, cifar10h, label_errors
from harness.errors import DataError, SpecError
from harness.lookup import lookup


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
    exact: bool = False
    """Whether the shares are the probabilities that the published labels were drawn from."""

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
class TruthSource:
    """Where a truth comes from."""

    read: Callable[[Path, Int[np.ndarray, " n"], int], Judged]
    """From file, published labels and C to shares and the images that have an answer."""
    files: Mapping[str, tuple[str, ...]]
    """Data set that it speaks of → places below a data root where its file may lie, the
    first as in a clone of its source."""
    said_by: str
    """Who says so."""
    source: str
    """The repository that the public gets the file from."""
    licence: str
    """As the source states it."""
    exact: Callable[[str, str], Float[np.ndarray, "n c"]] | None = None
    """From data set and part to the probabilities that its labels were drawn from, for made data;
    None: the file says it."""


def _no_file(path: Path, labels: Int[np.ndarray, " n"], num_classes: int) -> Judged:
    raise AssertionError("an exact truth is computed, not read")


def _verdict_files(dataset: str) -> tuple[str, ...]:
    name = f"label-errors/mturk/{dataset}_mturk.json"
    return name, f"{name}.gz"


TRUTHS: dict[str, TruthSource] = {
    "label_errors": TruthSource(
        label_errors,
        {dataset: _verdict_files(dataset) for dataset in ("cifar10", "cifar100", "mnist")},
        "labelerrors.com, 5 people per image",
        "https://github.com/cleanlab/label-errors",
        "Apache-2.0",
    ),
    "cifar10h": TruthSource(
        cifar10h,
        {"cifar10": ("cifar-10h/data/cifar10h-counts.npy", "cifar-10h/cifar10h-counts.npy")},
        "CIFAR-10H, about 50 people",
        "https://github.com/jcpeterson/cifar-10h",
        "CC BY-NC-SA 4.0",
    ),
    "drawn": TruthSource(
        _no_file,
        dict.fromkeys(FUNNELS, ()),
        "the model that the labels were drawn from",
        "made here: harness.data.sets.funnels",
        "Apache-2.0",
        exact=true_shares,
    ),
}
"""Every truth by its name."""


def truths_of(dataset: str) -> tuple[str, ...]:
    """Return the names of the truths that speak of a data set.

    Parameters
    ----------
    dataset : str
        Name in DATASETS.
    """
    return tuple(name for name, found in TRUTHS.items() if dataset in found.files)


def absence(name: str, dataset: str, root: Path) -> str | None:
    """Return a sentence about the file that a truth lacks, None where it is there.

    Parameters
    ----------
    name : str
        Key of TRUTHS.
    dataset : str
        Name in DATASETS.
    root : Path
        Data root.

    Raises
    ------
    UnknownNameError
        If there is no such truth.
    SpecError
        If it says nothing about this data set.
    """
    found, path = _found(name, dataset, root)
    if path is not None or found.exact is not None:
        return None
    place = found.files[dataset][0]
    address = f"{found.source}/raw/HEAD/{place.partition('/')[2]}"
    return (
        f"Expected {place} below {root}; there is none. "
        f"Put the file there, from {address} ({found.licence})."
    )


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
    found, path = _found(name, dataset, root)
    if found.exact is not None:
        shares = found.exact(dataset, "test")
        return Truth(name, shares, np.ones(len(shares), dtype=bool), found.said_by, exact=True)
    if path is None:
        raise DataError(str(absence(name, dataset, root)))
    shares, kept = found.read(path, labels, num_classes)
    return Truth(name, shares, kept, found.said_by)


def read_truths(
    names: Iterable[str],
    dataset: str,
    labels: Int[np.ndarray, " n"],
    num_classes: int,
    root: Path,
) -> tuple[dict[str, Truth], dict[str, str]]:
    """Return the truths whose files are there, and for each other one why it is absent.

    Parameters
    ----------
    names : iterable of str
        Keys of TRUTHS.
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
    DataError
        If a file is there and does not fit: that is no absence.
    """
    reasons = {name: absence(name, dataset, root) for name in names}
    truths = {
        name: read_truth(name, dataset, labels, num_classes, root)
        for name, reason in reasons.items()
        if reason is None
    }
    return truths, {name: reason for name, reason in reasons.items() if reason is not None}


def _found(name: str, dataset: str, root: Path) -> tuple[TruthSource, Path | None]:
    """Return a truth's source, and where its file lies."""
    found = lookup("truth", name, TRUTHS)
    if dataset not in found.files:
        raise SpecError(
            f"The truth {name!r} speaks of {', '.join(sorted(found.files))}; got {dataset!r}. "
            "Other data sets have their published labels only."
        )
    return found, first_existing(root, ("",), found.files[dataset])
