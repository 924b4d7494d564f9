"""Folders of images with one folder per class, as people unpack ImageNet: OOD sets of some classes.

Images are read from the user's data root; none are shipped.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from harness.data.pools.file_pools import file_pool
from harness.errors import DataError
from harness.types import Pool

_WNID = re.compile(r"n[0-9]{8}")


def class_folders(folder: Path) -> tuple[str, ...]:
    """Return the WordNet ids that a folder of class folders has, in order.

    Parameters
    ----------
    folder : Path
        For example ImageNet's validation part as torchvision lays it out: one folder per class,
        named by its WordNet id.

    Raises
    ------
    DataError
        If it is not there or has no such folder.
    """
    paths = folder.iterdir() if folder.is_dir() else ()
    found = sorted(path.name for path in paths if _WNID.fullmatch(path.name))
    if not found:
        raise DataError(
            f"Expected one folder per class in {folder}, named by WordNet ids such as n01440764; "
            "there is none. Sort the images into them, as torchvision's ImageNet does."
        )
    return tuple(found)


def load_ood_classes(
    name: str,
    folder: str,
    wnids: Sequence[str],
    root: Path,
    *,
    size: tuple[int, int],
    per_class: int | None = None,
) -> Pool:
    """Return the images of some classes of a user's ImageNet folder as an OOD pool.

    Parameters
    ----------
    name : str
        Pool name.
    folder : str
        Folder of class folders below the data root, e.g. ``imagenet/val``.
    wnids : sequence of str
        WordNet ids of the classes to take.
    root : Path
        Data root.
    size : (int, int)
        (height, width) that images are decoded to: the ID data's.
    per_class : int, optional
        Images of each class to take, first by file name; None: all.

    Raises
    ------
    DataError
        If a class has no folder, or one has no or too few images.
    """
    there = set(class_folders(root / folder))
    gone = [wnid for wnid in wnids if wnid not in there]
    if gone:
        raise DataError(
            f"Expected folders of {len(wnids):,} classes in {root / folder}; {len(gone):,} are "
            f"missing, for example {', '.join(gone[:3])}. Unpack the whole part there."
        )
    paths: list[str] = []
    for wnid in wnids:
        files = sorted(p.name for p in (root / folder / wnid).iterdir() if p.is_file())
        if len(files) < (per_class or 1):
            raise DataError(
                f"Expected {per_class or 'any'} images in {root / folder / wnid}; got "
                f"{len(files)}. Unpack the whole part there."
            )
        paths += [f"{wnid}/{file}" for file in files[:per_class]]
    hashes = root / ".hashes" / f"{folder.replace('/', '_')}.tsv"
    return file_pool(name, root / folder, paths, None, size=size, hashes=hashes)
