"""Every formula against numbers worked out by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import losses
from baselines.class_counts import log_prior
from baselines.losses import Weighted, effective_number_weights, plain
from baselines.methods import loss
from harness.errors import SpecError
from tests.baselines.toy import batch_of

LOGITS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]])
LABELS = torch.tensor([0, 1])


def test_log_prior_by_hand():
    np.testing.assert_allclose(log_prior(torch.tensor([75.0, 25.0])), np.log([0.75, 0.25]), 1e-6)


def test_effective_number_weights_by_hand():
    # β = 0.9: n = 1 → 0.1/0.1 = 1; n = 2 → 0.1/0.19; scaled to sum to 2
    raw = np.array([1.0, 0.1 / 0.19])
    expected = raw * 2 / raw.sum()
    np.testing.assert_allclose(
        effective_number_weights(torch.tensor([1.0, 2.0]), 0.9), expected, rtol=1e-6
    )


def test_effective_number_weights_reach_from_none_to_inverse_frequency():
    counts = torch.tensor([500.0, 5.0])
    np.testing.assert_allclose(effective_number_weights(counts, 0.0), [1, 1])
    weights = effective_number_weights(counts, 1 - 1e-9)
    assert float(weights[1] / weights[0]) == pytest.approx(100, rel=1e-5)


def test_a_weighted_mean_depends_on_ratios_of_weights_only_and_starts_when_told():
    images = LOGITS.view(2, 3, 1, 1)
    network = torch.nn.Flatten()
    weighted = Weighted(plain, torch.tensor([4.0, 1.0, 1.0]), start=2)
    early, late = batch_of(images, [0, 1]), batch_of(images, [0, 1], epoch=2)
    losses = plain(LOGITS, LABELS)
    assert float(weighted(network, early)) == pytest.approx(float(losses.mean()))
    assert float(weighted(network, late)) == pytest.approx(float(4 * losses[0] + losses[1]) / 5)


def test_ldam_margins_by_hand():
    # 16^(−1/4) = 1/2 and 1^(−1/4) = 1: the rarest class gets 0.5, the other half of it
    margins = losses.margins(torch.tensor([16.0, 1.0]), 0.5)
    np.testing.assert_allclose(margins, [0.25, 0.5])


def test_ldam_takes_the_scaled_margin_off_the_label_only():
    margins = torch.tensor([0.25, 0.5])
    cosines = torch.tensor([[0.6, 0.2], [0.1, 0.3]])
    found = losses.ldam(30 * cosines, torch.tensor([0, 1]), margins=margins, scale=30.0)
    first = -np.log(np.exp(30 * 0.35) / (np.exp(30 * 0.35) + np.exp(30 * 0.2)))
    second = -np.log(np.exp(-30 * 0.2) / (np.exp(30 * 0.1) + np.exp(-30 * 0.2)))
    np.testing.assert_allclose(found, [first, second], rtol=1e-5)


def test_dice_by_hand():
    probs = torch.tensor([[0.8, 0.2], [0.4, 0.6]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # class 0: (2·0.8 + 1)/(0.64 + 0.16 + 1 + 1); class 1: (2·0.6 + 1)/(0.04 + 0.36 + 1 + 1)
    expected = 1 - (2.6 / 2.8 + 2.2 / 2.4) / 2
    assert float(losses.dice(probs, targets, smooth=1.0)) == pytest.approx(expected)


def test_tversky_by_hand_and_with_equal_weights_it_is_dice_of_soft_counts():
    probs = torch.tensor([[0.8, 0.2], [0.4, 0.6]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # class 0: TP 0.8, FP 0.4, FN 0.2; class 1: TP 0.6, FP 0.2, FN 0.4
    expected = 1 - (1.8 / (1.8 + 0.12 + 0.14) + 1.6 / (1.6 + 0.06 + 0.28)) / 2
    value = losses.tversky(probs, targets, smooth=1.0, fp=0.3, fn=0.7)
    assert float(value) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("favoured", "shape"),
    # losses 0, 1, 4 scaled to −1, −0.5, 1
    [
        ("high", [0, 0.25, 1]),
        ("capped", [-1, -0.5, 0]),
        ("middle", [0, 0.75, 0]),
        ("extremes", [1, 0.5, 1]),
    ],
)
def test_loss_weights_by_hand(favoured, shape):
    weights = losses.loss_weights(torch.tensor([0.0, 1.0, 4.0]), favoured, 0.5)
    raw = np.exp(np.array(shape) / 0.5)
    np.testing.assert_allclose(weights, raw / raw.sum(), rtol=1e-5)


def test_an_unknown_shape_of_loss_weights_is_refused():
    with pytest.raises(SpecError, match="'favoured' must be one of .*'high'; got 'midle'"):
        loss.fit_loss_reweighting.configure({"favoured": "midle"})


def test_smoothed_cross_entropy_by_hand():
    losses = F.cross_entropy(LOGITS, LABELS, reduction="none", label_smoothing=0.3)
    log_p = F.log_softmax(LOGITS, 1).numpy()
    targets = np.full((2, 3), 0.1) + 0.7 * np.eye(3)[LABELS]
    np.testing.assert_allclose(losses, -(targets * log_p).sum(1), rtol=1e-5)
