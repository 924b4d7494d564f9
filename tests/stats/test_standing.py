import numpy as np
import pytest

from harness.errors import SpecError, Undefined
from harness.stats.moderation import Moderated, field_variances, fit_prior, moderate
from harness.stats.pairs import differing, products
from harness.stats.standing import stand, stand_summaries, summarise
from tests.stats.references_stats import reference_differ, reference_limma


def field(rng, entries, cells=1, seeds=3, *, true=None, size=300, test=1.0, seed=1.0):
    """Entries with known true values; test-set noise in part shared by all."""
    true = np.zeros(entries) if true is None else np.asarray(true)
    common, own = rng.normal(size=size + 1), rng.normal(size=(entries, size + 1))
    noise = test * (common + own)
    values = true[:, None, None] + noise[:, :1, None]
    values = values + seed * rng.normal(size=(entries, cells, seeds))
    replicates = np.broadcast_to(noise[:, None, None, 1:], (entries, cells, seeds, size))
    return values, replicates


def names(entries):
    return [f"e{i:02d}" for i in range(entries)]


@pytest.mark.parametrize("entries", [2, 3, 8])
def test_decisions_equal_the_formulas_written_as_loops(rng, entries):
    for _ in range(5):
        values, replicates = field(
            rng, entries, true=rng.normal(size=entries) * 6, size=60, seed=rng.uniform(0.2, 2)
        )
        streams = replicates[:, 0] + 0.3 * rng.normal(size=replicates[:, 0].shape)
        expected = reference_differ(values[:, 0].tolist(), streams.tolist())
        np.testing.assert_array_equal(differing(values, streams), expected)


def test_decisions_beside_outlying_entries_equal_the_formulas(rng):
    # Two entries vary 12 times as much; the last varies somewhat, and could be a third of them.
    told = stopped = 0
    for _ in range(5):
        values = rng.normal(size=(12, 3)) * np.array([12, 12, *[1] * 9, 2.5])[:, None]
        values[-4:] += 15 + rng.normal(size=(4, 1))
        streams = 0.6 * np.repeat(rng.normal(size=(12, 1, 40)), 3, axis=1)
        expected = reference_differ(values.tolist(), streams.tolist())
        np.testing.assert_array_equal(differing(values[:, None], streams), expected)
        told += expected[-4:, 2:-4].sum()
        stopped += (~expected[-4:, 2:-4]).sum()
    assert told > 0
    assert stopped > 0


def test_decisions_in_blocks_are_the_same(rng, monkeypatch):
    values, replicates = field(rng, 11, true=np.arange(11) * 5.0)
    whole = differing(values, replicates[:, 0])
    monkeypatch.setattr("harness.stats.pairs.ROWS_AT_ONCE", 3)
    np.testing.assert_array_equal(differing(values, replicates[:, 0]), whole)
    np.testing.assert_array_equal(whole, whole.T)


def test_decisions_of_the_loop_go_both_ways(rng):
    # Else the test above could not fail.
    values, replicates = field(rng, 8, true=np.arange(8) * 6, size=60)
    decided = differing(values, replicates[:, 0])
    assert 0 < decided.sum() < 8 * 7


def test_pair_variances_equal_those_of_the_differences(rng):
    streams = rng.normal(size=(4, 3, 50)) + rng.normal(size=(4, 1, 50))
    total, shared = products(streams).variances(slice(1, 2))
    gaps = streams[1] - streams[3]
    covariance = np.cov(gaps)
    assert total[0, 2] == pytest.approx(np.var(gaps.mean(axis=0), ddof=1))
    assert shared[0, 2] == pytest.approx(max(0, covariance[~np.eye(3, dtype=bool)].mean()))


def test_equal_replicates_have_no_variance_between_them(rng):
    streams = np.repeat(1e3 + rng.normal(size=(1, 3, 100)), 2, axis=0)
    assert products(streams).variances(slice(0, 1))[0][0, 1] == 0


def test_twenty_equal_entries_are_one_class(rng):
    values, replicates = field(rng, 20)
    rows = stand(names(20), values, replicates, higher_is_better=True)
    assert {row.tie_class for row in rows} == {1}
    assert {(row.rank_low, row.rank_high) for row in rows} == {(1, 20)}


def test_an_entry_far_ahead_stands_alone_in_its_class(rng):
    values, replicates = field(rng, 60, true=[100] + [0] * 59)
    rows = stand(names(60), values, replicates, higher_is_better=True)
    assert (rows[0].name, rows[0].rank_low, rows[0].rank_high) == ("e00", 1, 1)
    assert [row.tie_class for row in rows] == [1] + [2] * 59


def test_lower_is_better_turns_the_order_round(rng):
    values, replicates = field(rng, 3, true=[0, 50, 100])
    up = stand(names(3), values, replicates, higher_is_better=True)
    down = stand(names(3), values, replicates, higher_is_better=False)
    assert [row.name for row in up] == [row.name for row in reversed(down)]
    assert [(row.rank_low, row.rank_high) for row in down] == [(1, 1), (2, 2), (3, 3)]


def test_rank_intervals_never_contradict_classes(rng):
    values, replicates = field(rng, 12, true=np.repeat([0, 7, 20], 4))
    rows = stand(names(12), values, replicates, higher_is_better=True)
    anchors = {}
    for row in rows:
        anchor = anchors.setdefault(row.tie_class, row)
        assert row.rank_low <= anchor.position  # not significantly worse than its anchor
        assert row.rank_low <= row.position <= row.rank_high


def test_a_class_runs_contiguously_and_nothing_returns(rng):
    # The middle entry has a huge replicate spread: it differs from nobody, and still the class
    # that ends before it cannot take later entries back.
    values = np.repeat(np.array([[[3.0]], [[2.0]], [[1.0]], [[0.0]]]), 3, axis=2)
    noise = rng.normal(size=(4, 1, 1, 400)) * np.array([0.01, 0.01, 5.0, 0.01])[:, None, None, None]
    rows = stand(names(4), values, np.repeat(noise, 3, axis=2), higher_is_better=True)
    assert [row.tie_class for row in rows] == [1, 2, 2, 3]


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_than_three_seeds_rows_go_by_value_and_are_not_classed(rng, seeds):
    values, replicates = field(rng, 4, seeds=seeds, true=np.arange(4) * 50.0)
    rows = stand(names(4), values, replicates, higher_is_better=True)
    assert [row.name for row in rows] == ["e03", "e02", "e01", "e00"]
    assert {(row.tie_class, row.rank_low, row.rank_high) for row in rows} == {(None, None, None)}


def test_deterministic_entries_are_classed_with_one_seed(rng):
    values, replicates = field(rng, 3, seeds=1, true=[0.0, 50.0, 100.0])
    field_ = [summarise(name, v, r, deterministic=name != "e01")
              for name, v, r in zip(names(3), values, replicates, strict=True)]  # fmt: skip
    rows = stand_summaries(field_, higher_is_better=True)
    assert [(row.name, row.tie_class) for row in rows] == [("e02", 1), ("e01", None), ("e00", 2)]


def test_ties_in_value_are_ordered_by_name(rng):
    replicates = np.repeat(rng.normal(size=(2, 1, 1, 50)), 3, axis=2)
    rows = stand(["b", "a"], np.zeros((2, 1, 3)), replicates, higher_is_better=True)
    assert [row.name for row in rows] == ["a", "b"]
    assert rows[1].tie_class == 1


def test_identical_entries_are_tied_even_without_any_spread():
    values = np.full((2, 1, 3), 0.5)
    rows = stand(["a", "b"], values, np.zeros((2, 1, 3, 10)), higher_is_better=True)
    assert [row.tie_class for row in rows] == [1, 1]


def test_one_entry_ranks_first(rng):
    values, replicates = field(rng, 1, seeds=3)
    (row,) = stand(["a"], values, replicates, higher_is_better=True)
    assert (row.rank_low, row.rank_high, row.tie_class, row.position) == (1, 1, 1, 1)
    assert stand([], np.zeros((0, 1, 1)), [], higher_is_better=True) == []


def test_stored_float16_replicates_with_sd_give_the_same_rows(rng):
    values, replicates = field(rng, 6, cells=4, true=np.arange(6) * 5.0)
    direct = stand(names(6), values, iter(replicates), higher_is_better=True)
    sd = replicates.std(axis=3)
    stored = (replicates / sd[..., None]).astype(np.float16)
    summaries = [summarise(n, *one[:2], sd=one[2])
                 for n, *one in zip(names(6), values, stored, sd, strict=True)]  # fmt: skip
    again = stand_summaries(summaries, higher_is_better=True)
    for a, b in zip(direct, again, strict=True):
        assert (a.name, a.tie_class, a.rank_low) == (b.name, b.tie_class, b.rank_low)
        assert b.low == pytest.approx(a.low, abs=1e-2)


def test_field_variance_removes_what_a_seed_does_to_all(rng):
    values = rng.normal(size=(10, 2, 3))
    easy_seeds = 100 * rng.normal(size=(1, 2, 3))
    np.testing.assert_allclose(
        field_variances(values + easy_seeds)[0], field_variances(values)[0], rtol=1e-9
    )


def test_field_variance_by_hand():
    # Two entries, one cell: gaps to the mean (1, −1, 0) and its negative; var = 1, times 2/1.
    values = np.array([[[2.0, 0.0, 1.0]], [[0.0, 2.0, 1.0]]])
    variances, df = field_variances(values)
    assert (variances.tolist(), df) == ([2.0, 2.0], 2)


@pytest.mark.parametrize(("df", "true"), [(2.0, 4.0), (6.0, 1.0), (2.0, 200.0)])
def test_limma_prior_equals_a_general_optimiser(rng, df, true):
    # Drawn from the model: s² ~ s0²·F(df, d0) with s0² = 3.
    variances = 3 * (rng.chisquare(df, 300) / df) / (rng.chisquare(true, 300) / true)
    prior, prior_df = fit_prior(variances, df, 20.0)
    expected = reference_limma(variances.tolist(), df, 20.0)
    assert prior == pytest.approx(expected[0], rel=0.01)
    assert prior_df == pytest.approx(expected[1], rel=0.06)  # the values tried are 6 % apart
    assert prior_df == pytest.approx(min(true, 20), rel=0.6)


def test_limma_prior_survives_entries_that_never_vary(rng):
    variances = np.concatenate([rng.chisquare(2, 50) / 2, np.zeros(3)])
    assert np.isfinite(fit_prior(variances, 2.0, 20.0)).all()


TURNS = np.array([[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]])
"""Three entries that vary alike and whose mean is 0 in every seed."""


def test_moderation_by_hand():
    # Three equal variances: d0 goes to its end, K − 2 = 1, and moderation changes nothing.
    found = moderate(TURNS[:, None])
    # Var(1, −½, −½) = ¾, times K/(K − 1) = 3/2.
    np.testing.assert_allclose(found.variances, 9 / 8)
    np.testing.assert_allclose(found.df, 3)


def test_two_entries_lend_each_other_nothing(rng):
    values = rng.normal(size=(2, 1, 3))
    found = moderate(values)
    assert found.df.tolist() == [2, 2]
    np.testing.assert_allclose(found.variances.sum(), (values[0] - values[1]).var(ddof=1))


def test_prior_degrees_of_freedom_stop_at_twenty():
    # 30 entries that vary alike: d = 20 + (S − 1).
    np.testing.assert_allclose(moderate(np.concatenate([TURNS] * 10)[:, None]).df, 22)


def test_an_entry_that_varies_far_more_keeps_its_own_variance(rng):
    values = np.concatenate([rng.normal(size=(19, 1, 3)), 50 * TURNS[:1, None]])
    found = moderate(values)
    assert found.df[-1] == 2
    assert found.variances[-1] > 500
    assert found.df[:-1].min() > 4  # the others lend to each other as if it were not there
    assert found.variances[:-1].max() < 20
    # Its own kind is known; the others are of it the likelier, the more they vary.
    assert found.hidden[-1] == 0
    order = np.argsort(found.variances[:-1])
    assert (np.diff(found.hidden[:-1][order])[-5:] > 0).all()
    assert found.outlying == found.variances[-1]


def test_the_reach_of_a_hidden_entry_by_hand():
    found = Moderated(np.ones(3), np.full(3, 22.0), np.array([0.0, 0.001, 0.04]), 48.0, 2.0)
    # Student's t with 2 degrees of freedom: P(|t| > 4.3027) = 0.05, and 0.04 · 0.05 = 0.002.
    np.testing.assert_allclose(found.reach(0.002, 3), [0, 0, 4 * 4.3026527], rtol=1e-7)


def test_no_entry_is_hidden_where_none_is_outlying(rng):
    found = moderate(np.concatenate([TURNS] * 10)[:, None] + rng.normal(size=(30, 1, 3)) / 10)
    assert not found.hidden.any()
    assert not found.reach(1e-9, 3).any()


def test_entries_that_never_vary_stand_outside_the_moderation(rng):
    moving = rng.normal(size=(10, 1, 3))
    still = np.full((10, 1, 3), 0.5)
    found, alone = moderate(np.concatenate([moving, still])), moderate(moving)
    np.testing.assert_array_equal(found.variances, [*alone.variances, *np.zeros(10)])
    np.testing.assert_array_equal(found.df, [*alone.df, *np.full(10, np.inf)])


@pytest.mark.parametrize(
    ("spreads", "most"),
    [
        ([1.0] * 20, 0.06),
        ([3.0] + [1.0] * 19, 0.06),
        ([3.0] * 4 + [1.0] * 16, 0.06),
        ([12.0] * 2 + [1.0] * 18, 0.06),
        ([0.0] * 10 + [1.0] * 10, 0.06),
        ([3.0] + [1.0] * 4, 0.06),
        ([1.0] * 2, 0.06),
        ([1.0] * 3, 0.06),
    ],
)
def test_equal_entries_of_unequal_spread_are_seldom_told_apart(spreads, most):
    # Fixed seed, 400 fields: a standard error of 1.2 points at 6 %; more in benchmarks/truth.py.
    rng, spreads, split = np.random.default_rng(11), np.array(spreads), 0
    for _ in range(400):
        draws = rng.normal(size=(len(spreads), 1, 301)) * 0.6
        values = draws[:, :, 0] + spreads[:, None] * rng.normal(size=(len(spreads), 3))
        streams = np.repeat(draws[:, :, 1:], 3, axis=1)
        split += differing(values[:, None], streams)[values.mean(axis=1).argmax()].any()
    assert split / 400 <= most + 0.01


def test_names_that_repeat_and_missing_values_are_refused(rng):
    values, replicates = field(rng, 2)
    with pytest.raises(SpecError, match="'a' comes twice"):
        stand(["a", "a"], values, replicates, higher_is_better=True)
    with pytest.raises(Undefined, match="values are missing"):
        stand(["a", "b"], values * np.nan, replicates, higher_is_better=True)
    with pytest.raises(SpecError, match="replicates are of"):
        summarise("a", values[0], replicates[0, :, :2])
