import numpy as np
import pytest
from scipy import stats

from harness.errors import SpecError, Undefined
from harness.stats.agreement import (
    half_stability,
    kendall_matrix,
    mean_rank,
    ranks,
    stability,
    win_rate,
)
from harness.stats.weightings import weightings
from tests.stats.references_stats import reference_kendall


def test_ranks_equal_scipy_with_ties(rng):
    values = rng.integers(0, 4, size=(9, 5)).astype(float)
    np.testing.assert_array_equal(
        ranks(values, higher_is_better=True), stats.rankdata(-values, axis=0)
    )
    np.testing.assert_array_equal(
        ranks(values, higher_is_better=False), stats.rankdata(values, axis=0)
    )


def test_mean_ranks_add_up(rng):
    values = rng.normal(size=(7, 4))
    assert mean_rank(values, higher_is_better=True).mean() == pytest.approx(4)


def test_win_rate_equals_counting(rng):
    values = rng.integers(0, 3, size=(5, 6)).astype(float)
    beaten = (values[:, None] > values).sum(axis=(1, 2))
    tied = (values[:, None] == values).sum(axis=(1, 2)) - 6  # not with itself
    np.testing.assert_allclose(win_rate(values, higher_is_better=True), (beaten + tied / 2) / 24)


def test_kendall_equals_scipy_and_the_loop(rng):
    values = rng.integers(0, 5, size=(12, 3)).astype(float)
    tau = kendall_matrix(values)
    assert tau[0, 1] == pytest.approx(stats.kendalltau(values[:, 0], values[:, 1]).statistic)
    assert tau[1, 2] == pytest.approx(reference_kendall(values[:, 1], values[:, 2]))


def test_kendall_in_blocks_is_the_same(rng, monkeypatch):
    values = rng.normal(size=(12, 3))
    whole = kendall_matrix(values)
    monkeypatch.setattr("harness.stats.agreement.PAIRS_AT_ONCE", 9)
    np.testing.assert_allclose(kendall_matrix(values), whole)


def test_stability_is_one_for_equal_orders_and_minus_one_for_opposite():
    up = np.arange(5.0)
    assert stability(np.stack([up, up**3, np.exp(up)], axis=1)) == pytest.approx(1)
    assert stability(np.stack([up, -up], axis=1)) == pytest.approx(-1)


def test_half_stability_equals_that_of_real_halves(rng):
    # 12 entries, accuracies of 600 images; 300 real random halves against the replicates.
    ability = rng.normal(size=(12, 1)) * 0.15
    right = (rng.normal(size=600) + rng.normal(size=(12, 600)) + ability > -1).astype(float)
    halves = []
    for _ in range(300):
        order = rng.permutation(600)
        first, second = right[:, order[:300]].mean(axis=1), right[:, order[300:]].mean(axis=1)
        halves.append(reference_kendall(first, second))
    drawn = weightings("x", None, n=600)
    values = right.mean(axis=1)
    deviations = right @ (drawn.counts * drawn.scale).T / 600 - values[:, None]
    got = half_stability(values, deviations, splits=300)
    assert got == pytest.approx(np.mean(halves), abs=0.05)
    assert 0.05 < got < 0.95


def test_no_order_is_undefined_with_a_reason():
    with pytest.raises(Undefined, match="no order to compare"):
        stability(np.zeros((4, 2)))
    with pytest.raises(Undefined, match="at least 2 cells, seeds or halves"):
        stability(np.zeros((4, 1)))
    with pytest.raises(Undefined, match="at least 2 entries"):
        win_rate(np.zeros((1, 3)), higher_is_better=True)
    with pytest.raises(Undefined, match="no order"):
        half_stability(np.zeros(3), np.zeros((3, 2)))


def test_a_missing_value_is_refused():
    with pytest.raises(SpecError, match="entry 1 has nan in column 0"):
        mean_rank(np.array([[1.0], [np.nan]]), higher_is_better=True)
