"""The hull of ROC points by hand, and what is mixed."""

import numpy as np
import pytest

pytest.importorskip("imblearn", reason="an optional package")

from benchmarks.smote_hull import hull_area, mixed  # noqa: E402 (it needs imbalanced-learn)


def test_areas_by_hand():
    """(0.2, 0.8) alone: 0.08 + 0.8·0.9 = 0.8; a point below its hull adds nothing."""
    assert hull_area(np.zeros((0, 2))) == pytest.approx(0.5)
    assert hull_area(np.array([[0.2, 0.8]])) == pytest.approx(0.8)
    assert hull_area(np.array([[0.2, 0.8], [0.5, 0.85], [0.2, 0.1]])) == pytest.approx(0.8)
    above = hull_area(np.array([[0.2, 0.8], [0.5, 0.95]]))
    assert above == pytest.approx(0.08 + 0.3 * 0.875 + 0.5 * 0.975)
    assert hull_area(np.array([[0.5, 0.95], [0.2, 0.8]])) == above


@pytest.mark.parametrize(("amount", "share", "rare", "frequent"), [(0, 1.0, 10, 10),
                         (2, 0.5, 30, 20), (5, 10.0, 60, 1), (1, 0.01, 20, 90)])  # fmt: skip
def test_rows_of_a_mixture_are_counted_from_the_rare_rows_that_there_were(
    amount, share, rare, frequent
):
    labels = np.repeat([0, 1], [90, 10])
    rows = np.random.default_rng(0).normal(labels[:, None], 1, (100, 3))
    drawn, found = mixed(rows, labels, amount, share, seed=1)
    assert np.bincount(found).tolist() == [frequent, rare]
    given = {tuple(row) for row in rows}
    assert all(tuple(row) in given for row in drawn[found == 0])
    assert sum(tuple(row) in given for row in drawn[found == 1]) == 10
