"""Imbalance profiles: the published counts, and their edges."""

import numpy as np
import pytest

from harness.data.splits.imbalance import class_counts, realised_imbalance_factor
from harness.errors import SpecError
from harness.metrics.groups import class_groups
from harness.streams import Stream
from harness.types import SplitSpec

C10, C100 = np.full(10, 5000), np.full(100, 500)


def counts(available=C10, **fields) -> np.ndarray:
    return class_counts(SplitSpec("c", **fields), np.asarray(available), Stream("order"))


SHOTS = [
    (C10, 10, 20431, 500, (10, 0, 0)),
    (C10, 50, 13996, 100, (9, 1, 0)),
    (C10, 100, 12406, 50, (8, 2, 0)),
    (C10, 200, 11203, 25, (7, 3, 0)),
    (C100, 10, 19573, 50, (69, 31, 0)),
    (C100, 50, 12608, 10, (41, 41, 18)),
    (C100, 100, 10847, 5, (35, 35, 30)),
    (C100, 200, 9502, 2, (30, 31, 39)),
]


@pytest.mark.parametrize(("available", "factor", "total", "smallest", "groups"), SHOTS)
def test_long_tailed_cifar_has_the_published_totals_and_shot_groups(
    available, factor, total, smallest, groups
):
    made = counts(available, imbalance="exp", imbalance_factor=float(factor))
    assert (made.sum(), made.min()) == (total, smallest)
    found = class_groups(made, "shots")
    masks = [found[group] for group in ("many", "medium", "few")]
    sizes = [0 if isinstance(mask, str) else int(mask.sum()) for mask in masks]
    assert tuple(sizes) == groups


def test_imbalance_200_of_cifar100_is_really_250():
    made = counts(C100, imbalance="exp", imbalance_factor=200.0)
    assert realised_imbalance_factor(made) == 250
    assert realised_imbalance_factor(np.array([3, 0])) is None


def test_exponential_counts_survive_the_rounding_that_loses_an_image():
    for factor in (2.0, 5.0, 10.0, 50.0, 100.0):
        made = counts(imbalance="exp", imbalance_factor=factor)
        assert made[0] == 5000 and made[-1] == 5000 / factor


def test_the_head_is_as_large_as_the_smallest_class_allows():
    available = [9, 7, 8]
    assert counts(available).tolist() == [7, 7, 7]
    assert counts(available, imbalance="natural").tolist() == available
    assert counts(available, imbalance="exp", imbalance_factor=7.0).tolist() == [7, 2, 1]


def test_step_makes_the_last_half_or_share_rare():
    made = counts(imbalance="step", imbalance_factor=100.0)
    assert made.tolist() == [5000] * 5 + [50] * 5
    made = counts(imbalance="step", imbalance_factor=10.0, minority_share=0.2)
    assert made.tolist() == [5000] * 8 + [500] * 2
    assert counts([6] * 5, imbalance="step", imbalance_factor=3.0).tolist() == [6, 6, 6, 2, 2]


@pytest.mark.parametrize(
    ("c", "share", "rare"), [(8, 0.7, 6), (10, 0.25, 3), (10, 0.24, 2), (5, 0.5, 3), (5, 0.1, 1)]
)
def test_the_number_of_rare_classes_is_rounded_half_up(c, share, rare):
    made = counts([60] * c, imbalance="step", imbalance_factor=3.0, minority_share=share)
    assert made.tolist() == [60] * (c - rare) + [20] * rare


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_class_without_an_image_is_refused_whatever_share_is_kept(share):
    with pytest.raises(SpecError, match="leaves no image of class 1. .* factor of at most 6"):
        counts([6, 6], imbalance="exp", imbalance_factor=7.0, train_fraction=share)
    kept = counts([6, 6], imbalance="exp", imbalance_factor=6.0, train_fraction=share)
    assert kept.tolist() == [int(6 * share), 1]
    assert counts([6, 6], imbalance="balanced", train_fraction=0.01).tolist() == [1, 1]


def test_linear_falls_by_equal_steps():
    made = counts(imbalance="linear", imbalance_factor=10.0)
    assert made[0] == 5000 and made[-1] == 500 and set(np.diff(made)) == {-500}


def test_pareto_is_steeper_than_exponential_at_the_head_and_ends_at_the_minimum():
    made = counts(np.full(1000, 1280), imbalance="pareto", imbalance_factor=256.0, alpha=6.0)
    assert (made[0], made[-1]) == (1280, 5)
    assert np.all(np.diff(made) <= 0)
    assert 100_000 < made.sum() < 200_000  # ImageNet-LT, drawn from such a law, has 115,846
    with pytest.raises(SpecError, match="needs the shape of its tail"):
        counts(imbalance="pareto", imbalance_factor=100.0)


def test_binary_ratio_keeps_the_larger_class_whole():
    assert counts([357, 212], imbalance="ratio", imbalance_factor=10.0).tolist() == [357, 35]
    with pytest.raises(SpecError, match="for two classes; this data set has 10"):
        counts(imbalance="ratio", imbalance_factor=10.0)


def test_listed_counts_are_taken_as_they_are():
    assert counts([9, 9, 9], imbalance="counts", counts=(9, 1, 4)).tolist() == [9, 1, 4]
    with pytest.raises(SpecError, match="one number for each of the 3 classes; got 2"):
        counts([9, 9, 9], imbalance="counts", counts=(9, 1))


def test_fractions_are_stratified_and_leave_every_class_an_image():
    made = counts(imbalance="exp", imbalance_factor=100.0, train_fraction=0.01)
    whole = counts(imbalance="exp", imbalance_factor=100.0)
    assert made.tolist() == [max(1, int(0.01 * n + 0.5)) for n in whole]
