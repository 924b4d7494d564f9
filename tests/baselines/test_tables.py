"""Tables for probes and trees: nothing of a test row enters, and outputs are scikit-learn's."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from baselines.probes.transforms import codes, columns, learn_codes, learn_columns
from harness.data.pools.tables import TableInputs
from harness.errors import TrainingError
from harness.models.methods.methods import METHODS, load_trainer
from harness.types.models import FitContext, TrainingData
from tests.baselines.toy import skip_without_package

PROBES = sorted(
    name for name, row in METHODS.items()
    if not row.needs and name not in ("image-statistics", "random-convolutions")
)  # fmt: skip


def a_table(n, seed=0, *, kinds=5):
    """Two numeric columns, the second with holes, and a categorical one with holes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n)
    numeric = generator.normal(0, 1, (n, 2)) * [1, 1000] + labels[:, None] * [1.5, 900]
    numeric[generator.random(n) < 0.2, 1] = np.nan
    category = (labels + generator.integers(0, 3, n)) % kinds
    category[generator.random(n) < 0.1] = -1
    inputs = TableInputs(
        numeric.astype(np.float32),
        category[:, None].astype(np.int32),
        ("a", "b", "c"),
        (tuple("uvwxyz"[:kinds]),),
    )
    return inputs, labels


def every(inputs):
    return inputs.take(np.arange(len(inputs)))


def trained(name, inputs, labels, num_classes=3, **overrides):
    skip_without_package(name)
    trainer = load_trainer(METHODS[name].trainer)
    context = FitContext(trainer.configure(overrides), seed=0)
    return trainer.fit(TrainingData(inputs, labels, num_classes), context)


def test_columns_by_hand():
    nan = np.nan
    table = TableInputs(
        np.array([[1, nan], [3, 4], [5, 8]], dtype=np.float32),
        np.array([[0], [2], [-1]], dtype=np.int32),
        ("a", "b", "job"),
        (("x", "y", "z"),),
    )
    learnt = learn_columns(table)
    # medians 3 and 6; the test row's category y was in no training row: none of x and z
    found = columns(np.array([[3, nan, 1], [nan, 6, 2]], dtype=np.float32), learnt)
    assert found.tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 0, 1]]


def test_columns_are_scikit_learns_imputer_scaler_and_one_hot_encoder():
    (train, _), (test, _) = a_table(80), a_table(40, seed=1)
    oracle = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1]),
            ("kinds", OneHotEncoder(handle_unknown="ignore"), [2]),
        ]
    )
    known = every(train)
    missing = np.isnan(known[:, 2])
    oracle.fit(np.where(np.isnan(known[:, [0, 1, 2]]) & [False, False, True], -1, known))
    given = every(test)
    expected = oracle.transform(np.where(np.isnan(given) & [False, False, True], -1, given))
    found = columns(given, learn_columns(train))
    assert missing.any() and len(found[0]) == 2 + 1 + 5
    np.testing.assert_allclose(found[:, :2], expected[:, :2], atol=1e-4)
    np.testing.assert_array_equal(found[:, 2], np.isnan(given[:, 1]))
    np.testing.assert_array_equal(found[:, 3:], expected[:, 3:])  # column 2 there: missing


def test_codes_leave_out_categories_that_training_did_not_see():
    table = TableInputs(
        np.zeros((2, 1), dtype=np.float32),
        np.array([[2], [0]], dtype=np.int32),
        ("a", "job"),
        (("x", "y", "z"),),
    )
    rows = np.array([[7, 2], [8, 1], [9, np.nan], [6, 0]], dtype=np.float32)
    found = codes(rows, learn_codes(table))
    np.testing.assert_array_equal(found, [[1, 7], [np.nan, 8], [np.nan, 9], [0, 6]])


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_takes_tables_with_holes_and_comes_back(name):
    (inputs, labels), (test, _) = a_table(120), a_table(50, seed=1)
    labels = np.where(labels == 1, 3, labels)  # class 1 has no row
    model = trained(name, inputs, labels, 4)
    output = model(every(test))
    assert np.isfinite(output.values).all()
    absent, rest = output.values[:, 1], output.values[:, [0, 2, 3]]
    expected = 0 if output.kind == "probs" else rest.min(axis=1) - 50
    np.testing.assert_allclose(absent, np.broadcast_to(expected, len(test)), rtol=1e-5)
    again = load_trainer(METHODS[name].trainer).restore(model.state(), model.meta)
    assert (again(every(test)).values == output.values).all()


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_knows_nothing_of_rows_it_did_not_train_on(name):
    """The same training rows in a table whose other rows are wild give the same model."""
    inputs, labels = a_table(120)
    wild = TableInputs(
        np.concatenate([inputs.numeric, np.full((60, 2), 1e9, dtype=np.float32)]),
        np.concatenate([inputs.categorical, np.full((60, 1), 4, dtype=np.int32)]),
        inputs.names,
        inputs.categories,
    )
    narrowed = wild.rows(np.arange(120))
    test = every(a_table(50, seed=1)[0])
    alone, among = trained(name, inputs, labels), trained(name, narrowed, labels)
    assert (alone(test).values == among(test).values).all()


@pytest.mark.parametrize("name", PROBES)
def test_a_constant_column_is_taken_and_a_category_that_training_lacks_counts_as_missing(name):
    inputs, labels = a_table(90, kinds=3)
    constant = np.full((90, 1), 7, dtype=np.float32)
    one_kind = np.zeros((90, 1), dtype=np.int32)
    train = TableInputs(
        np.concatenate([inputs.numeric, constant], axis=1),
        np.concatenate([inputs.categorical, one_kind], axis=1),
        ("a", "b", "same", "c", "alike"),
        (tuple("uvwxyz"), ("only", "other")),
    )
    model = trained(name, train, labels)
    new, missing = every(train)[:20].copy(), every(train)[:20].copy()
    new[:, 3:] = [5, 1]
    missing[:, 3:] = np.nan
    values = model(new).values
    assert np.isfinite(values).all()
    assert (values == model(missing).values).all()


def test_logistic_regression_is_scikit_learns_on_the_same_columns():
    (inputs, labels), (test, _) = a_table(200), a_table(50, seed=1)
    learnt = learn_columns(inputs)
    oracle = LogisticRegression(max_iter=200, tol=1e-3)
    oracle.fit(columns(every(inputs), learnt), labels)
    logits = trained("logistic-regression", inputs, labels)(every(test)).values
    expected = oracle.decision_function(columns(every(test), learnt))
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_boosting_as_arrays_is_scikit_learns_boosting(classes):
    inputs, labels = a_table(600)
    test = every(a_table(300, seed=1)[0])
    keep = np.flatnonzero(labels < classes)
    inputs, labels = inputs.rows(keep), labels[keep]
    model = trained("hist-gradient-boosting", inputs, labels, classes, max_iter=20)
    oracle = HistGradientBoostingClassifier(
        max_iter=20, categorical_features=[2], early_stopping=False, random_state=0
    )
    oracle.fit(every(inputs), labels)
    logits = model(test).values
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probs, oracle.predict_proba(test), atol=1e-5)
    assert (model.state()["category"] >= 0).any()


def test_the_forest_as_arrays_is_imbalanced_learns_forest():
    imblearn = pytest.importorskip("imblearn.ensemble")
    (inputs, labels), (test, _) = a_table(300), a_table(100, seed=1)
    learnt = learn_columns(inputs)
    oracle = imblearn.BalancedRandomForestClassifier(
        n_estimators=30, sampling_strategy="all", replacement=True, bootstrap=False, random_state=0
    )
    oracle.fit(columns(every(inputs), learnt), labels)
    values = trained("balanced-random-forest", inputs, labels, trees=30)(every(test)).values
    expected = oracle.predict_proba(columns(every(test), learnt))
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_trees_refuse_one_class_and_too_many_categories():
    inputs, labels = a_table(300)
    with pytest.raises(TrainingError, match="at least two classes; all rows carry class 0"):
        trained("balanced-random-forest", inputs, np.zeros_like(labels))
    wide = TableInputs(
        inputs.numeric,
        np.arange(300, dtype=np.int32)[:, None],
        inputs.names,
        (tuple(map(str, range(300))),),
    )
    with pytest.raises(TrainingError, match="at most 255 categories a column; .* has 300"):
        trained("hist-gradient-boosting", wide, labels)
