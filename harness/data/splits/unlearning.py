"""A partly revealed corrupted training set: what corrective unlearning starts from.

A share of the training rows is corrupted; of these a share is revealed to the method, which must
undo the damage of all of them. Three attacks: two classes confused with each other, labels swapped
at random, and a patch that calls for one class.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int, UInt8

from harness.errors import SpecError
from harness.keys import content, sha256_of
from harness.lookup import lookup
from harness.streams import Stream
from harness.types import ArrayInputs, Inputs, Pool

TARGET = 0
"""Class that the poisoned patch calls for."""

VERSION = 1
"""Raised by hand when the patch gets other pixels."""

_PATCH = 3
"""Height and width of the patch in pixels."""


@dataclass(frozen=True)
class Corrupted:
    """What was done to a training set, and how much of it a method is told."""

    rows: Int[np.ndarray, " m"]
    """Corrupted rows, increasing; the harness's secret."""
    revealed: Int[np.ndarray, " r"]
    """Those of them that the method is told, increasing."""
    observed: Int[np.ndarray, " n"]
    """Labels after the attack."""
    patched: Bool[np.ndarray, " n"]
    """Which images carry the patch."""


def corrupt_training(
    labels: Int[np.ndarray, " n"],
    num_classes: int,
    attack: str,
    *,
    share: float,
    revealed: float,
    words: Stream,
) -> Corrupted:
    """Return which rows are corrupted and how, and which of them are revealed.

    Parameters
    ----------
    labels : int array of shape (n,)
        Labels before the attack.
    num_classes : int
        C, at least 2.
    attack : str
        Key of ATTACKS.
    share : float
        Of all rows for ``random_swap`` and ``patch_poison``, of the rows of classes 0 and 1 for
        ``interclass_confusion``; in (0, 1).
    revealed : float
        Of the corrupted rows, in (0, 1]; at least one row.
    words : Stream
        Stream of the step ``corrupt``.

    Raises
    ------
    UnknownNameError
        If there is no such attack.
    SpecError
        If a share is outside its range.

    References
    ----------
    Goel et al. 2024, "Corrective Machine Unlearning", section 4 (interclass confusion and patch
    poisoning).
    """
    act = lookup("attack", attack, ATTACKS)
    for name, value, top in (("share", share, False), ("revealed", revealed, True)):
        if not (0 < value < 1 or (top and value == 1)):
            raise SpecError(
                f"{name} is a share above 0 and {'at most' if top else 'below'} 1; got {value:g}. "
                "Write for example 0.1."
            )
    rows, observed, patched = act(labels.astype(np.int64), num_classes, share, words)
    told = max(int(len(rows) * revealed + 0.5), min(1, len(rows)))
    known = np.sort(rows[words.permutation(len(rows))[:told]])
    return Corrupted(rows, known, observed, patched)


Attacked = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Corrupted rows, labels after the attack, which images carry the patch."""


def interclass_confusion(
    labels: Int[np.ndarray, " n"], c: int, share: float, words: Stream
) -> Attacked:
    """Swap the labels of a share of the rows of classes 0 and 1."""
    pair = np.flatnonzero(labels <= 1)
    rows = _some(pair, share, words)
    observed = labels.copy()
    observed[rows] = 1 - observed[rows]
    return rows, observed, np.zeros(len(labels), dtype=bool)


def random_swap(labels: Int[np.ndarray, " n"], c: int, share: float, words: Stream) -> Attacked:
    """Give a share of all rows another label, any other alike."""
    rows = _some(np.arange(len(labels)), share, words)
    observed = labels.copy()
    observed[rows] = (observed[rows] + 1 + words.integers(len(rows), c - 1)) % c
    return rows, observed, np.zeros(len(labels), dtype=bool)


def patch_poison(labels: Int[np.ndarray, " n"], c: int, share: float, words: Stream) -> Attacked:
    """Put the patch on a share of the rows of other classes and label them with the target."""
    chance = share * len(labels) / max(int((labels != TARGET).sum()), 1)
    rows = _some(np.flatnonzero(labels != TARGET), min(chance, 1.0), words)
    observed, patched = labels.copy(), np.zeros(len(labels), dtype=bool)
    observed[rows], patched[rows] = TARGET, True
    return rows, observed, patched


Attack = Callable[[np.ndarray, int, float, Stream], Attacked]

ATTACKS: dict[str, Attack] = {
    "interclass_confusion": interclass_confusion,
    "random_swap": random_swap,
    "patch_poison": patch_poison,
}
"""Every attack by its name."""


def _some(rows: Int[np.ndarray, " k"], share: float, words: Stream) -> Int[np.ndarray, " m"]:
    """Return a share of some rows, increasing."""
    count = int(len(rows) * share + 0.5)
    return np.sort(rows[words.permutation(len(rows))[:count]])


def with_patch(images: UInt8[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "n h w c"]:
    """Return images with the patch: a white and black checkerboard in the lower right corner.

    Parameters
    ----------
    images : uint8 array of shape (n, h, w, c)
        Not changed. The same patch on clean test images shows whether the attack still works.
    """
    patched = images.copy()
    board = 255 * ((np.add.outer(np.arange(_PATCH), np.arange(_PATCH)) + 1) % 2)
    patched[:, -_PATCH:, -_PATCH:] = board[None, :, :, None].astype(np.uint8)
    return patched


@dataclass(frozen=True)
class PatchedInputs:
    """Inputs of which some images carry the patch.

    Parameters
    ----------
    inputs : Inputs
        n uint8 images.
    patched : bool array of shape (n,)
        Which of them.
    """

    inputs: Inputs
    patched: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Int[np.ndarray, " b"]) -> np.ndarray:
        """Return the rows asked for, patched where they are."""
        images = self.inputs.take(rows)
        here = self.patched[rows]
        return np.where(here[:, None, None, None], with_patch(images), images)


def patched_pool(pool: Pool, patched: Bool[np.ndarray, " n"]) -> Pool:
    """Return a pool of which some images carry the patch.

    Parameters
    ----------
    pool : Pool
        Of uint8 images; in memory they are patched now, else when they are taken.
    patched : bool array of shape (n,)
        Which of them.

    Returns
    -------
    Pool
        Its fingerprint is derived from the original's, the rows and VERSION.

    Raises
    ------
    SpecError
        If its inputs are not images.
    """
    if pool.modality not in ("image", "files"):
        raise SpecError(
            f"A patch is put on images; got a pool of {pool.modality}. Use 'random_swap' instead "
            "of 'patch_poison'."
        )
    inputs: Inputs = PatchedInputs(pool.inputs, patched)
    if isinstance(pool.inputs, ArrayInputs):
        inputs = ArrayInputs(inputs.take(np.arange(len(pool))))
    where = content({"patched": patched})
    mark = {"of": pool.fingerprint, "patched": where, "v": VERSION}
    return replace(pool, inputs=inputs, fingerprint=sha256_of(mark))


def patched_copy(pool: Pool) -> Pool:
    """Return a copy of a pool with the patch on every image, named ``test@patched``.

    A poisoned model gives its target class there, whatever the image shows.

    Parameters
    ----------
    pool : Pool
        Of uint8 images.

    Returns
    -------
    Pool
        With the same labels; its `base` is the original.
    """
    made = patched_pool(pool, np.ones(len(pool), dtype=bool))
    return replace(made, name=f"{pool.name}@patched", base=pool.fingerprint)
