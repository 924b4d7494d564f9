"""The recalls behind a mean of recalls, where images are too few to resample.

A bootstrap of three wrong images says little; intervals are then by score (PROTOCOL section 5,
second edition), and that needs the recall and the number of test images of every class.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from harness.metrics.groups import class_groups
from harness.records.records import Recorded
from harness.stats.score_intervals import FEW, ClassRecalls

SCHEMES = {"recall_tail": "terciles", "recall_few": "shots"}
"""A suite's headline tail recall → how it groups classes."""
SPARE = 3
"""A level with this many times `FEW` right and wrong images, as if recalls were equal, is never
few: its recalls are not read."""


def class_recalls(
    recorded: Recorded, variant: str, key: str, cells: Sequence[int], value: float
) -> ClassRecalls | None:
    """Return the recalls behind a metric, or None where it is not a mean of recalls.

    Parameters
    ----------
    recorded : Recorded
        Record with details.
    variant : str
        Variant's name; empty for the entry itself.
    key : str
        Metric key: ``test/balanced_accuracy``, ``test/accuracy`` and ``test/recall_<group>`` are
        means of recalls.
    cells : sequence of int
        Cells of the ranking; they must share their test set and, for a group, its classes.
    value : float
        Mean over cells and seeds, in [0, 1].
    """
    tested = _tested(recorded, variant, key, cells)
    recall = None if tested is None else recorded.detail(variant, "recall")
    if tested is None or recall is None:
        return None
    members = tested > 0
    if key == "test/accuracy":
        return ClassRecalls(np.array([value]), tested.sum(keepdims=True).astype(np.int64))
    mean: Float[np.ndarray, " classes"] = recall[list(cells)].mean(axis=(0, 1), dtype=np.float64)
    return ClassRecalls(np.clip(mean[members], 0, 1), tested[members].astype(np.int64))


def few_class_recalls(
    recorded: Recorded, variant: str, key: str, cells: Sequence[int], value: float
) -> ClassRecalls | None:
    """Return the recalls behind a metric where images are few, else None.

    Parameters
    ----------
    recorded, variant, key, cells, value
        As in `class_recalls`; most rows are told to have images enough without reading recalls.
    """
    tested = _tested(recorded, variant, key, cells)
    if tested is None:
        return None
    sizes = tested[tested > 0] if key != "test/accuracy" else tested.sum(keepdims=True)
    effective = len(sizes) ** 2 / float((1 / sizes).sum())
    if sizes.min() >= FEW and effective * min(value, 1 - value) >= SPARE * FEW:
        return None
    found = class_recalls(recorded, variant, key, cells, value)
    return found if found is not None and found.few else None


def _tested(
    recorded: Recorded, variant: str, key: str, cells: Sequence[int]
) -> Int[np.ndarray, " classes"] | None:
    """Return the test images of each class that counts, 0 for others; None where not the same."""
    name = key.removeprefix("test/")
    if name not in ("balanced_accuracy", "accuracy") and not name.startswith("recall_"):
        return None
    sizes = recorded.detail(variant, "test_counts")
    if sizes is None or (sizes[list(cells)] != sizes[cells[0], 0]).any():
        return None  # several data sets, or a job is missing: the test sets are not one
    tested: Int[np.ndarray, " classes"] = sizes[cells[0], 0]
    if name.startswith("recall_"):
        members = _members(recorded, name.removeprefix("recall_"), tested, cells)
        if members is None:
            return None
        tested = np.where(members, tested, 0)
    return tested if tested.any() else None


def _members(
    recorded: Recorded, group: str, tested: Int[np.ndarray, " classes"], cells: Sequence[int]
) -> Bool[np.ndarray, " classes"] | None:
    """Return the classes of a group, the same in every cell; None where they are not."""
    counts = recorded.detail("", "counts")
    scheme = SCHEMES.get(recorded.record.suite.tail_metric)
    if counts is None or scheme is None:
        return None
    # Over several data sets arrays are padded to the largest number of classes.
    trained = counts[list(cells)].any(axis=(0, 1, 2))
    last = int(np.flatnonzero((tested > 0) | trained)[-1]) + 1
    groups = [class_groups(counts[cell, 0, 0, :last], scheme).get(group) for cell in cells]  # type: ignore[arg-type]
    members = np.zeros(len(tested), dtype=bool)
    for found in groups:
        if not isinstance(found, np.ndarray) or (found != groups[0]).any():
            return None
        members[:last] = found
    return members
