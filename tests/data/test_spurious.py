"""Spurious correlation: the attribute agrees as often as asked, and groups are scored by hand."""

import numpy as np
import pytest

from harness.data.spurious import group_accuracies, plant, subgroup_gap, worst_group_accuracy
from harness.errors import SpecError, Undefined
from harness.streams import stream

LABELS = np.repeat(np.arange(10), 1000)


def _planted(correlation, images=None):
    images = np.zeros((len(LABELS), 28, 28, 1), np.uint8) if images is None else images
    return plant(images, LABELS, 10, correlation, stream("t", 0, "corrupt"))


@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.95])
def test_the_attribute_agrees_with_the_label_as_often_as_asked(correlation):
    planted = _planted(correlation)
    sigma = np.sqrt(correlation * (1 - correlation) / len(LABELS))
    assert abs((planted.attributes == LABELS).mean() - correlation) < 4 * sigma
    assert np.array_equal(planted.groups, LABELS * 10 + planted.attributes)
    disagreeing = planted.attributes[(planted.attributes != LABELS) & (LABELS == 3)]
    assert set(disagreeing) == set(range(10)) - {3}


def test_the_square_alone_tells_the_attribute_and_nothing_else_changes(rng):
    images = rng.integers(0, 200, (len(LABELS), 28, 28, 1), dtype=np.uint8)
    planted = _planted(1.0, images)
    first = planted.images[LABELS == 4][0, ..., 0]
    assert (first[0:4, 20:24] == 255).all()  # five places of 5 pixels: the fifth begins at 20
    assert np.array_equal(planted.images[:, 8:20], images[:, 8:20])
    squares = [planted.images[k == LABELS].min(axis=0)[..., 0] == 255 for k in range(10)]
    assert len({square.tobytes() for square in squares}) == 10


def test_groups_are_scored_by_hand():
    correct = np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)
    groups = np.array([0, 0, 0, 2, 2, 2, 3])
    assert group_accuracies(correct, groups, 4)[[0, 2, 3]].tolist() == [2 / 3, 1 / 3, 1.0]
    assert np.isnan(group_accuracies(correct, groups, 4)[1])
    assert worst_group_accuracy(correct, groups) == 1 / 3
    assert subgroup_gap(correct, groups) == pytest.approx(2 / 3)
    assert subgroup_gap(correct, groups, at_least=2) == pytest.approx(1 / 3)
    with pytest.raises(Undefined, match="no group has 4 images"):
        worst_group_accuracy(correct, groups, at_least=4)


def test_bad_requests_get_a_sentence():
    with pytest.raises(SpecError, match=r"\[0.1, 1\], 1/C being chance; got 0.05"):
        _planted(0.05)
    with pytest.raises(SpecError, match="wide enough for 5 places of two pixels; got 8"):
        plant(np.zeros((10000, 8, 8, 1), np.uint8), LABELS, 10, 0.9, stream("t", 0, "corrupt"))
