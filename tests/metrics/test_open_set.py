"""Class and OOD score together: pairs and thresholds one by one, sets that are too small."""

import numpy as np
import pytest

from harness.errors import Undefined
from harness.metrics.measure import measure_open_set
from harness.metrics.open_set import ccr_at_fpr1, ccr_at_fpr10, ood_auroc_right, ood_auroc_wrong
from tests import references


def _reference_ccr(inside, right, outside, w, share):
    """Best over all thresholds that let at most this share of OOD below them."""
    best = 0.0
    for level in sorted({*inside, *outside, float("inf")}):
        if sum(s < level for s in outside) <= share * len(outside) + 1e-9:
            taken = sum(wi for s, ok, wi in zip(inside, right, w, strict=True) if ok and s < level)
            best = max(best, taken / sum(w))
    return best


@pytest.fixture(params=[1, 12])
def scores(request, rng):
    """80 ID and 230 OOD scores, tied or not, and which classes are right."""
    digits = request.param
    inside, outside = np.round(rng.normal(size=80), digits), rng.normal(size=230) + 0.8
    return inside, (rng.random(80) < 0.7).astype(float), np.round(outside, digits)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("ccr", "share"), [(ccr_at_fpr10, 0.1), (ccr_at_fpr1, 0.01)])
def test_ccr_equals_the_loop(scores, rng, weighted, ccr, share):
    inside, right, outside = scores
    w = rng.integers(0, 3, size=80).astype(float) if weighted else np.ones(80)
    expected = _reference_ccr(*(a.tolist() for a in (inside, right, outside, w)), share)
    found = ccr(inside, right, outside, id_weights=w if weighted else None)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_right_and_wrong_equal_their_pairs(scores, rng, weighted):
    inside, right, outside = scores
    w = rng.integers(0, 3, size=80).astype(float) if weighted else np.ones(80)
    given = w if weighted else None
    outsiders = [(s, 1.0) for s in outside]
    for metric, kept in ((ood_auroc_right, right == 1), (ood_auroc_wrong, right == 0)):
        pairs = references.pair_share(
            outsiders, list(zip(inside[kept].tolist(), w[kept].tolist(), strict=True))
        )
        assert metric(inside, right, outside, id_weights=given) == pytest.approx(pairs, abs=1e-12)


def test_both_parts_together_are_the_whole(scores):
    inside, right, outside = scores
    parts = ood_auroc_right(inside, right, outside), ood_auroc_wrong(inside, right, outside)
    whole = references.pair_share([(s, 1.0) for s in outside], [(s, 1.0) for s in inside])
    share = right.mean()
    assert share * parts[0] + (1 - share) * parts[1] == pytest.approx(whole, abs=1e-12)


def test_ccr_by_hand():
    # Ten OOD images: one may be accepted, so all below the second smallest, 2.
    outside = np.arange(1.0, 11.0)
    inside, right = np.array([0.0, 1.5, 2.0, 0.5]), np.array([1.0, 1.0, 1.0, 0.0])
    assert ccr_at_fpr10(inside, right, outside) == 0.5
    # Tied OOD images cannot be told apart: none of the two at 1 may be accepted.
    outside[1] = 1.0
    assert ccr_at_fpr10(inside, right, outside) == 0.25


def test_small_sets_and_one_sided_pools_have_reasons():
    found = measure_open_set(np.ones(4, dtype=bool), np.zeros(4), np.ones(9))
    assert found["ccr_at_fpr10"].reason == "10 % of 9 OOD images is less than one: it needs 10"
    assert found["ccr_at_fpr1"].reason == "1 % of 9 OOD images is less than one: it needs 100"
    assert found["ood_auroc_right"].value == 1.0
    assert found["ood_auroc_wrong"].reason == "no ID image is classified wrong"
    none = measure_open_set(np.zeros(4, dtype=bool), np.zeros(4), np.ones(9))
    assert none["ood_auroc_right"].reason == "no ID image is classified right"
    weightless = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    with pytest.raises(Undefined, match="no ID image is classified wrong"):
        ood_auroc_wrong(np.zeros(2), weightless[0], np.ones(3), id_weights=weightless[0])
