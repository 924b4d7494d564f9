"""Out-of-distribution sets: from a suite and a set's name to its images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from harness.data.datasets import load_part
from harness.data.embedded import patches
from harness.data.pools import image_pool
from harness.lookup import lookup
from harness.streams import stream
from harness.types import Pool, Suite

Images = UInt8[np.ndarray, "n h w c"]


def held_out(suite: Suite, whole: Pool, root: Path | None) -> Images:
    """Return the images of every class of the data set that the suite leaves out."""
    assert suite.classes is not None and whole.labels is not None
    rows = np.flatnonzero(~np.isin(whole.labels, suite.classes))
    return whole.inputs.take(rows)


def photo_patches(suite: Suite, whole: Pool, root: Path | None) -> Images:
    """Return `suite.parts["photo_patches"]` grey patches of two photographs, the suite's size.

    Which of them is drawn from the suite's stream of the step ``partition``; in grid order.
    """
    size = whole.inputs.take(np.array([0])).shape[1]
    found = patches(size)
    order = stream(f"{suite.id}|photo_patches", 0, "partition").permutation(len(found))
    return found[np.sort(order[: suite.parts["photo_patches"]])]


def mnist_test(suite: Suite, whole: Pool, root: Path | None) -> Images:
    """Return the official test part of MNIST."""
    pool = load_part("mnist", "test", root)
    return pool.inputs.take(np.arange(len(pool)))


OOD_SETS: dict[str, Callable[[Suite, Pool, Path | None], Images]] = {
    "digits89": held_out,
    "photo_patches": photo_patches,
    "mnist": mnist_test,
}
"""OOD set → what makes its images for a suite."""


def ood_pool(suite: Suite, name: str, place: str, whole: Pool, root: Path | None = None) -> Pool:
    """Return an OOD set of a suite as a pool.

    Parameters
    ----------
    suite : Suite
        Which suite; decides size and rows.
    name : str
        Key of OOD_SETS.
    place : {"near", "far"}
        How far from the ID data the suite says it is.
    whole : Pool
        All ID data that the suite is made from, with the classes it leaves out.
    root : Path, optional
        Data root.
    """
    images = lookup("OOD set", name, OOD_SETS)(suite, whole, root)
    return image_pool(f"ood/{place}/{name}", images, None)
