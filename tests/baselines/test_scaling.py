"""Rows on the scale that a card asks for, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC

from baselines.methods import controls, gaussian, probes
from baselines.probes.probe import rows_of
from baselines.probes.transforms import TRANSFORMS
from harness.data.pools.tables import TableInputs
from harness.errors import SpecError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData


def fit(method, train, **overrides):
    return method(train, FitContext(method.configure(overrides), seed=0))


@pytest.fixture
def pixels(rng):
    images = rng.integers(0, 255, (60, 4, 4, 1), dtype=np.uint8)
    images[:, 0, 0] = 7  # a constant pixel
    return TrainingData(ArrayInputs(images), np.arange(60) % 3, 3)


@pytest.mark.parametrize(
    ("scale", "oracle"), [("standard", StandardScaler), ("minmax", MinMaxScaler)]
)
def test_pixels_are_scaled_as_scikit_learn_scales_them(scale, oracle, pixels):
    flat = pixels.inputs.array.reshape(60, -1) / 255
    expected = oracle().fit_transform(flat)
    rows = rows_of(pixels, scale=scale)
    np.testing.assert_allclose(rows.values, expected, atol=1e-5)
    unseen = np.full((1, 4, 4, 1), 90, dtype=np.uint8)
    found = TRANSFORMS[rows.transform](unseen, rows.learnt)
    np.testing.assert_allclose(
        found, oracle().fit(flat).transform(np.full((1, 16), 90 / 255)), atol=1e-4
    )


def test_without_a_word_pixels_are_from_0_to_1(pixels):
    rows = rows_of(pixels)
    assert rows.transform == "flat"
    np.testing.assert_allclose(rows.values, pixels.inputs.array.reshape(60, -1) / 255, atol=1e-6)


@pytest.fixture
def table():
    numeric = np.array([[0.0], [5.0], [10.0], [2.0]], dtype=np.float32)
    categorical = np.array([[0], [1], [2], [0]], dtype=np.int32)
    inputs = TableInputs(numeric, categorical, ("x", "c"), (("a", "b", "z"),))
    return TrainingData(inputs, np.array([0, 1, 1, 0]), 2)


def test_overlap_puts_two_different_categories_1_apart_and_numbers_from_0_to_1(table):
    rows = rows_of(table, scale="overlap").values
    assert np.linalg.norm(rows[0] - rows[3]) == pytest.approx(0.2)  # same category, 2 of 10
    assert np.linalg.norm(rows[0] - rows[1]) == pytest.approx(np.hypot(0.5, 1.0))


@pytest.mark.parametrize(
    ("scale", "expected"), [("none", [0, 5, 10, 2]), ("minmax", [0, 0.5, 1, 0.2])]
)
def test_columns_of_a_table_are_scaled_as_asked(scale, expected, table):
    assert rows_of(table, scale=scale).values[:, 0].tolist() == pytest.approx(expected)


def test_the_scale_decides_who_is_nearest():
    """By hand: the second column is a thousand times wider and says the other thing."""
    rows = np.array([[0.0, 0.0], [1.0, 1000.0]], dtype=np.float32)
    train = TrainingData(ArrayInputs(rows), np.array([0, 1]), 2)
    asked = np.array([[0.9, 400.0]], dtype=np.float32)
    raw = fit(controls.fit_neighbours, train, k=1, scale="none")(asked)
    scaled = fit(controls.fit_neighbours, train, k=1, scale="minmax")(asked)
    assert (raw.values.argmax(), scaled.values.argmax()) == (0, 1)


def test_one_vs_rest_is_scikit_learns_with_a_penalised_bias(rng, pixels):
    model = fit(probes.fit_one_vs_rest, pixels, scale="standard", max_iter=2000)
    flat = pixels.inputs.array.reshape(60, -1) / 255
    scaler = StandardScaler().fit(flat)
    liblinear = OneVsRestClassifier(LogisticRegression(C=1.0, solver="liblinear", tol=1e-8))
    oracle = liblinear.fit(scaler.transform(flat), pixels.observed)
    test = rng.integers(0, 255, (30, 4, 4, 1), dtype=np.uint8)
    test[:, 0, 0] = 7
    expected = oracle.predict_proba(scaler.transform(test.reshape(30, -1) / 255))
    found = model(test)
    assert found.kind == "probs"
    np.testing.assert_allclose(found.values, expected, atol=5e-4)


def test_both_solvers_of_the_svm_find_scikit_learns_optimum(rng, pixels):
    test = rng.integers(0, 255, (30, 4, 4, 1), dtype=np.uint8)
    flat = pixels.inputs.array.reshape(60, -1) / 255
    oracle = LinearSVC(C=1.0, dual=False, tol=1e-8, max_iter=10_000)
    oracle.fit(StandardScaler().fit_transform(flat), pixels.observed)
    expected = oracle.decision_function(
        StandardScaler().fit(flat).transform(test.reshape(30, -1) / 255)
    )
    for solver in ("liblinear", "lbfgs"):
        model = fit(
            probes.fit_linear_svm, pixels, c=1.0, scale="standard", solver=solver, max_iter=2000
        )
        np.testing.assert_allclose(model(test).values, expected, atol=2e-2)


def test_naive_bayes_is_scikit_learns_also_where_a_class_never_varies(rng):
    """Variances of 1e-9: multiplied-out squares would leave rounding alone."""
    rows = rng.normal(size=(90, 5)).astype(np.float32)
    rows[:, 4] = 0
    rows[::30, 4] = 200  # three rows of class 0 only
    labels = np.arange(90) % 3
    train = TrainingData(ArrayInputs(rows), labels, 3)
    model = fit(gaussian.fit_naive_bayes, train, scale="standard", prior="uniform", smoothing=1e-9)
    scaler = StandardScaler().fit(rows.astype(np.float64))
    oracle = GaussianNB(priors=[1 / 3] * 3).fit(scaler.transform(rows.astype(np.float64)), labels)
    test = rng.normal(size=(40, 5)).astype(np.float32)
    test[:, 4] = 0
    expected = oracle.predict(scaler.transform(test.astype(np.float64)))
    assert (model(test).values.argmax(axis=1) == expected).all()


def test_equal_priors_leave_frequencies_out():
    rows = np.array([[0.0], [0.1], [0.2], [-0.1], [1.0], [1.2]], dtype=np.float32)
    train = TrainingData(ArrayInputs(rows), np.array([0, 0, 0, 0, 1, 1]), 2)
    asked = np.array([[0.5]], dtype=np.float32)
    gaps = []
    for prior in ("observed", "uniform"):
        values = fit(gaussian.fit_naive_bayes, train, prior=prior, shared=True)(asked).values[0]
        gaps.append(values[0] - values[1])
    assert gaps[0] - gaps[1] == pytest.approx(np.log(2), abs=1e-5)


def test_a_scale_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(SpecError, match="'scale' must be one of 'auto', 'none', 'standard'"):
        controls.fit_neighbours.configure({"scale": "log"})
