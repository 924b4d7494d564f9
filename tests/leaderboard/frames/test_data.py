"""Training data of a suite: counts of the record, in words."""

from dataclasses import replace

from leaderboard.frames.data import splits_frame
from tests.leaderboard.made import CELLS, made


def test_counts_are_the_records_clean_ones():
    found = made("a", 0.9)
    frame = splits_frame(found)
    clean = found.detail("", "counts")[2, :, 0].mean(axis=0)
    line = frame.iloc[2]
    assert len(frame) == len(CELLS)
    assert line["largest class"] == f"{clean.max():,.0f}"
    assert line["realised imbalance"] == f"{clean.max() / clean.min():.1f}"


def test_a_record_without_counts_has_none():
    assert splits_frame(replace(made("a", 0.9), given={})) is None
