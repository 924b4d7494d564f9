"""Groups of classes: published counts, ties by index, reasons for what is empty."""

import numpy as np
import pytest

from harness.errors import SpecError, Undefined
from harness.metrics.engine.outputs import Outputs
from harness.metrics.groups import (
    CONFUSED,
    GROUPS,
    class_groups,
    group_confusion,
    group_recall_of,
)
from harness.metrics.measure import measure


def exponential(n_max, c, factor):
    return np.array([int(n_max * factor ** (-k / (c - 1)) + 1e-9) for k in range(c)])


def sizes(groups):
    return [0 if isinstance(g, str) else int(g.sum()) for g in groups.values()]


def test_cifar100_lt_100_has_35_35_30_classes():
    assert sizes(class_groups(exponential(500, 100, 100), "shots")) == [35, 35, 30]


def test_cifar10_lt_100_has_8_2_0_classes_and_says_why_few_is_none():
    groups = class_groups(exponential(5000, 10, 100), "shots")
    assert sizes(groups) == [8, 2, 0]
    assert groups["few"] == "no class has fewer than 20 training images"


def test_the_edges_of_medium_belong_to_it():
    groups = class_groups(np.array([101, 100, 20, 19]), "shots")
    assert groups["medium"].tolist() == [False, True, True, False]


@pytest.mark.parametrize(("c", "expected"), [(10, [4, 2, 4]), (9, [3, 3, 3]), (8, [3, 2, 3])])
def test_terciles_round_head_and_tail_up(c, expected):
    assert sizes(class_groups(np.arange(c, 0, -1) * 10, "terciles")) == expected


def test_terciles_follow_the_counts_and_ties_the_index():
    groups = class_groups(np.array([5, 9, 5, 9, 1, 5]), "terciles")
    assert np.flatnonzero(groups["head"]).tolist() == [1, 3]
    assert np.flatnonzero(groups["body"]).tolist() == [0, 2]
    assert np.flatnonzero(groups["tail"]).tolist() == [4, 5]


def test_terciles_of_balanced_classes_are_none_with_the_factor():
    groups = class_groups(np.array([100, 80, 70]), "terciles")
    assert set(groups.values()) == {
        "the classes are nearly balanced (imbalance factor 1.43, groups need 1.5)"
    }
    assert not isinstance(class_groups(np.array([105, 80, 70]), "terciles")["head"], str)


def test_an_absent_training_class_is_the_rarest():
    groups = class_groups(np.array([10, 0, 9, 8]), "terciles")
    assert groups["tail"][1]


def test_two_classes_leave_no_body():
    groups = class_groups(np.array([10, 5]), "terciles")
    assert groups["body"] == "2 classes leave no body"


def test_every_class_is_in_exactly_one_group(rng):
    counts = rng.integers(1, 400, size=57)
    for scheme, names in GROUPS.items():
        groups = class_groups(counts, scheme)
        assert tuple(groups) == names
        masks = [g for g in groups.values() if not isinstance(g, str)]
        assert np.sum(masks, axis=0).tolist() == [1] * 57


def test_another_scheme_is_refused():
    function = getattr(class_groups, "__wrapped__", class_groups)
    with pytest.raises(SpecError, match="'shots' or 'terciles'; got 'thirds'"):
        function(np.array([3, 2]), "thirds")


def test_a_class_without_test_images_counts_in_no_groups_mean():
    confusion = np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 2.0, 2.0]])
    assert group_recall_of(confusion, np.array([True, True, True])) == (0.75 + 0.5) / 2
    with pytest.raises(Undefined, match="no class of the group has test images"):
        group_recall_of(confusion, np.array([False, True, False]))


def test_what_rare_classes_are_taken_for_by_hand():
    # class 2 (rare): 1 of 4 as class 0, 2 as class 1, 1 right; class 3 (rare): 1 of 2 as class 0
    y_true = np.array([0, 1, 2, 2, 2, 2, 3, 3])
    y_pred = np.array([2, 3, 0, 1, 1, 2, 0, 3])
    rare, frequent = np.array([False, False, True, True]), np.array([True, False, False, False])
    assert group_confusion(y_true, y_pred, rare=rare, frequent=frequent) == (1 / 4 + 1 / 2) / 2
    both = np.array([True, True, False, False])
    assert group_confusion(y_true, y_pred, rare=rare, frequent=both) == (3 / 4 + 1 / 2) / 2


@pytest.mark.parametrize("scheme", GROUPS)
def test_what_rare_classes_are_taken_for_is_what_a_loop_counts(rng, scheme):
    counts = np.array([400, 300, 60, 30, 12, 5])
    groups = class_groups(counts, scheme)
    y, logits = rng.integers(0, 5, size=300), rng.normal(size=(300, 6))  # class 5 has no image
    key = next(k for k, pair in CONFUSED.items() if pair[0] in GROUPS[scheme])
    found = measure(Outputs.from_logits(y, logits), [key], groups=groups)[key].value
    assert found == pytest.approx(
        taken_for(y, logits.argmax(axis=1), *(groups[name] for name in CONFUSED[key])), abs=1e-12
    )


def taken_for(y_true, y_pred, rare, frequent):
    """Image by image, class by class."""
    shares = []
    for k in np.flatnonzero(rare):
        images = [i for i in range(len(y_true)) if y_true[i] == k]
        if images:
            taken = [i for i in images if frequent[y_pred[i]]]
            shares.append(len(taken) / len(images))
    return sum(shares) / len(shares)


def test_rare_classes_without_test_images_are_taken_for_nothing():
    rare, frequent = np.array([False, True]), np.array([True, False])
    with pytest.raises(Undefined, match="no class of the group has test images"):
        group_confusion(np.array([0, 0]), np.array([0, 1]), rare=rare, frequent=frequent)
