"""Shaped activations and pruned weights, image by image from the papers' algorithms."""

import math

import numpy as np
import pytest

from harness.errors import Undefined
from harness.scores.ood import ood_scores
from tests.scores.evidence import linear_model, predictions, rectified_model


def scores(name, pool, train=None):
    return ood_scores(name, {"test": pool}, train=train)["test"]


def _reference_energy(row, head):
    weight, bias = (head[k].astype(float) for k in ("weight", "bias"))
    logits = [sum(weight[k, j] * x for j, x in enumerate(row)) + bias[k] for k in range(len(bias))]
    return -math.log(sum(math.exp(z) for z in logits))


def _reference_shaped(row, kind):
    """One image's activations after the algorithm; sizes are 20: 2 stay for ASH, 3 for SCALE."""
    kept = sorted(range(len(row)), key=lambda i: (-row[i], i))[: 3 if kind == "scale" else 2]
    total, part = sum(row), sum(row[i] for i in kept)
    if kind == "scale":
        return [x * math.exp(total / part) for x in row]
    shaped = [0.0] * len(row)
    for i in kept:
        if kind == "ash_p":
            shaped[i] = row[i]
        elif kind == "ash_b":
            shaped[i] = total / len(kept)
        else:
            shaped[i] = row[i] * math.exp(total / part)
    return shaped


@pytest.mark.parametrize("name", ["ash_p", "ash_b", "ash_s", "scale"])
def test_equals_the_algorithm_image_by_image(name, rng):
    test = rectified_model(rng)[0]
    expected = [
        _reference_energy(_reference_shaped(row, name), test.head)
        for row in test.features.astype(float).tolist()
    ]
    np.testing.assert_allclose(scores(name, test), expected, rtol=1e-9, atol=1e-9)


def test_of_equal_activations_the_first_stay():
    head = {"weight": np.arange(20.0)[None].repeat(2, 0), "bias": np.zeros(2)}
    pool = predictions(np.zeros((1, 2)), features=np.ones((1, 20)), head=head)
    # The first two of twenty ones stay, each worth ten: logits 10·(0 + 1).
    assert scores("ash_b", pool) == pytest.approx([-10 - math.log(2)])


@pytest.mark.parametrize("name", ["ash_p", "ash_b", "ash_s", "scale"])
def test_a_dead_image_has_the_energy_of_the_bias(name, rng):
    test = rectified_model(rng)[0]
    dead = predictions(np.zeros((1, 4)), features=np.zeros((1, 20)), head=test.head)
    assert scores(name, dead) == pytest.approx([_reference_energy([0.0] * 20, test.head)])


@pytest.mark.parametrize("name", ["ash_p", "ash_b", "ash_s", "scale"])
def test_negative_features_have_no_shaping(name, rng):
    with pytest.raises(Undefined, match="after a ReLU only"):
        scores(name, linear_model(rng, n=20)[0])


def test_dice_keeps_the_largest_mean_contributions(rng):
    train, test = rectified_model(rng, n=200)[0], rectified_model(rng)[0]
    weight = train.head["weight"].astype(float)
    mean = train.features.astype(float).mean(axis=0)
    cut = np.percentile(weight * mean, 90)
    kept = {(k, j) for k in range(4) for j in range(20) if weight[k, j] * mean[j] > cut}
    assert len(kept) == 8
    bias = test.head["bias"].astype(float)
    expected = []
    for row in test.features.astype(float):
        z = [bias[k] + sum(weight[k, j] * row[j] for j in range(20) if (k, j) in kept)
             for k in range(4)]  # fmt: skip
        expected.append(-math.log(sum(math.exp(v) for v in z)))
    np.testing.assert_allclose(scores("dice", test, train), expected, rtol=1e-9)


def test_pytorch_ood_shapes_alike(rng):
    torch = pytest.importorskip("torch")
    from harness.models.obtain.vision import torchvision

    torchvision()
    ash = pytest.importorskip("pytorch_ood.detector.ash")
    test = rectified_model(rng)[0]
    x = torch.tensor(test.features.astype(np.float64))[:, :, None, None]
    weight, bias = (torch.tensor(test.head[k].astype(np.float64)) for k in ("weight", "bias"))
    for name in ("ash_p", "ash_b", "ash_s"):
        shaped = getattr(ash, name)(x.clone(), 0.9)[:, :, 0, 0]
        theirs = -torch.logsumexp(shaped @ weight.T + bias, dim=1)
        np.testing.assert_allclose(scores(name, test), theirs.numpy(), rtol=1e-9)
