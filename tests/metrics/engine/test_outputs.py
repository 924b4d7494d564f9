"""Outputs: arrays are refused with a sentence, and digits are kept where softmax loses them."""

import tracemalloc

import numpy as np
import pytest

from harness.errors import PredictionsError
from harness.metrics.engine import checks
from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure
from harness.metrics.table import METRICS

Y = np.array([0, 1, 2])
EYE = np.eye(3)

REFUSED = {
    "rows": (Y, np.zeros((4, 3)), r"logits has 4 rows, y_true has 3\. Give one row per label"),
    "one column": (Y, np.zeros((3, 1)), r"shape \(n, c\), c at least 2; got shape \(3, 1\)"),
    "flat": (Y, np.zeros(3), r"got shape \(3,\)"),
    "integers": (Y, np.zeros((3, 3), int), "logits must be floating point; got dtype int64"),
    "nan": (Y, np.where(EYE == 1, np.nan, 0.0), r"logits must be finite; got nan at \[0, 0\] \(3"),
    "inf": (Y, np.where(EYE == 1, -np.inf, 0.0), r"got -inf at \[0, 0\]"),
    "label": (np.array([0, 1, 3]), EYE, r"y_true must be in 0 … 2 for 3 classes; row 2 is 3"),
    "negative": (np.array([0, -1, 2]), EYE, "row 1 is -1"),
    "float labels": (Y.astype(float), EYE, "y_true must hold integer class indices; got dtype"),
    "one-hot labels": (EYE.astype(int), EYE, r"shape \(n,\); got shape \(3, 3\)"),
    "empty": (Y[:0], EYE[:0], "y_true must hold at least one label; got 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_arrays_that_are_no_predictions_are_refused_with_both_values(name):
    y, logits, sentence = REFUSED[name]
    with pytest.raises(PredictionsError, match=sentence):
        Outputs.from_logits(y, logits)


def test_logits_given_as_probabilities_are_recognised():
    with pytest.raises(PredictionsError, match=r"rows must sum to 1; row 0 sums to 14\.2\. Apply"):
        Outputs.from_probs(np.array([0]), np.array([[10.0, 4.2]]))


def test_negative_probabilities_are_refused():
    with pytest.raises(PredictionsError, match=r"probs must be in \[0, 1\]; got -0\.5 … 1\.5"):
        Outputs.from_probs(np.array([0]), np.array([[1.5, -0.5]]))


WEIGHTS = {
    "shape": (
        np.ones(2),
        r"weights must have one weight per image, shape \(3,\); got shape \(2,\)",
    ),
    "negative": (np.array([1.0, -1, 1]), "must not be negative and must not all be zero; smallest"),
    "zero": (np.zeros(3), "must not all be zero"),
    "nan": (np.array([1.0, np.nan, 1]), "weights must be finite"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_bad_weights_are_refused(name):
    weights, sentence = WEIGHTS[name]
    with pytest.raises(PredictionsError, match=sentence):
        checks.checked_weights(weights, 3)


def test_float32_sums_that_overflow_are_still_finite_scores():
    checks.check_finite(np.full(3, 1.5e308), "scores")


def test_argmax_takes_the_lowest_index_and_counts_tied_rows():
    outputs = Outputs.from_logits(Y, np.array([[1.0, 1, 0], [0, 2, 1], [5, 0, 5]]))
    assert outputs.y_pred.tolist() == [0, 1, 0]
    assert outputs.tied_rows == pytest.approx(2 / 3)


def test_a_constant_added_to_a_row_changes_nothing_not_even_ties(rng):
    logits = rng.integers(-3, 4, size=(200, 5)).astype(float)
    y = rng.integers(0, 5, size=200)
    shifted = logits + rng.integers(-1000, 1000, size=(200, 1))
    a, b = Outputs.from_logits(y, logits), Outputs.from_logits(y, shifted)
    np.testing.assert_array_equal(a.class_scores, b.class_scores)
    np.testing.assert_array_equal(a.confidence, b.confidence)


def test_certainty_does_not_saturate_where_confidence_does():
    outputs = Outputs.from_logits(Y[:2], np.array([[50.0, 0, 0], [90.0, 0, 0]]))
    assert outputs.confidence.tolist() == [1.0, 1.0]
    assert outputs.rows.certainty[1] - outputs.rows.certainty[0] == pytest.approx(40)


def test_log_likelihood_of_huge_logits_is_exact():
    outputs = Outputs.from_logits(np.array([1, 0]), np.array([[1e6, 0.0], [1e6, 0.0]]))
    assert outputs.log_true.tolist() == [-1e6, 0.0]


def test_given_probabilities_are_clipped_at_float32_tiny_and_counted():
    outputs = Outputs.from_probs(np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert outputs.log_true[0] == np.log(float(np.finfo(np.float32).tiny))
    assert outputs.clipped_rows == 0.5


def test_float16_logits_are_computed_in_float64(rng):
    logits = (rng.normal(size=(40, 4)) * 5).astype(np.float16)
    y = rng.integers(0, 4, size=40)
    a = Outputs.from_logits(y, logits)
    b = Outputs.from_logits(y, logits.astype(np.float64))
    np.testing.assert_array_equal(a.log_true, b.log_true)
    np.testing.assert_array_equal(a.class_scores, b.class_scores)


def test_blocks_do_not_change_a_number(rng, monkeypatch):
    y, logits = rng.integers(0, 4, size=53), rng.normal(size=(53, 4))
    keys = ["nll", "brier", "ece", "classwise_ece", "auroc", "average_precision", "aurc"]
    whole = measure(Outputs.from_logits(y, logits), keys)
    monkeypatch.setattr(checks, "BLOCK_ELEMENTS", 40)
    blocks = measure(Outputs.from_logits(y, logits), keys)
    for key in keys:
        assert blocks[key].value == pytest.approx(whole[key].value, abs=1e-14), key


def test_memory_stays_near_one_float64_matrix(rng):
    y, logits = rng.integers(0, 400, size=4000), rng.normal(size=(4000, 400)).astype(np.float32)
    keys = [k for k, m in METRICS.items() if m.needs in ("labels", "probs")]
    tracemalloc.start()
    measure(Outputs.from_logits(y, logits), keys)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * logits.astype(np.float64).nbytes


def test_relabelled_outputs_keep_the_predictions(rng):
    logits = rng.normal(size=(20, 3))
    outputs = Outputs.from_logits(np.zeros(20, int), logits)
    again = outputs.relabel(np.ones(20, int))
    assert again.y_true.tolist() == [1] * 20
    np.testing.assert_array_equal(again.y_pred, outputs.y_pred)
    with pytest.raises(PredictionsError, match="logits has 20 rows, y_true has 19"):
        outputs.relabel(np.ones(19, int))
