"""Replicates: one product equals evaluating again under each weighting."""

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import PredictionsError
from harness.metrics.class_replicates import BY_CLASS
from harness.metrics.engine.outputs import Outputs
from harness.metrics.groups import class_groups
from harness.metrics.measure import measure, replicate, why_by_value
from harness.metrics.ood_replicates import OOD_REPLICATES
from harness.metrics.replicates import OF_GROUPS, REPLICATED, terms_of
from harness.metrics.table import METRICS
from harness.metrics.weighted import Weighted
from harness.types import MetricResult

EXACT = ("accuracy", "balanced_accuracy", "nll", "brier", "recall_head", "recall_tail")
EXACT += ("tail_as_head",)


def brute(outputs, key, w, groups):
    """The metric computed again under each weighting."""
    rows = w.counts * w.scale
    return np.array(
        [measure(outputs, [key], weights=row, groups=groups)[key].value for row in rows]
    )


@pytest.fixture
def groups():
    return class_groups(np.array([100, 50, 25, 12, 6]), "terciles")


@pytest.mark.parametrize("key", [*EXACT, *BY_CLASS])
def test_sums_over_images_are_exact(large, make_weightings, groups, key):
    y, logits, _ = large
    outputs, w = Outputs.from_logits(y, logits), make_weightings(y)
    found = replicate(outputs, [key], w, groups=groups)[key]
    np.testing.assert_allclose(found, brute(outputs, key, w, groups), rtol=0, atol=1e-12)


def test_ece_is_recomputed_and_recentred(large, make_weightings):
    y, logits, _ = large
    outputs, w = Outputs.from_logits(y, logits), make_weightings(y)
    again = brute(outputs, "ece", w, {})
    value = measure(outputs, ["ece"])["ece"].value
    found = replicate(outputs, ["ece"], w)["ece"]
    np.testing.assert_allclose(found, again - again.mean() + value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("key", ["auroc", "average_precision"])
def test_influence_values_spread_as_brute_force_does(rng, make_weightings, key):
    y = np.repeat(np.arange(3), 60)
    logits = rng.normal(size=(180, 3))
    logits[np.arange(180), y] += 1.5
    outputs, w = Outputs.from_logits(y, logits), make_weightings(y, 300)
    found, again = replicate(outputs, [key], w)[key], brute(outputs, key, w, {})
    assert found.std() / again.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(found, again)[0, 1] > 0.99
    assert found.mean() == pytest.approx(again.mean(), abs=0.25 * again.std())


@pytest.mark.parametrize("key", ["auroc", "average_precision"])
def test_influence_is_the_derivative_of_the_weighted_metric(rng, key):
    y = np.repeat(np.arange(3), 60)
    logits = np.round(rng.normal(size=(180, 3)), 1)  # with ties
    outputs = Outputs.from_logits(y, logits)
    terms = terms_of(key, Weighted(outputs))
    step = rng.normal(size=180)
    for k in range(3):  # weights of a class keep their sum
        step[y == k] -= step[y == k].mean()
    h = 1e-6
    up, down = (measure(outputs, [key], weights=1 + sign * h * step)[key].value for sign in (1, -1))
    assert terms @ step == pytest.approx((up - down) / (2 * h), rel=1e-5)


def test_average_precision_needs_fifty_images_a_class(large, make_weightings):
    y, logits = (a[::3] for a in large[:2])
    found = replicate(Outputs.from_logits(y, logits), ["average_precision"], make_weightings(y))
    assert "replicates of average precision need 50" in found["average_precision"].reason


def test_metrics_that_are_no_sums_say_so(large, make_weightings):
    y, logits, _ = large
    keys = [k for k, m in METRICS.items() if m.needs in ("labels", "probs")]
    found = replicate(Outputs.from_logits(y, logits), keys, make_weightings(y))
    without = {k: r.reason for k, r in found.items() if isinstance(r, MetricResult)}
    # Of five classes top-5 accuracy is always 1; there are no groups here.
    assert set(without) & REPLICATED == {"top5_accuracy", *OF_GROUPS}
    for key, why in without.items():
        if key not in REPLICATED:
            assert why.startswith(f"{key} has no replicates: "), key
    assert "only `ece` is corrected for it" in without["mce"]
    assert "no sum over images is worked out" in without["aurc"]


def test_why_a_ranking_has_no_intervals_is_said_for_every_metric():
    for key in METRICS:
        said = why_by_value(f"test/{key}")
        assert said.endswith(".")
        assert (f'extra = ["{key}"]' in said) == (key in REPLICATED | OOD_REPLICATES.keys()), key
    assert "near and far" in why_by_value("uniform/accuracy")


def test_what_is_not_defined_under_every_weighting_has_no_replicates(make_weightings):
    # One image alone is called class 1: a weighting that leaves it out predicts one class.
    y = np.repeat([0, 1], 10)
    logits = np.tile([1.0, 0.0], (20, 1))
    logits[10] = [0.0, 1.0]
    found = replicate(Outputs.from_logits(y, logits), ["mcc", "macro_f1"], make_weightings(y))
    assert found["mcc"].reason == ("mcc is not defined under every weighting of these test images")
    assert len(found["macro_f1"]) == 40


def test_a_metric_without_a_value_has_no_replicates(rng, make_weightings):
    y = np.zeros(60, dtype=int)
    outputs = Outputs.from_logits(y, rng.normal(size=(60, 3)))
    found = replicate(outputs, ["auroc", "average_precision", "nll"], make_weightings(y))
    assert "only one class has test images" in found["auroc"].reason
    assert "only one class has test images" in found["average_precision"].reason
    assert len(found["nll"]) == 40


def test_a_pool_without_weightings_has_no_replicates(large, make_weightings):
    y, logits, _ = large
    w = replace(make_weightings(y), undefined="a class has one image")
    found = replicate(Outputs.from_logits(y, logits), ["accuracy", "aurc"], w)
    assert found["accuracy"] == MetricResult(None, "a class has one image")


def test_weightings_of_another_pool_are_refused(large, make_weightings):
    y, logits, _ = large
    with pytest.raises(PredictionsError, match="weightings are of 599 images, outputs of 600"):
        replicate(Outputs.from_logits(y, logits), ["accuracy"], make_weightings(y[1:]))
