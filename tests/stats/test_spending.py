"""Looks after each seed: their shares, and that a gate that takes them seldom cries wolf."""

import numpy as np
import pytest

from harness.errors import SpecError
from harness.rankings.regress import state_of
from harness.stats.intervals import LEVEL, around
from harness.stats.spending import ERROR, Looks
from harness.stats.spread import MIN_SEEDS, spread


@pytest.mark.parametrize("most", [3, 4, 20, 400])
def test_the_shares_of_all_looks_add_up_to_the_whole_error(most):
    looks = Looks(most)
    assert sum(looks.share(s) for s in range(MIN_SEEDS, most + 1)) == pytest.approx(1)
    spent = sum(2 * (1 - looks.upper(s)) for s in range(MIN_SEEDS, most + 1))
    assert spent == pytest.approx(ERROR)


def test_one_look_is_the_gate_without_looks():
    assert Looks(3).upper(3) == pytest.approx(LEVEL)


@pytest.mark.parametrize("most", [2, 0, -1])
def test_fewer_seeds_than_show_a_spread_are_refused(most):
    with pytest.raises(SpecError, match="--max-seeds must be at least 3"):
        Looks(most)


@pytest.mark.parametrize("seeds", [2, 21])
def test_a_look_outside_the_plan_is_refused(seeds):
    with pytest.raises(SpecError, match="after 3 to 20 seeds"):
        Looks(20).share(seeds)


def test_equal_entries_are_seldom_called_worse_over_all_looks_and_often_without_the_plan(rng):
    looks, pairs, alarms = Looks(12), 400, {"planned": 0, "naive": 0}
    moved = np.zeros((1, 12, 2))
    moved[..., 1] = 1e-9  # seeds alone decide
    for _ in range(pairs):
        gaps = rng.normal(0, 0.05, (1, 12))  # so wide that the margin rarely passes
        for kind in alarms:
            for s in range(MIN_SEEDS, 13):
                upper = looks.upper(s) if kind == "planned" else LEVEL
                found = around(float(gaps[:, :s].mean()), spread(gaps[:, :s], moved[:, :s]),
                               upper=upper)  # fmt: skip
                if state_of(found, 0.0005) != "cannot tell":
                    alarms[kind] += state_of(found, 0.0005) == "regression"
                    break
    assert alarms["planned"] / pairs <= ERROR < alarms["naive"] / pairs
