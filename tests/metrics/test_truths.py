"""Other truths against plain loops."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from harness.errors import Undefined
from harness.metrics import truths
from harness.stats.weightings import weightings


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_agreement_with_one_class_is_accuracy(rng):
    truth, pred = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    kept = rng.random(200) < 0.8
    found = truths.agreement(pred, np.eye(4)[truth], kept)
    assert found == pytest.approx(accuracy_score(truth[kept], pred[kept]))


def test_agreement_with_votes_is_a_random_voters(rng):
    votes = rng.multinomial(50, [0.6, 0.3, 0.1], size=30)
    pred = rng.integers(0, 3, 30)
    one_by_one = np.mean([v == p for row, p in zip(votes, pred, strict=True)
                          for v in np.repeat(range(3), row)])  # fmt: skip
    found = truths.agreement(pred, votes / 50, np.ones(30, dtype=bool))
    assert found == pytest.approx(one_by_one)


def test_soft_nll_with_one_class_is_the_log_loss(rng):
    logits = rng.normal(size=(50, 3))
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    truth = rng.integers(0, 3, 50)
    found = truths.soft_nll(log_probs, np.eye(3)[truth], np.ones(50, dtype=bool))
    assert found == pytest.approx(log_loss(truth, np.exp(log_probs), labels=[0, 1, 2]))


def test_soft_nll_takes_a_certain_zero_where_nobody_votes_for_it():
    log_probs = np.array([[0.0, -np.inf]])
    assert truths.soft_nll(log_probs, np.array([[1.0, 0.0]]), np.array([True])) == 0.0


def test_the_rarest_class_is_that_of_the_truth_and_only_it_counts():
    shares = np.array([[0.7, 0.1, 0.2], [0.6, 0.3, 0.1]])  # sums 1.3, 0.4, 0.3: the last
    probs = np.array([[0.0, 0.4, 0.6], [0.9, 0.1, 0.0]])
    found = truths.rare_probability_error(probs, shares)
    assert found == pytest.approx((0.4**2 + 0.1**2) / 2)
    assert truths.rare_probability_error(shares, shares) == 0.0


@pytest.mark.parametrize("of", ["agreement", "soft_nll"])
def test_no_answer_at_all_is_undefined(of):
    first = np.zeros(2, dtype=int) if of == "agreement" else np.zeros((2, 2))
    with pytest.raises(Undefined, match="no image has an answer"):
        getattr(truths, of)(first, np.full((2, 2), 0.5), np.zeros(2, dtype=bool))


def test_replicates_of_agreement_are_reweighted_means(rng):
    labels = np.repeat(np.arange(3), 40)
    pred = np.where(rng.random(120) < 0.7, labels, (labels + 1) % 3)
    truth = np.where(rng.random(120) < 0.9, labels, (labels + 2) % 3)
    kept = rng.random(120) < 0.9
    shared = weightings("a" * 64, labels, replicates=50)
    found = truths.replicate_agreement(pred, np.eye(3)[truth], kept, shared)
    by_hand = [
        np.average(pred[kept] == truth[kept], weights=(row * shared.scale)[kept])
        for row in shared.counts
    ]
    np.testing.assert_allclose(found, by_hand)


def test_replicates_are_undefined_where_the_weightings_are():
    shared = weightings("b" * 64, np.array([0, 0, 1]), replicates=5)
    found = truths.replicate_agreement(
        np.zeros(3, dtype=int), np.eye(2)[[0, 0, 1]], np.ones(3, dtype=bool), shared
    )
    assert found.value is None
    assert "one test image" in found.reason
