import json
import resource
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch.nn import functional as F

from baselines import checkpoint, model, train
from baselines.method import Parts
from baselines.methods import prior
from baselines.settings import Settings, checked
from harness.errors import SpecError, TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext
from tests.baselines.toy import a_run, all_inputs, batch_of, bright_rows, normalised

QUICK = {"epochs": 3, "batch_size": 16, "lr": 0.05}


def context(scratch=None, seed=0, **overrides):
    config = checked(Settings, QUICK | overrides).model_dump(mode="json")
    return FitContext(config, seed=seed, scratch=scratch)


def weights_of(trained):
    return np.concatenate([a.ravel().astype(np.float64) for a in trained.state().values()])


def fit(ctx, objective=prior.cross_entropy, data=None):
    data = data or bright_rows((30, 20, 10))
    return train.fit(data, ctx, checked(Settings, ctx.config), Parts(objective))


class Killed(Exception):
    """What stands for a kill: nothing in the loop expects it."""


def killed_at(step):
    calls = iter(range(10_000))

    def objective(network, batch):
        if next(calls) == step:
            raise Killed
        return prior.cross_entropy(network, batch)

    return objective


def test_the_loop_learns_what_is_learnable():
    data = bright_rows((30, 20, 10))
    trained = fit(context(epochs=15), data=data)
    logits = trained(normalised(trained, all_inputs(data))).values
    assert (logits.argmax(1) == data.observed).mean() > 0.95


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    first, again, other = (weights_of(fit(context(seed=s))) for s in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_training_leaves_torchs_random_state_and_threads_alone():
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(context())
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


# 60 images in batches of 16, or 45 of 12, are 4 steps per epoch: killed in the first, second and
# third one.
@pytest.mark.parametrize("step", [2, 5, 11])
@pytest.mark.parametrize(
    "settings",
    [
        {"augment": ["crop", "flip", "cutout"]},
        {"optimizer": "adamw", "lr": 0.01, "ema": 0.9},
        {"grad_noise": 0.01, "schedule": "step", "milestones": [2], "warmup_epochs": 1.0},
        {"channels_last": True, "select": "noisy_val", "val_fraction": 0.25, "batch_size": 12},
    ],
)
def test_killed_at_a_random_step_and_resumed_gives_the_same_bits(tmp_path, step, settings):
    settings = settings | {"checkpoint_seconds": 0.0}
    uninterrupted = weights_of(fit(context(tmp_path / "a", **settings)))
    with pytest.raises(Killed):
        fit(context(tmp_path / "b", **settings), killed_at(step))
    # The objective's name is part of a checkpoint's identity: both are plain functions.
    resumed = weights_of(fit(context(tmp_path / "b", **settings)))
    assert (uninterrupted == resumed).all()


def test_a_resumed_training_does_not_start_again(tmp_path):
    epochs = []
    with pytest.raises(Killed):
        fit(context(tmp_path, checkpoint_seconds=0.0), killed_at(9))
    ctx = context(tmp_path, checkpoint_seconds=0.0)
    fit(replace(ctx, report=lambda epoch, losses: epochs.append(epoch)))
    assert epochs == [3]


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    fit(context(tmp_path, checkpoint_seconds=0.0))
    with pytest.raises(TrainingError, match="another network, setting, split or seed: expected"):
        fit(context(tmp_path, width=2.0))


@pytest.mark.parametrize("kept", [0, 4, 1000, -1])
def test_a_damaged_checkpoint_is_refused(tmp_path, kept):
    fit(context(tmp_path, checkpoint_seconds=0.0))
    file = tmp_path / checkpoint.FILE
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(TrainingError, match="cannot be read .* Delete it"):
        fit(context(tmp_path))


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    image = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    state = {
        "epoch": 3,
        "network": {"a": image, "b": image[0, 0], "c": torch.tensor(7), "d": image},
        "optimizer": {"state": {0: {"step": torch.tensor(2.0)}}, "betas": (0.9, 1e-300)},
        "none": None,
        "nothing": [],
        "random": torch.get_rng_state(),
    }
    checkpoint.save(tmp_path, "x" * 64, state)
    found = checkpoint.load(tmp_path, "x" * 64)
    assert found["optimizer"] == state["optimizer"]
    assert (found["epoch"], found["none"], found["nothing"]) == (3, None, [])
    assert torch.equal(found["random"], state["random"])
    for name, tensor in state["network"].items():
        assert torch.equal(found["network"][name], tensor)
    assert found["network"]["a"].stride() == image.stride()
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path):
    with pytest.raises(Killed):
        fit(context(tmp_path, checkpoint_seconds=0.0), killed_at(5))
    kept = (tmp_path / checkpoint.FILE).read_bytes()
    names = sorted(tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) // 2, hard))  # fails as a full disk does
    try:
        with pytest.raises(TrainingError, match="File too large.* is kept. Make room"):
            fit(context(tmp_path, checkpoint_seconds=0.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / checkpoint.FILE).read_bytes() == kept
    assert sorted(tmp_path.iterdir()) == names


def test_a_loss_that_is_not_a_number_stops_with_step_and_rate(tmp_path):
    calls = iter(range(10_000))

    def objective(network, batch):
        loss = prior.cross_entropy(network, batch)
        return loss * float("nan") if next(calls) == 6 else loss

    with pytest.raises(TrainingError, match=r"nan at step 6 \(epoch 2 of 3, learning rate 0.0"):
        fit(context(tmp_path, checkpoint_seconds=0.0), objective)
    with safe_open(tmp_path / checkpoint.FILE, "pt") as file:
        assert ["epoch", 1] in json.loads(file.metadata()["state"])[1]


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(TrainingError, match="batch_size is 64, the training data have 60 images"):
        fit(context(batch_size=64))


def test_features_are_refused_where_images_are_needed():
    data = bright_rows((5, 5))
    rows = replace(data, inputs=ArrayInputs(np.zeros((10, 4), dtype=np.float32)))
    with pytest.raises(TrainingError, match="uint8 images .* float32 of shape"):
        fit(context(), data=rows)


def test_noisy_validation_keeps_the_best_epoch_and_needs_validation_rows():
    with pytest.raises(TrainingError, match="needs validation rows"):
        fit(context(select="noisy_val"))
    seen = []
    ctx = context(select="noisy_val", val_fraction=0.25, epochs=6)
    ctx = replace(ctx, snapshot=lambda epoch, t, v, state: seen.append((v, state())))
    chosen = fit(ctx)
    assert len(seen) == 6
    states = [np.concatenate([a.ravel() for a in s.values()]) for _, s in seen]
    assert any((weights_of(chosen) == state).all() for state in states)


def test_snapshots_hold_the_logits_that_their_state_gives():
    data, seen = bright_rows((30, 20, 10)), []
    ctx = replace(context(), snapshot=lambda *snapshot: seen.append(snapshot))
    trained = fit(ctx, data=data)
    epoch, train_logits, val_logits, state = seen[-1]
    again = model.restore(state(), trained.meta)
    assert (epoch, val_logits) == (3, None)
    expected = again(normalised(again, all_inputs(data))).values
    np.testing.assert_allclose(train_logits, expected, atol=1e-5)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_restored_model_gives_the_same_logits_and_its_head_reads_its_features(channels_last):
    data = bright_rows((30, 20, 10))
    trained = fit(context(channels_last=channels_last), data=data)
    again = model.restore(trained.state(), trained.meta)
    first = again.network.body.stem[0].weight
    assert first.is_contiguous(memory_format=torch.channels_last) or not channels_last
    images = normalised(trained, all_inputs(data))
    output = trained(images)
    assert (output.values == again(images).values).all()
    read = output.features @ trained.head["weight"].T + trained.head["bias"]
    np.testing.assert_allclose(read, output.values, atol=1e-5)


def test_weights_of_another_network_are_refused():
    trained = fit(context())
    other = fit(context(width=2.0))
    with pytest.raises(TrainingError, match="of another network: .* should be"):
        model.restore(other.state(), trained.meta)


def test_the_running_mean_follows_the_weights_by_hand():
    data, states = bright_rows((8, 8)), []
    base = {"epochs": 2, "batch_size": 16}
    plain = replace(context(**base), snapshot=lambda *s: states.append(s[3]()["head.bias"]))
    fit(plain, data=data)
    averaged = fit(context(**base, ema=0.5), data=data).state()["head.bias"]
    start = initial_bias(data)
    after = 0.5 * (0.5 * start + 0.5 * states[0]) + 0.5 * states[1]
    np.testing.assert_allclose(averaged, after, atol=1e-6)


def initial_bias(data):
    biases = []
    ctx = context(epochs=1)
    parts = Parts(prior.cross_entropy, initialise=lambda n: biases.append(n.head.bias.clone()))
    train.fit(data, ctx, checked(Settings, ctx.config), parts)
    return biases[0].detach().numpy()


def test_the_rate_warms_up_and_then_follows_its_schedule():
    settings = Settings(lr=1.0, epochs=10, warmup_epochs=2.0, schedule="cosine")
    run = a_run(settings)
    rates = []
    for epoch in range(10):
        run.epoch = epoch
        rates += [train.rate(run, 2, step) for step in range(2)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == 1.0
    assert rates[12] == pytest.approx(0.5)  # half of the eight epochs after warm-up
    assert rates[-1] == pytest.approx(0.5 * (1 + np.cos(np.pi * 7.5 / 8)))


def test_the_step_schedule_multiplies_at_each_milestone():
    settings = Settings(lr=1.0, epochs=10, schedule="step", milestones=(4, 8), gamma=0.1)
    run = a_run(settings)
    rates = []
    for epoch in (3, 4, 8):
        run.epoch = epoch
        rates.append(train.rate(run, 1))
    assert rates == pytest.approx([1.0, 0.1, 0.01])


def test_gradient_noise_has_the_papers_variance():
    parameter = torch.nn.Parameter(torch.zeros(100_000))
    parameter.grad = torch.zeros(100_000)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        train.add_gradient_noise([parameter], eta=0.3, step=9)
    assert float(parameter.grad.var()) == pytest.approx(0.3 / 10**0.55, rel=0.02)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 3}, "no setting 'epoch'. Did you mean 'epochs'"),
        ({"lr": "fast"}, "'lr' must be a number above 0; got 'fast'"),
        ({"epochs": True}, "'epochs' must be a whole number at least 1; got True"),
        ({"milestones": ["a"]}, "'milestones' must be a list of whole numbers; got"),
        ({"lr": -0.1}, "'lr' must be a number above 0; got -0.1"),
        ({"schedule": "cosin"}, "'schedule' must be one of"),
    ],
)
def test_a_wrong_setting_is_refused(overrides, message):
    with pytest.raises(SpecError, match=message):
        checked(Settings, overrides)


def test_adjusted_cross_entropy_equals_the_formula_by_hand():
    network = torch.nn.Flatten()
    images = torch.tensor([[[[1.0, 0.0]]], [[[0.0, 2.0]]]])  # (2, 1, 1, 2): two logits each
    batch = batch_of(images, [0, 1])
    offset = torch.tensor([90.0, 10.0]).log()
    loss = prior.AdjustedCrossEntropy(offset)(network, batch)
    e = np.exp(1.0)
    by_hand = -np.log(90 * e / (90 * e + 10)) - np.log(10 * e**2 / (90 + 10 * e**2))
    assert float(loss) == pytest.approx(by_hand / 2, rel=1e-6)


def test_balanced_softmax_and_logit_adjustment_with_tau_one_are_the_same_training():
    data = bright_rows((30, 20, 10))
    config = prior.fit_logit_adjustment.configure(QUICK)
    adjusted = prior.fit_logit_adjustment(data, FitContext(config, seed=0))
    balanced = prior.fit_balanced_softmax(data, context())
    np.testing.assert_allclose(weights_of(adjusted), weights_of(balanced), atol=1e-4)


@pytest.mark.parametrize("function", ["fit_balanced_softmax", "fit_logit_adjustment"])
def test_a_class_without_an_image_is_refused_where_counts_divide(function):
    config = getattr(prior, function).configure(QUICK)
    with pytest.raises(TrainingError, match="class 1 of 3 has none"):
        getattr(prior, function)(bright_rows((20, 0, 20)), FitContext(config, seed=0))


def test_cross_entropy_trains_without_an_image_of_a_class():
    trained = fit(context(), data=bright_rows((20, 0, 20)))
    assert trained.num_classes == 3
    assert F.softmax(torch.from_numpy(trained.state()["head.bias"]), 0).shape == (3,)
