"""How many seeds a difference needs, from the spread of pairs."""

import pytest

from harness.errors import SpecError, UnknownNameError
from harness.rankings.power import plan_power
from tests.rankings.test_ranking import rows
from tests.runs.synthetic import CELLS, recorded

FIELD = [recorded(name, 0.8, spread=0.05) for name in ("a", "b", "c", "d")]


def test_a_smaller_difference_needs_more_seeds():
    wide, narrow = (plan_power(rows(*FIELD), d)[0] for d in (0.2, 0.02))
    assert wide.seeds is not None and narrow.seeds is not None
    assert 3 <= wide.seeds < narrow.seeds


def test_the_mean_over_cells_comes_first_and_then_each_cell():
    found = plan_power(rows(*FIELD), 0.1)
    assert [row.cell for row in found] == [None, *CELLS]
    assert {row.pairs for row in found} == {6}


def test_one_named_row_is_paired_with_all_others():
    assert plan_power(rows(*FIELD), 0.1, names=["a"])[0].pairs == 3
    assert plan_power(rows(*FIELD), 0.1, names=["a", "b"])[0].pairs == 1


def test_most_pairs_need_at_least_what_the_median_needs():
    row = plan_power(rows(*FIELD), 0.02)[0]
    assert row.most_seeds is None or row.most_seeds >= row.seeds


def test_nearly_perfect_entries_do_not_promise_that_all_is_seen():
    # No image is wrong, so no replicate moves: the plan falls back on the number of images.
    import numpy as np

    from harness.records.records import Recorded

    perfect = []
    for name in ("a", "b"):
        made = recorded(name, 1.0, spread=0.0)
        sizes = np.full((2, 3, 4), 10, dtype=np.int32)
        details = {
            "detail/base/test_counts": sizes,
            "detail/base/recall": np.ones((2, 3, 4), dtype=np.float32),
        }
        perfect.append(Recorded(made.record, None, {**made.arrays, **details}))
    row = plan_power(rows(*perfect), 0.01)[0]
    assert row.seeds is None
    assert row.detectable > 0.05


@pytest.mark.parametrize("detect", [0.0, -0.1, float("nan")])
def test_a_difference_that_is_none_is_refused(detect):
    with pytest.raises(SpecError, match="must be above 0"):
        plan_power(rows(*FIELD), detect)


def test_two_seeds_are_no_spread():
    with pytest.raises(SpecError, match="with 3 seeds"):
        plan_power(rows(recorded("a", 0.8, seeds=2), recorded("b", 0.8, seeds=2)), 0.1)


def test_a_row_that_does_not_exist_is_refused():
    with pytest.raises(UnknownNameError, match="nobody"):
        plan_power(rows(*FIELD), 0.1, names=["nobody"])
