"""Top-5 accuracy: sorted by hand, ties by lowest index, too few classes."""

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from harness.errors import Undefined
from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure
from harness.metrics.top_k import top5_accuracy


def _reference_top5(y_true, scores, w):
    held = 0.0
    for y, row, wi in zip(y_true, scores, w, strict=True):
        order = sorted(range(len(row)), key=lambda k: (-row[k], k))
        held += wi * (y in order[:5])
    return held / sum(w)


@pytest.mark.parametrize("digits", [0, 12])
def test_equals_sorting_by_hand(rng, digits):
    y, scores = rng.integers(0, 9, size=300), np.round(rng.normal(size=(300, 9)), digits)
    expected = _reference_top5(y.tolist(), scores.tolist(), [1.0] * 300)
    assert top5_accuracy(y, scores) == pytest.approx(expected, abs=1e-12)
    w = rng.integers(0, 4, size=300).astype(float)
    expected = _reference_top5(y.tolist(), scores.tolist(), w.tolist())
    assert top5_accuracy(y, scores, weights=w) == pytest.approx(expected, abs=1e-12)


def test_agrees_with_scikit_learn_without_ties(rng):
    y, scores = rng.integers(0, 9, size=300), rng.normal(size=(300, 9))
    assert top5_accuracy(y, scores) == pytest.approx(top_k_accuracy_score(y, scores, k=5))


def test_equal_scores_are_taken_by_lowest_index_and_by_scikit_learn_by_highest():
    flat = np.zeros((1, 6))
    assert [top5_accuracy(np.array([k]), flat) for k in range(6)] == [1, 1, 1, 1, 1, 0]
    assert top_k_accuracy_score([0], flat, k=5, labels=range(6)) == 0.0


@pytest.mark.parametrize("c", [2, 4, 5])
def test_at_most_five_classes_are_undefined(c):
    found = measure(Outputs.from_logits(np.array([1]), np.eye(c)[:1]), ["top5_accuracy"])
    assert found["top5_accuracy"].value is None
    assert found["top5_accuracy"].reason == f"{c} classes: the five likeliest are all of them"
    with pytest.raises(Undefined, match=f"{c} classes"):
        top5_accuracy(np.array([1]), np.eye(c)[:1])


def test_many_rows_are_what_their_blocks_are(rng):
    y, scores = rng.integers(0, 9, size=20_000), rng.normal(size=(20_000, 9))
    halves = [top5_accuracy(y[i::2], scores[i::2]) for i in (0, 1)]
    assert top5_accuracy(y, scores) == pytest.approx(np.mean(halves), abs=1e-12)
