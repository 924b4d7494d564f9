"""Folds: every row is tested once, and no model trains on the rows that it is tested on."""

import numpy as np
import pytest

from harness.data.splits.folds import Folds, without_rows
from harness.keys import content
from harness.types import Split, SplitSpec

LABELS = np.repeat([0, 1, 2], [7, 5, 3])


def test_one_row_a_fold_where_single_rows_are_left_out():
    assert Folds(0, LABELS, "x").of_rows(0).tolist() == list(range(15))


def test_folds_are_stratified_and_dealt_out_by_the_seed():
    folds = Folds(3, LABELS, "x")
    first, second = folds.of_rows(0), folds.of_rows(1)
    for fold in range(3):
        counts = np.bincount(LABELS[first == fold], minlength=3)
        assert counts[2] == 1
        assert counts[0] in (2, 3)
    assert (first != second).any()
    assert (first == folds.of_rows(0)).all()
    assert (first != Folds(3, LABELS, "y").of_rows(0)).any()


def test_folds_that_the_data_name_are_the_same_under_every_seed():
    noted = np.arange(15) % 4
    folds = Folds(4, LABELS, "x", noted)
    assert (folds.of_rows(0) == noted).all()
    assert (folds.of_rows(5) == noted).all()


def test_the_folds_of_the_shipped_suite_do_not_move():
    """Sonar's class counts, thirteen folds: what committed records stand on."""
    labels = np.repeat([0, 1], [111, 97])
    dealt = {str(s): Folds(13, labels, "published-folds-v1").of_rows(s) for s in range(5)}
    assert content(dealt)[:16] == "f9c590a2feaf618e"


@pytest.fixture
def split():
    rows = np.array([2, 3, 5, 7, 8])
    return Split(
        SplitSpec("tiny"), 0, rows, np.array([0, 1, 2, 0, 1]), np.array([0, 1, 1, 0, 1]),
        np.array([1, 4]), np.array([0, 2]), 3, np.array([1, 2]),
        foreign=np.array([-1, 6, -1, -1, -1]),
        attributes=np.array([0, 1, 2, 3, 4]),
        patched=np.array([True, False, True, False, True]),
        known=np.array([0, 2, 4]),
    )  # fmt: skip


def test_left_out_rows_are_in_no_part_of_a_split(split):
    left = without_rows(split, np.array([3, 4, 5]))
    assert left.indices.tolist() == [2, 7, 8]
    assert left.observed.tolist() == [0, 0, 1]
    assert left.clean.tolist() == [0, 0, 1]
    assert left.foreign.tolist() == [-1, -1, -1]
    assert left.attributes.tolist() == [0, 3, 4]
    assert left.patched.tolist() == [True, False, True]
    assert left.val_indices.tolist() == [1]
    assert left.val_observed.tolist() == [0]
    assert left.val_clean.tolist() == [1]


def test_known_rows_are_still_the_same_rows(split):
    left = without_rows(split, np.array([3, 4, 5]))
    assert left.known.tolist() == [0, 2]
    assert set(left.indices[left.known]) == set(split.indices[split.known]) - {5}


def test_nothing_left_out_is_the_same_split(split):
    assert without_rows(split, np.array([], dtype=np.int64)).sha256 == split.sha256
