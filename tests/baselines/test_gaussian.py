import numpy as np
import pytest
from sklearn.covariance import shrunk_covariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from baselines.methods import controls, gaussian
from baselines.probes import probe
from baselines.probes.statistics import class_statistics, sampled, shrunk
from baselines.probes.transforms import random_convolutions, statistics
from harness.errors import SpecError, TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData
from tests.baselines.toy import bright_rows


@pytest.fixture
def features(rng):
    """Three classes of correlated features, 60, 30 and 8 rows."""
    labels = np.repeat([0, 1, 2], [60, 30, 8])
    mixing = rng.normal(size=(5, 5))
    rows = rng.normal(size=(98, 5)) @ mixing + 2.0 * rng.normal(size=(3, 5))[labels]
    return TrainingData(ArrayInputs(rows.astype(np.float32)), labels, 3)


def trained(module, function, data, seed=0, **overrides):
    config = getattr(module, function).configure(overrides)
    return getattr(module, function)(data, FitContext(config, seed=seed))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_naive_bayes_is_scikit_learns(features, rng):
    rows = features.inputs.array
    oracle = GaussianNB(var_smoothing=0.01).fit(rows, features.observed)
    test = rng.normal(size=(20, 5)).astype(np.float32)
    logits = trained(gaussian, "fit_naive_bayes", features)(test).values
    np.testing.assert_allclose(softmax(logits), oracle.predict_proba(test), atol=1e-4)


def test_naive_bayes_with_shared_variances_is_linear_in_its_features(features):
    model = trained(gaussian, "fit_naive_bayes", features, shared=True)
    points = np.array([[0.0] * 5, [1.0] * 5, [2.0] * 5], dtype=np.float32)
    logits = model(points).values
    gaps = logits[:, 0] - logits[:, 1]
    assert gaps[2] - gaps[1] == pytest.approx(gaps[1] - gaps[0], abs=1e-3)


def test_lda_is_scikit_learns_with_the_same_covariance(features, rng):
    rows = features.inputs.array.astype(np.float64)
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=None)
    found = class_statistics(rows, features.observed)
    covariance = shrunk(found.shared_covariance, 0.1)

    class Fixed:
        """A covariance estimator that knows its answer; scikit-learn centres within classes."""

        def fit(self, centred):
            self.covariance_ = covariance
            return self

    oracle = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Fixed())
    oracle.fit(rows, features.observed)
    # scikit-learn averages over classes by prior: with one fixed answer it is that answer
    test = rng.normal(size=(20, 5)).astype(np.float32)
    logits = trained(gaussian, "fit_lda", features)(test).values
    np.testing.assert_allclose(softmax(logits), oracle.predict_proba(test), atol=1e-4)


def test_shrinking_a_covariance_is_scikit_learns(rng):
    covariance = np.cov(rng.normal(size=(4, 30)))
    np.testing.assert_allclose(shrunk(covariance, 0.3), shrunk_covariance(covariance, 0.3))


def test_class_statistics_by_hand():
    rows = np.array([[0.0, 0.0], [2.0, 2.0], [5.0, 1.0]])
    found = class_statistics(rows, np.array([0, 0, 3]))
    assert found.classes.tolist() == [0, 3]
    assert found.means.tolist() == [[1, 1], [5, 1]]
    assert found.variances.tolist() == [[1, 1], [0, 0]]
    np.testing.assert_allclose(found.shared_covariance, [[2 / 3, 2 / 3], [2 / 3, 2 / 3]])
    # one row and two rows' worth of the shared covariance: (0 + 2·Σ)/(1 + 2)
    np.testing.assert_allclose(found.covariances(2.0)[1], 2 / 3 * found.shared_covariance)
    np.testing.assert_allclose(found.log_prior, np.log([2 / 3, 1 / 3]))


def test_drawn_features_have_the_mean_and_covariance_of_their_class(features):
    found = class_statistics(features.inputs.array, features.observed)
    wanted = np.array([20_000, 0, 20_000])
    rows, classes = sampled(found, wanted, np.random.default_rng(0), strength=10.0)
    assert np.bincount(classes, minlength=3).tolist() == [20_000, 0, 20_000]
    of_tail = rows[classes == 2]
    np.testing.assert_allclose(of_tail.mean(0), found.means[2], atol=0.1)
    np.testing.assert_allclose(np.cov(of_tail.T), found.covariances(10.0)[2], atol=0.35)


@pytest.mark.parametrize("function", ["fit_classifier_alignment", "fit_gaussian_sampling"])
def test_heads_on_drawn_features_hang_on_the_seed_alone(features, function):
    first, again, other = (
        trained(gaussian, function, features, seed=s).state()["weight"] for s in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_alignment_forgets_the_prior(features):
    test = np.tile(features.inputs.array.mean(0), (1, 1)).astype(np.float32)
    aligned = softmax(trained(gaussian, "fit_classifier_alignment", features)(test).values)
    lda = softmax(trained(gaussian, "fit_lda", features)(test).values)
    assert aligned[0, 2] > lda[0, 2]


@pytest.mark.parametrize("k", [1, 5])
def test_neighbours_vote_as_scikit_learns(features, rng, k):
    rows = features.inputs.array
    oracle = KNeighborsClassifier(k).fit(rows, features.observed)
    test = rng.normal(size=(40, 5)).astype(np.float32)
    output = trained(controls, "fit_neighbours", features, k=k)(test)
    assert output.kind == "probs"
    np.testing.assert_allclose(output.values, oracle.predict_proba(test), atol=1e-6)


def test_more_neighbours_than_rows_are_refused(features):
    with pytest.raises(SpecError, match="k must be between 1 and the 98 training rows; got 99"):
        trained(controls, "fit_neighbours", features, k=99)


def test_image_statistics_do_not_see_where_a_pixel_is():
    images = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 1), dtype=np.uint8)
    turned = images[:, ::-1, ::-1]
    np.testing.assert_allclose(statistics(images, {}), statistics(turned, {}), rtol=1e-5)


def test_random_convolutions_by_hand():
    image = np.zeros((1, 3, 3, 1), dtype=np.uint8)
    image[0, 0, 0] = 255
    filters = np.ones((1, 2, 2, 1), dtype=np.float32)
    # responses [[1, 0], [0, 0]]: one in each quarter
    assert random_convolutions(image, {"filters": filters}).tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize("function", ["fit_image_statistics", "fit_random_convolutions"])
def test_a_restored_control_gives_the_same_logits(function, rng):
    model = trained(controls, function, bright_rows((20, 20, 20)))
    again = probe.restore(model.state(), model.meta)
    test = rng.integers(0, 255, (9, 8, 8, 1), dtype=np.uint8)
    assert (model(test).values == again(test).values).all()


def test_image_controls_refuse_features(features):
    with pytest.raises(TrainingError, match="takes uint8 images .* got float32"):
        trained(controls, "fit_image_statistics", features)
