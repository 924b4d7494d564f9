"""Certified accuracy: right images that provably stay right."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from harness.errors import PredictionsError
from harness.metrics.certified import (
    CERTIFIED_METRICS,
    PERCENTS,
    certified_accuracy,
    certified_results,
)
from harness.metrics.engine.outputs import Outputs

NONE = np.zeros(2, dtype=np.int64)


def test_by_hand():
    y, pred = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    radii = np.array([0.0, 0.1, 0.9, 0.3])
    found = [certified_accuracy(y, pred, radii, radius=r) for r in (0.0, 0.1, 0.2, 0.5)]
    assert found == [0.75, 0.5, 0.25, 0.0]


def test_at_no_distance_it_is_accuracy_and_it_falls_with_the_distance(rng):
    y, pred, radii = rng.integers(0, 3, 200), rng.integers(0, 3, 200), rng.random(200)
    found = [certified_accuracy(y, pred, radii, radius=r) for r in np.linspace(0, 1.1, 12)]
    assert found[0] == accuracy_score(y, pred)
    assert (np.diff(found) <= 0).all()
    assert found[-1] == 0


@pytest.mark.parametrize("radius", [0.05, 0.3, 1.0])
def test_of_a_linear_classifier_it_is_the_accuracy_under_the_worst_move(rng, radius):
    """Its radius is the distance from the hyperplane, and the worst move goes straight to it."""
    w, b = np.array([3.0, -4.0]), 0.7
    x = rng.normal(size=(500, 2))
    y = ((x @ w + b + 2 * rng.normal(size=500)) > 0).astype(int)
    pred = (x @ w + b > 0).astype(int)
    radii = np.abs(x @ w + b) / np.linalg.norm(w)
    towards = np.where(y == 1, -1, 1)[:, None] * w / np.linalg.norm(w)
    moved = x + 0.999999 * radius * towards
    attacked = accuracy_score(y, (moved @ w + b > 0).astype(int))
    assert certified_accuracy(y, pred, radii, radius=radius) == pytest.approx(attacked, abs=1e-12)


def test_the_rows_of_the_table_are_the_function_at_their_radius(rng):
    y, logits, radii = rng.integers(0, 3, 90), rng.normal(size=(90, 3)), 0.2 * rng.random((90, 1))
    outputs, keys = Outputs.from_logits(y, logits), [m.key for m in CERTIFIED_METRICS]
    found = certified_results(outputs, radii, keys)
    assert [found[key].value for key in keys] == [
        certified_accuracy(y, logits.argmax(1), radii[:, 0], radius=p / 100) for p in PERCENTS
    ]


def test_a_model_that_proves_nothing_has_none_and_the_reason(rng):
    outputs = Outputs.from_logits(rng.integers(0, 3, 9), rng.normal(size=(9, 3)))
    found = certified_results(outputs, None, ["certified_accuracy_at_5"])
    assert found["certified_accuracy_at_5"].value is None
    assert "hands out no certified_radius" in found["certified_accuracy_at_5"].reason


@pytest.mark.parametrize("wrong", [-0.1, np.nan])
def test_a_radius_below_zero_or_no_number_is_refused(wrong):
    with pytest.raises(PredictionsError, match="at least 0; image 1 has"):
        certified_accuracy(NONE[:2], NONE[:2], np.array([0.0, wrong]), radius=0.1)


def test_other_numbers_of_images_are_refused():
    unchecked = getattr(certified_accuracy, "__wrapped__", certified_accuracy)
    for a, b, c in ((0, 0, 0), (2, 2, 1), (2, 1, 2)):
        with pytest.raises(PredictionsError, match="of the same images"):
            unchecked(NONE[:a], NONE[:b], np.zeros(c), radius=0.1)
