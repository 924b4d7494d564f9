"""Scores from class averages, by loops over classes and by scipy's fits."""

import math

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy, weibull_min

from harness.errors import Undefined
from harness.scores.ood import ood_scores
from harness.scores.prototypes import fit_openmax, fit_weibull, modelled
from tests.scores.evidence import linear_model, predictions


@pytest.fixture
def train(rng):
    return linear_model(rng, n=400, noise=3.0)


@pytest.fixture
def test(rng):
    return linear_model(rng, n=60, noise=3.0)[0]


def scores(name, pool, train, observed=None):
    return ood_scores(name, {"test": pool}, train=train, observed=observed)["test"]


@pytest.mark.parametrize("kind", ["logits", "probs"])
def test_klm_is_the_smallest_divergence(kind, train, test):
    p, q = (softmax(x.values.astype(float) / 10, axis=1) for x in (train[0], test))
    given = [predictions(v if kind == "probs" else np.log(v), kind=kind) for v in (p, q)]
    stored = [g.values.astype(float) for g in given]  # float32 by now
    p, q = (softmax(np.log(v) if kind == "probs" else v, axis=1) for v in stored)
    predicted = p.argmax(axis=1)
    templates = [p[predicted == k].mean(axis=0) for k in range(4) if (predicted == k).any()]
    expected = [min(entropy(row, t) for t in templates) for row in q]
    np.testing.assert_allclose(scores("klm", given[1], given[0]), expected, rtol=1e-6, atol=1e-7)


def test_she_multiplies_with_the_pattern_of_the_predicted_class(train, test):
    pool, labels = train
    x, f = pool.features.astype(float), test.features.astype(float)
    right = pool.values.argmax(axis=1) == labels
    assert 0 < right.sum() < len(right)
    patterns = {k: x[right & (labels == k)].mean(axis=0) for k in range(4)}
    predicted = test.values.argmax(axis=1)
    expected = [-(row @ patterns[k]) for row, k in zip(f, predicted, strict=True)]
    np.testing.assert_allclose(scores("she", test, pool, labels), expected, rtol=1e-9)


def test_she_names_a_class_that_nothing_stands_for(train, test):
    pool, labels = train
    others = np.where(labels == 2, 3, labels)  # nothing is observed as 2, though predicted
    assert (test.values.argmax(axis=1) == 2).any()
    with pytest.raises(Undefined, match="no training row of class 2 is predicted as observed"):
        scores("she", test, pool, others)


def test_cosine_is_that_of_the_nearest_class_mean(train, test):
    pool, labels = train
    x = pool.features.astype(float)
    means = [x[labels == k].mean(axis=0) for k in range(4)]
    expected = [
        -max(row @ m / (np.linalg.norm(row) * np.linalg.norm(m)) for m in means)
        for row in test.features.astype(float)
    ]
    np.testing.assert_allclose(scores("cosine", test, pool, labels), expected, rtol=1e-9)


def test_the_weibull_fit_is_scipys(rng):
    values = rng.weibull(2.5, size=20) * 3
    shape, _, size = weibull_min.fit(values, floc=0)
    found = fit_weibull(values)
    assert found[0] == pytest.approx(shape, rel=1e-4)
    assert found[1] == pytest.approx(size, rel=1e-4)
    # The likelihood cannot be improved by a step in either direction.
    best = weibull_min.logpdf(values, found[0], scale=found[1]).sum()
    for a, b in ((1.001, 1), (0.999, 1), (1, 1.001), (1, 0.999)):
        assert weibull_min.logpdf(values, found[0] * a, scale=found[1] * b).sum() < best


def _reference_openmax(z, means, fits, revised):
    order = sorted(range(len(z)), key=lambda k: -z[k])
    kept, unknown = list(z), 0.0
    for i, k in enumerate(order[:revised], start=1):
        distance = math.dist(z, means[k])
        outside = weibull_min.cdf(distance, fits[k][0], scale=fits[k][1])
        lost = z[k] * (revised - i + 1) / revised * outside
        kept[k], unknown = z[k] - lost, unknown + lost
    return unknown - math.log(sum(math.exp(v) for v in kept))


def test_openmax_equals_the_algorithm(train, test):
    pool, labels = train
    z = pool.values.astype(float)
    right = z.argmax(axis=1) == labels
    means, fits = [], []
    for k in range(4):
        own = z[right & (labels == k)]
        means.append(own.mean(axis=0))
        fits.append(fit_weibull(np.sort(np.linalg.norm(own - means[k], axis=1))[-20:]))
    expected = [_reference_openmax(row, means, fits, 4) for row in test.values.astype(float)]
    found = scores("openmax", test, pool, labels)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_openmax_leaves_a_class_of_few_rows_alone(train, test):
    pool, labels = train
    kept = np.flatnonzero(labels != 1)
    kept = np.r_[kept, np.flatnonzero((labels == 1) & (pool.values.argmax(axis=1) == 1))[:2]]
    few = predictions(pool.values[kept])
    fitted = fit_openmax(few, labels[kept])
    assert modelled(fitted).tolist() == [True, False, True, True]
    assert np.isfinite(scores("openmax", test, few, labels[kept])).all()
