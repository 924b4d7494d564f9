"""Repairs from revealed rows: retraining without them, and selective dampening."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines.methods import prior, unlearning
from harness.errors import TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext
from tests.baselines.toy import all_inputs, bright_rows, normalised, resident

QUICK = {"epochs": 20, "batch_size": 16, "lr": 0.05}


def confused(known=None):
    """Return toy data in which 15 of 40 images of class 0 are called 1, and which of them."""
    data = bright_rows((40, 40, 40))
    wrong = np.flatnonzero(data.observed == 0)[:15]
    observed = data.observed.copy()
    observed[wrong] = 1
    told = wrong if known is None else wrong[:known]
    return replace(data, observed=observed, known=told)


def context(function, parent=None, **overrides):
    config = getattr(unlearning, function).configure(QUICK | overrides)
    return FitContext(config, seed=0, parent=parent)


def plain(data):
    config = prior.fit_cross_entropy.configure(QUICK)
    return prior.fit_cross_entropy(data, FitContext(config, seed=0))


def same(first, second):
    return all((first.state()[name] == array).all() for name, array in second.state().items())


def recall_of_class_0(model):
    data = bright_rows((40, 40, 40), seed=9)
    guess = model(normalised(model, all_inputs(data))).values.argmax(1)
    return (guess[data.observed == 0] == 0).mean()


@pytest.fixture(scope="module")
def parent():
    return plain(confused())


def test_without_known_is_cross_entropy_on_the_other_rows_bit_for_bit():
    data = confused()
    rest = np.setdiff1d(np.arange(120), data.known)
    other = replace(
        data,
        inputs=ArrayInputs(all_inputs(data)[rest]),
        observed=data.observed[rest],
        known=None,
    )
    found = unlearning.fit_without_known(data, context("fit_without_known"))
    assert same(found, plain(other))
    assert not same(found, plain(data))


def test_cross_entropy_does_not_look_at_known_rows():
    assert same(plain(confused()), plain(replace(confused(), known=None)))


@pytest.mark.parametrize("known", [None, np.array([], dtype=np.int64)])
def test_where_nothing_is_revealed_the_first_is_cross_entropy_and_the_second_the_parent(
    known, parent
):
    data = replace(confused(), known=known)
    assert same(unlearning.fit_without_known(data, context("fit_without_known")), parent)
    dampened = context("fit_selective_dampening", parent.state())
    assert same(unlearning.fit_selective_dampening(data, dampened), parent)


def test_importance_is_the_mean_squared_gradient_image_by_image(parent):
    data = resident(confused())
    rows = torch.tensor([3, 5, 40])
    network = parent.network.eval()
    expected = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
    for row in rows:
        network.zero_grad()
        F.cross_entropy(network(data.take(row[None])), data.labels[row[None]]).backward()
        for name, parameter in network.named_parameters():
            expected[name] += parameter.grad.square() / 3
    network.zero_grad()
    found = unlearning.importance(network, data, rows)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-9)


def test_dampening_by_hand():
    network = torch.nn.Linear(4, 1, bias=False)
    network.weight.data = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    of_all = {"weight": torch.tensor([[1.0, 1.0, 0.0, 1.0]], dtype=torch.float64)}
    of_known = {"weight": torch.tensor([[5.0, 20.0, 1.0, 0.0]], dtype=torch.float64)}
    unlearning.dampen(network, of_all, of_known, 10.0, 1.0)
    # 5 ≤ 10·1 stays; 20 > 10 is scaled by 1/20; 1 > 0 by 0; 0 stays
    np.testing.assert_allclose(network.weight.detach(), [[1.0, 0.1, 0.0, 4.0]])


def test_scales_never_grow_a_weight():
    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(1.0)
    one = {"weight": torch.ones(1, 1, dtype=torch.float64)}
    unlearning.dampen(network, one, {"weight": 2 * one["weight"]}, 1.5, 100.0)
    assert network.weight.item() == 1.0


def test_dampening_changes_the_parent_and_the_same_call_gives_the_same_bits(parent):
    made = [
        unlearning.fit_selective_dampening(
            confused(known=5), context("fit_selective_dampening", parent.state(), selection=1.5)
        )
        for _ in range(2)
    ]
    assert same(*made)
    assert not same(made[0], parent)
    running = [n for n in parent.state() if "running_" in n]
    assert all((made[0].state()[n] == parent.state()[n]).all() for n in running)


def test_known_rows_left_out_repair_the_class_that_they_were_taken_from(parent):
    repaired = unlearning.fit_without_known(confused(), context("fit_without_known"))
    assert recall_of_class_0(repaired) > recall_of_class_0(parent) + 0.1


def test_fine_tuning_starts_from_the_parent_and_moves_towards_the_other_rows(parent):
    barely = context("fit_fine_tuning", parent.state(), epochs=1, lr=1e-12)
    near = unlearning.fit_fine_tuning(confused(), barely)
    for name in ("head.weight", "body.stem.0.weight"):
        np.testing.assert_allclose(near.state()[name], parent.state()[name], atol=1e-6)
    tuned = unlearning.fit_fine_tuning(confused(), context("fit_fine_tuning", parent.state()))
    assert recall_of_class_0(tuned) > recall_of_class_0(parent) + 0.1


@pytest.mark.parametrize("function", ["fit_selective_dampening", "fit_fine_tuning"])
def test_a_repair_needs_a_parent(function):
    with pytest.raises(TrainingError, match="init_from"):
        getattr(unlearning, function)(confused(), context(function))
