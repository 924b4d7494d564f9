"""Linear separability: half without information, one with a gap, never fitted on what it scores."""

import pytest

from harness.data.familiar import linear_separability
from harness.errors import Undefined


def test_shifted_features_are_separated_and_equal_ones_are_not(rng):
    same = rng.normal(size=(400, 8))
    assert linear_separability(same, rng.normal(size=(300, 8)), key="k") == pytest.approx(
        0.5, abs=0.06
    )
    assert linear_separability(same, rng.normal(size=(300, 8)) + 4, key="k") > 0.999


def test_the_number_is_that_of_the_normal_distribution(rng):
    # one informative feature, shifted by 1: AUROC = Phi(1/sqrt 2) = 0.7602
    id_, ood = rng.normal(size=(4000, 1)), rng.normal(size=(4000, 1)) + 1
    assert linear_separability(id_, ood, key="k") == pytest.approx(0.7602, abs=0.015)


def test_more_features_than_rows_do_not_separate_noise(rng):
    # fitted on what it scores, a line through 200 dimensions would separate 60 points perfectly
    found = linear_separability(rng.normal(size=(30, 200)), rng.normal(size=(30, 200)), key="k")
    assert found < 0.8


def test_the_same_key_gives_the_same_number(rng):
    id_, ood = rng.normal(size=(50, 3)), rng.normal(size=(40, 3)) + 0.5
    one, again = (linear_separability(id_, ood, key="k") for _ in range(2))
    assert one == again != linear_separability(id_, ood, key="other")


def test_too_few_rows_have_no_value(rng):
    with pytest.raises(Undefined, match="fewer than 5 rows on one side"):
        linear_separability(rng.normal(size=(4, 2)), rng.normal(size=(9, 2)), key="k")
