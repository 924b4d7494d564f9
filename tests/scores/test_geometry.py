"""Scores from the last layer's geometry: by automatic gradients, boundaries and determinants."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from harness.errors import Undefined
from harness.scores.ood import ood_scores
from tests.scores.evidence import linear_model, predictions


@pytest.fixture
def train(rng):
    return linear_model(rng, n=400)[0]


@pytest.fixture
def test(rng):
    return linear_model(rng, n=60)[0]


def scores(name, pool, train=None):
    return ood_scores(name, {"test": pool}, train=train)["test"]


def test_gradnorm_is_the_norm_of_torchs_gradient(test):
    torch = pytest.importorskip("torch")
    expected = []
    for row in test.features.astype(np.float64):
        weight = torch.tensor(test.head["weight"].astype(np.float64), requires_grad=True)
        logits = weight @ torch.tensor(row) + torch.tensor(test.head["bias"].astype(np.float64))
        # KL(uniform ‖ softmax) up to a constant.
        (-torch.log_softmax(logits, dim=0).mean()).backward()
        expected.append(-float(weight.grad.abs().sum()))
    np.testing.assert_allclose(scores("gradnorm", test), expected, rtol=1e-4)


def test_weight_cosine_by_loops(test):
    w = test.head["weight"].astype(float)
    expected = [
        -max(row @ v / (np.linalg.norm(row) * np.linalg.norm(v)) for v in w)
        for row in test.features.astype(float)
    ]
    np.testing.assert_allclose(scores("weight_cosine", test), expected, rtol=1e-9)


def test_fdbd_is_the_distance_to_a_feature_on_the_boundary(train, test):
    w, b = (test.head[k].astype(float) for k in ("weight", "bias"))
    mean = train.features.astype(float).mean(axis=0)
    expected = []
    for row in test.features.astype(float):
        z = w @ row + b
        top, distances = int(z.argmax()), []
        for k in set(range(4)) - {top}:
            across = w[top] - w[k]
            # The foot of the perpendicular on the plane where both logits are equal.
            foot = row - (z[top] - z[k]) / (across @ across) * across
            assert w[top] @ foot + b[top] == pytest.approx(w[k] @ foot + b[k])
            distances.append(np.linalg.norm(row - foot))
        expected.append(-np.mean(distances) / np.linalg.norm(row - mean))
    np.testing.assert_allclose(scores("fdbd", test, train), expected, rtol=1e-9)


def test_fdbd_of_equal_weights_is_undefined(train, test):
    head = {"weight": np.ones((4, 8)), "bias": np.arange(4.0)}
    twin = predictions(test.values, features=test.features, head=head)
    with pytest.raises(Undefined, match="two classes have the same weights"):
        scores("fdbd", twin, train)


def test_neco_is_scikit_learns_projection(train, test):
    scaler = StandardScaler().fit(train.features.astype(float))
    x, f = (scaler.transform(p.features.astype(float)) for p in (train, test))
    part = np.linalg.norm(PCA(4, svd_solver="full").fit(x).transform(f), axis=1)
    expected = -part / np.linalg.norm(f, axis=1) * test.values.max(axis=1)
    np.testing.assert_allclose(scores("neco", test, train), expected, rtol=1e-6)


def test_residual_is_what_the_principal_space_leaves(train, test):
    u = -np.linalg.pinv(test.head["weight"].astype(float)) @ test.head["bias"].astype(float)
    axes = np.linalg.svd(train.features.astype(float) - u)[2][:4]
    around = test.features.astype(float) - u
    left = around - around @ axes.T @ axes
    found = scores("residual", test, train)
    np.testing.assert_allclose(found, np.linalg.norm(left, axis=1), rtol=1e-6)


def test_pnml_is_the_regret_of_its_definition(train, test):
    x, f = (p.features.astype(float) for p in (train, test))
    x, f = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, f))
    probs = softmax(test.values.astype(float), axis=1)
    inverse = np.linalg.inv(x.T @ x)
    expected = []
    for row, p in zip(f, probs, strict=True):
        q = row @ inverse @ row
        t = q / (1 + q)
        expected.append(math.log(sum(v / (v + v**t * (1 - v)) for v in p)))
    np.testing.assert_allclose(scores("pnml", test, train), expected, rtol=1e-6, atol=1e-12)


def test_pnml_has_a_value_where_a_class_has_no_probability_left(train, test):
    """Logits two thousand apart: the others' probabilities are 0 and have no share in the sum."""
    far = np.zeros_like(test.values)
    far[:, 0] = 2000
    found = scores("pnml", replace(test, values=far), train)
    assert np.isfinite(found).all()
    assert (found == 0).all()


def test_pnml_keeps_the_order_of_certain_predictions(train, test):
    sure = [predictions(np.array([[z, 0, 0, 0]] * 2), features=test.features[:2], head=test.head)
            for z in (60.0, 70.0)]  # fmt: skip
    first, second = (scores("pnml", p, train) for p in sure)
    assert (first > second).all() and (second > 0).all()


def test_nnguide_by_loops(rng, test):
    train = linear_model(rng, n=37)[0]
    x, f = (p.features.astype(float) for p in (train, test))
    energy = [np.log(np.exp(p.values.astype(float)).sum(axis=1)) for p in (train, test)]
    expected = []
    for row, e in zip(f, energy[1], strict=True):
        near = sorted(
            (g * (row @ v) / (np.linalg.norm(row) * np.linalg.norm(v))
             for v, g in zip(x, energy[0], strict=True)),
            reverse=True,
        )  # fmt: skip
        expected.append(-e * np.mean(near[:10]))
    np.testing.assert_allclose(scores("nnguide", test, train), expected, rtol=1e-9)


def test_nnguide_looks_among_rows_at_equal_steps(rng, test, monkeypatch):
    train = linear_model(rng, n=40)[0]
    monkeypatch.setattr("harness.scores.neighbours.BANK", 20)
    half = predictions(train.values[::2], features=train.features[::2], head=train.head)
    np.testing.assert_allclose(scores("nnguide", test, train), scores("nnguide", test, half))
