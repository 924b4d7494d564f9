import numpy as np
import pytest
from scipy import stats

from harness.errors import SpecError
from harness.stats.spread import Spread
from harness.stats.verdicts import seeds_to_settle, verdict, with_seeds


def compare(rng, gap, *, seeds=3, seed_sd=0.01, test_sd=0.01, margin=0.02, higher=True):
    jitter = seed_sd * np.resize([1.0, -1.0, 0.0], seeds)
    candidate = (0.8 + gap + jitter)[None]
    noise = test_sd * rng.normal(size=(1, 1, 1000)) * np.ones((1, seeds, 1))
    return verdict(candidate, np.full((1, seeds), 0.8), noise, np.zeros_like(noise),
                   margin=margin, higher_is_better=higher)  # fmt: skip


@pytest.mark.parametrize(
    ("gap", "spread", "expected"),
    [
        (0.001, 1e-4, "same"),
        (0.1, 1e-3, "better"),
        (-0.1, 1e-3, "worse"),
        (0.01, 1e-2, "cannot tell"),
    ],
)
def test_verdict_follows_the_interval(rng, gap, spread, expected):
    got = compare(rng, gap, seed_sd=spread, test_sd=spread)
    assert got.verdict == expected
    assert got.interval_kind == "seeds and test set"


def test_same_comes_before_better(rng):
    got = compare(rng, 0.01, seed_sd=1e-4, test_sd=1e-4)
    assert got.low > 0
    assert got.verdict == "same"


def test_lower_is_better_turns_the_sign(rng):
    got = compare(rng, -0.1, seed_sd=1e-3, test_sd=1e-3, higher=False)
    assert (got.verdict, got.difference) == ("better", pytest.approx(0.1))


def test_p_value_agrees_with_the_interval_at_its_end(rng):
    # Where an end of the interval touches 0, p is 0.05.
    got = compare(rng, 0.0)
    at_the_end = compare(np.random.default_rng(0), got.high)
    assert at_the_end.low == pytest.approx(0, abs=1e-12)
    assert at_the_end.p == pytest.approx(0.05)


def test_detectable_difference_of_one_seed_by_hand(rng):
    got = compare(rng, 0.0, seeds=1, seed_sd=0.0)
    se = (got.high - got.low) / 2 / stats.norm.ppf(0.975)
    assert got.detectable == pytest.approx((1.959964 + 0.841621) * se, rel=1e-6)
    assert got.interval_kind == "test-set only"


def test_equal_entries_are_the_same_with_p_one():
    values, replicates = np.full((1, 3), 0.5), np.zeros((1, 3, 10))
    got = verdict(values, values, replicates, replicates, margin=0.01, higher_is_better=True)
    assert (got.verdict, got.p, got.difference) == ("same", 1.0, 0.0)


def test_seeds_to_settle_is_the_smallest_that_has_the_power():
    # Seeds only: SE = s/√S', ν = S' − 1, s = 1, difference 1.
    components = Spread(1 / 3, 0.0, 1 / 3, 2.0, 3)
    expected = next(
        s for s in range(3, 400)
        if stats.t.ppf(0.975, s - 1) + stats.t.ppf(0.8, s - 1) <= np.sqrt(s)
    )  # fmt: skip
    assert seeds_to_settle(1.0, components, 0.0) == expected == 10


def test_seeds_can_settle_that_two_are_the_same():
    components = Spread(1 / 3, 0.0, 1 / 3, 2.0, 3)
    needed = seeds_to_settle(0.0, components, 1.0)
    planned = with_seeds(components, needed)
    se, df = planned.seed**0.5, planned.df
    reach = 1 / se - stats.t.ppf(0.975, df)
    assert stats.t.cdf(reach, df) - stats.t.cdf(-reach, df) >= 0.8
    assert seeds_to_settle(0.0, components, 0.0) is None


def test_a_test_set_that_is_too_small_cannot_be_mended_by_seeds():
    assert seeds_to_settle(0.01, Spread(1.0, 1.0, 0.01, 2.0, 3), 0.02) is None


def test_seeds_are_counted_up_to_four_hundred():
    # Seeds only, s = 1: about ((1.966 + 0.843)/D)² seeds.
    components = Spread(1 / 3, 0.0, 1 / 3, 2.0, 3)
    assert seeds_to_settle(0.1405, components, 0.0) == 400
    assert seeds_to_settle(0.1404, components, 0.0) is None


def test_a_settled_verdict_needs_the_seeds_it_has(rng):
    assert compare(rng, 0.1, seed_sd=1e-3, test_sd=1e-3).seeds_to_settle == 3


def test_a_negative_margin_is_refused(rng):
    with pytest.raises(SpecError, match="at least 0; got -0.1"):
        compare(rng, 0.0, margin=-0.1)
