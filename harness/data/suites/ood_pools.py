"""Out-of-distribution sets: from a suite and a set's name to its images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from harness.data.pools.file_pools import file_pool
from harness.data.pools.pools import image_pool
from harness.data.sets.class_folders import class_folders, load_ood_classes
from harness.data.sets.datasets import cifar100_test_images, data_root, facts_of, load_part
from harness.data.sets.embedded import patches
from harness.data.sets.image_files import load_ood_files
from harness.data.sets.small_files import TINY, tiny200, tiny_wnids
from harness.data.suites.id_pools import partition_of
from harness.data.worlds.familiar import familiar_wnids
from harness.errors import SpecError
from harness.keys import sha256_of
from harness.lookup import lookup
from harness.streams import stream
from harness.types import Pool, Suite

Images = UInt8[np.ndarray, "n h w c"]


def held_out(suite: Suite, whole: Pool, root: Path | None) -> Images:
    """Return the images of every class of the data set that the suite leaves out."""
    if suite.classes is None or whole.labels is None:
        raise SpecError(
            f"Held-out classes are those that a suite leaves out; {suite.id} names no `classes`. "
            "Name the ID ones."
        )
    rows = np.flatnonzero(~np.isin(whole.labels, suite.classes))
    return whole.inputs.take(rows)


def photo_patches(suite: Suite, whole: Pool, root: Path | None) -> Images:
    """Return `suite.photo_patches` grey patches of two photographs, the suite's size.

    Which of them is drawn from its stream of the step ``partition``; in grid order.
    """
    height, _, channels = _shape(whole)
    found = patches(height)
    order = stream(f"{partition_of(suite)}|photo_patches", 0, "partition").permutation(len(found))
    return framed(found[np.sort(order[: suite.photo_patches])], height, channels)


def mnist_test(suite: Suite, whole: Pool, root: Path | None) -> Images:
    """Return the official test part of MNIST, framed in black to the suite's size."""
    height, _, channels = _shape(whole)
    return framed(_all_of(load_part("mnist", "test", root)), height, channels)


def cifar10_test(suite: Suite, whole: Pool, root: Path | None) -> Images:
    """Return the official test part of CIFAR-10."""
    return _all_of(load_part("cifar10", "test", root))


def cifar100_test(suite: Suite, whole: Pool, root: Path | None) -> Images:
    """Return the test images of CIFAR-100 in the order of their bytes.

    Without labels their order means nothing, and so every edition of them gives the same pool.
    """
    images = cifar100_test_images(data_root(root))
    return images[sorted(range(len(images)), key=lambda row: images[row].tobytes())]


def _shape(pool: Pool) -> tuple[int, int, int]:
    height, width, channels = pool.inputs.take(np.array([0])).shape[1:]
    return height, width, channels


def _all_of(pool: Pool) -> Images:
    return pool.inputs.take(np.arange(len(pool)))


def framed(images: Images, size: int, channels: int) -> UInt8[np.ndarray, "n s s k"]:
    """Return images in a black frame up to `size`, their grey repeated in every channel."""
    frame = size - images.shape[1]
    before, after = frame // 2, frame - frame // 2
    framed = np.pad(images, ((0, 0), (before, after), (before, after), (0, 0)))
    return framed if channels == framed.shape[3] else np.repeat(framed, channels, axis=3)


OOD_SETS: dict[str, Callable[[Suite, Pool, Path | None], Images]] = {
    "digits89": held_out,
    "held_out": held_out,
    "photo_patches": photo_patches,
    "mnist": mnist_test,
    "cifar10": cifar10_test,
    "cifar100": cifar100_test,
}
"""OOD set → what makes its images for a suite."""


FAMILIAR = "imagenet_familiar"
"""Classes of ImageNet-1K that the ID data do not have, from the user's validation folder."""
IMAGENET = "imagenet/val"
"""Where that folder lies below the data root: one folder per class, named by WordNet id."""
TINY_FAMILIAR = "tiny200_familiar"
"""The classes of ``tiny200`` that the ID data do not have: ImageNet classes, ten images of each."""


def _familiar(suite: Suite, name: str, whole: Pool, root: Path) -> Pool:
    """Return `suite.imagenet_familiar` images of each class, decoded to the ID data's size."""
    wnids = familiar_wnids("imagenet-1k", suite.dataset, class_folders(root / IMAGENET))
    height, width, _ = _shape(whole)
    return load_ood_classes(
        name, IMAGENET, wnids, root, size=(height, width), per_class=suite.imagenet_familiar
    )


def _tiny_familiar(suite: Suite, name: str, whole: Pool, root: Path) -> Pool:
    """Return the images of ``tiny200`` whose classes are familiar OOD, in the ID data's size."""
    paths, labels = tiny200(root, "all")
    wnids = tiny_wnids(root)
    wanted = set(familiar_wnids("imagenet-1k", suite.dataset, wnids))
    kept = [path for path, k in zip(paths, labels, strict=True) if wnids[k] in wanted]
    height, width, _ = _shape(whole)
    hashes = root / ".hashes" / f"{TINY}.tsv"
    return file_pool(name, root / TINY, kept, None, size=(height, width), hashes=hashes)


_FAMILIAR_SETS = {FAMILIAR: _familiar, TINY_FAMILIAR: _tiny_familiar}


def ood_pool(suite: Suite, name: str, place: str, whole: Pool, root: Path | None = None) -> Pool:
    """Return an OOD set of a suite as a pool.

    Parameters
    ----------
    suite : Suite
        Which suite; decides size and rows.
    name : str
        Key of OOD_SETS or of the suite's `lists`, or prepared with the suite's own data set.
    place : {"near", "far"}
        How far from the ID data the suite says it is.
    whole : Pool
        All ID data that the suite is made from, with the classes it leaves out.
    root : Path, optional
        Data root.
    """
    if name in suite.lists:
        named = f"ood/{place}/{name}"
        return load_ood_files(named, suite.dataset, suite.lists[name], data_root(root))
    if name in _FAMILIAR_SETS:
        return _FAMILIAR_SETS[name](suite, f"ood/{place}/{name}", whole, data_root(root))
    if f"{place}_{name}" in facts_of(suite.dataset, root).parts:
        own = load_part(suite.dataset, f"{place}_{name}", root)
        identity = sha256_of({"ood": own.fingerprint})
        named = f"ood/{place}/{name}"
        return replace(own, name=named, labels=None, class_names=(), fingerprint=identity)
    images = lookup("OOD set", name, OOD_SETS)(suite, whole, root)
    return image_pool(f"ood/{place}/{name}", images, None)
