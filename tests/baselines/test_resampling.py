"""Resampling and ensembles for rare classes, against imbalanced-learn and by hand."""

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from baselines.methods import ensembles, kernel_bayes, resampling
from harness.errors import TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData

pytest.importorskip("imblearn")


def blobs(counts, seed=0, spread=1.0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = generator.normal(0, spread, (len(labels), 3)) + labels[:, None] * [2.0, -1.0, 0.0]
    return TrainingData(ArrayInputs(rows.astype(np.float32)), labels, len(counts))


def fit(method, train, seed=0, **overrides):
    return method(train, FitContext(method.configure(overrides), seed=seed))


def evened(train, kind, seed=0, neighbours=5):
    settings = resampling.Resampling(kind=kind, neighbours=neighbours)
    return resampling.resampled(train.inputs.array, train.observed, settings, FitContext({}, seed))


@pytest.mark.parametrize("kind", ["over", "smote", "under"])
def test_classes_are_evened_out_and_given_rows_kept(kind):
    train = blobs((40, 8, 6))
    rows, labels = evened(train, kind)
    assert np.bincount(labels).tolist() == [6 if kind == "under" else 40] * 3
    rare = train.inputs.array[train.observed == 2]
    assert all((rows == row).all(axis=1).any() for row in rare)


def test_new_rows_of_smote_lie_between_two_rows_of_their_class():
    train = blobs((30, 5))
    rows, labels = evened(train, "smote")
    own = train.inputs.array[train.observed == 1]
    for row in rows[len(train.observed) :]:
        pairs = [(a, b) for a in own for b in own if (a != b).any()]
        # On the line: distances to both ends add up to the distance of the ends.
        slack = [
            np.linalg.norm(row - a) + np.linalg.norm(row - b) - np.linalg.norm(a - b)
            for a, b in pairs
        ]
        assert min(slack) < 1e-4


@pytest.mark.parametrize(
    "kind", ["borderline-smote", "svm-smote", "adasyn", "smote-enn", "smote-tomek"]
)
def test_every_kind_draws_the_same_rows_under_the_same_seed(kind):
    train = blobs((60, 15))
    first, second, other = (evened(train, kind, seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, second)
    assert first.shape != other.shape or not np.array_equal(first, other)
    assert len(first) > 15


def test_a_class_smaller_than_k_uses_all_its_other_rows():
    rows, labels = evened(blobs((20, 3)), "smote", neighbours=5)
    assert np.bincount(labels).tolist() == [20, 20]


def test_a_single_row_has_no_neighbour_and_that_is_said():
    with pytest.raises(TrainingError, match='single training row.*kind = "over"'):
        fit(resampling.fit_resampled, blobs((20, 1)))


def test_adasyn_is_smote_where_no_row_has_a_neighbour_of_another_class():
    train = blobs((30, 10), spread=0.01)
    a, b = (evened(train, kind)[0] for kind in ("adasyn", "smote"))
    assert np.array_equal(a, b)


def test_balanced_rows_raise_the_rare_classes_recall():
    train, test = blobs((300, 12)), blobs((200, 200), seed=1)
    recalls = []
    for kind in ("over", "smote"):
        values = fit(resampling.fit_resampled, train, kind=kind)(test.inputs.array).values
        recalls.append((values.argmax(axis=1) == 1)[200:].mean())
    from baselines.methods.probes import fit_logistic

    plain = fit(fit_logistic, train)(test.inputs.array).values
    assert min(recalls) > (plain.argmax(axis=1) == 1)[200:].mean() + 0.05


@pytest.mark.parametrize("counts", [(60, 20), (60, 20, 10)])
def test_adaboost_probabilities_are_scikit_learns(counts):
    train = blobs(counts)
    model = fit(ensembles.fit_rusboost, train, seed=3, balanced=False)
    oracle = AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=1), n_estimators=50, random_state=3
    )
    oracle.fit(train.inputs.array, train.observed)
    test = blobs((10,) * len(counts), seed=1).inputs.array
    np.testing.assert_allclose(model(test).values, oracle.predict_proba(test), atol=1e-6)


def test_rusboost_and_easy_ensemble_are_imbalanced_learns():
    from imblearn.ensemble import EasyEnsembleClassifier, RUSBoostClassifier

    train, test = blobs((80, 15)), blobs((20, 20), seed=1).inputs.array
    stump = DecisionTreeClassifier(max_depth=1)
    oracles = {
        ensembles.fit_rusboost: RUSBoostClassifier(stump, n_estimators=50, random_state=2),
        ensembles.fit_easy_ensemble: EasyEnsembleClassifier(
            10, estimator=AdaBoostClassifier(stump, n_estimators=50), random_state=2
        ),
    }
    for method, oracle in oracles.items():
        expected = oracle.fit(train.inputs.array, train.observed).predict_proba(test)
        np.testing.assert_allclose(fit(method, train, seed=2)(test).values, expected, atol=1e-6)


def columns(counts):
    """Rows of one column: counts[k] = (rows at 0, rows at 1) of class k."""
    rows = np.concatenate([np.repeat([0.0, 1.0], pair) for pair in counts])
    labels = np.repeat(np.arange(len(counts)), [sum(pair) for pair in counts])
    return TrainingData(ArrayInputs(rows[:, None].astype(np.float32)), labels, len(counts))


def test_rusboost_keeps_a_first_round_that_is_no_better_than_chance():
    """Balanced, 0 looks rare; 120 of 220 rows are then wrong, and boosting has no second round."""
    train = columns([(120, 80), (20, 0)])
    values = fit(ensembles.fit_rusboost, train)(np.array([[0.0], [1.0]], "f4")).values
    sure = 1 / (1 + np.exp(-2))  # all votes for one class: decisions 1 and -1
    np.testing.assert_allclose(values, [[1 - sure, sure], [sure, 1 - sure]], atol=1e-6)


def test_adaboost_on_a_constant_column_predicts_its_prior_class():
    model = fit(ensembles.fit_rusboost, columns([(10, 0), (10, 0)]), balanced=False)
    assert model(np.zeros((3, 1), "f4")).values.argmax(axis=1).tolist() == [0, 0, 0]


def test_other_errors_of_rusboost_are_not_swallowed():
    train = columns([(10, 5), (3, 4)])
    train.inputs.array[0] = np.inf
    for balanced in (True, False):
        with pytest.raises(ValueError, match="infinity"):
            fit(ensembles.fit_rusboost, train, balanced=balanced)


def test_kernel_naive_bayes_by_hand():
    rows = np.array([[0.0], [2.0], [10.0], [14.0]], dtype=np.float32)
    train = TrainingData(ArrayInputs(rows), np.array([0, 0, 1, 1]), 2)
    values = fit(kernel_bayes.fit_kernel_naive_bayes, train, scale="none")(np.array([[1.0]], "f4"))
    width = np.array([1.0, 2.0]) * 2**-0.2  # deviations 1 and 2, two rows each
    expected = []
    for known, h in zip(([0.0, 2.0], [10.0, 14.0]), width, strict=True):
        density = np.mean([np.exp(-0.5 * ((1.0 - x) / h) ** 2) / h for x in known])
        expected.append(np.log(density) + np.log(0.5))
    np.testing.assert_allclose(values.values[0], expected, rtol=1e-5)


def test_a_column_that_never_varies_in_a_class_keeps_a_finite_density():
    rows = np.array([[0.0, 1.0], [0.0, 2.0], [5.0, 1.0], [6.0, 3.0]], dtype=np.float32)
    train = TrainingData(ArrayInputs(rows), np.array([0, 0, 1, 1]), 2)
    model = fit(kernel_bayes.fit_kernel_naive_bayes, train)
    values = model(np.array([[0.0, 1.5], [5.5, 2.0], [3.0, 9.0]], "f4")).values
    assert np.isfinite(values).all()
    assert values[:2].argmax(axis=1).tolist() == [0, 1]
