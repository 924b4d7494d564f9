"""Fine-tuning the last stages: the parts are the whole network, what is trained and what is not."""

import numpy as np
import pytest

from harness.errors import CardError, SpecError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData

torch = pytest.importorskip("torch")

from baselines.methods.last_stages import (  # noqa: E402 (it needs torch)
    fit_adapted_prototypes,
    fit_last_stages,
    restore,
)
from baselines.networks.tails import as_maps, front_and_tail  # noqa: E402
from harness.models.obtain.vision import timm  # noqa: E402

NETWORK = "timm/test_efficientnet"
SMALL = {"network": NETWORK, "epochs": 2, "batch_size": 16}


@pytest.fixture(scope="module")
def whole():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return timm().create_model("test_efficientnet", num_classes=0).eval()


@pytest.fixture(scope="module")
def state(whole):
    return {name: t.numpy().copy() for name, t in whole.state_dict().items()}


@pytest.fixture(scope="module")
def train(whole):
    """Maps of 60 images of three classes, which differ in brightness."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [30, 20, 10])
    images = rng.normal(labels[:, None, None, None], 0.5, (60, 3, 32, 32)).astype("f4")
    with torch.inference_mode():
        maps = front_and_tail(whole, 1)[0](torch.from_numpy(images)).flatten(1).numpy()
    return TrainingData(ArrayInputs(maps), labels, 4)


def fitted(fit, train, state, seed=0, **settings):
    return fit(train, FitContext(fit.configure({**SMALL, **settings}), seed=seed, parent=state))


@pytest.mark.parametrize("arch", ["test_efficientnet", "test_resnet"])
def test_front_and_tail_one_after_the_other_are_the_network(arch):
    network = timm().create_model(arch, num_classes=0).eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for stages in (1, 2):
            front, tail = front_and_tail(network, stages)
            maps = front.eval()(images)
            again = as_maps(maps.flatten(1), maps.shape[1])
            torch.testing.assert_close(tail.eval()(again), network(images))


def test_stages_that_are_not_there_are_refused(whole):
    with pytest.raises(SpecError, match="stages must lie between 1 and"):
        front_and_tail(whole, 99)
    with pytest.raises(SpecError, match="known of timm's EfficientNets and ResNets; got Vision"):
        front_and_tail(timm().create_model("test_vit", num_classes=0), 1)
    with pytest.raises(SpecError, match="maps of 3 channels; got rows of 10 numbers"):
        as_maps(torch.zeros(2, 10), 3)


def test_training_lowers_the_loss_and_comes_back_from_its_state(train, state):
    losses = []
    config = fit_last_stages.configure({**SMALL, "epochs": 15, "lr": 0.01})
    report = lambda epoch, values: losses.append(values["loss"])  # noqa: E731
    model = fit_last_stages(train, FitContext(config, seed=0, parent=state, report=report))
    assert losses[-1] < losses[0]
    rows = train.inputs.take(np.arange(60))
    said = model(rows)
    assert (said.values.argmax(1) == train.observed).mean() > 0.6
    assert (said.values[:, 3] <= said.values.min(1) + 1e-3).all()  # a class without a row
    again = restore(model.state(), model.meta)(rows)
    np.testing.assert_array_equal(again.values, said.values)
    np.testing.assert_array_equal(again.features, said.features)


def test_only_scales_and_shifts_move_where_only_they_are_trained(train, state, whole):
    model = fitted(fit_last_stages, train, state, trained="affine")
    before = front_and_tail(whole, 1)[1].state_dict()
    after = model.network.tails[0].state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    learnt = {name for name in moved if not name.endswith(("running_mean", "running_var"))}
    layers = model.network.tails[0].named_modules()
    affine = [n for n, m in layers if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert learnt
    assert {name.rpartition(".")[0] for name in learnt} <= set(affine)


def test_the_seed_decides_and_nothing_else_does(train, state):
    rows = train.inputs.take(np.arange(8))
    torch.manual_seed(1)
    first = fitted(fit_last_stages, train, state)(rows).values
    torch.manual_seed(2)
    np.testing.assert_array_equal(fitted(fit_last_stages, train, state)(rows).values, first)
    assert not np.array_equal(fitted(fit_last_stages, train, state, seed=1)(rows).values, first)


def test_without_stages_the_head_alone_is_trained(train):
    """Its logits are linear in the features, and the last layer is handed out."""
    few = TrainingData(train.inputs, train.observed, 3)
    model = fitted(fit_last_stages, few, None, stages=0)
    rows = train.inputs.take(np.arange(60))
    said = model(rows)
    np.testing.assert_array_equal(said.features, rows)
    linear = rows @ model.head["weight"].T + model.head["bias"]
    np.testing.assert_allclose(said.values, linear, rtol=1e-4, atol=1e-4)
    again = restore(model.state(), model.meta)(rows)
    np.testing.assert_array_equal(again.values, said.values)


def test_balanced_softmax_adds_the_log_prior_while_it_trains(train, state):
    """It asks less of frequent classes, so that the rarest wins more often."""
    rows = train.inputs.take(np.arange(60))
    plain = fitted(fit_last_stages, train, state)(rows).values.argmax(1)
    balanced = fitted(fit_last_stages, train, state, loss="balanced-softmax")(rows).values.argmax(1)
    assert (balanced == 2).sum() > (plain == 2).sum()


def test_prototypes_are_means_of_frozen_and_adapted_features_by_cosine(train, state, whole):
    model = fitted(fit_adapted_prototypes, train, state)
    rows = train.inputs.take(np.arange(60))
    said = model(rows)
    with torch.inference_mode():
        tail = front_and_tail(whole, 1)[1].eval()
        frozen = tail(as_maps(torch.from_numpy(rows), model.network.channels)).numpy()
    d = frozen.shape[1]
    np.testing.assert_allclose(said.features[:, :d], frozen, rtol=1e-4, atol=1e-4)
    assert not np.allclose(said.features[:, d:], frozen, atol=1e-3)
    means = np.stack([said.features[train.observed == k].mean(0) for k in range(3)])
    units = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in (said.features, means)]
    np.testing.assert_allclose(said.values[:, :3], 16 * units[0] @ units[1].T, rtol=1e-3, atol=1e-3)
    assert model.head is None


def test_new_statistics_are_means_over_batches_and_no_weight_moves(train, state, whole):
    """In one batch, the first normalisation layer holds its input's mean and unbiased variance."""
    model = fitted(
        fit_adapted_prototypes, train, state, adapt="statistics", epochs=1, batch_size=60
    )
    frozen, adapted = (tail.state_dict() for tail in model.network.tails)
    moved = {name for name in frozen if not torch.equal(frozen[name], adapted[name])}
    kinds = {name.rpartition(".")[2] for name in moved}
    assert kinds == {"running_mean", "running_var", "num_batches_tracked"}
    tail = front_and_tail(whole, 1)[1]
    name, layer = next(
        (n, m)
        for n, m in tail.named_modules()
        if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)
    )
    seen = []
    hook = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        tail.eval()(
            as_maps(torch.from_numpy(train.inputs.take(np.arange(60))), model.network.channels)
        )
    hook.remove()
    values = seen[0].transpose(0, 1).flatten(1)
    torch.testing.assert_close(
        adapted[f"{name}.running_mean"], values.mean(1), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(adapted[f"{name}.running_var"], values.var(1), rtol=1e-4, atol=1e-5)


def test_new_statistics_do_not_see_labels(train, state):
    other = TrainingData(train.inputs, train.observed[::-1].copy(), 4)
    made = [
        fitted(fit_adapted_prototypes, rows, state, adapt="statistics")
        .network.tails[1]
        .state_dict()
        for rows in (train, other)
    ]
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_what_it_starts_from_must_be_there_and_of_this_network(train, state):
    with pytest.raises(CardError, match="the card names none. Write init_from"):
        fitted(fit_last_stages, train, None)
    fewer = dict(list(state.items())[1:])
    with pytest.raises(CardError, match=f"init_from should name a backbone of {NETWORK}"):
        fitted(fit_last_stages, train, fewer)
