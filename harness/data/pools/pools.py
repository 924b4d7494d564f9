"""Pools: inputs in memory with labels and the fingerprint that names them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int, Shaped

from harness.data.pools.file_pools import FileInputs, file_rows
from harness.data.pools.tables import TableInputs, table_rows
from harness.keys import content
from harness.types import ArrayInputs, Pool


def fingerprint(array: Shaped[np.ndarray, "n *shape"], labels: Int[np.ndarray, " n"] | None) -> str:
    """Return the sha256 over inputs and labels in order: the identity of a pool in memory.

    Parameters
    ----------
    array : array of shape (n, …)
        Inputs as the pool holds them.
    labels : int array of shape (n,) or None
        Clean labels; None where the pool has none.

    Returns
    -------
    str
        64 hexadecimal digits, independent of the dtype of `labels`.
    """
    arrays = {"inputs": array}
    if labels is not None:
        arrays["labels"] = labels.astype(np.int64)
    return content(arrays)


def image_pool(
    name: str,
    images: Shaped[np.ndarray, "n h w c"],
    labels: Int[np.ndarray, " n"] | None,
    class_names: Sequence[str] = (),
) -> Pool:
    """Return a pool of images held in memory.

    Parameters
    ----------
    name : str
        Pool name (SPEC section 3).
    images : uint8 array of shape (n, h, w, c)
        Height, width, channels.
    labels : int array of shape (n,) or None
        Clean class indices.
    class_names : sequence of str
        Names of the classes that `labels` index.
    """
    labels = None if labels is None else labels.astype(np.int64)
    return Pool(
        name, "image", ArrayInputs(images), labels, tuple(class_names), fingerprint(images, labels)
    )


def rows_of(pool: Pool, rows: Int[np.ndarray, " m"], name: str) -> Pool:
    """Return some rows of a pool as a pool of its own, with its own fingerprint.

    Images in memory are copied; files stay files, tables stay tables.

    Parameters
    ----------
    pool : Pool
        Where the rows are taken from.
    rows : int array of shape (m,)
        Row numbers, in the order wanted.
    name : str
        Name of the new pool.
    """
    if isinstance(pool.inputs, FileInputs):
        return file_rows(pool, rows, name)
    if isinstance(pool.inputs, TableInputs):
        return table_rows(pool, rows, name)
    inputs = pool.inputs.take(rows)
    labels = None if pool.labels is None else pool.labels[rows]
    kept, print_ = ArrayInputs(inputs), fingerprint(inputs, labels)
    return replace(pool, name=name, inputs=kept, labels=labels, fingerprint=print_)
