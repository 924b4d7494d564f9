"""Means of recalls over few images are found, with their recalls and class sizes."""

import numpy as np

from harness.rankings.class_recalls import class_recalls, few_class_recalls
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


def test_few_wrong_images_are_found_with_their_classes():
    found = few_class_recalls(with_details(1.0, 50), "", KEY, [0], 1.0)
    assert found is not None
    assert (found.recalls.tolist(), found.sizes.tolist()) == ([1.0], [50])


def test_enough_right_and_wrong_images_are_not_few():
    made = with_details(0.5, 50)
    assert few_class_recalls(made, "", KEY, [0], 0.5) is None
    assert class_recalls(made, "", KEY, [0], 0.5) is not None


def test_cells_with_one_test_set_and_the_same_group_count_together():
    found = few_class_recalls(with_details(1.0, 50), "", KEY, [0, 1], 1.0)
    assert found is not None and found.sizes.tolist() == [50]


def test_cells_over_different_test_sets_are_not_one_mean():
    made = with_details(1.0, 50)
    sizes = made.arrays["detail/base/test_counts"].copy()
    sizes[1] = 40
    other = Recorded(made.record, None, {**made.arrays, "detail/base/test_counts": sizes})
    assert few_class_recalls(other, "", KEY, [0, 1], 1.0) is None


def test_balanced_accuracy_is_a_mean_of_all_recalls():
    found = few_class_recalls(with_details(1.0, 4), "", "test/balanced_accuracy", [0], 1.0)
    assert found is not None and found.sizes.tolist() == [4, 4, 4]


def test_other_metrics_are_no_mean_of_recalls():
    assert class_recalls(with_details(1.0, 50), "", "test/nll", [0], 0.1) is None


def test_padding_of_a_suite_over_several_data_sets_is_no_class():
    plain = with_details(1.0, 50)
    wider = {
        name: np.concatenate([array, np.zeros_like(array)], axis=-1)
        for name, array in plain.arrays.items()
    }
    padded = Recorded(plain.record, None, wider)
    found = [few_class_recalls(made, "", KEY, [0], 1.0) for made in (padded, plain)]
    assert found[0] is not None and found[1] is not None
    assert found[0].sizes.tolist() == found[1].sizes.tolist()
