"""Corrupted copies of a pool, made once for all models that are passed over them."""

from dataclasses import replace
from importlib.metadata import version

import numpy as np

from harness.data.worlds.corruption import CorruptedInputs
from harness.keys import sha256_of
from harness.models.store.store import COPIES, Store
from harness.types import ArrayInputs, Pool

LEAST = 2**22
"""Bytes of images from which a copy is kept: smaller ones are made as fast as they are read."""
MAKERS = ("numpy", "scipy", "pillow")
"""Libraries whose versions may change a pixel of a copy."""


def kept_copy(store: Store, pool: Pool) -> Pool:
    """Return a corrupted pool with its images in memory, from the store or made and kept there.

    Parameters
    ----------
    store : Store
        Its budget bounds copies and features together.
    pool : Pool
        Any; one that is no corrupted copy of images in memory, or is small, is returned as it is.

    Raises
    ------
    StoreError
        If the store cannot be read or written.
    """
    inputs = pool.inputs
    if not isinstance(inputs, CorruptedInputs) or not isinstance(inputs.inputs, ArrayInputs):
        return pool
    if inputs.inputs.array.nbytes < LEAST:
        return pool
    key = sha256_of({"copy": pool.identity, "by": {name: version(name) for name in MAKERS}})
    with store.doing(f"copy {key}"):  # another process may be making it: wait for what it keeps
        found = store.load_result(key, room=COPIES)
        if found is None:
            images = inputs.take(np.arange(len(pool)))
            store.save_result(key, {}, {"images": images}, note=pool.name, room=COPIES)
        else:
            images = found[1]["images"]
    return replace(pool, inputs=ArrayInputs(images))
