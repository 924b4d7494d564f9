"""Properties over the whole table: a new metric gets these tests by being in METRICS."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import PredictionsError
from harness.metrics.engine.outputs import Outputs
from harness.metrics.groups import GROUPS
from harness.metrics.measure import (
    LEVEL_KEYS,
    measure,
    measure_noise,
    measure_ood,
    measure_open_set,
)
from harness.metrics.table import METRICS, SUBJECTS

POOL = [k for k, m in METRICS.items() if m.needs in ("labels", "probs")]
OOD = list(LEVEL_KEYS)
TRAIN = [k for k, m in METRICS.items() if m.needs == "train"]
GROUPED = [k for k in POOL if k.split("_")[-1] in {g for names in GROUPS.values() for g in names}]
PLAIN = [k for k in POOL if k not in GROUPED]
SQUARED = [k for k in POOL if k.startswith("ece_null")] + ["debiased_ce", "grouping_loss"]
"""They have squared weights, so a weight of 2 is not two images."""

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def pools(draw, max_n=40):
    """Labels and logits of a small pool: ties, absent classes, sharp and flat rows."""
    n, c = draw(st.integers(1, max_n)), draw(st.integers(2, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = rng.integers(0, draw(st.integers(1, c)), size=n)
    logits = rng.normal(size=(n, c)) * draw(st.sampled_from([0.0, 1.0, 8.0]))
    if draw(st.booleans()):
        logits = np.round(logits * 2) / 2
    return y, logits


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def groups_of(c):
    """Groups that together hold every class under both schemes' names."""
    third = np.arange(c) % 3
    return {name: third == i for names in GROUPS.values() for i, name in enumerate(names)}


def values(outputs, keys=POOL, *, groups=None, weights=None):
    groups = groups_of(outputs.c) if groups is None else groups
    found = measure(outputs, keys, weights=weights, groups=groups)
    return {k: r.value for k, r in found.items()}


def assert_same(a, b, tolerance=1e-9):
    assert a.keys() == b.keys()
    for key, value in a.items():
        if value is None or b[key] is None:
            assert value is b[key] is None, key
        else:
            assert b[key] == pytest.approx(value, abs=tolerance), key


@few
@given(pools())
def test_every_value_is_within_its_bounds_and_every_none_has_a_reason(pool):
    found = measure(Outputs.from_logits(*pool), POOL, groups=groups_of(pool[1].shape[1]))
    for key, result in found.items():
        if result.value is None:
            assert result.reason, key
            continue
        assert result.reason is None, key
        low, high = METRICS[key].bounds
        assert np.isfinite(result.value), key
        assert low is None or result.value >= low - 1e-12, key
        assert high is None or result.value <= high + 1e-12, key


@few
@given(pools(), st.integers(0, 2**32 - 1))
def test_the_order_of_images_does_not_matter(pool, seed):
    y, logits = pool
    order = np.random.default_rng(seed).permutation(len(y))
    a = values(Outputs.from_logits(y, logits))
    assert_same(a, values(Outputs.from_logits(y[order], logits[order])))


@few
@given(pools(), st.integers(0, 2**32 - 1))
def test_the_names_of_classes_do_not_matter(pool, seed):
    y, logits = pool
    c = logits.shape[1]
    logits = logits + np.random.default_rng(seed).random(logits.shape) * 1e-3  # argmax unique
    to = np.random.default_rng(seed + 1).permutation(c)
    renamed = np.empty_like(logits)
    renamed[:, to] = logits
    groups = groups_of(c)
    moved = {name: mask[np.argsort(to)] for name, mask in groups.items()}
    a = values(Outputs.from_logits(y, logits), groups=groups)
    assert_same(a, values(Outputs.from_logits(to[y], renamed), groups=moved))


@few
@given(pools(max_n=25), st.integers(0, 2**32 - 1))
def test_a_weight_is_a_repetition(pool, seed):
    y, logits = pool
    w = np.random.default_rng(seed).integers(0, 4, size=len(y))
    w[0] = max(w[0], 1)
    keys = [k for k in POOL if k not in SQUARED]
    a = values(Outputs.from_logits(y, logits), keys, weights=w.astype(float))
    repeated = Outputs.from_logits(np.repeat(y, w), np.repeat(logits, w, axis=0))
    assert_same(a, values(repeated, keys))


@few
@given(pools())
def test_weights_of_one_and_of_any_other_size_are_no_weights(pool):
    outputs = Outputs.from_logits(*pool)
    plain = values(outputs)
    assert_same(plain, values(outputs, weights=np.ones(outputs.n)))
    assert_same(plain, values(outputs, weights=np.full(outputs.n, 0.3)))


@few
@given(pools(), st.integers(0, 2**32 - 1))
def test_class_weights_leave_alone_what_the_table_says(pool, seed):
    y, logits = pool
    keys = [k for k in POOL if METRICS[k].weighted == "does not change"]
    weights = np.random.default_rng(seed).random(logits.shape[1])[y] + 0.1
    outputs = Outputs.from_logits(y, logits)
    assert_same(values(outputs, keys), values(outputs, keys, weights=weights))


@few
@given(pools())
def test_the_plain_function_is_the_engines_number(pool):
    y, logits = pool
    outputs = Outputs.from_probs(y, softmax(logits))
    for key, result in measure(outputs, PLAIN).items():
        metric = METRICS[key]
        given_ = outputs.y_pred if metric.needs == "labels" else outputs.values
        if result.value is None:
            with pytest.raises(Exception, match=re.escape(result.reason)):
                metric.function(y, given_)
        else:
            assert metric.function(y, given_) == pytest.approx(result.value, abs=1e-12), key


BEST = {"nll": 0.0, "brier": 0.0, "ece": 0.0, "ece_mass": 0.0, "classwise_ece": 0.0, "mce": 0.0}
BEST |= {"aurc": 0.0, "augrc": 0.0, "classes_scored": 6.0}
BEST |= dict.fromkeys(
    ("error", "rms_ce", "ace", "tace", "ks_ce", "smooth_ece", "debiased_ce", "grouping_loss"), 0.0
)
BEST |= {"eaurc": 0.0, "risk_at_80_coverage": 0.0, "tail_as_head": 0.0, "few_as_many": 0.0}


def test_a_perfect_prediction_has_the_best_value(rng):
    y = np.r_[np.arange(6), rng.integers(0, 6, size=30)]
    found = values(Outputs.from_probs(y, np.eye(6)[y]))
    for key, value in found.items():
        expected = 0.0 if key.startswith("ece_") else BEST.get(key, 1.0)
        assert value == pytest.approx(expected, abs=1e-12), key


def test_constant_scores_have_a_value_or_a_reason(rng):
    y = rng.integers(0, 6, size=50)
    found = measure(Outputs.from_logits(y, np.zeros((50, 6))), PLAIN)
    assert [k for k, r in found.items() if r.value is None] == ["mcc"]
    assert found["auroc"].value == 0.5


def test_an_absent_class_leaves_every_metric_defined(rng):
    y = rng.choice([0, 2, 3], size=60)
    found = measure(Outputs.from_logits(y, rng.normal(size=(60, 6))), PLAIN)
    assert all(r.value is not None for r in found.values())
    assert found["classes_scored"].value == 3


def test_one_image_leaves_only_what_needs_two_classes_undefined():
    found = measure(Outputs.from_logits(np.array([1]), np.array([[0.0, 1.0]])), PLAIN)
    undefined = {k for k, r in found.items() if r.value is None}
    assert undefined == {
        *("mcc", "auroc", "auroc_ovo", "average_precision", "specificity", "iba", "cohen_kappa"),
        *("top5_accuracy", "debiased_ce", "grouping_loss"),
    }


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_floats_give_what_their_float64_values_give(rng, dtype):
    y, logits = rng.integers(0, 4, size=60), (rng.normal(size=(60, 4)) * 3).astype(dtype)
    narrow, wide = Outputs.from_logits(y, logits), Outputs.from_logits(y, logits.astype(float))
    assert_same(values(narrow), values(wide), tolerance=0)
    probs = softmax(logits.astype(float)).astype(dtype)
    assert_same(
        values(Outputs.from_probs(y, probs)),
        values(Outputs.from_probs(y, probs.astype(float))),
        tolerance=0,
    )


def test_logits_of_a_million_rank_by_their_margin_and_stay_finite(rng):
    y, logits = rng.integers(0, 4, size=60), rng.normal(size=(60, 4)) * 1e6
    found = values(Outputs.from_logits(y, logits))
    assert all(v is None or np.isfinite(v) for v in found.values())
    rest = [np.delete(logits, k, axis=1).max(axis=1) for k in range(4)]
    margins = logits - np.stack(rest, axis=1)
    assert found["auroc"] == pytest.approx(METRICS["auroc"].function(y, margins), abs=1e-12)


@pytest.mark.parametrize("key", PLAIN)
def test_no_images_are_refused(key):
    empty = np.zeros(0, dtype=int)
    given_ = empty if METRICS[key].needs == "labels" else np.zeros((0, 3))
    with pytest.raises(PredictionsError, match="at least one label; got 0"):
        METRICS[key].function(empty, given_)


@few
@given(
    st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 12])
)
def test_ood_metrics_keep_bounds_order_and_meaning(n, m, seed, digits):
    rng = np.random.default_rng(seed)
    inside, outside = np.round(rng.normal(size=n), digits), np.round(rng.normal(size=m), digits)
    found = {k: r.value for k, r in measure_ood(inside, outside).items()}
    assert list(found) == OOD
    assert all(0 <= v <= 1 for v in found.values())
    shuffled = measure_ood(rng.permutation(inside), rng.permutation(outside))
    assert_same(found, {k: r.value for k, r in shuffled.items()}, tolerance=1e-12)
    bent = measure_ood(np.exp(inside * 3) * 7, np.exp(outside * 3) * 7)  # only order counts
    assert_same(found, {k: r.value for k, r in bent.items()}, tolerance=1e-12)
    tenths = measure_ood(inside, outside, id_weights=np.full(n, 0.1))
    for key in ("ood_auroc", "ood_fpr95", "ood_fpr95_id_positive"):
        assert tenths[key].value == pytest.approx(found[key], abs=1e-12), key
    turned = measure_ood(outside, inside)
    assert turned["ood_auroc"].value == pytest.approx(1 - found["ood_auroc"], abs=1e-12)
    mirrored = measure_ood(-outside, -inside)
    for key, other in (
        ("ood_ap_out", "ood_ap_in"),
        ("ood_fpr95", "ood_fpr95_id_positive"),
        ("ood_aupr_trapezoid_out", "ood_aupr_trapezoid_in"),
    ):
        assert mirrored[key].value == pytest.approx(found[other], abs=1e-12), key
    for key in OOD:
        assert METRICS[key].function(inside, outside) == found[key]


@few
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_an_ood_weight_is_a_repetition(n, m, seed):
    rng = np.random.default_rng(seed)
    inside, outside = np.round(rng.normal(size=n), 1), np.round(rng.normal(size=m), 1)
    w = rng.integers(0, 4, size=n)
    w[0] = max(w[0], 1)
    weighted = measure_ood(inside, outside, id_weights=w.astype(float))
    repeated = measure_ood(np.repeat(inside, w), outside)
    assert_same(
        {k: r.value for k, r in weighted.items()},
        {k: r.value for k, r in repeated.items()},
        tolerance=1e-12,
    )


@few
@given(pools(), st.integers(0, 2**32 - 1))
def test_noise_metrics_keep_bounds_and_order(pool, seed):
    clean, logits = pool
    c = logits.shape[1]
    rng = np.random.default_rng(seed)
    observed = np.where(rng.random(len(clean)) < 0.4, rng.integers(0, c, len(clean)), clean)
    found = measure_noise(Outputs.from_logits(clean, logits), observed, clean, chance=0.25)
    assert list(found) == TRAIN
    for key, result in found.items():
        high = METRICS[key].bounds[1]
        assert result.value is None or 0 <= result.value <= (np.inf if high is None else high), key
    o = rng.permutation(len(clean))
    again = measure_noise(
        Outputs.from_logits(clean[o], logits[o]), observed[o], clean[o], chance=0.25
    )
    assert_same({k: r.value for k, r in found.items()}, {k: r.value for k, r in again.items()})


def test_oscr_lies_between_nothing_and_accuracy(rng):
    correct = rng.random(80) < 0.6
    found = measure_open_set(correct, rng.normal(size=80), rng.normal(size=50))["oscr"].value
    assert 0 <= found <= correct.mean()


def test_the_table_is_filled_in():
    for key, metric in METRICS.items():
        assert metric.key == key
        assert re.fullmatch(r"[a-z0-9_]+", key), key
        assert metric.title and metric.definition.endswith("."), key
        assert metric.source and metric.weighted, key
        assert metric.direction in ("higher", "lower", "none")
        level = metric.unit == "fraction" and metric.direction != "none"
        assert metric.scale == (
            "logit" if level else "log" if key in ("nll", "soft_nll") else None
        ), key
        assert metric.function.__doc__, key
    assert len(METRICS) == sum(len(metrics) for metrics in SUBJECTS.values())


def test_the_headline_is_the_protocols():
    assert {k for k, m in METRICS.items() if m.headline} == {
        "balanced_accuracy",
        "auroc",
        "nll",
        "ece",
        "recall_few",
        "recall_tail",
        "ood_auroc",
    }
