"""PRESTO: loss and slope by hand, its two ends, the conditions of its minimum, what λ is chosen."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from baselines.methods.ordinal import Cumulative, along, fit_ordinal, probabilities
from harness.errors import TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData
from tests.baselines.differences import by_differences


def grades(n, weights, biases=(-0.5, 1.0), seed=0):
    """Rows of two columns and grades drawn from boundaries with these weights."""
    generator = np.random.default_rng(seed)
    rows = generator.uniform(-1, 1, (n, 2)).astype(np.float32)
    below = expit(rows @ np.array(weights).T + biases)
    labels = (generator.uniform(size=(n, 1)) >= below).sum(axis=1)
    return TrainingData(ArrayInputs(rows), labels, len(biases) + 1)


def fit(train, seed=0, **overrides):
    return fit_ordinal(train, FitContext(fit_ordinal.configure(overrides), seed=seed))


def test_the_loss_by_hand():
    """Row 1 lies below the boundaries with log odds ln 4 and ln 9: 0.8 and 0.9."""
    rows, labels = np.array([[1.0], [0.0]]), np.array([1, 2])
    loss = Cumulative(rows, labels, 3, l2=0.0)
    flat = np.log([2.0, 3.0, 2.0, 1.5])  # a_1, a_2, β_1, β_2 − β_1
    value, _ = loss(flat)
    assert value == pytest.approx(-(np.log(0.1) + np.log(1 - 0.75)) / 2)


def test_its_slope_is_that_by_differences():
    generator = np.random.default_rng(1)
    train = grades(40, [[1.0, 0.0], [0.0, 1.0]])
    loss = Cumulative(train.inputs.array.astype(float), train.observed, 3, l2=0.1)
    flat = np.concatenate([[-0.5, 1.0], generator.normal(0, 0.2, 4)])
    np.testing.assert_allclose(
        loss(flat)[1], by_differences(lambda at: loss(at)[0], flat), atol=1e-7
    )


def test_a_row_whose_own_class_lies_between_crossed_boundaries_has_infinite_loss():
    loss = Cumulative(np.array([[1.0]]), np.array([1]), 3, l2=0.0)
    assert loss(np.array([1.0, 0.0, 0.0, 0.0]))[0] == np.inf


def test_probabilities_where_boundaries_cross():
    found = probabilities(np.log([[1.0, 3.0], [3.0, 1.0]]))
    np.testing.assert_allclose(found, [[0.5, 0.25, 0.25], [0.75, 0.0, 0.25]])


def test_a_large_penalty_is_proportional_odds():
    """The oracle writes the likelihood down row by row and knows one weight per column."""
    train = grades(300, [[1.0, -1.0], [2.0, -1.0]])
    rows, labels = train.inputs.array.astype(float), train.observed

    def likelihood(given):
        first, gap, weight = given[0], np.exp(given[1]), given[2:]
        total = 0.0
        for row, label in zip(rows, labels, strict=True):
            lower, upper = (expit(first + k * gap + row @ weight) for k in (0, 1))
            total -= np.log([lower, upper - lower, 1 - upper][label])
        return total / len(rows)

    best = minimize(likelihood, [-0.5, 0.0, 0.0, 0.0], method="BFGS", options={"gtol": 1e-4}).x
    expected = {
        "weight": np.tile(best[2:], (2, 1)),
        "bias": best[0] + np.exp(best[1]) * np.arange(2),
    }
    for given in ({"penalty": 1e3}, {"kind": "proportional"}):
        state = fit(train, l2=0.0, **given).state()
        assert (state["weight"][0] == state["weight"][1]).all()
        for name, value in expected.items():
            np.testing.assert_allclose(state[name], value, atol=2e-3)


def test_at_its_minimum_differences_that_are_zero_pull_less_than_the_penalty():
    """The optimality conditions, from the loss's slope alone."""
    train, penalty = grades(400, [[1.0, -1.0], [3.0, -1.0]]), 0.03
    settings = fit_ordinal.settings(penalty=penalty, max_iter=3000)
    loss = Cumulative(train.inputs.array.astype(float), train.observed, 3, settings.l2)
    start = loss.proportional(500)
    (found,) = along(loss, start, np.array([penalty]), settings)
    slope = loss(found)[1]
    differences, free = found[4:], slope[:4]
    np.testing.assert_allclose(free, 0, atol=2e-4)
    moved = differences != 0
    assert moved.tolist() == [True, False]  # only the first column's weight moves
    np.testing.assert_allclose(slope[4:][moved], -penalty * np.sign(differences[moved]), atol=2e-4)
    assert (np.abs(slope[4:][~moved]) <= penalty).all()


def test_separate_boundaries_are_logistic_regressions():
    train = grades(300, [[1.0, -1.0], [2.0, -1.0]])
    state = fit(train, kind="separate").state()
    for k in range(2):
        oracle = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
        oracle.fit(train.inputs.array, train.observed <= k)
        np.testing.assert_allclose(state["weight"][k], oracle.coef_[0], atol=2e-3)
        np.testing.assert_allclose(state["bias"][k], oracle.intercept_[0], atol=2e-3)


def test_cross_validation_keeps_boundaries_parallel_where_they_are_and_lets_others_turn():
    turned = []
    for second in ([1.0, -1.0], [-3.0, 1.0]):
        train = grades(400, [[1.0, -1.0], second], biases=(-1.0, 3.5), seed=3)
        state = fit(train, penalties=6, folds=3).state()
        turned.append(np.abs(np.diff(state["weight"], axis=0)).sum())
    assert turned[0] < 1.0 < 3.0 < turned[1]


def test_the_order_of_rows_does_not_matter_at_a_given_penalty():
    train = grades(100, [[1.0, 0.0], [2.0, 0.0]])
    order = np.random.default_rng(5).permutation(100)
    other = TrainingData(ArrayInputs(train.inputs.array[order]), train.observed[order], 3)
    states = [fit(each, penalty=0.005, max_iter=2000).state() for each in (train, other)]
    np.testing.assert_allclose(states[0]["weight"], states[1]["weight"], atol=1e-2)


def test_a_class_without_a_row_has_probability_0_and_a_single_class_is_refused():
    train = grades(100, [[1.0, 0.0], [1.0, 0.0]])
    above = TrainingData(train.inputs, train.observed + (train.observed > 0), 4)
    values = fit(above, penalties=4)(train.inputs.array).values
    assert (values[:, 1] == 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-6)
    one = TrainingData(train.inputs, np.zeros(100, np.int64), 3)
    with pytest.raises(TrainingError, match="at least two classes"):
        fit(one)


def test_shrinking_the_first_boundary_as_well_leaves_biases_alone_at_a_large_penalty():
    train = grades(200, [[1.0, -1.0], [2.0, -1.0]])
    state = fit(train, shrink_first=True, penalty=10.0, l2=0.0).state()
    assert (state["weight"] == 0).all()
    shares = np.cumsum(np.bincount(train.observed))[:-1] / 200
    np.testing.assert_allclose(expit(state["bias"]), shares, atol=1e-3)
