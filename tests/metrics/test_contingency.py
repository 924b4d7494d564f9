"""Specificity, index balanced accuracy and kappa against counts of pairs, and by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.errors import Undefined
from harness.metrics.contingency import cohen_kappa, index_balanced_accuracy, specificity


def _reference_rates(y_true, y_pred, w):
    """Recall and specificity of each class with weight, one image at a time."""
    found = []
    for k in sorted({y for y, wi in zip(y_true, w, strict=True) if wi}):
        own = hit = others = spared = 0.0
        for y, p, wi in zip(y_true, y_pred, w, strict=True):
            if y == k:
                own, hit = own + wi, hit + wi * (p == k)
            else:
                others, spared = others + wi, spared + wi * (p != k)
        found.append((hit / own, spared / others))
    return found


@pytest.fixture
def labels(rng):
    y = rng.choice(5, size=200, p=[0.5, 0.3, 0.15, 0.05, 0.0])  # class 4 is absent
    return y, np.where(rng.random(200) < 0.6, y, rng.integers(0, 5, size=200))


@pytest.mark.parametrize("weighted", [False, True])
def test_rates_equal_the_loop(labels, rng, weighted):
    y, pred = labels
    w = rng.integers(0, 3, size=200).astype(float) if weighted else np.ones(200)
    rates = _reference_rates(y.tolist(), pred.tolist(), w.tolist())
    given = w if weighted else None
    spared = sum(s for _, s in rates) / len(rates)
    assert specificity(y, pred, weights=given) == pytest.approx(spared, abs=1e-12)
    iba = sum((1 + 0.1 * (r - s)) * r * s for r, s in rates) / len(rates)
    assert index_balanced_accuracy(y, pred, weights=given) == pytest.approx(iba, abs=1e-12)


def test_rates_by_hand():
    # Class 0: recall 1/2, nothing else is called 0. Class 1: recall 1, one of two others called 1.
    y, pred = np.array([0, 0, 1]), np.array([0, 1, 1])
    assert specificity(y, pred) == pytest.approx((1 + 1 / 2) / 2)
    by_hand = (1 - 0.1 * 0.5) * 0.5 + (1 + 0.1 * 0.5) * 0.5
    assert index_balanced_accuracy(y, pred) == pytest.approx(by_hand / 2)


@pytest.mark.filterwarnings("ignore:Sensitivity is ill-defined")
def test_imbalanced_learn_has_the_same_index_for_each_class(labels):
    report = pytest.importorskip("imblearn.metrics").classification_report_imbalanced
    y, pred = labels
    theirs = report(y, pred, output_dict=True, alpha=0.1, zero_division=0)
    by_class = [theirs[str(k)]["iba"] for k in range(4)]
    assert index_balanced_accuracy(y, pred) == pytest.approx(np.mean(by_class), abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_kappa_equals_chance_counted_over_all_pairs(labels, rng, weighted):
    y, pred = labels
    w = rng.integers(0, 3, size=200).astype(float) if weighted else np.ones(200)
    total = w.sum()
    agree = (w * (y == pred)).sum() / total
    chance = (np.outer(w, w) * (y[:, None] == pred[None, :])).sum() / total**2
    expected = (agree - chance) / (1 - chance)
    found = cohen_kappa(y, pred, weights=w if weighted else None)
    assert found == pytest.approx(expected, abs=1e-12)
    if not weighted:
        assert found == pytest.approx(sk.cohen_kappa_score(y, pred), abs=1e-12)


def test_a_constant_prediction_has_the_kappa_of_chance():
    assert cohen_kappa(np.array([0, 1, 2]), np.array([1, 1, 1])) == pytest.approx(0.0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_kappa_of_one_class_only_is_undefined_where_scikit_learn_has_nan():
    with pytest.raises(Undefined, match="labels and predictions are all of one class"):
        cohen_kappa(np.array([1, 1]), np.array([1, 1]))
    assert np.isnan(sk.cohen_kappa_score([1, 1], [1, 1]))
    assert cohen_kappa(np.array([1, 1]), np.array([0, 0])) == 0.0


@pytest.mark.parametrize("metric", [specificity, index_balanced_accuracy])
def test_one_true_class_has_no_negatives(metric):
    with pytest.raises(Undefined, match="only one class has test images"):
        metric(np.array([1, 1]), np.array([1, 0]))


def test_imbalanced_learn_counts_a_predicted_but_absent_class_in_specificity():
    imblearn = pytest.importorskip("imblearn.metrics")
    y, pred = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    assert specificity(y, pred) == 1.0
    theirs = imblearn.specificity_score(y, pred, average="macro")
    assert theirs == pytest.approx(0.9167, abs=1e-4)
