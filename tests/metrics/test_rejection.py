"""One point of the risk-coverage curve: loops over thresholds, ties, and by hand."""

import numpy as np
import pytest

from harness.metrics.rejection import (
    accuracy_after_rejection,
    coverage_at_5_risk,
    risk_at_80_coverage,
)
from harness.metrics.selective import aurc, excess_aurc
from tests import references


def _reference_points(conf, right, w):
    """(coverage, risk) of every threshold, loosest last."""
    points = []
    for level in sorted(set(conf), reverse=True):
        taken = [(wi, ok) for c, ok, wi in zip(conf, right, w, strict=True) if c >= level]
        mass = sum(wi for wi, _ in taken)
        if mass:
            points.append((mass / sum(w), sum(wi for wi, ok in taken if not ok) / mass))
    return points


@pytest.mark.parametrize("seed", range(5))
def test_points_equal_the_loop(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, size=60)
    probs = np.round(rng.dirichlet(np.ones(3) / 2, size=60) * 32) / 32  # exact ties
    probs[:, 0] += 1 - probs.sum(axis=1)
    y = np.where(rng.random(60) < 0.9, probs.argmax(axis=1), y)
    w = rng.integers(0, 3, size=60).astype(float)
    rows = references.top(probs.tolist())
    points = _reference_points(
        [c for _, c in rows], [k == t for (k, _), t in zip(rows, y, strict=True)], w.tolist()
    )
    risk = next(r for c, r in points if c >= 0.8 - 1e-12)
    kept = next(r for c, r in points if c >= 0.9 - 1e-12)
    coverage = max((c for c, r in points if r <= 0.05 + 1e-12), default=0.0)
    assert risk_at_80_coverage(y, probs, weights=w) == pytest.approx(risk, abs=1e-12)
    assert accuracy_after_rejection(y, probs, weights=w) == pytest.approx(1 - kept, abs=1e-12)
    assert coverage_at_5_risk(y, probs, weights=w) == pytest.approx(coverage, abs=1e-12)


def ladder(right):
    """Two-class probabilities, most confident first, that are right where told."""
    conf = np.linspace(0.99, 0.6, len(right))
    return np.where(right, 0, 1), np.stack([conf, 1 - conf], axis=1)


def test_exactly_80_percent_is_reached_and_exactly_5_percent_kept():
    y, probs = ladder([True] * 4 + [False])
    assert risk_at_80_coverage(y, probs) == 0.0
    y, probs = ladder([True] * 19 + [False])
    assert coverage_at_5_risk(y, probs) == 1.0
    assert accuracy_after_rejection(y, probs) == 1.0


def test_a_risk_that_comes_down_again_counts():
    y, probs = ladder([True, False] + [True] * 19)
    assert coverage_at_5_risk(y, probs) == 1.0


def test_no_threshold_keeps_the_risk():
    y, probs = ladder([False, True, True])
    assert coverage_at_5_risk(y, probs) == 0.0


def test_equal_confidences_are_accepted_together():
    y, probs = np.array([0, 0, 0, 0, 1]), np.tile([0.6, 0.4], (5, 1))
    assert risk_at_80_coverage(y, probs) == pytest.approx(0.2)
    assert accuracy_after_rejection(y, probs) == pytest.approx(0.8)
    assert coverage_at_5_risk(y, probs) == 0.0


def test_one_image_is_all_or_nothing():
    right, wrong = (np.array([k]) for k in (0, 1))
    probs = np.array([[0.7, 0.3]])
    assert (risk_at_80_coverage(right, probs), coverage_at_5_risk(right, probs)) == (0.0, 1.0)
    assert (risk_at_80_coverage(wrong, probs), coverage_at_5_risk(wrong, probs)) == (1.0, 0.0)


def test_excess_aurc_is_aurc_less_the_integral_of_the_best_curve(rng):
    y = rng.integers(0, 3, size=400)
    probs = rng.dirichlet(np.ones(3), size=400)
    error = np.mean(probs.argmax(axis=1) != y)
    # The best order: risk 0 up to coverage 1 − e, then (c − (1 − e))/c.
    c = np.linspace(0, 1, 2_000_001)[1:]
    best = np.mean(np.maximum(0, c - (1 - error)) / c)
    assert excess_aurc(y, probs) == pytest.approx(aurc(y, probs) - best, abs=1e-6)


def test_excess_aurc_at_both_ends_and_of_three_images():
    y, probs = ladder([True] * 4)
    assert excess_aurc(y, probs) == 0.0
    y, probs = ladder([False] * 4)
    assert excess_aurc(y, probs) == 0.0
    # AURC 1/9 of one mistake in last place, less 1/3 + 2/3·ln(2/3).
    y, probs = ladder([True, True, False])
    assert excess_aurc(y, probs) == pytest.approx(1 / 9 - 1 / 3 - 2 / 3 * np.log(2 / 3), abs=1e-12)
    assert excess_aurc(y, probs) == pytest.approx(0.048, abs=5e-4)
