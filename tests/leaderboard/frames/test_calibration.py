"""Calibration: values are the record's, the band is the spread of a share, the default is told."""

import numpy as np
import pytest

from harness.rankings.field import candidates
from leaderboard.frames.calibration import banded_frame, ece_frame, most_to_see
from tests.leaderboard.made import CELLS, made


@pytest.fixture(scope="module")
def row():
    return candidates([made("a", 0.9, variants=("la",))])[0]


def test_ece_stands_beside_its_null_value_for_every_variant(row):
    frame = ece_frame(row.recorded, 0)
    assert frame["variant"].tolist() == ["as it is", "prior-adjusted"]
    value = row.recorded.values("", "test/ece")[0].mean()
    assert frame["all classes"][0] == f"{100 * value:.1f} % (null 1.8 %)"
    assert "tail" not in frame.columns


def test_the_page_opens_where_ece_is_furthest_above_its_null_value(row):
    excess = [row.recorded.values("", "test/ece")[i].mean() - 0.018 for i in range(len(CELLS))]
    assert most_to_see(row, CELLS) == CELLS[int(np.argmax(excess))]


def test_the_band_is_two_deviations_of_a_share_of_one_seeds_images(row):
    frame = banded_frame(row.recorded, "", 0)
    line = frame.iloc[-1]
    share, images = line["confidence"], line["images"] / 3
    half = 1.96 * np.sqrt(share * (1 - share) / images)
    assert line["band_low"] == pytest.approx(share - half)
    assert frame["band_high"].max() <= 1


def test_a_variant_without_bins_has_no_band(row):
    assert banded_frame(row.recorded, "nowhere", 0) is None
