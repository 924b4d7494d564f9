"""Kolmogorov-Smirnov and smooth calibration error: sums by hand, Gaussians mirrored one by one."""

import math

import numpy as np
import pytest

from harness.metrics.binless_calibration import ks_calibration_error, smooth_calibration_error
from tests import references


def _reference_ks(conf, right, w):
    worst = 0.0
    for level in set(conf):
        taken = [(wi, r - c) for c, r, wi in zip(conf, right, w, strict=True) if c <= level]
        worst = max(worst, abs(sum(wi * g for wi, g in taken)))
    return worst / sum(w)


def _reference_smooth_at(conf, right, w, bandwidth, cells=1024):
    """∫|Σ w(right − conf)·K| by midpoints, K a Gaussian with all its mirror images."""
    total, area = sum(w), 0.0
    t = (np.arange(cells) + 0.5) / cells
    curve = np.zeros(cells)
    for c, r, wi in zip(conf, right, w, strict=True):
        for j in range(-3, 4):
            for image in (c + 2 * j, -c + 2 * j):
                curve += wi * (r - c) * np.exp(-(((t - image) / bandwidth) ** 2) / 2)
    area = np.abs(curve).sum() / cells
    return float(area / (total * bandwidth * math.sqrt(2 * math.pi)))


def _reference_smooth(conf, right, w):
    low, high = 1 / 256, 1.0
    if _reference_smooth_at(conf, right, w, low) <= low:
        return _reference_smooth_at(conf, right, w, low)
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (
            (middle, high)
            if _reference_smooth_at(conf, right, w, middle) > middle
            else (low, middle)
        )
    return low


def rows_of(y, probs):
    rows = references.top(probs.tolist())
    return [c for _, c in rows], [float(k == t) for (k, _), t in zip(rows, y, strict=True)]


@pytest.mark.parametrize("weighted", [False, True])
def test_ks_equals_the_loop(small, rng, weighted):
    y, _, probs = small
    probs = np.round(probs * 16) / 16
    probs[:, 0] = np.maximum(0, probs[:, 0] + 1 - probs.sum(axis=1))
    probs /= probs.sum(axis=1, keepdims=True)
    w = rng.integers(0, 3, size=30).astype(float) if weighted else np.ones(30)
    expected = _reference_ks(*rows_of(y, probs), w.tolist())
    found = ks_calibration_error(y, probs, weights=w if weighted else None)
    assert found == pytest.approx(expected, abs=1e-12)


def test_ks_by_hand_takes_equal_confidences_together():
    # 0.6 wrong and right, 0.9 right: sums −0.6 + 0.4 = −0.2, then −0.1; between the two of 0.6
    # there is no threshold.
    y, probs = np.array([1, 0, 0]), np.array([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1]])
    assert ks_calibration_error(y, probs) == pytest.approx(0.2 / 3)
    assert ks_calibration_error(y[[1, 0, 2]], probs) == pytest.approx(0.2 / 3)


def test_ks_of_one_direction_is_the_mean_gap(rng):
    conf = rng.uniform(0.6, 0.9, size=50)
    probs = np.stack([conf, 1 - conf], axis=1)
    assert ks_calibration_error(np.ones(50, int), probs) == pytest.approx(conf.mean())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
def test_smooth_error_equals_mirrored_gaussians(seed, weighted):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(3, 0.4), size=40)
    y = np.where(rng.random(40) < 0.8, probs.argmax(axis=1), rng.integers(0, 3, size=40))
    w = rng.integers(0, 3, size=40).astype(float) if weighted else np.ones(40)
    expected = _reference_smooth(*rows_of(y, probs), w.tolist())
    found = smooth_calibration_error(y, probs, weights=w if weighted else None)
    assert found == pytest.approx(expected, abs=1e-9)


def test_smooth_error_of_one_gap_is_that_gap():
    # All residuals have one sign, so that smoothing at any bandwidth keeps their mean.
    conf = np.array([0.7, 0.8, 0.95])
    probs = np.stack([conf, 1 - conf], axis=1)
    assert smooth_calibration_error(np.zeros(3, int), probs) == pytest.approx(1 - conf.mean())


def test_a_tiny_error_stays_at_the_least_bandwidth():
    probs = np.tile([1 - 1e-4, 1e-4], (50, 1))
    assert smooth_calibration_error(np.zeros(50, int), probs) == pytest.approx(1e-4)
    certain = np.tile([1.0, 0.0], (5, 1))
    assert smooth_calibration_error(np.zeros(5, int), certain) == 0.0


def test_a_calibrated_model_has_a_small_smooth_error(rng):
    conf = rng.uniform(0.5, 1.0, size=20_000)
    y = (rng.random(20_000) > conf).astype(int)
    found = smooth_calibration_error(y, np.stack([conf, 1 - conf], axis=1))
    assert found < 0.012
