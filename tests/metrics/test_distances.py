"""How far off wrong classes are: loops over images, trees by hand."""

import numpy as np
import pytest

from harness.errors import PredictionsError, Undefined
from harness.metrics.distances import hierarchical_error, macro_absolute_error
from harness.metrics.engine.outputs import Outputs
from harness.metrics.measure import measure_structure

# Six leaves in three pairs, two pairs in one half, the third alone in the other.
TREE = np.array([[0, 0], [0, 0], [1, 0], [1, 0], [2, 1], [2, 1]])


def _reference_height(a, b, tree):
    """Walk up from both leaves until they meet; the root is above all levels."""
    if a == b:
        return 0.0
    for level in range(tree.shape[1]):
        if tree[a, level] == tree[b, level]:
            return (level + 1) / (tree.shape[1] + 1)
    return 1.0


def test_macro_mae_equals_the_loop(rng):
    y, pred = rng.choice([0, 1, 3], size=100, p=[0.7, 0.2, 0.1]), rng.integers(0, 5, size=100)
    each = [
        np.mean([abs(p - t) for t, p in zip(y, pred, strict=True) if t == k]) for k in (0, 1, 3)
    ]
    assert macro_absolute_error(y, pred) == pytest.approx(np.mean(each), abs=1e-12)


def test_imbalanced_learn_has_the_same_macro_mae_where_every_class_has_images(rng):
    y, pred = rng.integers(0, 4, size=100), rng.integers(0, 4, size=100)
    imblearn = pytest.importorskip("imblearn.metrics")
    theirs = imblearn.macro_averaged_mean_absolute_error(y, pred)
    assert macro_absolute_error(y, pred) == pytest.approx(theirs, abs=1e-12)


def test_class_weights_do_not_move_macro_mae(rng):
    y, pred = rng.integers(0, 4, size=60), rng.integers(0, 4, size=60)
    heavy = np.array([5.0, 1.0, 0.5, 2.0])[y]
    plain = macro_absolute_error(y, pred)
    assert macro_absolute_error(y, pred, weights=heavy) == pytest.approx(plain, abs=1e-12)


def test_hierarchical_error_equals_walking_up(rng):
    y, pred = rng.integers(0, 6, size=100), rng.integers(0, 6, size=100)
    heights = [_reference_height(t, p, TREE) for t, p in zip(y, pred, strict=True)]
    found = hierarchical_error(y, pred, hierarchy=TREE)
    assert found == pytest.approx(np.mean(heights), abs=1e-12)
    w = rng.integers(0, 3, size=100).astype(float)
    weighted = hierarchical_error(y, pred, hierarchy=TREE, weights=w)
    assert weighted == pytest.approx(np.average(heights, weights=w), abs=1e-12)


def test_hierarchical_error_by_hand():
    # Right, right, a mistake within the superclass (1 of 2 levels up) and one across: 1.5/4.
    y, pred = np.array([0, 1, 0, 2]), np.array([0, 1, 1, 0])
    superclass = np.array([[0], [0], [1]])
    assert hierarchical_error(y, pred, hierarchy=superclass) == 0.375


def test_a_hierarchy_with_holes_or_crossings_is_undefined():
    y = np.array([0, 1, 2])
    with pytest.raises(Undefined, match="covers 2 of 3 classes"):
        hierarchical_error(y, y, hierarchy=np.array([[0], [0], [-1]]))
    with pytest.raises(Undefined, match="not a tree: level 1 splits one below it"):
        hierarchical_error(y, y, hierarchy=np.array([[0, 0], [0, 1], [1, 1]]))
    with pytest.raises(PredictionsError, match="y_pred must be in 0 … 2"):
        hierarchical_error(y, np.array([0, 1, 3]), hierarchy=np.array([[0], [0], [1]]))


def test_distances_are_measured_where_the_classes_have_them():
    outputs = Outputs.from_logits(np.array([0, 1, 2]), np.eye(3))
    assert measure_structure(outputs, False, None) == {}
    short = measure_structure(outputs, True, np.array([[0], [0]]))
    assert short["macro_mae"].value == 0.0
    assert short["hierarchical_error"].reason == "the hierarchy covers 2 of 3 classes"
