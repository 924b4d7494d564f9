"""What is counted inside heads: by hand, and what must not change it."""

import numpy as np
import pytest
from scipy.stats import entropy

pytest.importorskip("torch")

from benchmarks.head_insides import (  # noqa: E402 (it needs torch)
    evenness,
    followed,
    holds,
    share_met,
    within_share,
)


def test_evenness_by_hand():
    # first codebook: two of four keys, equally often; second: one key alone
    met = np.array([[0, 2], [1, 2], [0, 2], [1, 2]])
    assert evenness(met, 4) == pytest.approx((np.log(2) / np.log(4) + 0) / 2)
    assert evenness(np.arange(4)[:, None], 4) == pytest.approx(1)


def test_evenness_is_scipys_entropy(rng):
    met = rng.integers(0, 7, size=(200, 3))
    counts = [np.bincount(book, minlength=9) for book in met.T]
    expected = np.mean([entropy(c, base=9) for c in counts])
    assert evenness(met, 9) == pytest.approx(expected)


def test_the_share_of_keys_that_are_met_by_hand():
    assert share_met(np.array([[0, 3], [1, 3], [1, 3]]), 4) == (2 / 4 + 1 / 4) / 2


def test_the_share_of_variance_within_classes_by_hand():
    values, labels = np.array([[0.0], [2.0], [10.0], [12.0]]), np.array([0, 0, 1, 1])
    # within: four times 1; around the mean 6: 36 + 16 + 16 + 36
    assert within_share(values, labels) == pytest.approx(4 / 104)


def test_units_and_rotations_leave_the_share_alone_and_one_class_is_all_of_it(rng):
    values, labels = rng.normal(size=(60, 4)), rng.integers(0, 3, size=60)
    turned = 7 * values @ np.linalg.qr(rng.normal(size=(4, 4)))[0] + 3
    assert within_share(turned, labels) == pytest.approx(within_share(values, labels))
    assert within_share(values, np.zeros(60, dtype=int)) == pytest.approx(1)


def test_who_follows_which_pattern_by_hand():
    follows = np.array([[1, 0], [1, 1], [0, 0], [0, 1]], dtype=bool)
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    groups = {"head": np.array([True, False]), "tail": np.array([False, True])}
    found = followed(follows, labels, predicted, groups)
    assert found.recall == {"all": 0.75, "head": 1.0, "tail": 0.5}
    assert found.precision == 3 / 4  # four pairs, image 1 also follows class 1
    assert found.ambiguity == 1 / 4
    assert found.right == 1 / 2  # images 0 and 1 follow what is predicted; the second is wrong
    assert found.right_else == 1 / 2


def test_where_nobody_follows_there_is_no_accuracy_of_followers():
    found = followed(np.zeros((2, 2), dtype=bool), np.array([0, 1]), np.array([0, 0]), {})
    assert np.isnan([found.right, found.precision]).all()
    assert found.right_else == 0.5


def test_a_sentence_that_does_not_hold_is_said():
    mean = {
        "within: projection of lite0-look": 0.5,
        "within: logits of lite0-ce": 0.6,
        "patterns 0.9: recall tail": 0.1,
        "patterns 0.9: recall head": 0.2,
        "patterns 0.9: right if followed": float("nan"),
        "patterns 0.9: right if not": 0.5,
    }
    assert list(holds(mean).values()) == [False, True, False]
