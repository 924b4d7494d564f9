"""Calibration as frames: ECE beside what a calibrated model would show, bins with their null band.

Everything is read from records; the band of a bin is the spread of a share of its images.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.rankings.display import NONE, VARIANTS, value_text
from harness.rankings.field import Candidate
from harness.records.records import Recorded
from leaderboard.frames.entry import reliability_frame
from leaderboard.frames.trade import mean_over

GROUPS = ("", "head", "body", "tail", "many", "medium", "few")
"""Groups of classes by training count whose ECE a record may hold; empty: all classes."""
WIDTH = 1.96
"""Standard deviations on either side: 95 of 100 bins of a calibrated model lie inside."""


def ece_keys(group: str) -> tuple[str, str]:
    """Return the keys of a group's ECE and of its null value."""
    ending = f"_{group}" if group else ""
    return f"test/ece{ending}", f"test/ece_null{ending}"


def ece_frame(recorded: Recorded, cell: int) -> pd.DataFrame:
    """Return ECE of the entry and of its variants, per group of classes, beside its null value.

    Returns
    -------
    DataFrame
        Columns ``variant`` (in words) and one for each group that has a value, as text:
        ``4.1 % (null 1.2 %)``; means over seeds.
    """
    lines = []
    for variant in recorded.record.variants:
        words = " and ".join(VARIANTS.get(v, v) for v in variant.split("+")) if variant else ""
        line = {"variant": words or "as it is"}
        for group in GROUPS:
            value, null = (mean_over(recorded, variant, key, [cell]) for key in ece_keys(group))
            if value is not None:
                key, base = ece_keys(group)
                line[group or "all classes"] = (
                    f"{value_text(value, key)} (null {value_text(null, base)})"
                )
        if len(line) > 1:
            lines.append(line)
    return pd.DataFrame(lines).fillna(NONE)


def most_to_see(row: Candidate, cells: Sequence[str]) -> str:
    """Return the cell in which ECE is furthest above its null value; the first where none is."""

    def excess(cell: str) -> float:
        at = [list(cells).index(cell)]
        value, null = (mean_over(row.recorded, row.variant, key, at) for key in ece_keys(""))
        return -1.0 if value is None else value - (null or 0.0)

    return max(cells, key=excess)


def banded_frame(recorded: Recorded, variant: str, cell: int) -> pd.DataFrame | None:
    """Return a reliability diagram's bins with the band of a calibrated model.

    Returns
    -------
    DataFrame or None
        Columns of `leaderboard.frames.entry.reliability_frame`, and ``band_low`` and
        ``band_high``: where the share of right answers of a calibrated model lies in 95 of 100
        test sets of one seed's size; seeds share their test images and narrow nothing.
    """
    frame = reliability_frame(recorded, variant, cell)
    if frame is None:
        return None
    share = frame["confidence"].to_numpy(dtype=np.float64)
    images = frame["images"].to_numpy(dtype=np.float64) / len(recorded.record.suite.seeds)
    half = WIDTH * np.sqrt(share * (1 - share) / np.maximum(images, 1))
    return frame.assign(band_low=np.clip(share - half, 0, 1), band_high=np.clip(share + half, 0, 1))
