from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.methods import decoupling, mixing, prior, sampling
from baselines.samplers import drawn, oversampled, undersampled, with_counts
from baselines.settings import Settings
from harness.errors import SpecError, TrainingError
from harness.types.models import FitContext
from tests.baselines.toy import a_run, all_inputs, batch_of, bright_rows, functions, normalised

QUICK = {"epochs": 3, "batch_size": 16, "lr": 0.05}
COUNTS = torch.tensor([90.0, 30.0, 10.0])


@pytest.fixture(autouse=True)
def own_random_state():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def drawn_counts(sampler, run):
    rows = sampler(run)
    return torch.bincount(run.data.labels[rows], minlength=run.data.num_classes), rows


def trained(module, function, data, parent=None, **overrides):
    config = getattr(module, function).configure(QUICK | overrides)
    return getattr(module, function)(data, FitContext(config, seed=0, parent=parent))


def test_degrees_of_resampling_by_hand():
    assert oversampled(COUNTS, 1.0).tolist() == [90, 90, 90]
    assert oversampled(COUNTS, 0.5).tolist() == [90, 60, 50]
    assert undersampled(COUNTS, 1.0).tolist() == [10, 10, 10]
    assert undersampled(COUNTS, 0.25).tolist() == [70, 25, 10]
    assert oversampled(COUNTS, 0.0).tolist() == COUNTS.tolist()


def test_oversampling_repeats_every_row_equally_often_up_to_one():
    run = a_run(Settings(), (7, 3))
    counts, rows = drawn_counts(with_counts(lambda c: oversampled(c, 1.0), redrawn=True), run)
    times = torch.bincount(rows, minlength=10)
    assert counts.tolist() == [7, 7]
    assert set(times[run.data.labels == 1].tolist()) == {2, 3}


def test_a_class_without_a_row_gives_none():
    run = a_run(Settings(), (3, 0))
    chosen = with_counts(lambda counts: counts + 2, redrawn=True)(run)
    assert sorted(torch.bincount(chosen).tolist()) == [1, 2, 2]


def test_undersampling_leaves_the_same_rows_out_in_every_epoch():
    run = a_run(Settings(), (20, 3))
    sampler = with_counts(lambda c: undersampled(c, 1.0), redrawn=False)
    (counts, first), (_, again) = drawn_counts(sampler, run), drawn_counts(sampler, run)
    assert counts.tolist() == [3, 3]
    assert set(first.tolist()) == set(again.tolist())


@pytest.mark.parametrize(("power", "share"), [(1.0, 0.9), (0.5, 0.75), (0.0, 0.5)])
def test_drawing_follows_the_power_of_the_class_count(power, share):
    # 900 and 100: √900 : √100 = 3 : 1
    run = a_run(Settings(), (900, 100))
    counts = sum(drawn_counts(drawn(power), run)[0] for _ in range(20))
    assert float(counts[0] / counts.sum()) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("function", functions(sampling))
def test_resampling_refuses_a_class_without_an_image(function):
    with pytest.raises(TrainingError, match="class 1 of 3 has none"):
        trained(sampling, function, bright_rows((20, 0, 20)))


def test_thresholding_divides_posteriors_by_the_prior():
    data = bright_rows((30, 10))
    plain = trained(prior, "fit_cross_entropy", data)
    shifted = trained(sampling, "fit_thresholding", data)
    images = normalised(plain, all_inputs(data))
    difference = shifted(images).values - plain(images).values
    np.testing.assert_allclose(difference, np.tile(-np.log([0.75, 0.25]), (40, 1)), atol=1e-5)


def test_two_phase_training_changes_only_the_head_in_its_second_phase():
    data = bright_rows((30, 10))
    short = trained(sampling, "fit_two_phase", data, epochs=4, second_phase=0.25).state()
    long = trained(sampling, "fit_two_phase", data, epochs=5, second_phase=0.4).state()
    # both have three epochs of the first phase under one cosine schedule
    body = [name for name in short if not name.startswith("head.")]
    assert all((short[name] == long[name]).all() for name in body)
    assert (short["head.weight"] != long["head.weight"]).any()


def test_remix_labels_by_hand():
    counts = torch.tensor([30.0, 9.0])
    mixed = mixing.Mixed(1.0, mixing.blend, counts, kappa=3.0, threshold=0.5)
    head, tail = torch.tensor([0]), torch.tensor([1])
    # 30/9 ≥ 3: where the head image has less than half, the label is the tail's alone
    assert mixed.label_shares(head, tail, 0.3).tolist() == [0.0]
    assert mixed.label_shares(head, tail, 0.6).tolist() == pytest.approx([0.6])
    assert mixed.label_shares(tail, head, 0.7).tolist() == [1.0]
    assert mixed.label_shares(head, head, 0.3).tolist() == pytest.approx([0.3])


def test_a_pasted_rectangle_changes_exactly_the_share_that_is_returned():
    images, partners = torch.zeros(2, 1, 16, 16), torch.ones(2, 1, 16, 16)
    for share in (0.2, 0.5, 0.9):
        mixed, kept = mixing.paste(images, partners, share)
        assert float((mixed == 0).float().mean()) == pytest.approx(kept)
        assert kept >= share - 1e-6  # sides are rounded down and cut at the border


def test_mixup_of_equal_images_is_cross_entropy():
    images = torch.tensor([[[[1.0, 0.0]]], [[[1.0, 0.0]]]])
    batch = batch_of(images, [0, 0])
    loss = mixing.Mixed(1.0, mixing.blend)(torch.nn.Flatten(), batch)
    assert float(loss) == pytest.approx(np.log(1 + np.exp(-1)), rel=1e-5)


@pytest.fixture(scope="module")
def parent():
    data = bright_rows((40, 20, 10))
    return data, trained(prior, "fit_cross_entropy", data)


@pytest.mark.parametrize("function", ["fit_crt", "fit_lws"])
def test_a_retrained_head_leaves_the_bodys_weights_bit_for_bit_and_moves_its_statistics(
    parent, function
):
    data, base = parent
    before = base.state()
    state = trained(decoupling, function, data, parent=before).state()
    body = [name for name in before if not name.startswith("head.")]
    moved = {name for name in body if (state[name] != before[name]).any()}
    assert moved == {name for name in body if "running_" in name or "num_batches" in name}


def test_weight_scaling_trains_one_factor_a_class_and_nothing_else(parent):
    data, base = parent
    state = trained(decoupling, "fit_lws", data, parent=base.state()).state()
    assert (state["head.weight"] == base.state()["head.weight"]).all()
    assert state["head.scales"].shape == (3,)
    assert (state["head.scales"] != 1).any()


def test_tau_normalisation_by_hand(parent):
    data, base = parent
    weight, bias = base.state()["head.weight"], base.state()["head.bias"]
    fixed = {"validate_tau": False}
    state = trained(decoupling, "fit_tau_normalisation", data, base.state(), **fixed).state()
    np.testing.assert_allclose(
        state["head.weight"], weight / np.linalg.norm(weight, axis=1, keepdims=True), rtol=1e-5
    )
    assert (state["head.bias"] == 0).all()
    fixed |= {"tau": 0.0, "keep_bias": True}
    untouched = trained(decoupling, "fit_tau_normalisation", data, base.state(), **fixed).state()
    np.testing.assert_allclose(untouched["head.weight"], weight, rtol=1e-6)
    assert (untouched["head.bias"] == bias).all()


def test_tau_is_the_one_with_the_best_mean_recall_on_the_splits_validation_rows():
    rows = bright_rows((60, 20, 6))
    base = trained(prior, "fit_cross_entropy", rows, epochs=1, lr=0.003)
    val = bright_rows((10, 10, 10), seed=3)
    inputs = all_inputs(val)
    data = replace(rows, val=(val.inputs, val.observed))
    found = trained(decoupling, "fit_tau_normalisation", data, base.state()).state()
    weight = base.state()["head.weight"]
    features = base(normalised(base, inputs)).features
    recalls = []
    for tau in np.linspace(0, 2, 21):
        turned = weight / np.linalg.norm(weight, axis=1, keepdims=True) ** tau
        guess = (features @ turned.T).argmax(1)
        recalls.append(np.mean([(guess[val.observed == k] == k).mean() for k in range(3)]))
    best = np.linspace(0, 2, 21)[int(np.argmax(recalls))]
    expected = weight / np.linalg.norm(weight, axis=1, keepdims=True) ** best
    np.testing.assert_allclose(found["head.weight"], expected, rtol=1e-5)
    assert len(set(recalls)) > 1


def test_tau_without_any_validation_row_is_refused(parent):
    data, base = parent
    with pytest.raises(SpecError, match="validate_tau needs validation rows"):
        trained(decoupling, "fit_tau_normalisation", data, base.state(), val_fraction=0.0)


def test_the_nearest_class_mean_is_of_features_centred_and_of_length_one(parent):
    data, base = parent
    images = normalised(base, all_inputs(data))
    features = base(images).features
    plain = trained(
        decoupling, "fit_nearest_class_mean", data, parent=base.state(), normalise=False
    )
    means = np.stack([features[data.observed == k].mean(0) for k in range(3)])
    np.testing.assert_allclose(plain.state()["head.weight"], means, atol=1e-4)
    model = trained(decoupling, "fit_nearest_class_mean", data, parent=base.state())
    placed = features - features.mean(0)
    placed /= np.linalg.norm(placed, axis=1, keepdims=True)
    means = np.stack([placed[data.observed == k].mean(0) for k in range(3)])
    distances = ((placed[:, None] - means) ** 2).sum(2)
    np.testing.assert_allclose(model(images).values, -distances, atol=1e-4)


@pytest.mark.parametrize("function", functions(decoupling))
def test_decoupling_says_which_parent_is_missing(function):
    with pytest.raises(TrainingError, match="starts from another entry's weights .* init_from"):
        trained(decoupling, function, bright_rows((20, 20)))


def test_a_parent_with_another_network_is_refused(parent):
    data, base = parent
    with pytest.raises(TrainingError, match="of another network"):
        trained(decoupling, "fit_crt", data, parent=base.state(), width=2.0)
