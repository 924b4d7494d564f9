"""Finding wrong labels: loops over rows, lots by enumeration, and by hand."""

from itertools import permutations

import numpy as np
import pytest

from harness.errors import Undefined
from harness.metrics.engine.outputs import Outputs
from harness.metrics.label_errors import (
    confidently_wrong,
    label_error_auroc,
    label_error_f1,
    label_error_lift,
    transition_error,
)
from harness.metrics.measure import measure_noise
from tests import references


def _reference_called(probs, observed):
    """The likeliest class that reaches its mean over the rows observed as it; −1 for none."""
    c, called = len(probs[0]), []
    needed = []
    for k in range(c):
        own = [row[k] for row, o in zip(probs, observed, strict=True) if o == k]
        needed.append(sum(own) / len(own) if own else float("inf"))
    for row in probs:
        good = [k for k in range(c) if row[k] >= needed[k] * (1 - 1e-12)]
        called.append(max(good, key=lambda k: (row[k], -k)) if good else -1)
    return called


@pytest.fixture
def noisy(rng):
    """400 rows of 5 classes, a fifth flipped; class 4 is never observed."""
    clean = rng.integers(0, 4, size=400)
    observed = np.where(rng.random(400) < 0.2, (clean + 1) % 4, clean)
    logits = rng.normal(size=(400, 5))
    logits[np.arange(400), clean] += 1.5
    logits[np.arange(400), observed] += 0.5
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probs, observed, clean, logits


def test_confident_classes_equal_the_loop(noisy):
    probs, observed, *_ = noisy
    called = confidently_wrong(probs, observed)
    assert called.tolist() == _reference_called(probs.tolist(), observed.tolist())
    assert (called == -1).any() and (called != 4).all()


def test_f1_counts_true_and_false_finds(noisy):
    probs, observed, clean, _ = noisy
    called = _reference_called(probs.tolist(), observed.tolist())
    found = {i for i, k in enumerate(called) if k not in (-1, observed[i])}
    wrong = set(np.flatnonzero(observed != clean).tolist())
    hits = len(found & wrong)
    precision, recall = hits / len(found), hits / len(wrong)
    expected = 2 * precision * recall / (precision + recall)
    assert label_error_f1(probs, observed, clean) == pytest.approx(expected, abs=1e-12)


def test_nothing_found_is_an_f1_of_zero_and_nothing_flipped_is_undefined():
    probs, observed = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])
    assert label_error_f1(probs, observed, np.array([1, 1])) == 0.0
    with pytest.raises(Undefined, match="no training label is flipped"):
        label_error_f1(probs, observed, observed)


def test_transition_error_equals_the_loop(noisy):
    probs, observed, clean, _ = noisy
    called = _reference_called(probs.tolist(), observed.tolist())
    apart = []
    for k in range(5):
        own = [o for o, t in zip(observed, clean, strict=True) if t == k]
        counted = [o for o, t in zip(observed, called, strict=True) if t == k]
        if own:
            difference = sum(
                abs(own.count(j) / len(own) - counted.count(j) / len(counted)) for j in range(5)
            )
            apart.append(difference / 2)
    assert len(apart) == 4
    found = transition_error(probs, observed, clean)
    assert found == pytest.approx(np.mean(apart), abs=1e-12)


def test_transition_error_at_both_ends():
    observed, clean = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    # Every row is counted for its true class: the estimate is the truth.
    exact = np.array([[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]])
    assert transition_error(exact, observed, clean) == 0.0
    # Every row is counted for class 1: class 0 has no estimate and counts 1; class 1 is estimated
    # half and half, truly 1/3 and 2/3.
    one = np.tile([0.1, 0.9], (4, 1))
    one[:, 0] = [0.05, 0.1, 0.01, 0.01]
    one[:, 1] = 1 - one[:, 0]
    one[0] = [0.05, 0.95]
    one[1] = [0.06, 0.94]
    called = confidently_wrong(one, observed)
    assert called.tolist() == [-1, 0, 1, 1]
    assert transition_error(one, observed, clean) == pytest.approx((0.0 + 1 / 3) / 2)


def test_a_class_without_an_estimate_counts_one():
    # Nothing is observed as class 0, so nothing is counted for it; class 1 is estimated exactly.
    probs, observed = np.tile([0.4, 0.6], (3, 1)), np.array([1, 1, 1])
    assert transition_error(probs, observed, np.array([0, 1, 1])) == 0.5


def test_lift_is_the_mean_over_all_lots_of_equal_suspicions(rng):
    suspicion = np.array([3.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    flipped = np.array([False, True, False, True, True, False])
    lifts = []
    for lot in permutations(range(6)):
        order = sorted(range(6), key=lambda i: (-suspicion[i], lot[i]))
        lifts.append((flipped[order[:3]].mean()) / flipped.mean())
    assert label_error_lift(suspicion, flipped) == pytest.approx(np.mean(lifts), abs=1e-12)


def test_lift_at_both_ends_and_by_chance(rng):
    flipped = np.arange(100) < 10
    assert label_error_lift(np.arange(100.0, 0, -1), flipped) == pytest.approx(10.0)
    assert label_error_lift(np.arange(100.0), flipped) == 0.0
    assert label_error_lift(np.zeros(100), flipped) == pytest.approx(1.0)


def test_normalized_margin_is_the_difference_of_probabilities(noisy):
    probs, observed, clean, logits = noisy
    found = measure_noise(Outputs.from_logits(clean, logits), observed, clean)
    differences = [
        max(p for k, p in enumerate(row) if k != o) - row[o]
        for row, o in zip(probs.tolist(), observed, strict=True)
    ]
    flipped = observed != clean
    groups = [
        [(d, 1.0) for d, f in zip(differences, flipped, strict=True) if f == side]
        for side in (True, False)
    ]
    expected = references.pair_share(*groups)
    assert found["label_error_auroc_normalized_margin"].value == pytest.approx(expected, abs=1e-9)
    expected = references.average_precision(*groups)
    assert found["label_error_ap_normalized_margin"].value == pytest.approx(expected, abs=1e-9)
    ratio = label_error_auroc(np.log(np.array(differences) + 1.000001), flipped)
    assert found["label_error_auroc_margin"].value != pytest.approx(ratio, abs=1e-6)


def test_only_the_keys_asked_for_are_computed(noisy):
    _, observed, clean, logits = noisy
    outputs = Outputs.from_logits(clean, logits)
    few = measure_noise(outputs, observed, clean, keys=("label_error_f1", "memorised"))
    assert list(few) == ["label_error_f1", "memorised"]
    every = measure_noise(outputs, observed, clean)
    assert few["label_error_f1"] == every["label_error_f1"]


def test_the_training_split_is_read_in_blocks(noisy, monkeypatch):
    probs, observed, clean, logits = noisy
    outputs = Outputs.from_logits(clean, logits)
    keys = ("label_error_f1", "transition_error")
    whole = [label_error_f1(probs, observed, clean), transition_error(probs, observed, clean)]
    monkeypatch.setattr("harness.metrics.engine.outputs.block_rows", lambda c: 7)
    monkeypatch.setattr(Outputs, "probs", property(lambda self: pytest.fail("whole matrix made")))
    found = measure_noise(outputs, observed, clean, keys=keys)
    np.testing.assert_allclose([found[key].value for key in keys], whole, rtol=1e-12)
