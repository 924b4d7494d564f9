"""Rows held out: exact counts by hand, groups whole, classes spread."""

import numpy as np
import pytest

from harness.data.pools.parting import (
    check_covered,
    fold_of_rows,
    grouped_shares,
    stratified_shares,
)
from harness.errors import DataError


def test_shares_by_hand():
    labels = np.array([0] * 6 + [1] * 3)
    order = np.array([5, 8, 4, 7, 3, 6, 2, 1, 0])
    rows = stratified_shares(labels, {"test": 1 / 3, "calibration": 0.1}, "train", order, (0, 1))
    # class 0: 2 test, round half up of 0.6 is 1 for calibration; class 1: 1 and none
    assert {name: at.tolist() for name, at in rows.items()} == {
        "test": [4, 5, 8],
        "calibration": [3],
        "train": [0, 1, 2, 6, 7],
    }


@pytest.mark.parametrize("k", [2, 3, 5, 7])
def test_folds_and_classes_in_them_differ_by_one_row_at_most(k, rng):
    labels = rng.integers(0, 4, 61)
    folds = fold_of_rows(labels, k, rng.permutation(61))
    sizes = np.bincount(folds, minlength=k)
    assert len(sizes) == k and np.ptp(sizes) <= 1
    for c in range(4):
        assert np.ptp(np.bincount(folds[labels == c], minlength=k)) <= 1


def test_another_order_gives_other_folds(rng):
    labels = rng.integers(0, 2, 40)
    first, second = (fold_of_rows(labels, 4, rng.permutation(40)) for _ in range(2))
    assert (first != second).any()


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_parts_and_shares_are_near(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 60, 600)
    labels = (rng.random(600) < 0.3).astype(np.int64)
    shares = {"test": 1 / 3, "calibration": 0.1}
    rows = grouped_shares(labels, groups, shares, "train", rng.permutation(600))
    assert sorted(np.concatenate([*rows.values()]).tolist()) == list(range(600))
    kept = [set(groups[at].tolist()) for at in rows.values()]
    assert sum(map(len, kept)) == len(set(groups.tolist()))
    for c in range(2):
        share = (labels[rows["test"]] == c).sum() / (labels == c).sum()
        assert abs(share - 1 / 3) < 0.05
    folds = fold_of_rows(labels, 5, rng.permutation(600), groups)
    assert all(len(np.unique(folds[groups == g])) == 1 for g in np.unique(groups))
    assert np.ptp(np.bincount(folds)) < 40


def test_a_class_without_training_rows_is_named():
    labels = np.array([0, 0, 1])
    check_covered(labels, ("a", "b"), np.array([0, 2]), np.array([1]), "Do this.")
    with pytest.raises(DataError, match="class 'b' has none, so no method could learn it. Do this"):
        check_covered(labels, ("a", "b"), np.array([0]), np.array([1, 2]), "Do this.")
    with pytest.raises(DataError, match="no test row. Do this"):
        check_covered(labels, ("a", "b"), np.array([0, 2]), np.array([], dtype=int), "Do this.")
