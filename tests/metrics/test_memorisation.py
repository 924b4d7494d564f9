"""Wrong training labels: shares by hand, ranking against scikit-learn, undefined without any."""

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.errors import PredictionsError, Undefined
from harness.metrics import memorisation as mem
from harness.metrics.engine.outputs import Outputs
from harness.metrics.label_errors import label_error_auroc
from harness.metrics.measure import measure_noise


def test_memorised_by_hand():
    # Flipped: rows 1, 2, 3; predicted as observed: rows 1 and 3.
    observed, clean = np.array([0, 1, 2, 0]), np.array([0, 0, 0, 1])
    assert mem.memorised(observed, clean, np.array([0, 1, 0, 0])) == pytest.approx(2 / 3)


def test_memorised_is_undefined_without_flipped_labels():
    with pytest.raises(Undefined, match="no training label is flipped"):
        mem.memorised(np.array([0, 1]), np.array([0, 1]), np.array([0, 1]))


def test_chance_is_the_mean_transition_probability_of_the_observed_labels():
    transition = np.array([[0.6, 0.3, 0.1], [0.0, 0.8, 0.2], [0.0, 0.0, 1.0]])
    observed, clean = np.array([1, 2, 2, 0]), np.array([0, 0, 1, 0])
    found = mem.memorised_chance(observed, clean, transition=transition)
    assert found == pytest.approx((0.3 + 0.1 + 0.2) / 3)
    assert mem.memorised_chance(observed, clean, chance=0.5) == 0.5


def test_chance_without_a_noise_model_is_undefined():
    with pytest.raises(Undefined, match="no transition matrix"):
        mem.memorised_chance(np.array([1]), np.array([0]))


def test_label_errors_are_ranked_by_loss_and_by_margin(rng):
    clean = rng.integers(0, 4, size=200)
    observed = np.where(rng.random(200) < 0.3, (clean + 1) % 4, clean)
    logits = rng.normal(size=(200, 4))
    logits[np.arange(200), clean] += 2
    found = measure_noise(Outputs.from_logits(clean, logits), observed, clean)
    flipped = observed != clean
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    own = log_p[np.arange(200), observed]
    rest = log_p.copy()
    rest[np.arange(200), observed] = -np.inf
    for by, suspicion in {"loss": -own, "margin": rest.max(axis=1) - own}.items():
        for kind, oracle in {"auroc": sk.roc_auc_score, "ap": sk.average_precision_score}.items():
            value = found[f"label_error_{kind}_{by}"].value
            assert value == pytest.approx(oracle(flipped, suspicion), abs=1e-12), (by, kind)


def test_clean_train_accuracy_is_over_the_whole_split(rng):
    clean = np.array([0, 1, 1, 0])
    observed = np.array([1, 1, 1, 0])
    logits = np.array([[1.0, 0], [0, 1], [1, 0], [1, 0]])
    found = measure_noise(Outputs.from_logits(observed, logits), observed, clean)
    assert found["clean_train_accuracy"].value == 0.75


def test_all_labels_flipped_leaves_nothing_to_tell_apart():
    with pytest.raises(Undefined, match="every training label is flipped"):
        label_error_auroc(np.array([1.0, 2.0]), np.array([True, True]))


def test_clean_labels_of_another_length_are_refused(rng):
    outputs = Outputs.from_logits(np.array([0, 1]), rng.normal(size=(2, 2)))
    function = getattr(measure_noise, "__wrapped__", measure_noise)
    with pytest.raises(PredictionsError, match="clean has 3 rows, the predictions have 2"):
        function(outputs, np.array([0, 1]), np.array([0, 1, 0]))


def test_the_gap_is_the_best_epoch_less_the_last():
    assert mem.best_last_gap([0.2, 0.9, 0.6]) == pytest.approx(0.3)
    assert mem.best_last_gap([0.2, 0.9]) == 0.0
    for short in ([], [0.5]):
        with pytest.raises(Undefined, match=f"a gap needs two epochs; the curve has {len(short)}"):
            mem.best_last_gap(short)
