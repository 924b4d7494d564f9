"""Prediction sets: sorted by hand, coverage by simulation, pools that are too small."""

import math

import numpy as np
import pytest

from harness.errors import Undefined
from harness.metrics.conformal import conformal_coverage, conformal_set_size, conformal_threshold
from harness.metrics.engine.outputs import Outputs
from harness.metrics.groups import class_groups
from harness.metrics.measure import measure_conformal


def _reference_sets(test_probs, y_cal, cal_probs, *, by_class):
    """Classes of each test row whose −ln p is at most the ⌈0.9(n + 1)⌉-th smallest of the pool."""
    surprise = [-math.log(row[y]) for y, row in zip(y_cal, cal_probs, strict=True)]

    def threshold(values):
        return sorted(values)[math.ceil(0.9 * (len(values) + 1) - 1e-9) - 1]

    c = len(test_probs[0])
    limits = [
        threshold([s for s, y in zip(surprise, y_cal, strict=True) if not by_class or y == k])
        for k in range(c)
    ]
    return [{k for k in range(c) if -math.log(row[k]) <= limits[k]} for row in test_probs]


def pools(rng, n, m, c=4, sharp=1.5):
    """Test and calibration pools of one model: labels, logits, probabilities."""
    y = rng.integers(0, c, size=n + m)
    logits = rng.normal(size=(n + m, c)) * sharp
    logits[np.arange(n + m), y] += 1.5
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return (y[:n], logits[:n], probs[:n]), (y[n:], logits[n:], probs[n:])


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("kind", ["logits", "probs"])
def test_equal_sets_by_hand(rng, by_class, kind):
    (y, z, p), (y_cal, z_cal, p_cal) = pools(rng, 80, 120)
    sets = _reference_sets(p.tolist(), y_cal.tolist(), p_cal.tolist(), by_class=by_class)
    make = Outputs.from_logits if kind == "logits" else Outputs.from_probs
    given = (z, z_cal) if kind == "logits" else (p, p_cal)
    test, calibration = make(y, given[0]), make(y_cal, given[1])
    coverage = np.mean([t in found for t, found in zip(y, sets, strict=True)])
    size = np.mean([len(found) for found in sets])
    assert conformal_coverage(test, calibration, by_class=by_class) == pytest.approx(coverage)
    assert conformal_set_size(test, calibration, by_class=by_class) == pytest.approx(size)
    group = np.array([True, False, True, False])
    held = [t in found for t, found in zip(y, sets, strict=True) if group[t]]
    sizes = [len(found) for t, found in zip(y, sets, strict=True) if group[t]]
    found = conformal_coverage(test, calibration, by_class=by_class, group=group)
    assert found == pytest.approx(np.mean(held))
    found = conformal_set_size(test, calibration, by_class=by_class, group=group)
    assert found == pytest.approx(np.mean(sizes))


def test_nine_images_give_the_largest_score_and_eight_give_none():
    assert conformal_threshold(np.arange(9.0)) == 8.0
    assert conformal_threshold(np.arange(10.0)) == 9.0  # ⌈0.9·11⌉ = 10
    assert conformal_threshold(np.arange(19.0)) == 17.0  # ⌈0.9·20⌉ = 18
    with pytest.raises(Undefined, match="8 calibration images are too few for sets at 90 %"):
        conformal_threshold(np.arange(8.0))


def test_coverage_is_the_promised_one_on_average(rng):
    # (n + 1)·0.9 is whole for n = 19: coverage over both pools is 18/20 exactly.
    found = []
    for _ in range(400):
        (y, z, _), (y_cal, z_cal, _) = pools(rng, 50, 19)
        test, calibration = Outputs.from_logits(y, z), Outputs.from_logits(y_cal, z_cal)
        found.append(conformal_coverage(test, calibration))
    assert np.mean(found) == pytest.approx(0.9, abs=4 * np.std(found) / 20)


def test_certain_predictions_keep_their_order():
    # p rounds to 1 for all ten; the threshold is the ninth of ⌈0.9·11⌉ = 10, the least certain.
    z_cal = np.stack([np.arange(50.0, 60.0), np.zeros(10)], axis=1)
    calibration = Outputs.from_logits(np.zeros(10, int), z_cal)
    test = Outputs.from_logits(np.array([0, 0]), np.array([[50.0, 0.0], [49.0, 0.0]]))
    assert conformal_coverage(test, calibration) == 0.5
    assert conformal_set_size(test, calibration) == 0.5


def test_every_reason_is_given(rng):
    (y, z, _), (y_cal, z_cal, _) = pools(rng, 60, 60)
    test = Outputs.from_logits(y, z)
    groups = class_groups(np.array([500, 300, 50, 30]), "shots")
    missing = measure_conformal(test, None, groups)
    assert {r.reason for r in missing.values()} == {"there is no calibration pool"}
    few = measure_conformal(test, Outputs.from_logits(y_cal[:8], z_cal[:8]), groups)
    assert "8 calibration images are too few" in few["conformal_coverage"].reason
    rare = y_cal != 2
    found = measure_conformal(test, Outputs.from_logits(y_cal[rare], z_cal[rare]), groups)
    assert found["conformal_set_size"].value is not None
    assert found["class_conformal_coverage"].reason.startswith("class 2 has 0 calibration images")
    assert found["conformal_coverage_few"].reason == "no class has fewer than 20 training images"
    assert found["conformal_coverage_many"].value is not None
    two = Outputs.from_logits(np.zeros(20, int), z_cal[:20, :2])
    apart = measure_conformal(test, two, groups)
    assert apart["conformal_coverage"].reason == (
        "the calibration pool has 2 classes, the test pool 4"
    )
