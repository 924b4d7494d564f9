"""Labels that people gave again: CIFAR-10N and CIFAR-100N (PROTOCOL section 3, ``human``).

Row i of the published files is row i of the official training part.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.formats.files import first_existing
from harness.data.formats.pickles import read_pickle
from harness.errors import DataError, SpecError
from harness.keys import content
from harness.lookup import lookup

SOURCE = "https://github.com/UCSC-REAL/cifar-10-100n"
"""Where the files come from (Wei et al. 2022, "Learning with Noisy Labels Revisited")."""
FOLDERS = ("cifar-n", ".")
"""Folders below a data root where they may lie."""


@dataclass(frozen=True)
class HumanLabels:
    """Where one set of labels is found."""

    dataset: str
    """Name in DATASETS of the images."""
    key: str
    """Name of the array in the published file."""
    clean: str = "clean_label"
    """Name of the array of published labels in the same file."""


HUMAN: dict[str, HumanLabels] = {
    "human_aggregate": HumanLabels("cifar10", "aggre_label"),
    "human_random1": HumanLabels("cifar10", "random_label1"),
    "human_random2": HumanLabels("cifar10", "random_label2"),
    "human_random3": HumanLabels("cifar10", "random_label3"),
    "human_worst": HumanLabels("cifar10", "worse_label"),
    "human_fine": HumanLabels("cifar100", "noisy_label"),
    "human_coarse": HumanLabels("cifar100", "noisy_coarse_label", "clean_coarse_label"),
}
"""Kind → labels. ``human_coarse`` is read for its noise rate; no split is made of it."""

FILES = {
    "cifar10": ("CIFAR-10_human.pt", "cifar10n_labels.npz"),
    "cifar100": ("CIFAR-100_human.pt", "cifar100n_labels.npz"),
}
"""Data set → names of files with the same arrays, the published one first."""

CONTENTS = {
    "cifar10": "dc56f778d3a4dec2a65f99db5b9433ad81ecdbb434ceb67ba6afbd486623103f",
    "cifar100": "82ca36989ff626cbe32fc99261db20f81cbcec77a470fa885c81bcc1a0f5c1dd",
}
"""Data set → sha256 of all arrays of its file as int64."""


def human_labels(
    kind: str, dataset: str, root: Path
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return the published labels and those that people gave again, in the official order.

    Parameters
    ----------
    kind : str
        Key of HUMAN.
    dataset : str
        Name in DATASETS of the images.
    root : Path
        Data root.

    Returns
    -------
    tuple
        Clean and observed class indices, int64 (50,000,) each.

    Raises
    ------
    SpecError
        If nobody labelled this data set again under this name.
    DataError
        If the file is missing or not what was published.
    """
    found = lookup("set of human labels", kind, HUMAN)
    if found.dataset != dataset:
        ours = ", ".join(k for k, h in HUMAN.items() if h.dataset == dataset) or "none"
        raise SpecError(
            f"The labels {kind!r} are for {found.dataset}; got {dataset}, for which there are: "
            f"{ours}. Use one of those, or 'symmetric0.4'."
        )
    path = first_existing(root, FOLDERS, FILES[dataset])
    if path is None:
        raise DataError(
            f"Expected {FILES[dataset][0]} of {dataset} in {root / FOLDERS[0]}; there is none. Get "
            f"it from {SOURCE}, or name another data root with --data-root or TAILMARK_DATA."
        )
    arrays = _read(path)
    received = content(arrays)
    if received != CONTENTS[dataset]:
        raise DataError(
            f"Expected the published labels in {path}, content {CONTENTS[dataset][:12]}…; got "
            f"{received[:12]}…. Delete it and fetch it again from {SOURCE}."
        )
    return arrays[found.clean], arrays[found.key]


def _read(path: Path) -> dict[str, Int[np.ndarray, " n"]]:
    """Return every array of a file as int64."""
    if path.suffix == ".pt":
        arrays = read_pickle(path)
    else:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    return {name: np.asarray(array).astype(np.int64) for name, array in arrays.items()}
