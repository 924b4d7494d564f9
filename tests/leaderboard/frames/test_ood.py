"""OOD frames: sets in order, values of the declared score, exact points of the curves."""

import numpy as np
import pandas as pd
import pytest

from harness.rankings.field import candidates
from leaderboard.frames.ood import METRICS_SHOWN, curves_frame, rough_frame, sets_frame, sets_of
from tests.leaderboard.made import CELLS, made

TITLES = {name: name for name in METRICS_SHOWN}


@pytest.fixture(scope="module")
def row():
    return candidates([made("a", 0.9)])[0]


def test_values_are_the_records_means(row):
    frame = sets_frame(row, 1, TITLES).set_index("OOD set")
    value = row.recorded.values("", "ood/near/energy/ood_auroc")[1].mean()
    assert frame.loc["near OOD", "ood_auroc"] == f"{100 * value:.1f} %"
    assert "ood_ap_in" not in frame  # the record has none at all
    assert sets_of(row.recorded, "") == ["far", "near"]


def test_every_cell_has_its_imbalance_and_noise(row):
    frame = rough_frame(row, "far")
    assert len(frame) == len(CELLS)
    assert frame.iloc[-1][["imbalance", "noise"]].tolist() == ["exp 50", "symmetric 0.4"]


def test_points_of_the_curves_count_what_lies_at_or_above_an_edge():
    # ID: 3 of 4 in the low bin; OOD: 1 of 4. At the middle edge 1/4 of ID and 3/4 of OOD remain.
    pools = pd.DataFrame({"pool": ["ID", "ID", "OOD", "OOD"], "share": [0.75, 0.25, 0.25, 0.75]})
    frame = curves_frame(pools)
    assert frame["fpr"].tolist() == [1.0, 0.25, 0.0]
    assert frame["tpr"].tolist() == [1.0, 0.75, 0.0]
    assert frame["precision"].tolist()[:2] == [0.5, 0.75]
    assert np.isnan(frame["precision"].tolist()[2])
