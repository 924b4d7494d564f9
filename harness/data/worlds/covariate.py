"""Covariate shift: the test classes seen otherwise, as pools named ``test@<name>``.

A suite names corruptions of its own test pool, lists of other images of the same classes
(full-spectrum OOD detection counts them as in-distribution), or both; a suite with poisoned cells
has the test images with the poison's patch.
"""

from pathlib import Path

from harness.data.pools.file_pools import file_pool
from harness.data.pools.index_lists import read_index
from harness.data.sets.image_files import FILE_SETS
from harness.data.splits.ids import parse_split_id
from harness.data.splits.unlearning import patched_copy
from harness.data.worlds.corruption import corrupted_pool, parse_corruption
from harness.data.worlds.published_corruptions import published_pools
from harness.errors import DataError
from harness.lookup import lookup
from harness.types import Pool, Suite


def covariate_pools(suite: Suite, test: Pool, root: Path) -> dict[str, Pool]:
    """Return the covariate-shifted pools of a suite: corruptions and lists in its order, the patch.

    Parameters
    ----------
    suite : Suite
        Its `corruptions` and `published_corruptions` are names such as ``fog-3``;
        its `covariate_lists` go from a name to a list below the data root.
    test : Pool
        What is corrupted; images are corrupted when they are taken.
    root : Path
        Data root.

    Returns
    -------
    dict of str to Pool
        Pool name → pool with clean labels. The `base` of a corrupted or patched copy is the test
        pool.

    Raises
    ------
    DataError
        If a list or an image is missing, or a label is not a class of the test pool.
    """
    corruptions = map(parse_corruption, suite.corruptions)
    pools = [corrupted_pool(test, kind, severity) for kind, severity in corruptions]
    pools += published_pools(suite.published_corruptions, suite.dataset, test, root)
    lists = suite.covariate_lists
    pools += [_listed(name, suite.dataset, test, root, lists[name]) for name in lists]
    if any(parse_split_id(cell).noise == "patch_poison" for cell in suite.cells):
        pools.append(patched_copy(test))
    return {pool.name: pool for pool in pools}


def _listed(name: str, dataset: str, test: Pool, root: Path, index: str) -> Pool:
    """Return the labelled images of a list, decoded to the size of the data set's images."""
    found = lookup("data set of image files", dataset, FILE_SETS)
    paths, labels = read_index(root / index)
    classes = len(test.class_names)
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"Expected labels 0 … {classes - 1} in {root / index}; got {labels.min()} … "
            f"{labels.max()}. Fetch the list again."
        )
    hashes = root / ".hashes" / f"{found.images.replace('/', '_')}.tsv"
    return file_pool(
        f"test@{name}",
        root / found.images,
        paths,
        labels,
        test.class_names,
        size=found.size,
        hashes=hashes,
    )
