"""The same scores from a library, where it is right; and where its number means something else."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import weibull_min

from harness.scores.ood import ood_scores
from harness.scores.prototypes import fit_weibull
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


def test_scores_of_outputs_agree(detectors, evidence):
    ours, t = evidence
    logits = (t["f"] @ t["w"].T + t["b"]).double()
    for name, theirs, more in (
        ("msp", detectors.MaxSoftmax, 1),  # 1 − p, where theirs is −p
        ("max_logit", detectors.MaxLogit, 0),
        ("energy", detectors.EnergyBased, 0),
        ("entropy", detectors.Entropy, 0),  # theirs clips p at 1e-7
    ):
        other = theirs.score(logits).numpy() + more
        np.testing.assert_allclose(ours(name), other, rtol=1e-4, atol=1e-5, err_msg=name)


def test_divergences_from_templates_agree(detectors, evidence):
    ours, t = evidence
    train, test = ((t[rows] @ t["w"].T + t["b"]).double() for rows in ("x", "f"))
    theirs = detectors.KLMatching(None).fit_logits(train).predict_logits(test)
    np.testing.assert_allclose(ours("klm"), theirs.numpy(), rtol=1e-4, atol=1e-7)


def test_the_residual_is_that_of_vim(detectors, evidence):
    ours, t = evidence
    vim = detectors.ViM(None, d=4, w=t["w"], b=t["b"]).fit_features(t["x"], t["y"])
    energy = torch.logsumexp(t["f"] @ t["w"].T + t["b"], dim=1)
    theirs = (vim.predict_features(t["f"]) + energy) / vim.alpha
    np.testing.assert_allclose(ours("residual"), theirs.numpy(), rtol=1e-3)


def test_pnml_is_their_regret_in_nats_of_the_models_own_probabilities(detectors, evidence):
    # Theirs is over ln C, and their head is given features of length 1, which is no such model.
    ours, t = evidence
    logits = t["f"] @ t["w"].T + t["b"]
    theirs = detectors.PNML(None, lambda _: logits).fit_features(t["x"], t["y"])
    regret = theirs.predict_features(t["f"]).numpy() * np.log(4)
    # Their 1 − p and their sum are float32: only regrets well above its rounding are theirs.
    unsure = regret > 1e-3
    assert unsure.sum() > 10
    np.testing.assert_allclose(ours("pnml")[unsure], regret[unsure], rtol=1e-3)


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


class Tail:
    """A fitted distribution as their OpenMax asks for it."""

    def __init__(self, shape, scale):
        self.shape, self.scale = shape, scale

    def w_score(self, distance):
        return weibull_min.cdf(distance, self.shape, scale=self.scale)


def test_openmax_revises_as_theirs_with_the_same_tails(detectors, rectified):
    """Theirs shifts the distances before the Weibull fit, as libMR does; the paper does not."""
    from pytorch_ood.detector.openmax.numpy import OpenMax

    ours, head, x, y, f = rectified
    train, test = (head(rows).detach().double().numpy() for rows in (x, f))
    labels = y.numpy()
    right = train.argmax(axis=1) == labels
    theirs = OpenMax().fit(train[right], labels[right])
    for k, center in theirs.centers.items():
        distances = np.linalg.norm(train[right & (labels == k)] - center, axis=1)
        theirs.distributions[k] = Tail(*fit_weibull(np.sort(distances)[-20:]))
    unknown = theirs.predict(test)[:, 0]
    np.testing.assert_allclose(expit(ours("openmax")), unknown, rtol=1e-3, atol=1e-6)


def test_cut_and_stretched_features_agree(detectors, rectified):
    ours, head, x, y, f = rectified
    head, x, f = head.double(), x.double()[:, :, None, None], f.double()[:, :, None, None]

    def logits(maps):
        return head(maps[:, :, 0, 0])

    react = detectors.ReAct(None, logits, percentile=0.9).fit_feature_maps(x, y)
    stretched = detectors.SCALE(None, logits, percentile=0.85)
    for name, theirs in (("react", react), ("scale", stretched)):
        other = theirs.predict_feature_maps(f).detach().numpy()
        np.testing.assert_allclose(ours(name), other, rtol=1e-6, err_msg=name)
