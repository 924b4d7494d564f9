"""BoostIn by hand, by differences, and against labels that are known to be wrong."""

import numpy as np
import pytest
from scipy.special import expit

from baselines.methods.influence import (
    fit_cleaned_boosting,
    influence,
    least_suspicious,
    self_influence,
)
from baselines.methods.tree import fit_hist_gradient_boosting
from harness.data.pools.tables import TableInputs
from harness.metrics.label_errors import label_error_auroc
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData

STUMP = {
    "roots": np.array([0]),
    "depth": np.array(1),
    "feature": np.zeros(3, int),
    "threshold": np.array([0.5, 0, 0]),
    "left": np.array([1, 1, 2]),
    "right": np.array([2, 1, 2]),
    "baseline": np.array([0.0]),
}
"""One split of one column at ½; leaf values are still to be said."""


def noisy(n=240, flipped=0.2, seed=0, classes=2):
    generator = np.random.default_rng(seed)
    clean = generator.integers(0, classes, n)
    rows = generator.normal(0, 1, (n, 4)).astype(np.float32)
    rows[:, 0] += 4 * clean
    wrong = generator.random(n) < flipped
    observed = np.where(wrong, (clean + 1) % classes, clean)
    return TrainingData(ArrayInputs(rows), observed, classes), wrong, clean


def boosted(train, **overrides):
    method = fit_hist_gradient_boosting
    model = method(train, FitContext(method.configure(overrides), seed=0))
    return model, model.state()


def test_influence_by_hand():
    """From score 0 every row has g = ½ − y and h = ¼; θ of a leaf of classes 0, 0, 1 is −⅔."""
    rows, labels = np.zeros((3, 1), "f4"), np.array([0, 0, 1])
    theta = -(0.5 + 0.5 - 0.5) / 0.75
    arrays = STUMP | {"value": np.array([0, 0.1 * theta, 0.7])}
    tested = np.array([[0.0], [1.0]], "f4")
    found = influence(rows, labels, tested, np.array([1, 1]), arrays, rate=0.1)
    # rate · g_t · (g_i + θ/4) / ¾, with g_t = −½; the other leaf has no training row
    expected = [0.1 * -0.5 * (g + theta / 4) / 0.75 for g in (0.5, 0.5, -0.5)]
    np.testing.assert_allclose(found[:, 0], expected)
    assert (found[:, 1] == 0).all()
    own = self_influence(rows, labels, arrays, rate=0.1)
    np.testing.assert_allclose(own, np.array(expected) * [0.5, 0.5, -0.5] / -0.5)


def test_of_one_tree_influence_is_the_derivative_of_the_loss_in_a_rows_weight():
    rows = np.array([[0.0], [0.1], [0.2], [0.9], [1.0]], "f4")
    labels, rate, l2 = np.array([0, 1, 0, 1, 1]), 0.3, 0.5

    def values(weights):
        slope, bend = weights * (0.5 - labels), weights * 0.25
        left = np.array([1, 1, 1, 0, 0])
        return [
            -rate * (slope * side).sum() / ((bend * side).sum() + l2) for side in (left, 1 - left)
        ]

    def losses(weights):
        low, high = values(weights)
        # the loss's slope before the tree, times what the tree adds
        return np.where([True, True, False], low, high) * (0.5 - np.array([0, 1, 1]))

    arrays = STUMP | {"value": np.array([0.0, *values(np.ones(5))])}
    tested = np.array([[0.0], [0.2], [1.0]], "f4")
    found = influence(rows, labels, tested, np.array([0, 1, 1]), arrays, rate=rate, l2=l2)
    for i in range(5):
        step = np.eye(5)[i] * 1e-5
        slope = (losses(1 + step) - losses(1 - step)) / 2e-5
        np.testing.assert_allclose(found[i], -slope, atol=1e-8)


@pytest.mark.parametrize("classes", [2, 3])
def test_leaves_of_the_boosting_are_the_newton_steps_that_the_formula_assumes(classes):
    """So Σ_i (g_i + θ·h_i) of a leaf is 0, and a row's influences by one leaf's rows cancel."""
    train, _, _ = noisy(120, classes=classes)
    _, arrays = boosted(train, max_iter=5)
    rows = train.inputs.array
    found = influence(rows, train.observed, rows[:9], train.observed[:9], arrays, rate=0.1)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-5)
    own = self_influence(rows, train.observed, arrays, rate=0.1)
    np.testing.assert_allclose(own[:9], np.diag(found), rtol=1e-9)


def test_the_order_of_rows_and_the_names_of_classes_change_no_influence():
    train, _, _ = noisy(150)
    _, arrays = boosted(train, max_iter=10)
    rows, labels = train.inputs.array, train.observed
    order = np.random.default_rng(1).permutation(150)
    own = self_influence(rows, labels, arrays, rate=0.1)
    moved = self_influence(rows[order], labels[order], arrays, rate=0.1)
    np.testing.assert_allclose(own[order], moved, rtol=1e-9)
    turned = arrays | {"value": -arrays["value"], "baseline": -arrays["baseline"]}
    np.testing.assert_allclose(self_influence(rows, 1 - labels, turned, rate=0.1), own, rtol=1e-9)


@pytest.mark.parametrize("flipped", [0.2, 0.4])
def test_wrong_labels_have_the_larger_influence_on_themselves(flipped):
    train, wrong, _ = noisy(300, flipped)
    _, arrays = boosted(train, max_iter=20)
    own = self_influence(train.inputs.array, train.observed, arrays, rate=0.1)
    assert label_error_auroc(own, wrong) > (0.95 if flipped == 0.2 else 0.7)
    worst = np.argsort(-own)[: wrong.sum() // 2]
    assert wrong[worst].mean() > 0.8  # precision at half as many as there are


def test_leaving_out_one_row_agrees_on_the_most_influential_in_most_tables():
    """Retrained without each row in turn: whose own loss rises most, against BoostIn's first."""
    agreed = []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        rows = generator.normal(0, 1, (32, 2)).astype(np.float32)
        labels = (rows[:, 0] > 0).astype(int)
        labels[rows[:, 0].argmax()] = 0  # one row that the others contradict
        settings = {"max_iter": 5, "min_samples_leaf": 4}
        model, arrays = boosted(TrainingData(ArrayInputs(rows), labels, 2), **settings)
        rise = []
        for i in range(32):
            rest = np.delete(np.arange(32), i)
            fewer = TrainingData(ArrayInputs(rows[rest]), labels[rest], 2)
            without, _ = boosted(fewer, **settings)
            sign = 2 * labels[i] - 1
            before, after = (m(rows[i : i + 1]).values[0] @ [-sign, sign] for m in (model, without))
            rise.append(np.log(expit(before)) - np.log(expit(after)))
        own = self_influence(rows, labels, arrays, rate=0.1)
        agreed.append(int(np.argmax(rise)) == int(np.argmax(own)))
    assert sum(agreed) >= 2


def test_a_share_of_each_class_is_left_out_rounded_down():
    doubt = np.array([5.0, 1, 2, 9, 9, 0, 3])
    observed = np.array([0, 0, 0, 0, 1, 1, 2])
    assert least_suspicious(doubt, observed, 0.5).tolist() == [1, 2, 5, 6]
    assert least_suspicious(doubt, observed, 0.0).tolist() == list(range(7))


def test_cleaning_helps_under_noise_and_a_draw_does_not():
    train, _, _ = noisy(400, 0.3)
    test, _, clean = noisy(400, 0.0, seed=9)
    right = {}
    for by in ("boostin", "loss", "random"):
        config = fit_cleaned_boosting.configure({"by": by, "dropped": 0.3})
        guess = fit_cleaned_boosting(train, FitContext(config, seed=0))(test.inputs.array).values
        right[by] = (guess.argmax(axis=1) == clean).mean()
    plain = (boosted(train)[0](test.inputs.array).values.argmax(axis=1) == clean).mean()
    assert right["boostin"] > plain + 0.03 and right["boostin"] > right["random"] + 0.03


def test_with_nothing_dropped_the_method_is_boosting_and_tables_stay_tables():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 120)
    table = TableInputs(
        (generator.normal(0, 1, (120, 1)) + labels[:, None]).astype(np.float32),
        generator.integers(0, 3, (120, 1)).astype(np.int32),
        ("x", "kind"),
        (("a", "b", "c"),),
    )
    train, given = TrainingData(table, labels, 2), table.take(np.arange(120))
    same = fit_cleaned_boosting(train, FitContext({"dropped": 0.0}, seed=0))(given).values
    assert (same == boosted(train)[0](given).values).all()
    fewer = fit_cleaned_boosting(train, FitContext({"dropped": 0.2}, seed=0))(given).values
    assert np.isfinite(fewer).all() and (fewer != same).any()
