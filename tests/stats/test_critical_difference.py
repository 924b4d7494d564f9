"""Demšar's worked example, and what must hold of any mean ranks."""

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from harness.errors import Undefined
from harness.stats.critical_difference import compared_by_rank

# Demšar 2006, table 6: AUC of C4.5 as it is, tuned in m, in cf, and in both, on fourteen sets.
AUC = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
).T


def test_demsars_example():
    found = compared_by_rank(AUC, higher_is_better=True)
    np.testing.assert_allclose(found.ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert found.distance == pytest.approx(1.25, abs=5e-3)  # page 16: 2.569·√(4·5/(6·14))
    # F_F = 3.69 with 3 and 39 degrees of freedom: rejected at 5 %, not at 1 %
    assert found.p_value == pytest.approx(0.0198, abs=2e-3)


def test_the_statistic_is_scipys_friedman_test_without_ties(rng):
    values = rng.normal(size=(5, 12))
    found = compared_by_rank(values, higher_is_better=True)
    chi = friedmanchisquare(*values).statistic
    n, k = 12, 5
    from scipy.stats import f

    expected = f.sf((n - 1) * chi / (n * (k - 1) - chi), k - 1, (k - 1) * (n - 1))
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_runs_hold_entries_closer_than_the_distance_and_no_run_is_part_of_another():
    cells = 200
    levels = np.array([0.0, 0.1, 3.0, 3.1, 6.0])  # two close pairs and one alone
    values = levels[:, None] + np.random.default_rng(0).normal(0, 0.5, (5, cells))
    found = compared_by_rank(values, higher_is_better=True)
    assert [set(group) for group in found.groups] == [{3, 2}, {1, 0}]


def test_equal_entries_are_seldom_told_apart():
    """Any two of eight equal entries: at most 5 %, with the binomial error of 400 draws."""
    generator = np.random.default_rng(1)
    wrong = 0
    for _ in range(400):
        found = compared_by_rank(generator.normal(size=(8, 30)), higher_is_better=True)
        wrong += not any(len(group) == 8 for group in found.groups)
    assert wrong / 400 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)


def test_lower_is_better_turns_the_order_around(rng):
    values = rng.normal(size=(4, 9))
    up = compared_by_rank(values, higher_is_better=True).ranks
    down = compared_by_rank(values, higher_is_better=False).ranks
    np.testing.assert_allclose(up + down, 5)


@pytest.mark.parametrize("shape", [(1, 5), (3, 1)])
def test_one_entry_or_one_cell_is_undefined(shape):
    with pytest.raises(Undefined, match="at least 2 entries over 2 cells"):
        compared_by_rank(np.zeros(shape), higher_is_better=True)
