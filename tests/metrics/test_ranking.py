"""AUROC and average precision: scikit-learn, pair counting, and scores that do not saturate."""

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.errors import PredictionsError, Undefined
from harness.metrics import ranking
from harness.metrics.engine.outputs import Outputs
from harness.metrics.engine.placement import place
from harness.metrics.measure import measure
from tests import references


def test_macro_auroc_equals_scikit_learn(large, rng):
    y, _, probs = large
    assert ranking.auroc(y, probs) == pytest.approx(
        sk.roc_auc_score(y, probs, multi_class="ovr"), abs=1e-12
    )
    w = rng.random(600)
    each = [sk.roc_auc_score(y == k, probs[:, k], sample_weight=w) for k in range(5)]
    assert ranking.auroc(y, probs, weights=w) == pytest.approx(np.mean(each), abs=1e-12)


def test_one_against_one_equals_scikit_learn(large):
    y, _, probs = large
    theirs = sk.roc_auc_score(y, probs, multi_class="ovo")
    assert ranking.auroc_ovo(y, probs) == pytest.approx(theirs, abs=1e-12)


def test_average_precision_equals_scikit_learn(large, rng):
    y, _, probs = large
    w = rng.random(600)
    each = [sk.average_precision_score(y == k, probs[:, k], sample_weight=w) for k in range(5)]
    assert ranking.average_precision(y, probs) == pytest.approx(
        sk.average_precision_score(y, probs), abs=1e-12
    )
    assert ranking.average_precision(y, probs, weights=w) == pytest.approx(np.mean(each), abs=1e-12)


@pytest.mark.parametrize("positives", [1, 5, 64, 65, 150])
@pytest.mark.parametrize("digits", [15, 1])
def test_one_sort_and_one_search_place_scores_alike(positives, digits, rng):
    scores = np.round(rng.normal(size=200), digits)  # one digit: with ties
    own = slice(20, 20 + positives)
    mine = np.sort(scores[own])
    others = np.sort(np.delete(scores, np.r_[own]))
    for weights in (None, np.ones(200)):
        placed = place(scores, own, weights)
        np.testing.assert_array_equal(placed.left, np.searchsorted(mine, scores, "left"))
        np.testing.assert_array_equal(placed.right, np.searchsorted(mine, scores, "right"))
        np.testing.assert_array_equal(scores[own][placed.order], mine)
        np.testing.assert_array_equal(placed.under, np.searchsorted(others, scores[own], "left"))
        upto = np.searchsorted(others, scores[own], "right")
        np.testing.assert_array_equal(placed.under_or_level, upto)
        assert placed.negatives == 200 - positives


LOOPS = {
    "auroc": (ranking.auroc, references.macro_auroc),
    "auroc_ovo": (ranking.auroc_ovo, references.ovo_auroc),
    "average_precision": (ranking.average_precision, references.macro_average_precision),
}


@pytest.mark.parametrize("name", LOOPS)
def test_equals_counting_pairs_with_ties_and_zero_weights(small, rng, name):
    y, logits, _ = small
    ours, loop = LOOPS[name]
    assert ours(y, logits) == pytest.approx(loop(y.tolist(), logits.tolist()), abs=1e-12)
    w = rng.integers(0, 3, size=30).astype(float)
    weighted = loop(y.tolist(), logits.tolist(), w.tolist())
    assert ours(y, logits, weights=w) == pytest.approx(weighted, abs=1e-12)


def test_logits_are_ranked_by_log_odds(small):
    y, logits, _ = small
    odds = references.log_odds(logits.tolist())
    outputs = Outputs.from_logits(y, logits)
    scores = np.empty((30, 4))
    scores[outputs.order] = outputs.class_scores.T
    np.testing.assert_allclose(scores, odds, rtol=0, atol=1e-12)
    found = measure(outputs, ["auroc"])["auroc"].value
    # Within float64 the loop's sums round ties apart; both agree when those are put together.
    rounded = np.round(odds, 9).tolist()
    assert found == pytest.approx(references.macro_auroc(y.tolist(), rounded), abs=2e-3)


def test_sharp_logits_do_not_saturate_to_ties():
    # Softmax in float64 is exactly 1.0 for all four of class 0's scores; the order is perfect.
    logits = np.array([[90.0, 0], [80.0, 0], [50.0, 0], [40.0, 0]])
    y = np.array([0, 0, 1, 1])
    assert measure(Outputs.from_logits(y, logits), ["auroc"])["auroc"].value == 1.0
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    assert probs[0, 0] == probs[3, 0] == 1.0
    assert ranking.auroc(y, probs) < 1.0


def test_constant_scores_are_chance():
    y, flat = np.array([0, 0, 1, 1, 2, 2]), np.full((6, 3), 1 / 3)
    assert ranking.auroc(y, flat) == 0.5
    assert ranking.auroc_ovo(y, flat) == 0.5
    assert ranking.average_precision(y, flat) == pytest.approx(1 / 3)


def test_scores_of_a_million_are_ranked_as_they_are(rng):
    y, scores = rng.integers(0, 3, size=50), rng.normal(size=(50, 3))
    assert ranking.auroc(y, scores * 1e6) == ranking.auroc(y, scores)


def test_an_absent_class_is_left_out(rng):
    y, scores = rng.choice([0, 2], size=40), rng.normal(size=(40, 3))
    each = [sk.roc_auc_score(y == k, scores[:, k]) for k in (0, 2)]
    assert ranking.auroc(y, scores) == pytest.approx(np.mean(each), abs=1e-12)


@pytest.mark.parametrize("function", [ranking.auroc, ranking.auroc_ovo, ranking.average_precision])
def test_one_class_only_has_nothing_to_rank_against(function):
    with pytest.raises(Undefined, match="only one class has test images"):
        function(np.array([1, 1]), np.eye(2))


def test_class_weights_reuse_the_unweighted_pass(large):
    y, logits, _ = large
    weights = np.array([0.2, 3.0, 1.0, 0.5, 2.0])[y]
    outputs = Outputs.from_logits(y, logits)
    found = measure(outputs, ["auroc"], weights=weights)["auroc"].value
    scores = np.empty((600, 5))
    scores[outputs.order] = outputs.class_scores.T
    each = [sk.roc_auc_score(y == k, scores[:, k], sample_weight=weights) for k in range(5)]
    assert found == pytest.approx(np.mean(each), abs=1e-12)


def test_scores_with_a_nan_are_refused():
    with pytest.raises(PredictionsError, match=r"scores must be finite; got nan at \[1, 0\]"):
        ranking.auroc(np.array([0, 1]), np.array([[1.0, 0], [np.nan, 1]]))
