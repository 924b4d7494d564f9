"""Predicted classes alone: what needs no probability is measured, the rest has its reason."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

from harness.errors import PredictionsError
from harness.metrics.engine.decisions import NO_CONFIDENCE, NO_PROBABILITIES, Decisions
from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure, measure_noise
from harness.metrics.table import METRICS


@pytest.fixture
def drawn(rng):
    labels = rng.integers(0, 5, 400)
    logits = rng.normal(0, 1, (400, 5))
    logits[np.arange(400), labels] += 1.5
    return labels, logits


LABELS_ONLY = [k for k, m in METRICS.items() if m.needs == "labels" and "_" + "many" not in k]


def test_metrics_of_decisions_equal_those_of_the_logits_they_come_from(drawn):
    labels, logits = drawn
    keys = [k for k in LABELS_ONLY if not k.startswith("recall_")]
    ours = measure(Decisions.of(labels, logits.argmax(1), 5), keys)
    assert ours == measure(Outputs.from_logits(labels, logits), keys)
    pred = logits.argmax(1)
    assert ours["balanced_accuracy"].value == pytest.approx(balanced_accuracy_score(labels, pred))
    assert ours["macro_f1"].value == pytest.approx(f1_score(labels, pred, average="macro"))
    assert ours["mcc"].value == pytest.approx(matthews_corrcoef(labels, pred))


@pytest.mark.parametrize("key", [k for k, m in METRICS.items() if m.needs == "probs"])
def test_what_needs_probabilities_is_undefined_with_the_reason(drawn, key):
    labels, logits = drawn
    result = measure(Decisions.of(labels, logits.argmax(1), 5), [key])[key]
    assert result.value is None
    if not key.startswith(("ece_", "recall_")):
        assert result.reason in (NO_PROBABILITIES, NO_CONFIDENCE)


def test_selective_metrics_use_the_given_confidence_whatever_its_scale(drawn):
    labels, logits = drawn
    whole = Outputs.from_logits(labels, logits)
    expected = measure(whole, ["aurc", "augrc"])
    for scale in (1.0, -7.0):
        conf = whole.certainty * abs(scale) + scale
        found = measure(Decisions.of(labels, logits.argmax(1), 5, conf), ["aurc", "augrc", "ece"])
        assert found["aurc"].value == pytest.approx(expected["aurc"].value)
        assert found["augrc"].value == pytest.approx(expected["augrc"].value)
        assert found["ece"].reason == NO_PROBABILITIES


def test_memorisation_needs_no_probabilities_and_loss_does(drawn):
    labels, logits = drawn
    observed = np.where(np.arange(400) % 10 == 0, (labels + 1) % 5, labels)
    found = measure_noise(Decisions.of(labels, logits.argmax(1), 5), observed, labels)
    whole = measure_noise(Outputs.from_logits(labels, logits), observed, labels)
    assert found["memorised"] == whole["memorised"]
    assert found["label_error_auroc_loss"].reason == NO_PROBABILITIES


@pytest.mark.parametrize(
    ("pred", "conf", "sentence"),
    [
        ([0, 1, 5], None, "pred must be in 0 … 4 for 5 classes; row 2 is 5"),
        ([0, 1], None, "pred has 2 rows, y_true has 3"),
        ([0, 1, 2], [0.1, np.nan, 0.2], "conf must be finite"),
        ([0, 1, 2], [0.1], "conf has 1 rows"),
    ],
)
def test_what_cannot_be_decisions_is_refused(pred, conf, sentence):
    given = None if conf is None else np.array(conf)
    with pytest.raises(PredictionsError, match=sentence):
        Decisions.of(np.array([0, 1, 2]), np.array(pred), 5, given)
