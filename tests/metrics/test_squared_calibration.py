"""Squared gaps: loops over bins, unbiasedness by simulation, bins with one image."""

import math

import numpy as np
import pytest

from harness.errors import Undefined
from harness.metrics.engine.outputs import Outputs
from harness.metrics.squared_calibration import (
    debiased_calibration_error,
    debiased_of,
    grouping_loss,
    rms_calibration_error,
)
from harness.metrics.weighted import Weighted
from tests import references


def _reference_mass_bin(conf, w):
    levels = sorted(set(conf))
    edges = []
    for k in range(1, 16):
        for level in levels:
            mass = sum(wi for c, wi in zip(conf, w, strict=True) if c <= level)
            if 15 * mass >= k * sum(w) - 1e-9:
                edges.append(level)
                break
    return [next(k for k in range(15) if c <= edges[k]) for c in conf]


def _reference_debiased(conf, right, w):
    bins, total = _reference_mass_bin(conf, w), 0.0
    for k in set(bins):
        rows = [i for i, b in enumerate(bins) if b == k and w[i] > 0]
        mass, squares = sum(w[i] for i in rows), sum(w[i] ** 2 for i in rows)
        acc = sum(w[i] * right[i] for i in rows) / mass
        sure = sum(w[i] * conf[i] for i in rows) / mass
        total += mass * ((acc - sure) ** 2 - acc * (1 - acc) / (mass**2 / squares - 1))
    return math.sqrt(max(0.0, total / sum(w)))


def _reference_grouping(conf, right, pred, w):
    """Between-region variance less its noise, over regions worth more than one image."""
    by_bin = {}
    for i, c in enumerate(conf):
        if w[i] > 0:
            region = by_bin.setdefault(references.width_bin(c), {}).setdefault(pred[i], [])
            region.append(i)

    def summed(rows):
        mass, squares = sum(w[i] for i in rows), sum(w[i] ** 2 for i in rows)
        return mass, sum(w[i] * right[i] for i in rows) / mass, mass**2 / squares

    total = weight = 0.0
    for regions in by_bin.values():
        kept = [rows for rows in regions.values() if summed(rows)[2] > 1 + 1e-9]
        if not kept:
            continue
        mass, mean, n = summed([i for rows in kept for i in rows])
        weight += mass
        for rows in kept:
            m, acc, images = summed(rows)
            total += m * ((acc - mean) ** 2 - acc * (1 - acc) / (images - 1))
        total += mass * mean * (1 - mean) / (n - 1)
    return max(0.0, total / weight)


@pytest.fixture
def pool(rng):
    """600 images: labels, probabilities, top confidence, right or wrong, predicted class."""
    probs = rng.dirichlet(np.full(4, 0.5), size=600)
    often = np.array([0.9, 0.8, 0.5, 0.3])[probs.argmax(axis=1)]  # right by predicted class
    y = np.where(rng.random(600) < often, probs.argmax(axis=1), rng.integers(0, 4, size=600))
    rows = references.top(probs.tolist())
    right = [float(k == t) for (k, _), t in zip(rows, y, strict=True)]
    return y, probs, [c for _, c in rows], right, [k for k, _ in rows]


@pytest.mark.parametrize("weighted", [False, True])
def test_equal_the_loops(pool, rng, weighted):
    y, probs, conf, right, pred = pool
    w = (rng.random(600) + 0.2 if weighted else np.ones(600)).tolist()
    given = np.array(w) if weighted else None
    expected = _reference_debiased(conf, right, w)
    assert expected > 0.01
    found = debiased_calibration_error(y, probs, weights=given)
    assert found == pytest.approx(expected, abs=1e-12)
    expected = _reference_grouping(conf, right, pred, w)
    assert expected > 0.001  # or both sides would be cut off at 0
    assert grouping_loss(y, probs, weights=given) == pytest.approx(expected, abs=1e-12)
    gaps, mass = [0.0] * 15, [0.0] * 15
    for c, r, wi in zip(conf, right, w, strict=True):
        gaps[references.width_bin(c)] += wi * (r - c)
        mass[references.width_bin(c)] += wi
    squares = sum(g**2 / m for g, m in zip(gaps, mass, strict=True) if m)
    rms = rms_calibration_error(y, probs, weights=given)
    assert rms == pytest.approx(math.sqrt(squares / sum(w)), abs=1e-12)


def test_torchmetrics_l2_norm_agrees(pool):
    torch = pytest.importorskip("torch")
    from harness.models.obtain.vision import torchvision

    torchvision()
    functional = pytest.importorskip("torchmetrics.functional.classification")
    y, probs, *_ = pool
    theirs = functional.multiclass_calibration_error(
        torch.tensor(probs), torch.tensor(y), 4, n_bins=15, norm="l2"
    )
    assert rms_calibration_error(y, probs) == pytest.approx(float(theirs), abs=1e-6)


def simulated(rng, chance, n):
    """Labels that are 0 with the chance of each image, probabilities that say so for class 0."""
    conf = rng.uniform(0.55, 0.95, size=n)
    probs = np.stack([conf, 1 - conf], axis=1)
    return (rng.random(n) > chance(conf)).astype(int), probs


def test_the_debiased_square_is_unbiased_where_the_plain_one_is_not(rng):
    # Confidence is too high by 0.1 everywhere: the squared error is 0.01.
    plain, debiased = [], []
    for _ in range(300):
        y, probs = simulated(rng, lambda c: c - 0.1, 300)
        plain.append(rms_calibration_error(y, probs) ** 2)
        debiased.append(debiased_calibration_error(y, probs) ** 2)
    spread = np.std(debiased) / np.sqrt(300)
    assert np.mean(debiased) == pytest.approx(0.01, abs=3 * spread)
    assert np.mean(plain) > 0.01 + 10 * spread


def test_a_bin_with_one_image_has_no_variance(rng):
    y, probs = simulated(rng, lambda c: c, 20)
    with pytest.raises(Undefined, match="a bin has one image: 15 bins of distinct confidences"):
        debiased_calibration_error(y, probs)
    assert debiased_calibration_error(*simulated(rng, lambda c: c, 30)) >= 0.0


def test_grouping_loss_finds_what_calibration_hides(rng):
    # Confidence 0.75 for all: class 0 is right always, class 1 half the time; variance 1/16.
    n = 4000
    pred = np.arange(n) % 2
    right = np.where(pred == 0, True, rng.random(n) < 0.5)
    probs = np.where(np.arange(2) == pred[:, None], 0.75, 0.25)
    y = np.where(right, pred, 1 - pred)
    assert grouping_loss(y, probs) == pytest.approx(1 / 16, abs=0.003)
    even = np.where(rng.random(n) < 0.75, pred, 1 - pred)
    assert grouping_loss(even, probs) < 1e-3


def test_a_predicted_class_alone_in_its_bin_is_left_out():
    probs = np.array([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75]])
    # Only the two of class 0 count: one right, one wrong, one region, no variance between.
    assert grouping_loss(np.array([0, 1, 1]), probs) == 0.0
    with pytest.raises(Undefined, match="no predicted class has two images in a bin"):
        grouping_loss(np.array([0, 1]), probs[1:])


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_an_error_that_rounding_alone_makes_is_none(weight):
    # Ten images at confidence 1/3, five of them right: (1/2 − 1/3)² = 1/36 = (1/4)/9.
    y = np.array([1, 1, 0, 0, 2, 0, 0, 1, 1, 0])
    pool = Weighted(Outputs.from_logits(y, np.zeros((10, 3))), np.full(10, weight), {})
    assert debiased_of(pool) == 0.0
