"""Outliers to train against: from the name on a card to images, none of which a suite tests on."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from harness.data.pools.doubles import row_digests
from harness.data.pools.pools import image_pool
from harness.data.sets.datasets import facts_of, load_part
from harness.data.suites.ood_pools import framed
from harness.data.worlds.textures import textures
from harness.errors import SpecError
from harness.types import Pool

AUXILIARY_SETS: dict[str, Callable[[int, int, int], UInt8[np.ndarray, "n h w c"]]] = {
    "generated-textures": textures,
}
"""Outliers that are made here: name → (height, width, channels) → images. Any other name is a
data set's, whose training part is taken."""


def auxiliary_pool(name: str, like: Pool, held: Mapping[str, Pool], root: Path | None) -> Pool:
    """Return outliers as a pool without labels, in the size of a suite's images.

    Parameters
    ----------
    name : str
        Key of AUXILIARY_SETS, or a data set: its training part, or all of it where it has none.
    like : Pool
        Images of the suite: their height, width and channels.
    held : mapping of str to Pool
        What may not be among the outliers, by name: test and OOD pools, ID rows.
    root : Path, optional
        Data root.

    Raises
    ------
    SpecError
        If the suite holds no images, the outliers do not fit or one of `held` is among them.
    DataError
        If the data set is missing.
    """
    if like.modality != "image":
        raise SpecError(
            f"method.auxiliary: outliers are images; this suite's inputs are a {like.modality}. "
            "Leave it out, or choose a suite of images."
        )
    height, width, channels = like.inputs.take(np.array([0])).shape[1:]
    if name in AUXILIARY_SETS:
        images = AUXILIARY_SETS[name](height, width, channels)
    else:
        images = _of_data_set(name, (height, width, channels), root)
    pool = image_pool(f"auxiliary/{name}", images, None)
    _check_apart(pool, held)
    return pool


def _of_data_set(
    name: str, shape: tuple[int, int, int], root: Path | None
) -> UInt8[np.ndarray, "n h w c"]:
    part = "train" if "train" in facts_of(name, root).parts else "all"
    found = load_part(name, part, root)
    height, width, channels = shape
    if found.modality != "image":
        raise SpecError(f"method.auxiliary: {name} holds no images. Name a data set of images.")
    own = found.inputs.take(np.array([0])).shape[1:]
    if height != width or own[0] != own[1] or own[0] > height or own[2] > channels:
        raise SpecError(
            f"method.auxiliary: outliers are square, at most as large as the suite's images "
            f"{shape} and of no more channels; {name} has {tuple(own)}. Name another data set, or "
            f"one of: {', '.join(sorted(AUXILIARY_SETS))}."
        )
    return framed(found.inputs.take(np.arange(len(found))), height, channels)


def _check_apart(pool: Pool, held: Mapping[str, Pool]) -> None:
    """Refuse outliers of which one, by its pixels, is a row of a pool that they must not hold."""
    outliers = set(row_digests(pool))
    for name, other in held.items():
        both = sum(digest in outliers for digest in row_digests(other))
        if both:
            raise SpecError(
                f"method.auxiliary: {both:,} of {len(other):,} rows of {name} are also among the "
                f"outliers {pool.name.removeprefix('auxiliary/')!r}: what is tested on must not be "
                "trained against. Name other outliers."
            )
