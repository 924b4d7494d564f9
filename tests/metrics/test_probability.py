"""Proper scores: scikit-learn's log loss and Brier score, and the traps at probability 0."""

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure
from harness.metrics.probability import brier, nll
from tests import references


def test_nll_equals_scikit_learns_log_loss(large, rng):
    y, logits, probs = large
    w = rng.random(600)
    assert nll(y, probs) == pytest.approx(sk.log_loss(y, probs), abs=1e-12)
    assert nll(y, probs, weights=w) == pytest.approx(
        sk.log_loss(y, probs, sample_weight=w), abs=1e-12
    )
    from_logits = measure(Outputs.from_logits(y, logits), ["nll"])["nll"].value
    assert from_logits == pytest.approx(sk.log_loss(y, probs), abs=1e-12)


def test_brier_equals_scikit_learn_unhalved_and_the_loop(large, rng):
    y, _, probs = large
    w = rng.random(600)
    theirs = sk.brier_score_loss(y, probs, sample_weight=w, scale_by_half=False)
    assert brier(y, probs, weights=w) == pytest.approx(theirs, abs=1e-12)
    loop = references.brier(y.tolist(), probs.tolist())
    assert brier(y, probs) == pytest.approx(loop, abs=1e-12)


def test_a_certain_and_wrong_row_costs_what_the_clip_says():
    # −ln(1.1754944e-38) = 87.34; scikit-learn clips float32 at its epsilon: 15.94.
    certain = np.array([[1.0, 0.0]], dtype=np.float32)
    assert nll(np.array([1]), certain) == pytest.approx(87.3365, abs=1e-4)
    theirs = sk.log_loss([1], certain, labels=[0, 1])
    assert theirs == pytest.approx(15.9424, abs=1e-4)


def test_the_same_row_from_logits_is_not_clipped():
    outputs = Outputs.from_logits(np.array([1]), np.array([[500.0, 0.0]]))
    assert measure(outputs, ["nll"])["nll"].value == 500.0


def test_brier_by_hand():
    # (0.7 − 1)² + 0.2² + 0.1² = 0.14; a certain and wrong row: 1 + 1 = 2.
    assert brier(np.array([0]), np.array([[0.7, 0.2, 0.1]])) == pytest.approx(0.14)
    assert brier(np.array([1]), np.array([[1.0, 0.0]])) == 2.0


def test_brier_of_a_nearly_certain_row_keeps_its_digits():
    # 1 − p = 1/(1 + e^40) ≈ 4.25e-18: subtracting from 1 in float64 would give 0.
    outputs = Outputs.from_logits(np.array([0]), np.array([[40.0, 0.0]]))
    assert outputs.rows.brier[0] == pytest.approx(2 * np.exp(-80.0), rel=1e-12)
