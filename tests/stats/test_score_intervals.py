import numpy as np
import pytest
from scipy import stats

from harness.errors import SpecError
from harness.stats.intervals import level
from harness.stats.score_intervals import (
    ClassRecalls,
    score_difference,
    score_ends,
    score_p,
    wilson,
)
from harness.stats.spread import Spread

STILL = Spread(total=0.0, shared=0.0, seed=0.0, seed_df=np.inf, seeds=1)
"""No seed part."""


def recalls(values, sizes):
    return ClassRecalls(np.array(values, dtype=float), np.array(sizes))


def test_wilson_equals_scipy():
    theirs = stats.binomtest(3, 20).proportion_ci(method="wilsoncc")
    np.testing.assert_allclose(wilson(3 / 20, 20.0, 0.975), [theirs.low, theirs.high], rtol=1e-12)


@pytest.mark.parametrize(("right", "n"), [(8, 8), (0, 8), (1, 8), (7, 8), (499, 500)])
def test_wilson_at_the_edges_equals_scipy(right, n):
    theirs = stats.binomtest(right, n).proportion_ci(method="wilsoncc")
    ours = wilson(right / n, float(n), 0.975)
    np.testing.assert_allclose(ours, [theirs.low, theirs.high], rtol=1e-9, atol=1e-12)


def test_equal_recalls_count_as_the_harmonic_size():
    # Two classes of 10 and 30: N = 4/(1/10 + 1/30) = 30; shrinking makes the other number larger.
    assert recalls([0.5, 0.5], [10, 30]).effective == pytest.approx(30)


def test_unequal_recalls_count_as_what_their_own_variance_says():
    images = recalls([1.0, 0.5], [1000, 4])
    shrunk = np.array([1000.5 / 1001, 2.5 / 5])
    variance = (shrunk * (1 - shrunk) / [1000, 4]).sum() / 4
    mean = shrunk.mean()
    expected = min(4 / (1 / 1000 + 1 / 4), mean * (1 - mean) / variance)
    assert images.effective == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "sizes", "few"),
    [
        ([0.2, 0.2], [20, 20], True),  # 8 right
        ([0.9, 0.8], [20, 20], True),  # 6 wrong
        ([0.25, 0.25], [20, 20], False),  # 10 right, 30 wrong
        ([0.5, 0.5, 0.5], [500, 500, 9], True),  # a class of nine
        ([0.998] * 10, [50] * 10, True),
        ([0.8] * 10, [50] * 10, False),
    ],
)
def test_few_counts_effective_right_and_wrong_images(values, sizes, few):
    assert recalls(values, sizes).few is few


@pytest.mark.parametrize(
    ("sizes", "true"),
    [
        ([50] * 10, [0.998] * 10),
        ([50] * 10, [0.996] * 10),
        ([3, 18, 227, 213, 66, 6], [0.97] * 6),
        ([3, 18, 227, 213, 66, 6], [0.9] * 6),
        ([500, 20, 5], [0.97] * 3),
        ([500, 20, 5], [0.99, 0.8, 0.5]),
        ([5] * 10, [0.97] * 10),
    ],
)
def test_levels_over_few_images_are_covered(sizes, true):
    # Fixed seed; 4,000 draws have a standard error of 0.4 points. The bar is 92 %.
    rng, sizes = np.random.default_rng(5), np.array(sizes)
    held = []
    for row in rng.binomial(sizes, true, size=(4000, len(sizes))) / sizes:
        images = ClassRecalls(row, sizes)
        if not images.few:
            continue
        low, high = score_ends(images.mean, images, STILL, 0.975)
        held.append(low <= np.mean(true) <= high)
    assert len(held) > 2000
    assert np.mean(held) >= 0.92


def test_a_level_with_few_images_takes_the_score_ends_and_others_do_not(rng):
    replicates = 0.01 * rng.normal(size=(1, 200))
    few, many = recalls([0.998] * 10, [50] * 10), recalls([0.8] * 10, [500] * 10)
    got = level(np.array([0.998]), replicates, scale="logit", images=few)
    assert (got.low, got.high) == pytest.approx(wilson(0.998, few.effective, 0.975))
    plain = level(np.array([0.8]), replicates, scale="logit")
    assert level(np.array([0.8]), replicates, scale="logit", images=many) == plain


def test_seeds_widen_an_interval_by_score():
    images = recalls([0.99] * 4, [50] * 4)
    moving = Spread(total=0.0, shared=0.0, seed=0.01**2, seed_df=2.0, seeds=3)
    low, high = score_ends(0.99, images, moving, 0.975)
    still = score_ends(0.99, images, STILL, 0.975)
    reach = stats.t.ppf(0.975, 2) * 0.01
    assert low == pytest.approx(0.99 - np.hypot(0.99 - still[0], reach))
    assert high == 1.0


def test_a_difference_equals_newcombes_method_ten_by_hand():
    # Newcombe 1998, method 10 with φ = 0: l1, u1, l2, u2 are Wilson's.
    one, two = recalls([0.9], [50]), recalls([0.7], [50])
    (l1, u1), (l2, u2) = wilson(0.9, 50.0, 0.975), wilson(0.7, 50.0, 0.975)
    low, high = score_difference(((0.9, one), (0.7, two)), 0.0, STILL, 0.975)
    assert low == pytest.approx(0.2 - np.hypot(0.9 - l1, u2 - 0.7))
    assert high == pytest.approx(0.2 + np.hypot(u1 - 0.9, 0.7 - l2))


def test_correlated_sides_have_a_narrower_difference():
    pair = ((0.9, recalls([0.9], [50])), (0.8, recalls([0.8], [50])))
    apart, together = (score_difference(pair, rho, STILL, 0.975) for rho in (0.0, 0.8))
    assert together[1] - together[0] < apart[1] - apart[0]


def test_p_is_the_level_at_which_the_interval_reaches_zero():
    pair = ((0.95, recalls([0.95], [60])), (0.8, recalls([0.8], [60])))
    p = score_p(pair, 0.0, STILL)
    assert 0 < p < 0.05
    assert score_difference(pair, 0.0, STILL, 1 - p / 2)[0] == pytest.approx(0, abs=1e-9)
    assert score_p((pair[0], pair[0]), 0.0, STILL) == 1.0


def test_five_perfect_images_a_class_never_prove_two_entries_the_same():
    # True difference 0.03 beyond a margin of 0.01: seen as equal, because nothing went wrong.
    pair = ((1.0, recalls([1.0] * 10, [5] * 10)), (1.0, recalls([1.0] * 10, [5] * 10)))
    low, high = score_difference(pair, 0.0, STILL, 0.975)
    assert low < -0.03
    assert high > 0.03


def test_percent_and_empty_classes_are_refused():
    with pytest.raises(SpecError, match="Give fractions, not percent"):
        recalls([90.0], [10])
    with pytest.raises(SpecError, match="without a test image"):
        recalls([0.9], [0])
