import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.svm import LinearSVC

from baselines.methods import probes
from baselines.probes import probe
from baselines.probes.transforms import flat
from harness.errors import SpecError, TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData
from tests.baselines.toy import all_inputs, bright_rows, functions


def trained(function, train, **overrides):
    config = getattr(probes, function).configure(overrides)
    return getattr(probes, function)(train, FitContext(config, seed=0))


def test_majority_predicts_the_most_frequent_class_with_certainty():
    model = trained("fit_majority", bright_rows((2, 5, 3)))
    output = model(np.zeros((4, 8, 8, 1), dtype=np.uint8))
    assert output.kind == "probs"
    assert output.values.tolist() == [[0, 1, 0]] * 4


def test_majority_takes_the_lowest_class_on_a_tie():
    model = trained("fit_majority", bright_rows((1, 3, 3)))
    assert model(np.zeros((1, 8, 8, 1), dtype=np.uint8)).values.argmax() == 1


def test_prior_is_the_observed_frequencies_and_zero_for_an_absent_class():
    model = trained("fit_prior", bright_rows((6, 0, 2)))
    values = model(np.zeros((1, 8, 8, 1), dtype=np.uint8)).values
    np.testing.assert_allclose(values, [[0.75, 0, 0.25]])


def test_nearest_mean_logits_are_minus_squared_distances_by_hand():
    rows = np.array([[0.0, 0.0], [2.0, 0.0], [10.0, 0.0]], dtype=np.float32)
    train = TrainingData(ArrayInputs(rows), np.array([0, 0, 1]), 2)
    output = trained("fit_nearest_mean", train)(np.array([[4.0, 1.0]], dtype=np.float32))
    # means (1, 0) and (10, 0): 3² + 1² and 6² + 1²
    np.testing.assert_allclose(output.values, [[-10, -37]], rtol=1e-6)


def test_nearest_mean_agrees_with_scikit_learn(rng):
    train = bright_rows((20, 12, 5))
    rows = flat(all_inputs(train), {})
    oracle = NearestCentroid().fit(rows, train.observed)
    test = rng.integers(0, 255, (50, 8, 8, 1), dtype=np.uint8)
    ours = trained("fit_nearest_mean", train)(test).values.argmax(1)
    assert (ours == oracle.predict(flat(test, {}))).all()


@pytest.mark.parametrize("counts", [(20, 12, 5), (20, 12)])
def test_logistic_softmax_is_scikit_learns_probability(counts, rng):
    train = bright_rows(counts)
    rows = flat(all_inputs(train), {})
    oracle = LogisticRegression(max_iter=200, tol=1e-3).fit(rows, train.observed)
    test = rng.integers(0, 255, (30, 8, 8, 1), dtype=np.uint8)
    logits = trained("fit_logistic", train)(test).values
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probs, oracle.predict_proba(flat(test, {})), atol=1e-4)


def test_svm_logits_are_scikit_learns_margins(rng):
    train = bright_rows((20, 12, 5))
    rows = flat(all_inputs(train), {})
    oracle = LinearSVC(C=0.1, max_iter=200, dual=False, tol=1e-3).fit(rows, train.observed)
    test = rng.integers(0, 255, (30, 8, 8, 1), dtype=np.uint8)
    margins = oracle.decision_function(flat(test, {}))
    np.testing.assert_allclose(trained("fit_linear_svm", train)(test).values, margins, atol=1e-3)


@pytest.mark.parametrize("function", ["fit_nearest_mean", "fit_logistic", "fit_linear_svm"])
def test_an_absent_class_stands_fifty_below_the_row_minimum(function):
    output = trained(function, bright_rows((9, 0, 7, 5)))(np.ones((3, 8, 8, 1), dtype=np.uint8))
    present = output.values[:, [0, 2, 3]]
    np.testing.assert_allclose(output.values[:, 1], present.min(axis=1) - 50, rtol=1e-6)


@pytest.mark.parametrize("function", functions(probes))
def test_a_restored_probe_gives_the_same_values(function, rng):
    model = trained(function, bright_rows((9, 6, 7)))
    again = probe.restore(model.state(), model.meta)
    test = rng.integers(0, 255, (5, 8, 8, 1), dtype=np.uint8)
    assert (model(test).values == again(test).values).all()


def test_a_linear_probe_refuses_a_single_class():
    with pytest.raises(TrainingError, match="at least two classes; all rows carry class 1"):
        trained("fit_logistic", bright_rows((0, 5)))


def test_a_misspelt_setting_names_the_closest_one():
    with pytest.raises(SpecError, match="no setting 'max_itre'. Did you mean 'max_iter'"):
        probes.fit_logistic.configure({"max_itre": 5})
