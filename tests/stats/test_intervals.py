import numpy as np
import pytest
from scipy import stats

from harness.errors import SpecError, Undefined
from harness.stats.intervals import difference, level, level_over_cells, over_seeds
from harness.stats.spread import Spread, spread
from tests.stats.references_stats import reference_components, reference_interval


def simulated(rng, cells, seeds, size=200, seed_sd=1.0):
    """Values and replicates with a test-set part that all seeds share."""
    values = 0.8 + 0.01 * seed_sd * rng.normal(size=(cells, seeds))
    shared = rng.normal(size=size)
    replicates = 0.01 * (shared + 0.5 * rng.normal(size=(cells, seeds, size)))
    return values, replicates


@pytest.mark.parametrize("cells", [1, 4])
@pytest.mark.parametrize("seeds", [3, 5])
def test_components_equal_the_formulas_written_as_loops(rng, cells, seeds):
    values, replicates = simulated(rng, cells, seeds)
    got = spread(values, replicates)
    total, shared, seed, df = reference_components(values.tolist(), replicates.tolist())
    np.testing.assert_allclose(
        [got.total, got.shared, got.seed, got.seed_df], [total, shared, seed, df], rtol=1e-9
    )


@pytest.mark.parametrize("seed_sd", [0.01, 1.0, 5.0])
def test_interval_equals_the_reference(rng, seed_sd):
    values, replicates = simulated(rng, 2, 3, seed_sd=seed_sd)
    got = level_over_cells(values, replicates)
    np.testing.assert_allclose(
        [got.low, got.high], reference_interval(values.tolist(), replicates.tolist()), rtol=1e-9
    )
    assert got.kind == "seeds and test set"


def test_one_seed_gives_the_test_set_interval_and_says_so(rng):
    values, replicates = simulated(rng, 1, 1)
    got = level(values[0], replicates[0])
    reach = stats.norm.ppf(0.975) * replicates[0, 0].std(ddof=1)
    np.testing.assert_allclose([got.low, got.high], [got.value - reach, got.value + reach])
    assert got.kind == "test-set only"


def test_two_seeds_are_treated_as_one(rng):
    values, replicates = simulated(rng, 1, 2)
    got = level(values[0], replicates[0])
    assert got.se == pytest.approx(replicates[0].mean(axis=0).std(ddof=1))
    assert got.kind == "test-set only"


def test_seeds_without_spread_leave_the_test_set_interval(rng):
    replicates = np.tile(rng.normal(size=100), (3, 1))
    got = level(np.full(3, 0.5), replicates)
    assert got.se == pytest.approx(replicates[0].std(ddof=1))


def test_deviations_and_levels_give_the_same_interval(rng):
    values, replicates = simulated(rng, 2, 3)
    first = level_over_cells(values, replicates)
    second = level_over_cells(values, replicates + values[..., None])
    assert (first.low, first.high) == pytest.approx((second.low, second.high), rel=1e-9)


def test_float16_replicates_are_averaged_in_wider_numbers(rng):
    values, replicates = simulated(rng, 4, 3)
    exact = level_over_cells(values, replicates)
    stored = level_over_cells(values, replicates.astype(np.float16))
    assert stored.se == pytest.approx(exact.se, rel=1e-3)


def test_logit_ends_stay_inside_and_agree_to_first_order(rng):
    replicates = 0.02 * rng.normal(size=(1, 500))
    near_one = level(np.array([0.99]), replicates, scale="logit")
    assert 0 < near_one.low < 0.99 < near_one.high < 1
    middle = level(np.array([0.5]), replicates, scale="logit")
    plain = level(np.array([0.5]), replicates)
    assert middle.high - middle.low == pytest.approx(plain.high - plain.low, rel=0.01)


def test_log_ends_are_positive_with_equal_ratios(rng):
    got = level(np.array([0.2]), 0.1 * rng.normal(size=(1, 500)), scale="log")
    assert got.low > 0
    assert got.high / 0.2 == pytest.approx(0.2 / got.low)


def test_a_value_on_the_edge_of_its_scale_has_ends_inside(rng):
    got = level(np.array([1.0]), 0.01 * rng.normal(size=(1, 500)), scale="logit")
    assert got.high == 1.0
    assert 0.9 < got.low < 1.0


def test_difference_is_paired_so_shared_noise_cancels(rng):
    noise = rng.normal(size=(1, 3, 400))
    values = rng.normal(size=(1, 3)) * 0.01
    got = difference(values + 0.5, values, noise, noise)
    assert (got.value, got.se) == (pytest.approx(0.5), pytest.approx(0.0, abs=1e-12))


def test_difference_uses_only_the_seeds_both_have(rng):
    values, replicates = simulated(rng, 2, 5)
    other, other_replicates = simulated(rng, 2, 5)
    holes = other.copy()
    holes[1, 2] = np.nan
    keep = [0, 1, 3, 4]
    assert difference(values, holes, replicates, other_replicates) == difference(
        values[:, keep], other[:, keep], replicates[:, keep], other_replicates[:, keep]
    )
    with pytest.raises(Undefined, match="no seed has a value on both sides"):
        difference(values, holes * np.nan, replicates, other_replicates)


def test_a_missing_value_leaves_no_interval(rng):
    values, replicates = simulated(rng, 2, 3)
    values[1, 0] = np.nan
    with pytest.raises(Undefined, match="1 of 6 values are missing, first: cell 1, seed 0"):
        level_over_cells(values, replicates)


def test_one_replicate_is_refused():
    with pytest.raises(SpecError, match="at least 2; got 1"):
        level(np.array([0.5]), np.zeros((1, 1)))


def test_spread_over_cells_follows_welch_by_hand():
    # Two cells, seeds (0, 1, 2) and (0, 0, 3): s² = 1 and 3, S = 3, M = 2.
    # w = (1 + 3)/(4·3) = 1/3; df = 2·(1 + 3)²/(1 + 9) = 3.2.
    values = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0]])
    got = spread(values, np.zeros((2, 3, 5)))
    assert (got.total, got.shared, got.seeds) == (0.0, 0.0, 3)
    assert (got.seed, got.seed_df) == pytest.approx((1 / 3, 3.2))
    # No test-set part, so all of the variance is Student's.
    assert got.critical(0.975) == pytest.approx(stats.t.ppf(0.975, 3.2))


def test_what_the_replicates_know_counts_with_the_normal_quantile():
    # V_t = 1, V_c + w = 0.5 + 1.5 = 2: half of V is known from replicates, half from two seeds' df.
    half = Spread(total=1.0, shared=0.5, seed=1.5, seed_df=2.0, seeds=3)
    expected = (stats.norm.ppf(0.975) + stats.t.ppf(0.975, 2)) / 2
    assert half.critical(0.975) == pytest.approx(expected)
    known = Spread(total=2.0, shared=0.5, seed=1.5, seed_df=2.0, seeds=3)
    assert known.critical(0.975) == pytest.approx(stats.norm.ppf(0.975))


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(
    "parts", [(1.0, 0.0, 1.0), (0.1, 0.0, 1.0), (0.1, 1.0, 0.1), (1.0, 1.0, 1.0)]
)
def test_intervals_of_a_difference_cover_in_every_regime(seeds, parts):
    # Fixed seed; 20,000 draws have a standard error of 0.15 points.
    shared, interaction, seed = parts
    rng, n = np.random.default_rng(7), 20_000
    gaps = rng.normal(0, shared**0.5, n) + rng.normal(0, ((interaction + seed) / seeds) ** 0.5, n)
    squares = (interaction + seed) * rng.chisquare(seeds - 1, n) / (seeds - 1) / seeds
    held = [
        abs(gap) <= Spread(shared + interaction / seeds, shared, w, seeds - 1.0, seeds).reach(0.975)
        for gap, w in zip(gaps, squares, strict=True)
    ]
    assert 0.93 <= np.mean(held) <= 0.975


def test_seeds_that_move_against_each_other_share_no_variance_and_take_none_away():
    z = np.random.default_rng(0).normal(size=50)
    found = spread(np.array([[0.1, 0.2, 0.4]]), np.stack([z, -z, np.zeros(50)])[None])
    assert found.shared == 0 and found.total == pytest.approx(0, abs=1e-30)
    assert found.variance == found.seed == pytest.approx(np.var([0.1, 0.2, 0.4], ddof=1) / 3)


def test_an_interval_over_seeds_alone_is_students():
    values = np.array([0.5, 0.6, 0.8, 0.9])
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    found = over_seeds(values)
    assert (found.value, found.low, found.high) == pytest.approx((0.7, low, high), abs=1e-9)
