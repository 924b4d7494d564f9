"""Data sets of image files: one table of their families, and what makes pools of them.

Lists and images are read from the user's data root; none are shipped.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.pools.file_pools import file_pool
from harness.data.pools.index_lists import read_index
from harness.data.sets.family import FileSet
from harness.data.sets.list_files import there
from harness.data.sets.long_tailed_files import LONG_TAILED
from harness.data.sets.openood_files import OPENOOD
from harness.data.sets.small_files import SMALL_FILES
from harness.data.sets.web_labels import WEB_LABELS
from harness.errors import DataError
from harness.types import DatasetSpec, Pool

FILE_SETS: dict[str, FileSet] = {**LONG_TAILED, **OPENOOD, **WEB_LABELS, **SMALL_FILES}
"""Data set of files → its facts, where it lies, what reads its lists."""


def load_files(spec: DatasetSpec, part: str, root: Path) -> Pool:
    """Return one part of a data set of files; images are decoded when they are taken.

    Parameters
    ----------
    spec : DatasetSpec
        Key of FILE_SETS is its name.
    part : str
        ``train`` or ``test``.
    root : Path
        Data root.

    Raises
    ------
    DataError
        If a list or an image is missing, or a label is not a class of the data set.
    """
    found = FILE_SETS[spec.name]
    paths, labels = found.read(root, part)
    if labels.min() < 0 or labels.max() >= spec.num_classes:
        raise DataError(
            f"Expected labels 0 … {spec.num_classes - 1} in the list of {spec.name} {part}; got "
            f"{labels.min()} … {labels.max()}. Fetch the list again."
        )
    return _pool(part, root, found, paths, labels, spec.class_names)


def load_ood_files(name: str, like: str, index: str, root: Path) -> Pool:
    """Return the images of an OOD list, decoded to the size of a data set's images.

    Parameters
    ----------
    name : str
        Pool name.
    like : str
        Key of FILE_SETS: the ID data.
    index : str
        List below the data root; its labels are not looked at.
    root : Path
        Data root.
    """
    paths, _ = read_index(there(root / index))
    return _pool(name, root, FILE_SETS[like], paths, None, ())


def _pool(
    name: str,
    root: Path,
    found: FileSet,
    paths: tuple[str, ...],
    labels: Int[np.ndarray, " n"] | None,
    class_names: tuple[str, ...],
) -> Pool:
    hashes = root / ".hashes" / f"{found.images.replace('/', '_')}.tsv"
    return file_pool(
        name, root / found.images, paths, labels, class_names, size=found.size, hashes=hashes
    )
