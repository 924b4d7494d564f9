"""The same scores from a library, where it is right; and where its number means something else."""

import numpy as np
import pytest

from harness.scores.ood import ood_scores
from tests.scores.evidence import linear_model, rectified_model

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def detectors():
    from harness.models.obtain.vision import torchvision

    torchvision()  # pytorch-ood imports it, and a build for another torch must be repaired first
    return pytest.importorskip("pytorch_ood.detector")


@pytest.fixture
def evidence(rng):
    (train, labels), (test, _) = linear_model(rng, n=300), linear_model(rng, n=80)
    tensors = {
        "x": torch.tensor(train.features.astype(np.float32)),
        "y": torch.tensor(labels),
        "f": torch.tensor(test.features.astype(np.float32)),
        "w": torch.tensor(test.head["weight"]),
        "b": torch.tensor(test.head["bias"]),
    }

    def ours(name):
        return ood_scores(name, {"test": test}, train=train, observed=labels)["test"]

    return ours, tensors


def test_knn_and_vim_agree(detectors, evidence):
    ours, t = evidence
    knn = detectors.KNN(None, k=50).fit_features(t["x"], t["y"]).predict_features(t["f"])
    np.testing.assert_allclose(ours("knn"), knn.numpy(), rtol=1e-4)
    vim = detectors.ViM(None, d=4, w=t["w"], b=t["b"]).fit_features(t["x"], t["y"])
    np.testing.assert_allclose(ours("vim"), vim.predict_features(t["f"]).numpy(), rtol=1e-3)


def test_gen_is_their_mean_as_a_sum(detectors, evidence):
    ours, t = evidence
    theirs = detectors.GEN.score(t["f"] @ t["w"].T + t["b"]).numpy()
    # Their 1 − p is float32 and rounds to 0 where a class is certain: compare the others.
    unsure = theirs > np.quantile(theirs, 0.5)
    np.testing.assert_allclose(ours("gen")[unsure], 4 * theirs[unsure], rtol=1e-2)


def test_mahalanobis_orders_alike_up_to_their_scale(detectors, evidence):
    ours, t = evidence
    theirs = detectors.Mahalanobis(None).fit_features(t["x"], t["y"]).predict_features(t["f"])
    mine, other = ours("mahalanobis"), theirs.numpy().astype(float)
    assert np.corrcoef(mine, other)[0, 1] == pytest.approx(1, abs=1e-4)


def test_relative_mahalanobis_orders_alike_up_to_their_scale(detectors, evidence):
    ours, t = evidence
    theirs = detectors.RMD(None).fit_features(t["x"], t["y"]).predict_features(t["f"])
    mine, other = ours("relative_mahalanobis"), theirs.numpy().astype(float)
    assert np.corrcoef(mine, other)[0, 1] == pytest.approx(1, abs=1e-4)


@pytest.fixture
def rectified(rng):
    """Features after a ReLU whose head knows the classes, in float32 and as tensors."""
    (train, labels), (test, _) = rectified_model(rng, n=300), rectified_model(rng, n=80)
    head = torch.nn.Linear(20, 4)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(test.head["weight"]))
        head.bias.copy_(torch.tensor(test.head["bias"]))
    x, f = (torch.tensor(each.features.astype(np.float32)) for each in (train, test))

    def ours(name):
        return ood_scores(name, {"test": test}, train=train, observed=labels)["test"]

    return ours, head, x, torch.tensor(labels), f


def test_distances_to_boundaries_agree(detectors, rectified):
    ours, head, x, y, f = rectified
    theirs = detectors.fDBD(None, head).fit_features(x, y).predict_features(f).numpy()
    np.testing.assert_allclose(ours("fdbd"), theirs, rtol=1e-4)


def test_guidance_by_neighbours_agrees(detectors, rectified):
    ours, head, x, y, f = rectified
    theirs = detectors.NNGuide(None, head, k=10).fit_features(x, y).predict_features(f).numpy()
    np.testing.assert_allclose(ours("nnguide"), theirs, rtol=1e-4)


def test_patterns_of_classes_agree(detectors, rectified):
    ours, head, x, y, f = rectified  # both learn from the rows that are classified right
    theirs = detectors.SHE(None, head).fit_features(x, y).predict_features(f).detach().numpy()
    np.testing.assert_allclose(ours("she"), theirs, rtol=1e-4)


def test_sparse_heads_agree(detectors, rectified):
    ours, head, x, y, f = rectified
    w, b = head.weight.detach(), head.bias.detach()
    theirs = detectors.DICE(None, w, b, p=0.9).fit_features(x, y).predict_features(f).numpy()
    np.testing.assert_allclose(ours("dice"), theirs, rtol=1e-4)


def test_gradients_of_the_last_layer_agree(detectors, rectified):
    ours, head, _, _, f = rectified
    theirs = detectors.GradNorm(head, param_filter=lambda name: name == "weight").predict(f)
    np.testing.assert_allclose(ours("gradnorm"), theirs.detach().numpy(), rtol=1e-3)
