"""OOD metrics under the weightings of both sides equal evaluating again under each."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from harness.metrics.measure import measure_ood, measure_open_set, replicate_ood
from harness.types import MetricResult


@pytest.mark.parametrize(("size", "given"), [(49, False), (50, True)])
def test_fpr95_over_too_few_ood_images_has_no_replicates(rng, make_weightings, size, given):
    inside, outside = rng.normal(size=30), rng.normal(2, 1, size)
    found = replicate_ood(
        inside,
        outside,
        make_weightings(np.zeros(30, int)),
        make_weightings(np.zeros(size, int)),
        ["ood_fpr95"],
    )["ood_fpr95"]
    assert isinstance(found, np.ndarray) is given
    if not given:
        assert found.reason == "49 OOD images; replicates of FPR95 need 50"


def test_ood_fpr95_is_recomputed_under_both_weightings(rng, make_weightings):
    inside, outside = np.round(rng.normal(size=80), 1), np.round(rng.normal(size=50) + 1, 1)
    wi, wo = make_weightings(np.zeros(80, int), 25), make_weightings(np.zeros(50, int), 25)
    found = replicate_ood(inside, outside, wi, wo, keys=("ood_fpr95",))["ood_fpr95"]
    again = [
        measure_ood(inside, np.repeat(outside, drawn), id_weights=kept * wi.scale)[
            "ood_fpr95"
        ].value
        for kept, drawn in zip(wi.counts, wo.counts, strict=True)
    ]
    np.testing.assert_allclose(found, again, rtol=0, atol=1e-12)


@pytest.mark.parametrize("key", ["ood_ap_out", "ood_ap_in"])
def test_ood_average_precision_is_recomputed_under_both_weightings(key, rng, make_weightings):
    inside, outside = np.round(rng.normal(size=80), 1), np.round(rng.normal(size=60) + 1, 1)
    wi, wo = make_weightings(np.zeros(80, int), 25), make_weightings(np.zeros(60, int), 25)
    found = replicate_ood(inside, outside, wi, wo, keys=(key,))[key]
    scores, is_ood = np.r_[inside, outside], np.r_[np.zeros(80), np.ones(60)]
    sign, positive = (1, is_ood) if key == "ood_ap_out" else (-1, 1 - is_ood)
    again = [
        average_precision_score(
            positive, sign * scores, sample_weight=np.r_[kept * wi.scale, drawn * wo.scale]
        )
        for kept, drawn in zip(wi.counts, wo.counts, strict=True)
    ]
    np.testing.assert_allclose(found, again, rtol=0, atol=1e-12)
    few = replicate_ood(inside[:49], outside, make_weightings(np.zeros(49, int), 25), wo, (key,))
    assert few[key].reason == "49 images on one side; replicates of average precision need 50"


def test_ood_auroc_replicates_follow_brute_force(rng, make_weightings):
    inside, outside = rng.normal(size=80), rng.normal(size=50) + 1
    wi, wo = make_weightings(np.zeros(80, int), 200), make_weightings(np.zeros(50, int), 200)
    found = replicate_ood(inside, outside, wi, wo)["ood_auroc"]
    again = np.array(
        [
            measure_ood(inside, np.repeat(outside, drawn), id_weights=kept * wi.scale)[
                "ood_auroc"
            ].value
            for kept, drawn in zip(wi.counts, wo.counts, strict=True)
        ]
    )
    assert found.std() / again.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(found, again)[0, 1] > 0.99


@pytest.fixture
def open_set(rng, make_weightings):
    """Scores that sink where the class is right, and weightings of both sides."""
    correct = rng.random(120) < 0.7
    inside = np.round(rng.normal(size=120) - correct, 1)
    outside = np.round(rng.normal(size=300) + 1, 1)
    return (
        (inside, correct, outside),
        make_weightings(np.repeat([0, 1], 60), 100),
        make_weightings(np.zeros(300, int), 100),
    )


def again(sides, wi, wo, key):
    """The metric computed again under each pair of weightings."""
    inside, correct, outside = sides
    return np.array(
        [
            measure_open_set(
                correct, inside, np.repeat(outside, drawn), id_weights=kept * wi.scale, keys=(key,)
            )[key].value
            for kept, drawn in zip(wi.counts, wo.counts, strict=True)
        ]
    )


@pytest.mark.parametrize("key", ["ccr_at_fpr10", "ccr_at_fpr1"])
def test_rates_at_a_threshold_are_recomputed(open_set, key):
    sides, wi, wo = open_set
    inside, correct, outside = sides
    found = replicate_ood(inside, outside, wi, wo, (key,), correct=correct)[key]
    np.testing.assert_allclose(found, again(*open_set, key), rtol=0, atol=1e-12)
    assert len(np.unique(found)) > 20


@pytest.mark.parametrize("key", ["oscr", "ood_auroc_right", "ood_auroc_wrong"])
def test_metrics_of_pairs_follow_brute_force(open_set, key):
    sides, wi, wo = open_set
    inside, correct, outside = sides
    found = replicate_ood(inside, outside, wi, wo, (key,), correct=correct)[key]
    slow = again(*open_set, key)
    assert found.std() / slow.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(found, slow)[0, 1] > 0.99
    value = measure_open_set(correct, inside, outside, keys=(key,))[key].value
    assert found.mean() == pytest.approx(value, abs=0.25 * found.std())


def test_where_replicates_are_undefined_there_is_a_reason(rng, make_weightings):
    wi, wo = make_weightings(np.zeros(30, int), 20), make_weightings(np.zeros(249, int), 20)
    keys = ("ood_auroc_wrong", "ccr_at_fpr1", "ood_ap_out", "ood_aupr_trapezoid_in")
    found = replicate_ood(
        rng.normal(size=30), rng.normal(size=249), wi, wo, keys, correct=np.ones(30, dtype=bool)
    )
    assert found == {
        "ood_auroc_wrong": MetricResult(None, "no ID image is classified so"),
        "ccr_at_fpr1": MetricResult(None, "249 OOD images; replicates at 1 % need 250"),
        "ood_ap_out": MetricResult(
            None, "30 images on one side; replicates of average precision need 50"
        ),
        "ood_aupr_trapezoid_in": MetricResult(
            None,
            "ood_aupr_trapezoid_in has no replicates: it is a published variant of one that has",
        ),
    }
