"""Recalls of small groups get a Wilson interval, others keep theirs."""

import numpy as np
import pytest

from harness.rankings.few_images import few_image_interval
from harness.records.records import Recorded
from harness.types import RunRecord
from tests.runs.synthetic import recorded

KEY = "test/recall_tail"


def with_details(recall: float, size: int) -> Recorded:
    made = recorded("best", 0.9)
    body = made.record.model_dump(mode="json")
    body["variants"][""]["metrics"][KEY] = [[recall] * 3] * 2
    counts = np.array([[100, 50, 10], [100, 50, 10]], dtype=np.int32)
    arrays = {
        "detail/base/recall": np.broadcast_to(
            np.array([1, 1, recall], dtype=np.float32), (2, 3, 3)
        ),
        "detail/base/test_counts": np.full((2, 3, 3), size, dtype=np.int32),
        "detail/base/counts": np.broadcast_to(counts, (2, 3, 2, 3)),
    }
    return Recorded(RunRecord.model_validate(body), None, arrays)


def test_few_wrong_images_get_a_wilson_interval_by_hand():
    found = few_image_interval(with_details(1.0, 50), "", KEY, [0])
    assert found is not None and found.kind == "test-set only"
    # Wilson for 50 of 50: upper end 1, lower end 1/(1 + z²/50) with z = 1.96.
    assert found.low == pytest.approx(1 / (1 + 1.959964**2 / 50), abs=1e-6)
    assert found.high == 1.0


def test_enough_right_and_wrong_images_keep_the_usual_interval():
    assert few_image_interval(with_details(0.5, 50), "", KEY, [0]) is None


def test_a_mean_over_cells_keeps_the_usual_interval():
    assert few_image_interval(with_details(1.0, 50), "", KEY, [0, 1]) is None


def test_other_metrics_keep_theirs():
    made = with_details(1.0, 50)
    assert few_image_interval(made, "", "test/balanced_accuracy", [0]) is None


def test_padding_of_a_suite_over_several_data_sets_is_no_class():
    plain = with_details(1.0, 50)
    wider = {
        name: np.concatenate([array, np.zeros_like(array)], axis=-1)
        for name, array in plain.arrays.items()
    }
    padded = Recorded(plain.record, None, wider)
    assert few_image_interval(padded, "", KEY, [0]) == few_image_interval(plain, "", KEY, [0])
