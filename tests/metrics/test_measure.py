"""measure and its relatives: every key has a value or a reason, from one set of predictions."""

import numpy as np
import pytest

from harness.errors import SpecError, UnknownNameError
from harness.metrics.engine.outputs import Outputs
from harness.metrics.groups import class_groups
from harness.metrics.measure import (
    OPEN_SET_KEYS,
    measure,
    measure_noise,
    measure_ood,
    measure_open_set,
)
from harness.metrics.table import METRICS
from harness.types import MetricResult

POOL_KEYS = [k for k, m in METRICS.items() if m.needs in ("labels", "probs")]


def all_groups(c):
    counts = np.geomspace(500, 5, c).astype(int)
    return {**class_groups(counts, "shots"), **class_groups(counts, "terciles")}


def test_every_key_of_a_pool_gets_a_result_in_the_order_asked(large):
    y, logits, _ = large
    found = measure(Outputs.from_logits(y, logits), POOL_KEYS, groups=all_groups(5))
    assert list(found) == POOL_KEYS
    assert {k for k, r in found.items() if r.value is None} == {"top5_accuracy"}  # five classes


def test_logits_and_their_softmax_give_the_same_numbers(large):
    y, logits, probs = large
    a = measure(Outputs.from_logits(y, logits), POOL_KEYS, groups=all_groups(5))
    b = measure(Outputs.from_probs(y, probs), POOL_KEYS, groups=all_groups(5))
    for key in POOL_KEYS:
        assert a[key].value == pytest.approx(b[key].value, abs=1e-12), key


def test_an_unknown_key_is_answered_with_the_nearest(large):
    y, logits, _ = large
    with pytest.raises(UnknownNameError, match="No metric named 'ecee'. Did you mean 'ece'?"):
        measure(Outputs.from_logits(y, logits), ["ecee"])


def test_an_ood_key_is_sent_to_measure_ood(large):
    y, logits, _ = large
    with pytest.raises(SpecError, match=r"'ood_auroc' needs ood. Use measure_ood\(\)"):
        measure(Outputs.from_logits(y, logits), ["ood_auroc"])


def test_a_group_that_does_not_exist_gives_its_reason(large):
    y, logits, _ = large
    groups = class_groups(np.array([500, 400, 300, 200, 150]), "shots")
    found = measure(Outputs.from_logits(y, logits), ["recall_few", "recall_head"], groups=groups)
    assert found["recall_few"] == MetricResult(None, "no class has fewer than 20 training images")
    assert found["recall_head"] == MetricResult(None, "no group named head is defined here")


def test_ood_results_hold_every_ood_key_that_needs_no_class(rng):
    found = measure_ood(rng.normal(size=50), rng.normal(size=70) + 1)
    assert set(found) == {k for k, m in METRICS.items() if m.needs == "ood"} - set(OPEN_SET_KEYS)
    assert all(r.value is not None for r in found.values())


def test_oscr_of_a_perfect_detector_is_the_accuracy():
    correct = np.array([True, True, False, True])
    result = measure_open_set(correct, np.zeros(4), np.ones(3))["oscr"]
    assert result == MetricResult(0.75)


def test_noise_results_hold_every_train_key(rng):
    clean = rng.integers(0, 3, size=60)
    observed = np.where(rng.random(60) < 0.3, (clean + 1) % 3, clean)
    outputs = Outputs.from_logits(clean, rng.normal(size=(60, 3)))
    found = measure_noise(outputs, observed, clean, chance=0.5)
    assert set(found) == {k for k, m in METRICS.items() if m.needs == "train"}
    assert found["memorised_chance"].value == 0.5


def test_memorised_is_none_where_it_has_no_meaning_and_the_rest_is_not(rng):
    clean = rng.integers(0, 3, size=60)
    observed = np.where(rng.random(60) < 0.3, (clean + 1) % 3, clean)
    outputs = Outputs.from_logits(clean, rng.normal(size=(60, 3)))
    found = measure_noise(outputs, observed, clean, chance=0.5, reason="open-set noise")
    assert found["memorised"] == MetricResult(None, "open-set noise")
    assert found["memorised_chance"] == MetricResult(None, "open-set noise")
    assert found["label_error_auroc_loss"].value is not None


def test_clean_labels_leave_nothing_to_memorise(rng):
    clean = rng.integers(0, 3, size=60)
    found = measure_noise(Outputs.from_logits(clean, rng.normal(size=(60, 3))), clean, clean)
    undefined = {k: r.reason for k, r in found.items() if r.value is None}
    assert set(undefined.values()) == {"no training label is flipped"}
    assert "clean_train_accuracy" not in undefined
