"""SADE's test-time aggregation: where the weights go, and that the same inputs give the same."""

import numpy as np
import pytest
import torch

from baselines.methods import aggregation, experts
from harness.errors import TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import AdaptiveModel, FitContext
from tests.baselines.toy import bright_rows, normalised

QUICK = {"epochs": 12, "batch_size": 16, "lr": 0.05}
EVEN = np.full(3, 1 / 3, dtype=np.float32)


def fitted(data, **overrides):
    config = experts.fit_sade.configure(QUICK)
    parent = experts.fit_sade(data, FitContext(config, seed=0)).state()
    config = aggregation.fit_sade_test_time.configure(QUICK | {"views": ["crop"]} | overrides)
    return aggregation.fit_sade_test_time(data, FitContext(config, seed=0, parent=parent))


@pytest.fixture(scope="module")
def model():
    return fitted(bright_rows((40, 20, 10)))


def two_specialists(shares, seed=0):
    """Return pairs of views: expert k is steady on images of group k and wavers elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    group = torch.arange(300) >= 300 * shares[0]  # False: group 0
    steady = 4 * torch.randn(300, 4, generator=generator)
    for _ in range(5):
        wavering = steady + 4 * torch.randn(2, 2, 300, 4, generator=generator)  # view, expert
        wavering[:, 0, ~group] = steady[~group]
        wavering[:, 1, group] = steady[group]
        yield wavering[0], wavering[1]


@pytest.mark.parametrize(("shares", "right"), [((0.9, 0.1), 0), ((0.1, 0.9), 1)])
def test_weights_move_to_the_expert_of_the_classes_that_are_there(shares, right):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = aggregation.aggregate(two_specialists(shares), 2)
    assert float(weights.sum()) == pytest.approx(1)
    assert weights[right] > 0.6


def test_learning_stops_after_the_epoch_in_which_a_weight_falls_below_a_twentieth():
    seen = []

    def pairs():
        good = 20 * torch.eye(4).repeat(500, 1)  # (2000, 4)
        for epoch in range(50):
            seen.append(epoch)
            bad = 20 * torch.randn(2, 2000, 4)
            yield torch.stack([good, bad[0]]), torch.stack([good, bad[1]])

    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = aggregation.aggregate(pairs(), 2)
    assert weights[1] < 0.05
    assert len(seen) < 50


def test_the_first_step_is_the_gradient_by_finite_differences():
    first, second = torch.randn(2, 3, 8, 4, generator=torch.Generator().manual_seed(1)).double()

    def agreement(raw):
        w = np.exp(raw) / np.exp(raw).sum()
        p, q = (np.einsum("e,enk->nk", w, z.numpy()) for z in (first, second))
        p, q = (np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in (p, q))
        return ((p * q).sum(1) / np.linalg.norm(p, axis=1) / np.linalg.norm(q, axis=1)).mean()

    start, h = np.full(3, 1 / 3), 1e-6
    slope = np.array([(agreement(start + h * e) - agreement(start - h * e)) for e in np.eye(3)])
    decayed = slope / (2 * h) - 5e-4 * start
    # Nesterov's first step is (1 + momentum) times the plain one
    raw = start + 0.1 * 1.9 * decayed
    expected = np.exp(raw) / np.exp(raw).sum()
    found = aggregation.aggregate([(first.float(), second.float())], 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_adapting_twice_gives_equal_bits_and_leaves_the_model_as_it_was(model):
    assert isinstance(model, AdaptiveModel)
    inputs = bright_rows((30, 10, 5), seed=1).inputs
    before = {name: array.copy() for name, array in model.state().items()}
    random = torch.get_rng_state()
    first, again = model.adapt(inputs), model.adapt(inputs)
    assert (first.state()["mixing"] == again.state()["mixing"]).all()
    assert all((before[name] == array).all() for name, array in model.state().items())
    assert torch.equal(random, torch.get_rng_state())
    assert (before["mixing"] == EVEN).all()
    assert (first.state()["mixing"] != EVEN).any()


def test_threads_and_the_callers_random_state_do_not_show(model):
    inputs = bright_rows((30, 10, 5), seed=1).inputs
    weights = model.adapt(inputs).state()["mixing"]
    before = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(123)
        torch.set_num_threads(2)
        again = model.adapt(inputs).state()["mixing"]
        assert torch.get_num_threads() == 2
        torch.set_num_threads(before)
    assert (weights == again).all()


def test_a_restored_model_adapts_to_the_same_bits(model):
    again = aggregation.restore(model.state(), dict(model.meta))
    data = bright_rows((30, 10, 5), seed=1)
    first, second = model.adapt(data.inputs), again.adapt(data.inputs)
    assert again.views == ("crop",)
    images = normalised(model, data.inputs.take(np.arange(45)))
    assert (first(images).values == second(images).values).all()


def test_what_is_predicted_after_adapting_is_the_weighted_mean_of_the_experts(model):
    data = bright_rows((30, 10, 5), seed=1)
    adapted = model.adapt(data.inputs)
    images = normalised(model, data.inputs.take(np.arange(45)))
    with torch.no_grad():
        each = model.network.each(torch.from_numpy(images))[0].numpy()
    expected = np.einsum("e,enk->nk", adapted.state()["mixing"], each)
    np.testing.assert_allclose(adapted(images).values, expected, atol=1e-4)
    assert (adapted(images).values != model(images).values).any()


def test_other_inputs_give_other_weights(model):
    head, tail = (bright_rows(counts, seed=2).inputs for counts in ((40, 4, 1), (1, 4, 40)))
    assert (model.adapt(head).state()["mixing"] != model.adapt(tail).state()["mixing"]).any()


def test_no_input_is_refused(model):
    nothing = ArrayInputs(np.zeros((0, 8, 8, 1), dtype=np.uint8))
    with pytest.raises(TrainingError, match="at least one test input; got none"):
        model.adapt(nothing)
