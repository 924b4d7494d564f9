"""What a suite's training data look like: counts of each cell, read from a record."""

import numpy as np
import pandas as pd

from harness.records.records import Recorded
from leaderboard.frames.cells import cell_names


def splits_frame(recorded: Recorded) -> pd.DataFrame | None:
    """Return what each cell trains on, means over seeds, as people read it.

    Returns
    -------
    DataFrame or None
        Columns ``cell``, ``classes``, ``training rows``, ``largest class``, ``smallest class``
        (clean counts) and ``realised imbalance`` (largest over smallest); None where the record
        keeps no counts.
    """
    counts = recorded.detail("", "counts")
    if counts is None:
        return None
    lines = []
    for label, cell in zip(
        cell_names(recorded.record.suite.cells).values(), np.asarray(counts, float), strict=True
    ):
        clean = cell.mean(axis=0)[0]
        there = clean[clean > 0]
        lines.append(
            (
                label,
                str(len(there)),
                f"{clean.sum():,.0f}",
                f"{there.max():,.0f}",
                f"{there.min():,.0f}",
                f"{there.max() / there.min():.1f}",
            )
        )
    names = ["cell", "classes", "training rows", "largest class", "smallest class",
             "realised imbalance",]  # fmt: skip
    return pd.DataFrame(lines, columns=names)
