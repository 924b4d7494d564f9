"""What outlives an epoch: decay, the running mean, the best epoch, weights lent and given back."""

import numpy as np
import pytest
import torch

from baselines import train
from baselines.method import Parts, predict
from baselines.methods import prior
from baselines.settings import Settings, checked
from baselines.state import TrainingState, make_optimizer, swapped
from harness.types.models import FitContext
from tests.baselines.toy import a_run, bright_rows


def stepped(weight_decay, decay):
    """Return a weight and a bias of ones after one step without any gradient."""
    weight, bias = (torch.nn.Parameter(torch.ones(shape)) for shape in ((2, 2), (2,)))
    settings = Settings(lr=0.5, momentum=0.0, weight_decay=weight_decay, decay=decay)
    optimizer = make_optimizer([([weight, bias], 1.0)], settings)
    weight.grad, bias.grad = torch.zeros(2, 2), torch.zeros(2)
    optimizer.step()
    return float(weight.detach().mean()), float(bias.detach().mean())


@pytest.mark.parametrize(("decay", "bias"), [("weights", 1.0), ("all", 0.95)])
def test_weight_decay_acts_on_biases_only_where_the_recipe_says_all(decay, bias):
    assert stepped(0.1, decay) == pytest.approx((0.95, bias))


def test_the_objectives_own_parameters_have_their_own_rate():
    mine, added = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2, 2))
    optimizer = make_optimizer([([mine], 1.0), ([added], 0.1)], Settings())
    assert [group["factor"] for group in optimizer.param_groups] == [1.0, 0.1]
    rates = []

    class Objective(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, network, batch):
            return self.scale.sum() * prior.cross_entropy(network, batch)

    run = a_run(Settings(epochs=1, batch_size=4, schedule="constant", lr=0.2))
    parts = Parts(Objective(), own_rate=0.5)
    state = TrainingState(run, parts, FitContext({}, seed=0))
    train.train_epoch(run, parts, state)
    rates = {group["factor"]: group["lr"] for group in state.optimizer.param_groups}
    assert rates == {1.0: 0.2, 0.5: 0.1}


def test_running_statistics_of_the_weight_mean_are_those_of_the_network():
    run = a_run(Settings(epochs=1, ema=0.75))
    state = TrainingState(run, Parts(prior.cross_entropy), FitContext({}, seed=0))
    own = run.network.state_dict()
    start = {name: tensor.clone() for name, tensor in own.items()}
    for tensor in own.values():
        tensor += 2
    state.update_mean()
    moved = {name: float((state.mean[name] - start[name]).float().mean()) for name in own}
    statistics = {name for name in own if "running_" in name or "num_batches" in name}
    assert statistics
    assert {name for name in own if moved[name] == pytest.approx(2)} == statistics
    others = [moved[name] for name in own if name not in statistics]
    np.testing.assert_allclose(others, 0.5, atol=1e-6)  # a quarter of the way


def test_lent_weights_are_given_back_also_after_an_error():
    network = a_run(Settings()).network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    other = {name: torch.zeros_like(tensor) for name, tensor in before.items()}
    with pytest.raises(RuntimeError, match="in between"), swapped(network, other):
        assert float(network.head.weight.detach().abs().sum()) == 0
        raise RuntimeError("in between")
    assert all((tensor == before[name]).all() for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("select", "better"), [("noisy_val", "accuracy"), ("noisy_val_loss", "loss")]
)
def test_the_epoch_that_is_best_on_validation_rows_is_the_result(select, better, monkeypatch):
    """The weights of every epoch are marked by the head's bias; validation likes the second and,
    no less, the third: the earlier one stays."""
    data = bright_rows((12, 12))
    settings = checked(Settings, {"epochs": 4, "batch_size": 8, "val_fraction": 0.25})
    settings = checked(Settings, settings.model_dump() | {"select": select})
    kept = []

    def judged(network, val):
        kept.append({n: t.clone() for n, t in network.state_dict().items()})
        one_hot = torch.nn.functional.one_hot(val.labels, 2).float()
        quality = [0.3, 3.0, 3.0, 2.0][len(kept) - 1]  # right throughout, surest in these two
        if better == "accuracy" and len(kept) not in (2, 3):
            one_hot = one_hot.flip(1)
        return quality * one_hot

    monkeypatch.setattr("baselines.state.predict", judged)
    trained = train.fit(data, FitContext({}, seed=0), settings, Parts(prior.cross_entropy))
    assert len(kept) == 4
    state = trained.state()
    assert all((state[name] == kept[1][name].numpy()).all() for name in state)
    for other in (2, 3):
        assert any((state[name] != kept[other][name].numpy()).any() for name in state)


def test_a_selected_epoch_needs_validation_rows():
    settings = checked(Settings, {"epochs": 1, "batch_size": 4, "select": "noisy_val_loss"})
    with pytest.raises(train.TrainingError, match="'noisy_val_loss' needs validation rows"):
        train.fit(bright_rows((6, 6)), FitContext({}, seed=0), settings, Parts(prior.cross_entropy))


def test_parts_of_an_epoch_share_no_batch_and_know_their_number():
    batches = train.cut([torch.arange(5), torch.arange(10, 14)], 3)
    assert [(part, rows.tolist()) for part, rows in batches] == [
        (0, [0, 1, 2]), (0, [3, 4]), (1, [10, 11]), (1, [12, 13]),
    ]  # fmt: skip


def test_rates_restart_every_ten_epochs_and_stand_still_within_one():
    run = a_run(Settings(epochs=30, schedule="restarts", lr=0.02, min_lr=0.001, restart_epochs=10))
    found = []
    for epoch in (0, 5, 9, 10, 20):
        run.epoch = epoch
        found += [train.rate(run, 7, 0), train.rate(run, 7, 6)]
    by_hand = [0.001 + 0.019 * 0.5 * (1 + np.cos(np.pi * e / 10)) for e in (0, 5, 9, 0, 0)]
    np.testing.assert_allclose(found, np.repeat(by_hand, 2))


def test_warm_up_may_start_from_a_share_of_the_rate():
    run = a_run(Settings(epochs=10, schedule="constant", lr=0.9, warmup_epochs=3.0))
    run.settings = checked(Settings, run.settings.model_dump() | {"warmup_start": 1 / 3})
    assert train.rate(run, 1, 0) == pytest.approx(0.9 * (1 / 3 + 2 / 3 / 3))
    run.epoch = 2
    assert train.rate(run, 1, 0) == pytest.approx(0.9)


def test_predictions_for_selection_are_made_in_evaluation_mode_and_training_goes_on():
    run = a_run(Settings())
    run.network.train()
    predict(run.network, run.data)
    assert run.network.training
