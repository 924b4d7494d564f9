"""Every loss equals its paper's formula, value and gradient; and what must hold of all of them."""

from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import losses
from baselines.methods import robust
from tests.baselines import oracles
from tests.baselines.differences import by_differences
from tests.baselines.toy import batch_of

Z = np.array([[2.0, -1.0, 0.5], [0.3, 1.2, -0.7], [-2.0, 0.1, 0.4], [0.9, 0.8, 3.0]])
Y = [0, 2, 2, 1]
COUNTS = [90.0, 30.0, 10.0]
T = [[0.8, 0.15, 0.05], [0.1, 0.9, 0.0], [0.0, 0.3, 0.7]]
TEMPERATURES = [1.0, 0.9, 0.8]
EXPERTS = np.stack([Z, Z[::-1] * 0.7, Z * [1, -1, 0.5] + 0.2])
OTHERS = np.stack([EXPERTS[1] + 0.3, EXPERTS[2], EXPERTS[0] * 1.1])
labels, counts = torch.tensor(Y), torch.tensor(COUNTS, dtype=torch.float64)


def on_probs(loss, z, **options):
    return loss(z.softmax(1), F.one_hot(labels, 3).double(), **options)


def weighted(z):
    loss = losses.Weighted(
        partial(losses.focal, focusing=1.5),
        losses.effective_number_weights(counts, 0.99).double(),
        per_sample=True,
    )
    batch = batch_of(z.view(4, 3, 1, 1), Y)
    return loss(torch.nn.Flatten(), batch)


def reweighted(z, shape):
    found = losses.plain(z, labels)
    return (losses.loss_weights(found.detach(), shape, 0.7) * found).sum()


FLOOR = float(np.log(1e-4))
MARGINS = losses.margins(counts, 0.5)
FIXED_TARGETS = [[0.5, 0.2, 0.1], [0.0, 0.3, 0.4], [0.1, 0.1, 0.7], [0.2, 0.5, 0.1]]
strengths = [-0.5, 1.0, 2.5]
offsets = torch.stack([s * counts.log() for s in strengths])

CASES = {
    "cross-entropy": (
        Z,
        lambda z: losses.plain(z, labels).mean(),
        lambda z: oracles.cross_entropy(z, Y),
    ),
    "label-smoothing": (
        Z,
        lambda z: losses.smoothed(z, labels, smoothing=0.3).mean(),
        lambda z: oracles.label_smoothing(z, Y, 0.3),
    ),
    "focal": (
        Z,
        lambda z: losses.focal(z, labels, focusing=2.0).mean(),
        lambda z: oracles.focal(z, Y, 2.0),
    ),
    "class-balanced-focal": (
        Z,
        weighted,
        lambda z: oracles.class_balanced_focal(z, Y, COUNTS, 0.99, 1.5),
    ),
    "ldam": (
        Z,
        lambda z: losses.ldam(z, labels, margins=MARGINS, scale=3.0).mean(),
        lambda z: oracles.ldam(z, Y, COUNTS, 0.5, 3.0),
    ),
    "logit-adjustment": (
        Z,
        lambda z: F.cross_entropy(z + 1.5 * (counts / counts.sum()).log(), labels),
        lambda z: oracles.logit_adjusted(z, Y, COUNTS, 1.5),
    ),
    "dice": (
        Z,
        lambda z: on_probs(losses.dice, z, smooth=1.0),
        lambda z: oracles.dice(z, Y, 1.0),
    ),
    "self-adjusting-dice": (
        Z,
        lambda z: on_probs(losses.self_adjusting_dice, z, smooth=1.0, damping=0.5),
        lambda z: oracles.self_adjusting_dice(z, Y, 1.0, 0.5),
    ),
    "tversky": (
        Z,
        lambda z: on_probs(losses.tversky, z, smooth=1.0, fp=0.3, fn=0.7),
        lambda z: oracles.tversky(z, Y, 1.0, 0.3, 0.7),
    ),
    "gce": (
        Z,
        lambda z: losses.generalised(z, labels, q=0.7).mean(),
        lambda z: oracles.gce(z, Y, 0.7),
    ),
    "sce": (
        Z,
        lambda z: losses.symmetric(z, labels, alpha=0.1, beta=1.0, log_zero=FLOOR).mean(),
        lambda z: oracles.sce(z, Y, 0.1, 1.0, 1e-4),
    ),
    "bootstrapping-hard": (
        Z,
        lambda z: losses.bootstrapped(z, labels, trust=0.8, hard=True).mean(),
        lambda z: oracles.bootstrapping(z, Y, 0.8, True),
    ),
    "bootstrapping-soft": (
        Z,
        lambda z: losses.bootstrapped(z, labels, trust=0.95, hard=False).mean(),
        lambda z: oracles.bootstrapping(z, Y, 0.95, False),
    ),
    "elr": (
        Z,
        lambda z: (
            F.cross_entropy(z, labels)
            + 3 * losses.held(z.softmax(1), torch.tensor(FIXED_TARGETS, dtype=torch.float64))
        ),
        lambda z: oracles.elr(z, Y, FIXED_TARGETS, 3.0),
    ),
    "ride": (
        EXPERTS,
        lambda z: losses.diversity(z, torch.tensor(TEMPERATURES, dtype=torch.float64)),
        lambda z: oracles.ride_diversity(z, EXPERTS.mean(0), TEMPERATURES),
    ),
    "ride-routing": (
        EXPERTS[:2, :, 0],
        lambda a: losses.routing(a, torch.from_numpy(EXPERTS), labels, weight=100.0),
        lambda a: oracles.routing(a, EXPERTS, Y, 100.0),
    ),
    "mdcs-experts": (
        EXPERTS,
        lambda z: losses.adjusted(z, labels, offsets=offsets),
        lambda z: oracles.adjusted_experts(z, Y, strengths, COUNTS),
    ),
    "mdcs-distillation": (
        EXPERTS,
        lambda z: losses.distillation(torch.from_numpy(OTHERS), z, labels),
        lambda z: oracles.mdcs_distillation(z, OTHERS, Y),
    ),
    "rcal-contrast": (
        Z,
        lambda z: losses.contrastive(z, torch.from_numpy(Z * 0.3), torch.from_numpy(-Z), 0.5),
        lambda z: oracles.info_nce(z, Z * 0.3, -Z, 0.5),
    ),
    **{
        f"loss-reweighting-{shape}": (
            Z,
            partial(reweighted, shape=shape),
            lambda z, shape=shape: oracles.reweighted(z, Y, Z, shape, 0.7),
        )
        for shape in losses.FAVOURED
    },
}


@pytest.mark.parametrize("name", CASES)
def test_a_loss_is_its_papers_formula(name):
    at, ours, paper = CASES[name]
    value = ours(torch.from_numpy(np.ascontiguousarray(at)))
    assert float(value) == pytest.approx(paper(at), rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_a_losses_gradient_is_that_of_its_papers_formula(name):
    at, ours, paper = CASES[name]
    z = torch.from_numpy(np.ascontiguousarray(at)).requires_grad_()
    (found,) = torch.autograd.grad(ours(z), z)
    by_hand = by_differences(paper, at)
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-6)
    assert np.abs(by_hand).max() > 1e-3


def test_forward_correction_is_its_papers_formula_in_float32():
    z = torch.from_numpy(Z).requires_grad_()
    loss = losses.corrected(z, labels, transition=torch.tensor(T)).mean()
    assert float(loss.detach()) == pytest.approx(oracles.forward(Z, Y, T), rel=1e-5)
    (found,) = torch.autograd.grad(loss, z)
    by_hand = by_differences(lambda z: oracles.forward(z, Y, T), Z)
    np.testing.assert_allclose(found, by_hand, rtol=1e-3, atol=1e-5)


PLAIN = {
    "label smoothing with nothing smoothed": partial(losses.smoothed, smoothing=0.0),
    "softmax focal without focusing": partial(losses.softmax_focal, focusing=0.0),
    "ldam without margin": partial(losses.ldam, margins=torch.zeros(3), scale=30.0),
    "sce without its reverse": partial(losses.symmetric, alpha=1.0, beta=0.0, log_zero=-9.2),
    "bootstrapping that trusts labels": partial(losses.bootstrapped, trust=1.0, hard=False),
    "forward correction of labels that stay": partial(losses.corrected, transition=torch.eye(3)),
    "gce near q = 0": partial(losses.generalised, q=1e-6),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_loss_is_cross_entropy_where_its_parameter_says_so(name):
    z = torch.from_numpy(Z)
    torch.testing.assert_close(
        PLAIN[name](z, labels).double(), losses.plain(z, labels), rtol=1e-4, atol=1e-5
    )


def test_class_weights_with_beta_zero_and_equal_counts_are_equal():
    torch.testing.assert_close(losses.effective_number_weights(counts, 0.0), torch.ones(3))
    equal = losses.effective_number_weights(torch.tensor([7.0, 7.0, 7.0]), 0.999)
    torch.testing.assert_close(equal, torch.ones(3))


def test_loss_weights_of_a_huge_temperature_are_the_mean():
    found = losses.loss_weights(torch.tensor([0.1, 2.0, 5.0]), "middle", 1e9)
    torch.testing.assert_close(found, torch.full((3,), 1 / 3))


def test_elr_without_strength_is_cross_entropy():
    objective = robust.EarlyLearningLoss(4, 3, memory=0.7, strength=0.0)
    z = torch.from_numpy(Z).float()
    loss = objective(torch.nn.Flatten(), batch_of(z.view(4, 3, 1, 1), Y))
    assert float(loss) == pytest.approx(oracles.cross_entropy(Z, Y), rel=1e-6)


def test_equal_experts_are_not_apart_and_equal_views_have_nothing_to_teach():
    z = torch.from_numpy(Z)[None].repeat(3, 1, 1)
    assert float(losses.diversity(z, torch.ones(3))) == pytest.approx(0, abs=1e-7)
    assert float(losses.distillation(z, z, labels)) == pytest.approx(0, abs=1e-7)


PER_SAMPLE = {
    **PLAIN,
    "sigmoid focal": partial(losses.focal, focusing=2.0),
    "gce": partial(losses.generalised, q=0.7),
    "sce": partial(losses.symmetric, alpha=0.1, beta=1.0, log_zero=-9.2),
    "hard bootstrapping": partial(losses.bootstrapped, trust=0.8, hard=True),
}


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_a_samples_loss_does_not_depend_on_its_batch(name):
    z, loss = torch.from_numpy(Z), PER_SAMPLE[name]
    halves = torch.cat([loss(z[:1], labels[:1]), loss(z[1:], labels[1:])])
    torch.testing.assert_close(loss(z, labels), halves)


PERMUTED = [2, 0, 1]


@pytest.mark.parametrize("name", sorted(CASES.keys() & {
    "cross-entropy", "label-smoothing", "focal", "gce", "sce", "bootstrapping-soft", "dice",
    "self-adjusting-dice", "tversky",
}))  # fmt: skip
def test_renaming_classes_changes_no_loss(name, monkeypatch):
    _, ours, _ = CASES[name]
    before = float(ours(torch.from_numpy(Z)))
    place = torch.tensor([PERMUTED.index(k) for k in Y])
    monkeypatch.setitem(globals(), "labels", place)
    assert float(ours(torch.from_numpy(Z[:, PERMUTED].copy()))) == pytest.approx(before)


def test_renaming_classes_renames_margins_weights_temperatures_and_priors():
    moved = counts[PERMUTED]
    for function in (
        partial(losses.margins, max_margin=0.5),
        partial(losses.effective_number_weights, beta=0.99),
        partial(losses.class_temperatures, share=0.05),
        lambda c: losses.reversed_log_prior((c / c.sum()).log()),
    ):
        torch.testing.assert_close(function(moved), function(counts)[PERMUTED])


def test_class_temperatures_by_hand():
    # C·π = 3·(90, 30, 10)/130; 0.05 of it + 0.95, over the largest
    raw = 0.05 * 3 * np.array(COUNTS) / 130 + 0.95
    np.testing.assert_allclose(losses.class_temperatures(counts, 0.05), raw / raw.max())
