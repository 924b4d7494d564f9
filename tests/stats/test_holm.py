"""Holm's method is the closed test of all subsets by Bonferroni, which is slow and plain."""

from itertools import combinations

import numpy as np
import pytest

from harness.errors import SpecError
from harness.stats.holm import holm


def closed(p):
    """Return each p-value's largest Bonferroni p over all sets of questions that it is part of."""
    places = range(len(p))
    sets = [s for size in range(1, len(p) + 1) for s in combinations(places, size)]
    return [
        max(min(1.0, len(s) * min(p[j] for j in s)) for s in sets if place in s) for place in places
    ]


def test_it_is_the_closed_test_of_all_subsets():
    rng = np.random.default_rng(0)
    for size in range(1, 8):
        p = rng.beta(0.4, 3, size=size).round(2).tolist()
        np.testing.assert_allclose(holm(p), closed(p), rtol=1e-12)


def test_one_question_is_as_it_is_none_is_none_and_no_chance_is_refused():
    assert holm([0.2]).tolist() == [0.2]
    assert holm([]).tolist() == []
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(SpecError, match="p-values"):
            holm([0.1, wrong])
