"""Calibration errors: loops from the formulas, constants of the protocol, the traps of bins."""

import numpy as np
import pytest

from harness.metrics import calibration as cal
from harness.metrics.classwise_calibration import classwise_calibration_error
from harness.metrics.engine.poisson_binomial import expected_deviation
from tests import references

LOOPS = {
    "ece": (cal.expected_calibration_error, references.ece),
    "mce": (cal.maximum_calibration_error, references.mce),
    "ece_mass": (cal.equal_mass_calibration_error, references.ece_mass),
    "classwise_ece": (classwise_calibration_error, references.classwise_ece),
}


@pytest.mark.parametrize("name", LOOPS)
def test_equals_the_loop(small, rng, name):
    y, _, probs = small
    ours, loop = LOOPS[name]
    assert ours(y, probs) == pytest.approx(loop(y.tolist(), probs.tolist()), abs=1e-12)
    w = rng.integers(0, 4, size=30).astype(float)
    weighted = loop(y.tolist(), probs.tolist(), w.tolist())
    assert ours(y, probs, weights=w) == pytest.approx(weighted, abs=1e-12)


def two_columns(confidence):
    return np.stack([confidence, 1 - confidence], axis=1)


@pytest.mark.parametrize(("n", "expected"), [(10_000, 0.00892), (300, 0.0516)])
def test_the_null_has_the_protocols_values(n, expected):
    c = 0.5 + 0.5 * (np.arange(n) + 0.5) / n
    found = cal.calibration_error_null(np.zeros(n, int), two_columns(c))
    assert found == pytest.approx(expected, abs=5e-6 if n == 10_000 else 5e-5)


def test_the_null_of_few_images_is_the_mean_over_all_outcomes(rng):
    c = np.r_[0.5 + 0.5 * rng.random(11), 1.0]
    found = cal.calibration_error_null(np.zeros(12, int), two_columns(c))
    assert found == pytest.approx(references.ece_null_by_enumeration(c.tolist()), abs=1e-12)


def test_the_null_is_what_calibrated_coins_show(rng):
    c = 0.5 + 0.5 * rng.random(400)
    shown = [cal.ece_of(c, (rng.random(400) < c).astype(float), None) for _ in range(400)]
    null = cal.ece_null_of(c, None)
    assert np.mean(shown) == pytest.approx(null, abs=4 * np.std(shown) / 20)


def test_the_null_under_unequal_weights_is_the_closed_form(rng):
    c, w = 0.5 + 0.5 * rng.random(50), rng.random(50) + 0.5
    bins = cal.width_bins(c)
    by_bin = [np.sum((w**2 * c * (1 - c))[bins == k]) for k in range(15)]
    expected = np.sqrt(2 / np.pi * np.array(by_bin)).sum() / w.sum()
    assert cal.ece_null_of(c, w) == pytest.approx(expected, abs=1e-14)


def test_the_null_of_equal_weights_does_not_depend_on_their_size(rng):
    c = 0.5 + 0.5 * rng.random(50)
    assert cal.ece_null_of(c, np.full(50, 3.0)) == pytest.approx(cal.ece_null_of(c, None))


def test_expected_deviation_of_one_coin_is_two_c_one_minus_c():
    assert expected_deviation(np.array([0.3])) == pytest.approx(2 * 0.3 * 0.7, abs=1e-13)


def test_expected_deviation_of_many_nearly_certain_coins_is_near_poisson(rng):
    # 20,000 coins with chance 1 − 1e-3: the misses are Poisson(20) but for 1e-3 of it.
    from scipy.stats import poisson

    k = np.arange(200)
    near = np.sum(np.abs(k - 20) * poisson.pmf(k, 20))
    assert expected_deviation(np.full(20_000, 1 - 1e-3)) == pytest.approx(near, rel=2e-3)


def test_confidence_exactly_one_is_in_the_top_bin():
    # Two certain images, one wrong: |1/2 − 1| = 0.5.
    probs = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert cal.expected_calibration_error(np.array([0, 1]), probs) == 0.5


@pytest.mark.parametrize("k", range(1, 16))
def test_an_edge_belongs_to_the_bin_below(k):
    assert cal.width_bins(np.array([k / 15]))[0] == k - 1
    above = np.nextafter(k / 15, 2)
    assert cal.width_bins(np.array([above]))[0] == min(k, 14)


def test_the_first_bin_is_closed():
    assert cal.width_bins(np.array([0.0]))[0] == 0


def test_bins_are_those_of_a_search_among_the_edges(rng):
    edges = np.arange(16) / 15
    confidence = np.concatenate(
        [edges, np.nextafter(edges, 2), np.nextafter(edges[1:], 0), np.arange(3001) / 3000]
    )
    confidence = np.concatenate([confidence, rng.random(10_000), [1e-300, 1.0007]])
    sought = np.searchsorted(edges[1:-1], confidence, side="left")
    np.testing.assert_array_equal(cal.width_bins(confidence), sought)


def test_equal_confidences_share_a_mass_bin():
    bins = cal.mass_bins(np.r_[np.full(20, 0.5), np.full(20, 0.9)], None)
    assert len(set(bins[:20])) == 1
    assert len(set(bins[20:])) == 1
    assert bins[0] < bins[20]


def test_mass_bins_of_distinct_confidences_hold_equal_shares(rng):
    bins = cal.mass_bins(rng.permutation(np.linspace(0.3, 0.9, 150)), None)
    assert np.bincount(bins).tolist() == [10] * 15


def test_a_dropped_top_bin_is_noticed():
    # What a loop over [lo, hi) computes: it loses the certain and wrong images altogether.
    y, probs = np.array([1, 1, 0]), np.array([[1.0, 0], [1.0, 0], [0.6, 0.4]])
    assert cal.expected_calibration_error(y, probs) == pytest.approx((2 * 1.0 + 0.4) / 3)
