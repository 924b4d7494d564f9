"""Groups of images against plain loops."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from harness.errors import Undefined
from harness.metrics import subgroups
from harness.metrics.subgroups import LEAST_IMAGES


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_groups_equal_a_loop_over_groups(rng):
    y, pred = rng.integers(0, 3, 400), rng.integers(0, 3, 400)
    groups = rng.integers(0, 5, 400)
    each = [accuracy_score(y[groups == g], pred[groups == g]) for g in range(5)]
    np.testing.assert_allclose(subgroups.group_accuracies(y == pred, groups), each)
    assert subgroups.worst_group_accuracy(y == pred, groups) == pytest.approx(min(each))
    assert subgroups.subgroup_gap(y == pred, groups) == pytest.approx(max(each) - min(each))


def test_a_tiny_group_does_not_decide(rng):
    groups = np.repeat([0, 1], [100, LEAST_IMAGES - 1])
    correct = np.repeat([True, False], [100, LEAST_IMAGES - 1])
    assert subgroups.worst_group_accuracy(correct, groups) == 1.0
    groups = np.append(groups, 1)  # one image more, and it counts
    assert subgroups.worst_group_accuracy(np.append(correct, False), groups) == 0.0


def test_no_large_group_is_undefined():
    with pytest.raises(Undefined, match="no group has 10 images"):
        subgroups.worst_group_accuracy(np.ones(9, dtype=bool), np.zeros(9, dtype=int))
