"""Metrics of the predicted class: scikit-learn where it has them, identities elsewhere."""

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.errors import PredictionsError, Undefined
from harness.metrics import classification as cls
from harness.metrics import contingency
from harness.metrics.engine.confusion import confusion_matrix
from harness.metrics.groups import group_recall
from tests import references


@pytest.fixture
def labels(rng):
    y = rng.integers(0, 5, size=300)
    pred = np.where(rng.random(300) < 0.6, y, rng.integers(0, 5, size=300))
    return y, pred, rng.random(300) + 0.1


PAIRS = {
    "accuracy": (cls.accuracy, sk.accuracy_score),
    "balanced_accuracy": (cls.balanced_accuracy, sk.balanced_accuracy_score),
    "macro_f1": (contingency.macro_f1, lambda y, p, **kw: sk.f1_score(y, p, average="macro", **kw)),
    "mcc": (contingency.mcc, sk.matthews_corrcoef),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equals_scikit_learn_with_and_without_weights(labels, name):
    y, pred, w = labels
    ours, theirs = PAIRS[name]
    assert ours(y, pred) == pytest.approx(theirs(y, pred), abs=1e-12)
    assert ours(y, pred, weights=w) == pytest.approx(theirs(y, pred, sample_weight=w), abs=1e-12)


def test_confusion_matrix_equals_scikit_learns(labels):
    y, pred, w = labels
    np.testing.assert_allclose(
        confusion_matrix(y, pred, weights=w),
        sk.confusion_matrix(y, pred, sample_weight=w),
        atol=1e-12,
    )


def test_recalls_by_the_loop_give_worst_gmean_and_groups(labels):
    y, pred, _ = labels
    by_class = references.recalls(y.tolist(), pred.tolist(), 5)
    assert cls.worst_class_recall(y, pred) == pytest.approx(min(by_class.values()), abs=1e-15)
    product = np.prod(list(by_class.values()))
    assert cls.gmean(y, pred) == pytest.approx(product ** (1 / 5), abs=1e-14)
    group = np.array([True, False, False, True, False])
    mean = (by_class[0] + by_class[3]) / 2
    assert group_recall(y, pred, group=group) == pytest.approx(mean, abs=1e-15)


def test_by_hand():
    # Recalls: class 0: 2 of 3, class 1: 1 of 1, class 2: 0 of 2.
    y, pred = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 1, 1, 0, 1])
    assert cls.accuracy(y, pred) == 3 / 6
    assert cls.balanced_accuracy(y, pred) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert cls.worst_class_recall(y, pred) == 0.0
    assert cls.gmean(y, pred) == 0.0


def test_gmean_is_exactly_zero_when_a_class_is_never_found():
    assert cls.gmean(np.array([0, 1, 1]), np.array([1, 1, 1])) == 0.0


def test_an_absent_class_is_left_out_and_counted():
    y, pred = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    assert cls.balanced_accuracy(y, pred) == 0.75
    assert cls.classes_scored(y, pred) == 2
    # F1 of class 0: 2·1/(2·1 + 0 + 1), of class 2: 1; class 1 has no image.
    assert contingency.macro_f1(y, pred) == pytest.approx((2 / 3 + 1) / 2)


def test_mcc_of_a_constant_prediction_is_undefined():
    with pytest.raises(Undefined, match="predicts one class for every image"):
        contingency.mcc(np.array([0, 1, 2]), np.array([1, 1, 1]))


def test_mcc_of_one_true_class_is_undefined():
    with pytest.raises(Undefined, match="only one class has test images"):
        contingency.mcc(np.array([1, 1, 1]), np.array([0, 1, 1]))


def test_a_group_without_test_images_is_undefined():
    with pytest.raises(Undefined, match="no class of the group has test images"):
        group_recall(np.array([0]), np.array([0]), group=np.array([False, True]))


def test_predictions_of_another_length_are_refused():
    with pytest.raises(PredictionsError, match="y_pred has 2 rows, the predictions have 3"):
        confusion_matrix(np.array([0, 1, 1]), np.array([0, 1]))


def test_error_is_one_minus_accuracy(rng):
    y, pred = rng.integers(0, 4, size=70), rng.integers(0, 4, size=70)
    w = rng.random(70)
    assert cls.error(y, pred) == pytest.approx(sk.zero_one_loss(y, pred), abs=1e-15)
    theirs = sk.zero_one_loss(y, pred, sample_weight=w)
    assert cls.error(y, pred, weights=w) == pytest.approx(theirs, abs=1e-12)


def test_hmean_is_the_harmonic_mean_of_recalls(rng):
    from scipy.stats import hmean

    y = rng.choice(4, size=300, p=[0.6, 0.3, 0.1, 0.0])
    pred = np.where(rng.random(300) < 0.7, y, rng.integers(0, 4, size=300))
    by_class = list(references.recalls(y.tolist(), pred.tolist(), 4).values())
    assert cls.hmean(y, pred) == pytest.approx(hmean(by_class), abs=1e-12)
    assert cls.hmean(y, pred) <= cls.gmean(y, pred) <= cls.balanced_accuracy(y, pred)


def test_hmean_by_hand_and_of_a_class_that_is_never_found():
    # Recalls 1, 1 and 1/4: 3/(1 + 1 + 4); of the seen pair and the unseen class 2/(1 + 4).
    y, pred = np.array([0, 1, 2, 2, 2, 2]), np.array([0, 1, 2, 0, 0, 1])
    assert cls.hmean(y, pred) == pytest.approx(0.5)
    assert cls.hmean(np.array([0, 1]), np.array([0, 0])) == 0.0
