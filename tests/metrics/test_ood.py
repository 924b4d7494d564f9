"""OOD metrics: scikit-learn's curves without dropped points, loops, traps of signs and ties."""

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.errors import PredictionsError
from harness.metrics import ood, ood_published
from harness.metrics.engine.checks import checked_scores
from harness.metrics.engine.levels import fast_order
from harness.metrics.measure import measure_ood
from harness.metrics.open_set import oscr
from tests import references


def curves(inside, outside, weights):
    """What scikit-learn's curves give, OOD positive and then ID positive."""
    y = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    s = np.r_[inside, outside]
    w = np.r_[weights, np.ones(len(outside))]
    fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    fpr_in, tpr_in, _ = sk.roc_curve(1 - y, -s, sample_weight=w, drop_intermediate=False)
    out = sk.precision_recall_curve(y, s, sample_weight=w, drop_intermediate=False)
    into = sk.precision_recall_curve(1 - y, -s, sample_weight=w, drop_intermediate=False)
    return {
        "ood_auroc": sk.roc_auc_score(y, s, sample_weight=w),
        "ood_ap_out": sk.average_precision_score(y, s, sample_weight=w),
        "ood_ap_in": sk.average_precision_score(1 - y, -s, sample_weight=w),
        "ood_fpr95": fpr[np.argmax(np.round(tpr, 12) >= 0.95)],
        "ood_fpr95_id_positive": fpr_in[np.argmax(np.round(tpr_in, 12) >= 0.95)],
        "ood_aupr_trapezoid_out": sk.auc(out[1], out[0]),
        "ood_aupr_trapezoid_in": sk.auc(into[1], into[0]),
    }


@pytest.mark.parametrize("digits", [9, 1, 0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", [(200, 130), (90, 260)])
def test_equals_scikit_learns_curves(rng, digits, weighted, sizes):
    inside = np.round(rng.normal(size=sizes[0]), digits)
    outside = np.round(rng.normal(size=sizes[1]) + 1, digits)
    w = rng.integers(0, 4, size=sizes[0]).astype(float) if weighted else np.ones(sizes[0])
    found = measure_ood(inside, outside, id_weights=w if weighted else None)
    for key, expected in curves(inside, outside, w).items():
        assert found[key].value == pytest.approx(expected, abs=1e-12), key


def test_thresholds_equal_the_loop_on_small_tied_sets(rng):
    for _ in range(30):
        inside, outside = rng.integers(0, 6, size=(2, 21)).astype(float)
        pairs_in, pairs_out = ([(s, 1) for s in side] for side in (inside, outside))
        found = measure_ood(inside, outside)
        assert found["ood_fpr95"].value == pytest.approx(references.fpr_at(pairs_out, pairs_in))
        negated = [[(-s, w) for s, w in side] for side in (pairs_in, pairs_out)]
        expected = references.fpr_at(*negated)
        assert found["ood_fpr95_id_positive"].value == pytest.approx(expected)


def test_weights_of_one_are_no_weights(rng):
    inside, outside = np.round(rng.normal(size=(2, 80)), 1)
    assert measure_ood(inside, outside) == measure_ood(inside, outside, id_weights=np.ones(80))


def test_ninety_five_percent_is_counted_in_whole_images():
    # 19 of 20 OOD images are exactly 95 %: the threshold is the 19th largest, and it flags 1 of 4.
    outside, inside = np.arange(20.0), np.array([-3.0, -2.0, 0.5, 1.0])
    assert ood.ood_fpr95(inside, outside) == 0.25


def test_the_two_positive_classes_give_different_rates():
    # OOD positive: all OOD at 1 and above is caught, no ID flagged but the one at 5.
    inside, outside = np.r_[np.zeros(9), 5.0], np.r_[np.ones(10)]
    assert ood.ood_fpr95(inside, outside) == pytest.approx(0.1)
    assert ood_published.ood_fpr95_id_positive(inside, outside) == 1.0


def test_constant_scores_are_chance():
    found = measure_ood(np.ones(30), np.ones(10))
    assert found["ood_auroc"].value == 0.5
    assert found["ood_ap_out"].value == 0.25
    assert found["ood_ap_in"].value == 0.75
    assert found["ood_fpr95"].value == found["ood_fpr95_id_positive"].value == 1.0


def test_a_perfect_detector_has_the_best_of_everything(rng):
    found = measure_ood(rng.random(40), 2 + rng.random(30))
    best = {key: 0.0 if "fpr" in key else 1.0 for key in found}
    assert {key: result.value for key, result in found.items()} == best


def test_a_flipped_sign_gives_what_is_missing_to_one(rng):
    inside, outside = rng.normal(size=300), rng.normal(size=300) + 2
    right, wrong = ood.ood_auroc(inside, outside), ood.ood_auroc(-inside, -outside)
    assert wrong == pytest.approx(1 - right)


@pytest.mark.parametrize("scale", [1e6, 1e-6, 1e300])
def test_magnitude_does_not_matter_since_nothing_is_squeezed(rng, scale):
    inside, outside = rng.normal(size=200), rng.normal(size=150) + 1
    plain, scaled = measure_ood(inside, outside), measure_ood(inside * scale, outside * scale)
    for key, result in plain.items():
        assert scaled[key].value == pytest.approx(result.value, abs=1e-12), key


def test_float16_scores_keep_their_ties(rng):
    inside, outside = (rng.normal(size=(2, 400)) * 2).astype(np.float16)
    half = measure_ood(inside, outside)
    double = measure_ood(inside.astype(float), outside.astype(float))
    assert half == double


def test_one_image_on_each_side_has_values():
    found = measure_ood(np.array([0.0]), np.array([1.0]))
    assert found["ood_auroc"].value == 1.0
    assert found["ood_fpr95"].value == 0.0


REFUSED = {
    "empty": (np.array([]), np.ones(3), "id_scores must hold at least one score; got 0"),
    "nan": (np.ones(3), np.array([1.0, np.nan]), r"ood_scores must be finite; got nan at \[1\]"),
    "inf": (np.ones(3), np.array([np.inf]), "ood_scores must be finite; got inf"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_scores_are_refused(name):
    inside, outside, sentence = REFUSED[name]
    with pytest.raises(PredictionsError, match=sentence):
        measure_ood(inside, outside)


def test_a_matrix_of_scores_is_refused():
    with pytest.raises(PredictionsError, match="id_scores must be one number per image, shape"):
        checked_scores(np.ones((3, 2)), "id_scores")


SCORES = {
    "normal": lambda rng: rng.normal(size=3000),
    "heavy tails": lambda rng: rng.standard_cauchy(size=3000),
    "ties": lambda rng: rng.integers(0, 9, size=3000).astype(float),
    "constant": lambda rng: np.ones(3000),
    "one outlier": lambda rng: np.r_[rng.normal(size=2999), 1e300],
    "huge": lambda rng: rng.normal(size=3000) * 1e307,
    "tiny": lambda rng: rng.normal(size=3000) * 1e-310,
    "float32": lambda rng: rng.normal(size=3000).astype(np.float32),
    "float32 huge": lambda rng: (rng.normal(size=3000) * 3e37).astype(np.float32),
    "offset": lambda rng: 1e9 + rng.normal(size=3000),
    "single": lambda rng: np.ones(1),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_fast_order_is_an_order(rng, name):
    scores = SCORES[name](rng)
    np.testing.assert_array_equal(scores[fast_order(scores)], np.sort(scores))
    assert sorted(fast_order(scores)) == list(range(len(scores)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbouring_floats_and_both_zeros_are_ordered(rng, dtype):
    positive = np.nextafter(dtype(1), np.arange(400).astype(dtype) % 3)
    scores = rng.permutation(np.r_[positive, -positive, np.zeros(9), -np.zeros(9)].astype(dtype))
    np.testing.assert_array_equal(scores[fast_order(scores)], np.sort(scores))


def test_oscr_equals_counting_pairs(rng):
    inside, outside = np.round(rng.normal(size=(2, 40)), 1)
    correct, w = (rng.random(40) < 0.7).astype(float), rng.integers(0, 3, size=40).astype(float)
    assert oscr(inside, correct, outside) == pytest.approx(
        references.oscr(inside, correct, outside), abs=1e-12
    )
    assert oscr(inside, correct, outside, id_weights=w) == pytest.approx(
        references.oscr(inside, correct, outside, w.tolist()), abs=1e-12
    )


def test_dropping_points_from_the_curve_moves_fpr95():
    # 19 of 20 OOD scores are at least 1, and so are 4 of 6 ID scores. By default scikit-learn
    # drops that point of the curve, since it lies on a line between its neighbours.
    inside = np.array([0, 0, 1, 1, 3, 3.0])
    outside = np.r_[0, 1, np.full(7, 2), np.full(4, 3), np.full(7, 4.0)]
    y, s = np.r_[np.zeros(6), np.ones(20)], np.r_[inside, outside]
    at = {}
    for drop in (True, False):
        fpr, tpr, _ = sk.roc_curve(y, s, drop_intermediate=drop)
        at[drop] = fpr[np.argmax(tpr >= 0.95)]
    assert ood.ood_fpr95(inside, outside) == pytest.approx(4 / 6) == at[False]
    assert at[True] == 1.0


@pytest.mark.parametrize("name", [n for n in SCORES if n not in ("huge", "tiny", "one outlier")])
def test_float32_scores_give_what_their_float64_values_give(rng, name):
    inside, outside = SCORES[name](rng).astype(np.float32), SCORES[name](rng).astype(np.float32)
    assert measure_ood(inside, outside) == measure_ood(inside.astype(float), outside.astype(float))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_minus_zero_is_tied_with_zero(dtype):
    inside, outside = np.array([-0.0, 0.0], dtype=dtype), np.array([0.0, -0.0], dtype=dtype)
    assert measure_ood(inside, outside)["ood_auroc"].value == 0.5
