"""GBNN: residuals and Newton steps by hand, blocks as one network, blocks that are left out."""

import warnings

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor

from baselines.methods.boosted_network import fit_boosted_network, gradients, newton_step
from harness.errors import SpecError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData


def rings(n, classes=2, seed=0):
    """Class by distance from the middle: no straight line tells it."""
    rows = np.random.default_rng(seed).uniform(-1, 1, (n, 2)).astype(np.float32)
    labels = np.minimum((rows**2).sum(axis=1) * classes, classes - 1).astype(np.int64)
    return TrainingData(ArrayInputs(rows), labels, classes)


def fit(train, seed=0, **overrides):
    return fit_boosted_network(
        train, FitContext(fit_boosted_network.configure(overrides), seed=seed)
    )


def test_gradients_and_newton_step_by_hand():
    """Scores 0: p = ½; three classes: p = ⅓."""
    residual, bend = gradients(np.zeros((2, 1)), np.array([[1.0], [0.0]]))
    assert residual.tolist() == [[0.5], [-0.5]] and bend.tolist() == [[0.25], [0.25]]
    # f = (1, −3): Σ f·r = ½ + 3/2, Σ f²·¼ = 10/4
    assert newton_step(np.array([[1.0], [-3.0]]), residual, bend) == pytest.approx(0.8)
    residual, bend = gradients(np.zeros((1, 3)), np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(residual, [[-1 / 3, 2 / 3, -1 / 3]])
    np.testing.assert_allclose(bend, 2 / 9)
    assert newton_step(np.zeros((1, 3)), residual, bend) == 0.0


@pytest.mark.parametrize("classes", [2, 3])
def test_the_newton_step_is_where_the_loss_along_a_block_has_its_second_order_minimum(classes):
    """By differences: −slope / bend, with the Hessian's diagonal of softmax."""
    generator = np.random.default_rng(1)
    s = 1 if classes == 2 else classes
    scores, added = generator.normal(0, 1, (20, s)), generator.normal(0, 1, (20, s))
    labels = generator.integers(0, classes, 20)
    wanted = np.eye(classes)[labels][:, 1:] if s == 1 else np.eye(classes)[labels]
    residual, bend = gradients(scores, wanted)

    def loss(at):
        if s == 1:
            p = expit(at)[:, 0]
            return -np.log(np.where(labels == 1, p, 1 - p)).sum()
        return -np.log(softmax(at, axis=1)[np.arange(20), labels]).sum()

    step = 1e-3
    slope = (loss(scores + step * added) - loss(scores - step * added)) / (2 * step)
    diagonal = 0.0
    for column in range(s):
        alone = np.zeros_like(added)
        alone[:, column] = added[:, column]
        ends = loss(scores + step * alone) + loss(scores - step * alone)
        diagonal += (ends - 2 * loss(scores)) / step**2
    assert newton_step(added, residual, bend) == pytest.approx(-slope / diagonal, rel=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_it_learns_what_no_line_tells_and_more_blocks_lose_less(classes):
    train, test = rings(300, classes), rings(300, classes, seed=1)
    losses = []
    for rounds in (1, 4, 10):
        p = softmax(
            fit(train, rounds=rounds, iterations=60)(train.inputs.array).values.astype(float),
            axis=1,
        )
        losses.append(-np.log(p[np.arange(300), train.observed]).mean())
    assert losses[0] > losses[1] > losses[2]
    guess = fit(train, rounds=10, iterations=60)(test.inputs.array).values.argmax(axis=1)
    line = LogisticRegression().fit(train.inputs.array, train.observed)
    assert (guess == test.observed).mean() > line.score(test.inputs.array, test.observed) + 0.2


def test_one_block_is_a_perceptron_of_its_units_along_a_newton_step():
    """The oracle is scikit-learn's network on y − p at the log odds, and the step's formula."""
    train, test = rings(120), rings(50, seed=1).inputs.array
    model = fit(train, rounds=1, subsample=1.0, learning_rate=1.0, units=3)
    generator = np.random.default_rng(0)
    generator.choice(120, 120, replace=False)  # the rows of the only block: all of them
    block = MLPRegressor(
        hidden_layer_sizes=(3,),
        activation="logistic",
        solver="lbfgs",
        tol=0.0,
        max_iter=200,
        random_state=int(generator.integers(2**31)),
    )
    share = train.observed.mean()
    rows, residual = train.inputs.array.astype(float), train.observed - share
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        added = block.fit(rows, residual).predict(rows)
    step = (added * residual).sum() / (added**2 * share * (1 - share)).sum()
    expected = np.log(share / (1 - share)) + step * block.predict(test.astype(float))
    values = model(test).values
    np.testing.assert_allclose(values[:, 1] - values[:, 0], expected, rtol=1e-4, atol=1e-5)
    assert model.state()["inner"].shape == (3, 2)


def test_leaving_out_the_last_blocks_is_training_fewer():
    train, test = rings(120), rings(50, seed=1).inputs.array
    half = fit(train, rounds=10, kept=0.5)
    assert half.state()["inner"].shape == (5 * 5, 2)
    assert (half(test).values == fit(train, rounds=5)(test).values).all()
    assert fit(train, rounds=10, kept=0.01).state()["inner"].shape == (5, 2)


def test_outputs_do_not_depend_on_the_batch():
    train, test = rings(120), rings(50, seed=1).inputs.array
    model = fit(train, rounds=5)
    alone = np.concatenate([model(test[i : i + 1]).values for i in range(50)])
    np.testing.assert_allclose(model(test).values, alone, atol=1e-6)


def test_a_single_row_of_a_class_and_a_constant_column_are_taken():
    rows = np.ones((20, 2), "f4")
    rows[:, 1] = np.arange(20)
    train = TrainingData(ArrayInputs(rows), (np.arange(20) == 19).astype(np.int64), 2)
    assert np.isfinite(fit(train, rounds=5)(rows).values).all()


def test_there_is_no_step_where_p_is_rounding_and_a_long_one_before():
    """Scores ±1,000 have p = 0 and 1 to the last bit; at ±25 p(1 − p) is e⁻²⁵."""
    wanted, f = np.array([[1.0], [0.0]]), np.array([[-1.0], [2.0]])
    for far in (1000.0, 50.0):  # wrong at both ends, so that residuals are large
        residual, bend = gradients(np.array([[-far], [far]]), wanted)
        assert newton_step(f, residual, bend) == 0.0
    residual, bend = gradients(np.array([[-25.0], [25.0]]), wanted)
    assert newton_step(f, residual, bend) == pytest.approx(-3 / (5 * np.exp(-25)), rel=1e-4)


def test_separable_rows_have_finite_outputs():
    """Divided by nothing but rounding, Newton steps made logits NaN for three of the five seeds."""
    rows = np.random.default_rng(0).exponential(1, (200, 5)).astype("f4") ** 3
    labels = (np.arange(200) < 3).astype(np.int64)
    rows[:3, 0] += 20
    train = TrainingData(ArrayInputs(rows), labels, 2)
    for seed in range(5):
        assert np.isfinite(fit(train, seed, rounds=30, learning_rate=1.0)(rows).values).all()


def test_settings_out_of_range_are_refused():
    for wrong in ({"rounds": 0}, {"kept": 0.0}, {"subsample": 1.5}):
        with pytest.raises(SpecError):
            fit_boosted_network.configure(wrong)
