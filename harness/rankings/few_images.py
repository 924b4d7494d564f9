"""Recalls of small groups: with few right or wrong images a Wilson interval replaces the usual one.

A bootstrap of three wrong images says little; PROTOCOL section 5 sets the limit at ten.
"""

from collections.abc import Sequence

import numpy as np

from harness.metrics.groups import class_groups
from harness.records.records import Recorded
from harness.stats.intervals import Interval, few_images, wilson

SCHEMES = {"recall_tail": "terciles", "recall_few": "shots"}
"""A suite's headline tail recall → how it groups classes."""


def few_image_interval(
    recorded: Recorded, variant: str, key: str, cells: Sequence[int]
) -> Interval | None:
    """Return the Wilson interval of a group's recall in one cell, or None where it is not needed.

    Parameters
    ----------
    recorded : Recorded
        Record with details.
    variant : str
        Variant's name; empty for the entry itself.
    key : str
        Metric key, e.g. ``test/recall_tail``.
    cells : sequence of int
        Cells of the ranking; a mean over several has images enough.
    """
    group = key.partition("test/recall_")[2]
    if not group or len(cells) != 1:
        return None
    recall = recorded.detail(variant, "recall")
    sizes, counts = recorded.detail(variant, "test_counts"), recorded.detail("", "counts")
    if recall is None or sizes is None or counts is None:
        return None
    cell = cells[0]
    # Over several data sets, arrays are padded to the largest number of classes.
    there = (sizes[cell] > 0).any(axis=0) | (counts[cell] > 0).any(axis=(0, 1))
    classes = slice(0, int(np.flatnonzero(there)[-1]) + 1)
    scheme = SCHEMES[recorded.record.suite.tail_metric]
    members = class_groups(counts[cell, 0, 0, classes], scheme).get(group)  # type: ignore[arg-type]
    if members is None or isinstance(members, str):
        return None
    tested = sizes[cell, 0, classes]
    kept = members & (tested > 0)
    recalls, n = recall[cell][:, classes].mean(axis=0)[kept].astype(np.float64), tested[kept]
    if not len(n) or not few_images(recalls, n):
        return None
    value = float(np.mean(recorded.values(variant, key)[cell]))
    return wilson(value, recalls, n)
