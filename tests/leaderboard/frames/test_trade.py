"""The front of a trade-off: found by sorting, held against the definition."""

import numpy as np
import pandas as pd
import pytest

from leaderboard.frames.trade import rises, with_front

KEYS = ("test/balanced_accuracy", "test/nll", "cost/parameters", "cost/inputs_per_second")


@pytest.mark.parametrize("x", KEYS)
@pytest.mark.parametrize("y", KEYS)
def test_the_front_is_what_no_other_row_beats_in_both(rng, x, y):
    values = rng.integers(0, 6, (40, 2)).astype(float)  # with many equal ones
    frame = with_front(pd.DataFrame(values, columns=["x", "y"]), x, y)
    if x == y:
        assert not frame["front"].any()
        return
    good = values * [1 if rises(key) else -1 for key in (x, y)]
    beaten = [any((b >= a).all() and (b > a).any() for b in good) for a in good]
    np.testing.assert_array_equal(frame["front"], ~np.array(beaten))


def test_a_metric_without_a_better_side_has_no_front():
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    assert not with_front(frame, "test/ece_null", "test/nll")["front"].any()


def test_costs_fall_but_for_speed():
    assert [rises(key) for key in KEYS] == [True, False, False, True]
