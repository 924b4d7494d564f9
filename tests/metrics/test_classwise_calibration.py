"""Adaptive errors of every class: loops over ranges, ties, thresholds."""

import numpy as np
import pytest

from harness.errors import Undefined
from harness.metrics.classwise_calibration import (
    adaptive_calibration_error,
    thresholded_calibration_error,
)


def _reference_gap(p, hit, w):
    """|Σ w(hit − p)| summed over 15 ranges of equal weight, over all weight."""
    total = sum(w)
    levels = sorted(set(p))
    upto = [sum(wi for v, wi in zip(p, w, strict=True) if v <= level) for level in levels]
    edges = [
        next(level for level, mass in zip(levels, upto, strict=True) if 15 * mass >= k * total)
        for k in range(1, 16)
    ]
    gaps = [0.0] * 15
    for v, h, wi in zip(p, hit, w, strict=True):
        if wi:
            gaps[next(k for k in range(15) if v <= edges[k])] += wi * (h - v)
    return sum(abs(g) for g in gaps) / total


def _reference_ace(y, probs, w, least=None):
    gaps = []
    for k in range(len(probs[0])):
        rows = [
            (row[k], float(t == k), wi)
            for t, row, wi in zip(y, probs, w, strict=True)
            if least is None or row[k] > least
        ]
        if sum(wi for _, _, wi in rows):
            gaps.append(_reference_gap(*zip(*rows, strict=True)))
    return sum(gaps) / len(gaps)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rounded", [False, True])
def test_equal_the_loops(rng, weighted, rounded):
    y, probs = rng.integers(0, 4, size=90), rng.dirichlet(np.full(4, 0.3), size=90)
    if rounded:
        probs = np.round(probs * 16) / 16  # exact ties
        probs[:, 0] += 1 - probs.sum(axis=1)
        probs = np.abs(probs)
    w = rng.integers(0, 4, size=90).astype(float) if weighted else np.ones(90)
    given = w if weighted else None
    plain = _reference_ace(y.tolist(), probs.tolist(), w.tolist())
    assert adaptive_calibration_error(y, probs, weights=given) == pytest.approx(plain, abs=1e-12)
    above = _reference_ace(y.tolist(), probs.tolist(), w.tolist(), least=0.01)
    found = thresholded_calibration_error(y, probs, weights=given)
    assert found == pytest.approx(above, abs=1e-12)


def test_a_probability_of_exactly_the_threshold_is_left_out():
    # Class 1 has 0.01 twice and 0.5 once: its thresholded part is the third image alone.
    y, probs = np.array([0, 0, 1]), np.array([[0.99, 0.01], [0.99, 0.01], [0.5, 0.5]])
    first = (2 * 0.01 + abs(0 - 0.5)) / 3
    assert thresholded_calibration_error(y, probs) == pytest.approx((first + 0.5) / 2)


def test_a_class_that_is_never_likely_is_left_out():
    y = np.array([0, 1])
    probs = np.array([[0.996, 0.004, 0.0], [0.995, 0.005, 0.0]])
    assert thresholded_calibration_error(y, probs) == pytest.approx((0.004 + 0.995) / 2)


def test_two_hundred_equal_probabilities_are_all_below_the_threshold():
    with pytest.raises(Undefined, match=r"no probability is above 0.01"):
        thresholded_calibration_error(np.array([3]), np.full((1, 200), 1 / 200))


def test_one_image_has_its_own_gaps():
    probs = np.array([[0.8, 0.2]])
    assert adaptive_calibration_error(np.array([0]), probs) == pytest.approx(0.2)
    assert adaptive_calibration_error(np.array([1]), probs) == pytest.approx(0.8)
