"""Slopes of recalls on log counts and on frozen recalls: by hand, and what does not change them."""

import numpy as np
import pytest

from benchmarks.two_imbalances import holds, of_entry, slopes

COUNTS = np.array([10.0, 1000.0, 10.0, 1000.0])
FROZEN = np.array([0.3, 0.3, 0.7, 0.7])
RECALLS = np.array([0.2, 0.6, 0.4, 0.8])


def test_slopes_by_hand():
    """Both columns are ±1 and orthogonal: a class of 1,000 rows has 0.4 more, a known one 0.2."""
    assert slopes(RECALLS, COUNTS, FROZEN) == pytest.approx((0.2, 0.1))


def test_order_of_classes_and_units_of_counts_change_nothing():
    order = np.array([2, 0, 3, 1])
    found = slopes(RECALLS[order], 7 * COUNTS[order], FROZEN[order] / 2)
    assert found == pytest.approx((0.2, 0.1))


def test_the_sentence_is_about_the_row_after_adjustment_alone():
    mean = {"a": np.array([0.3, 0.0]), "a+la": np.array([0.1, 0.2]), "b": np.array([0.9, 0.0])}
    assert [holds(mean, row) for row in mean] == [True, True, True]
    assert not holds(mean | {"a+la": np.array([0.1, 0.05])}, "a+la")
    assert not holds(mean | {"a+la": np.array([0.4, 0.5])}, "a+la")


def test_the_page_says_what_the_committed_records_say():
    def found(row):
        slopes = of_entry(
            row, "cifar10-v1", "cifar10-exp100-clean", "lite0-mean", "cifar10-balanced-clean"
        )
        return slopes.mean(axis=0).round(3).tolist()

    assert found("lite0-ce") == [0.255, 0.010]
    assert found("lite0-ce+la") == [-0.026, 0.055]
    assert found("lite0-bs") == [0.034, 0.064]
