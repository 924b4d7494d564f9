"""Formulas of the noise literature by hand, and what each method must do to flipped labels."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import losses
from baselines.losses import plain
from baselines.method import Batch
from baselines.methods import coteaching, dividemix, prior, robust, selection, transition, truncated
from baselines.networks.build import NetworkSpec, build
from baselines.networks.classifier import Experts
from baselines.settings import Settings
from harness.errors import SpecError
from harness.types.models import FitContext, TrainingData
from tests.baselines.toy import a_run, all_inputs, batch_of, bright_rows, normalised, resident

LOGITS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]])
LABELS = torch.tensor([0, 1])
P = F.softmax(LOGITS, 1)
QUICK = {"epochs": 15, "batch_size": 16, "lr": 0.05}


def trained(module, function, data, **overrides):
    config = getattr(module, function).configure(QUICK | overrides)
    return getattr(module, function)(data, FitContext(config, seed=0))


@pytest.fixture(scope="module")
def noisy():
    """Learnable images of which three in ten carry another class's label."""
    clean = bright_rows((30, 30, 30, 30))
    generator = np.random.default_rng(1)
    others = (clean.observed + generator.integers(1, 4, 120)) % 4
    observed = np.where(generator.random(120) < 0.3, others, clean.observed)
    return TrainingData(clean.inputs, observed, 4), clean.observed


def test_gce_by_hand_and_at_q_one_it_is_mean_absolute_error():
    p = P[[0, 1], LABELS]
    np.testing.assert_allclose(
        losses.generalised(LOGITS, LABELS, q=0.7), (1 - p**0.7) / 0.7, rtol=1e-5
    )
    np.testing.assert_allclose(losses.generalised(LOGITS, LABELS, q=1.0), 1 - p, rtol=1e-5)


def test_gce_with_small_q_is_cross_entropy():
    torch.testing.assert_close(
        losses.generalised(LOGITS, LABELS, q=1e-4), plain(LOGITS, LABELS), rtol=1e-3, atol=1e-4
    )


def test_sce_by_hand():
    # −Σ_k p_k·log y_k with log 0 = A: A's part is −A·(1 − p_y)
    reverse = -(P * torch.tensor([[0.0, -4, -4], [-4, 0, -4]])).sum(1)
    expected = 0.1 * plain(LOGITS, LABELS) + 1.0 * reverse
    found = losses.symmetric(LOGITS, LABELS, alpha=0.1, beta=1.0, log_zero=-4.0)
    torch.testing.assert_close(found, expected)


def test_bootstrapping_by_hand():
    log_p = P.log()
    hard = losses.bootstrapped(LOGITS, LABELS, trust=0.8, hard=True)
    # the second sample is labelled 1 and predicted 2
    np.testing.assert_allclose(hard, [-log_p[0, 0], -0.8 * log_p[1, 1] - 0.2 * log_p[1, 2]], 1e-5)
    soft = losses.bootstrapped(LOGITS, LABELS, trust=0.95, hard=False)
    targets = 0.95 * torch.eye(3)[LABELS] + 0.05 * P
    np.testing.assert_allclose(soft, -(targets * log_p).sum(1), rtol=1e-5)


def test_elr_targets_and_loss_by_hand():
    objective = robust.EarlyLearningLoss(2, 3, memory=0.7, strength=3.0)
    batch = batch_of(LOGITS.view(2, 3, 1, 1), [0, 1])
    network = torch.nn.Flatten()
    first = objective(network, batch)
    t1 = 0.3 * P
    np.testing.assert_allclose(objective.targets, t1, rtol=1e-3)  # p is bounded at 1e-4
    expected = F.cross_entropy(LOGITS, LABELS) + 3 * (1 - (P * t1).sum(1)).log().mean()
    assert float(first) == pytest.approx(float(expected), rel=1e-4)
    objective(network, batch)
    np.testing.assert_allclose(objective.targets, 0.7 * t1 + 0.3 * P, rtol=1e-3)


def test_elr_remembers_each_image_by_its_row():
    objective = robust.EarlyLearningLoss(5, 3, memory=0.7, strength=3.0)
    objective(torch.nn.Flatten(), batch_of(LOGITS.view(2, 3, 1, 1), [0, 1]))
    assert (objective.targets[2:] == 0).all()


def test_a_corrected_prediction_by_hand():
    flips = torch.tensor([[0.8, 0.2, 0.0], [0.0, 0.9, 0.1], [0.3, 0.0, 0.7]])
    observed = P @ flips
    by_hand = torch.stack([-observed[0, 0].log(), -observed[1, 1].log()])
    found = losses.corrected(LOGITS, LABELS, transition=flips)
    torch.testing.assert_close(found, by_hand)


def test_the_estimated_transition_is_read_off_the_surest_images():
    probs = torch.tensor([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9]])
    found = transition.transition_of(probs, torch.tensor([2.0, 2.0]), 0.0)
    np.testing.assert_allclose(found, [[0.7, 0.3], [0.1, 0.9]], rtol=1e-6)


def test_what_is_passed_over_as_too_sure_follows_the_size_of_the_class():
    # 30 % of 7 and of 3 rows: the third surest of class 0, the second surest of class 1
    of_first = torch.linspace(0.95, 0.05, 10)
    probs = torch.stack([of_first, 1 - of_first], 1)
    found = transition.transition_of(probs, torch.tensor([7.0, 3.0]), 0.3)
    np.testing.assert_allclose(found, [[0.75, 0.25], [0.15, 0.85]], rtol=1e-5)


def test_three_in_a_hundred_images_are_passed_over_for_each_of_ten_equal_classes():
    probs = torch.rand(1000, 10, generator=torch.Generator().manual_seed(0))
    found = transition.transition_of(probs, torch.full((10,), 100.0), 0.3)
    for k in range(10):
        row = probs[int(probs[:, k].argsort(descending=True)[30])]
        torch.testing.assert_close(found[k], row / row.sum())


def test_a_noise_rate_is_the_share_of_labels_that_flip():
    found = transition.noise_rate(torch.tensor([[0.9, 0.1], [0.4, 0.6]]), torch.tensor([30.0, 10]))
    assert found == pytest.approx(0.75 * 0.1 + 0.25 * 0.4)


def test_a_known_matrix_is_used_as_it_is_and_must_fit_the_classes(noisy):
    given = {"transition": np.eye(4).tolist(), "val_fraction": 0.0}
    known = trained(transition, "fit_forward_correction", noisy[0], **given)
    plain = trained(prior, "fit_cross_entropy", noisy[0])
    np.testing.assert_allclose(
        known.state()["head.weight"], plain.state()["head.weight"], atol=1e-3
    )
    with pytest.raises(SpecError, match="a row for each of 4 classes; got 2"):
        trained(transition, "fit_forward_correction", noisy[0], transition=[[1.0, 0], [0, 1.0]])


def test_co_teaching_exchanges_the_samples_of_small_loss():
    first = torch.tensor([1.0, 5.0, 2.0, 9.0])
    second = torch.tensor([7.0, 1.0, 2.0, 8.0])
    # the second finds rows 1 and 2 small, the first rows 0 and 2
    assert float(coteaching.exchanged(first, second, 0.5)) == (5 + 2) / 2 + (7 + 2) / 2


def test_sharpening_by_hand():
    found = dividemix.sharpened(torch.tensor([[0.6, 0.3, 0.1]]), 0.5)
    np.testing.assert_allclose(found, np.array([[0.36, 0.09, 0.01]]) / 0.46, rtol=1e-5)


def test_the_prior_penalty_is_zero_for_a_balanced_batch_only():
    assert float(dividemix.prior_penalty(torch.eye(3))) == pytest.approx(0, abs=1e-6)
    skewed = torch.tensor([[0.5, 0.25, 0.25]])
    by_hand = sum(1 / 3 * np.log(1 / 3 / p) for p in (0.5, 0.25, 0.25))
    assert float(dividemix.prior_penalty(skewed)) == pytest.approx(by_hand, rel=1e-5)


def test_the_mixture_model_finds_the_small_losses(rng):
    losses = np.concatenate([rng.normal(0.1, 0.03, 60), rng.normal(2.0, 0.3, 40)])
    probs = dividemix.clean_probability(losses, seed=0)
    assert probs[:60].min() > 0.9
    assert probs[60:].max() < 0.1


def test_the_surest_share_is_taken_within_each_predicted_class():
    probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.8, 0.2], [0.45, 0.55]])
    rows, labels = selection.surest(probs, 0.5)
    assert rows.tolist() == [0, 3, 4]
    assert labels.tolist() == [0, 0, 1]


@pytest.fixture(scope="module")
def memorised_by_cross_entropy(noisy):
    return memorised(trained(prior, "fit_cross_entropy", noisy[0]), *noisy)


def memorised(model, data, clean):
    flipped = data.observed != clean
    guess = model(normalised(model, all_inputs(data))).values.argmax(1)
    return (guess == data.observed)[flipped].mean()


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (robust, "fit_gce"),
        (truncated, "fit_truncated_gce"),
        (robust, "fit_elr"),
        (transition, "fit_forward_correction"),
        (robust, "fit_early_stopping"),
        (coteaching, "fit_coteaching"),
        (selection, "fit_self_training"),
    ],
)
def test_noise_methods_memorise_less_than_cross_entropy(
    module, function, noisy, memorised_by_cross_entropy
):
    model = trained(module, function, noisy[0])
    assert memorised(model, *noisy) < memorised_by_cross_entropy


def test_dividemix_resumes_bit_for_bit(tmp_path):
    data = bright_rows((16, 16))
    overrides = QUICK | {"epochs": 4, "warmup_share": 0.25, "checkpoint_seconds": 0.0}
    config = dividemix.fit_dividemix.configure(overrides)
    whole = dividemix.fit_dividemix(data, FitContext(config, seed=0)).state()

    def stop(epoch, losses):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dividemix.fit_dividemix(data, FitContext(config, seed=0, scratch=tmp_path, report=stop))
    resumed = dividemix.fit_dividemix(data, FitContext(config, seed=0, scratch=tmp_path)).state()
    assert all((whole[name] == resumed[name]).all() for name in whole)


def test_co_teaching_keeps_what_the_papers_schedule_says_at_its_200_epochs_and_in_proportion():
    paper = coteaching.CoTeaching(epochs=200)
    # R(T) = 1 - min(0.4 T / 10, 0.4)
    shares = [coteaching.kept_share(epoch, 0.4, paper) for epoch in (0, 1, 5, 10, 11, 199)]
    np.testing.assert_allclose(shares, [1, 0.96, 0.8, 0.6, 0.6, 0.6])
    short = coteaching.CoTeaching(epochs=40)
    shares = [coteaching.kept_share(epoch, 0.4, short) for epoch in (0, 1, 2)]
    np.testing.assert_allclose(shares, [1, 0.8, 0.6])


def dividing(clean, **settings):
    """Return DivideMix's loss with rows that the networks find clean so surely."""
    made = dividemix.DivideMixSettings(epochs=300, **settings)
    objective = dividemix.DivideMix(made, len(clean[0]), seed=0)
    objective.clean = torch.tensor(clean)
    return objective


def test_each_network_of_dividemix_learns_from_the_rows_that_the_other_finds_clean():
    objective = dividing([[0.9, 0.1, 0.8, 0.2], [0.1, 0.9, 0.2, 0.8]])
    run = a_run(Settings(epochs=300), counts=(2, 2))
    run.epoch = 9
    assert [sorted(rows.tolist()) for rows in objective.rows(run)] == [[0, 1, 2, 3]] * 2
    run.epoch = 10  # ten of 300 epochs are the warm-up
    assert [sorted(rows.tolist()) for rows in objective.rows(run)] == [[1, 3], [0, 2]]


def test_unlabelled_loss_of_dividemix_grows_over_sixteen_of_300_epochs():
    objective = dividing([[1.0], [1.0]])
    found = [objective.unlabelled_weight(when) for when in (10.0, 14.0, 26.0, 200.0)]
    np.testing.assert_allclose(found, [0, 25 / 4, 25, 25])
    assert dividemix.DivideMix(dividemix.DivideMixSettings(epochs=30), 1, 0).warmup == 1


def test_only_one_network_of_dividemix_moves_in_each_part_of_an_epoch():
    objective = dividing([[0.9, 0.1, 0.8, 0.2], [0.1, 0.9, 0.2, 0.8]])
    network = build(NetworkSpec("small-cnn", (1, 8, 8), 2, experts=2, shared=False)).train()
    data = resident(bright_rows((2, 2)))
    rows = torch.tensor([1, 3])
    batch = Batch(data.take(rows), data.labels[rows], rows, 20, data, when=20.0, part=0)
    peer = {n: t.clone() for n, t in network.branches[1].state_dict().items()}
    objective(network, batch).backward()
    assert all(p.grad is not None for p in network.branches[0].parameters())
    assert all(p.grad is None for p in network.branches[1].parameters())
    assert all((t == peer[n]).all() for n, t in network.branches[1].state_dict().items())


def test_the_confidence_penalty_of_dividemix_takes_entropy_off_the_warm_up():
    batch = batch_of(LOGITS.view(2, 3, 1, 1), [0, 1])
    network = Experts(torch.nn.Identity(), [], [torch.nn.Identity()])
    network.member = lambda k, images: LOGITS
    plain_loss = dividing([[1.0] * 2] * 2)(network, batch)
    penalised = dividing([[1.0] * 2] * 2, confidence_penalty=True)(network, batch)
    torch.testing.assert_close(plain_loss - penalised, -(P * P.log()).sum(1).mean())


def test_truncated_gce_leaves_out_images_whose_label_is_unlikely_and_takes_them_back():
    run = a_run(Settings(epochs=12), counts=(6, 6))
    run.data.labels[:] = torch.tensor([0, 1]).repeat(6)
    loss = truncated.TruncatedLoss(truncated.Truncated(epochs=12), 12)
    run.network.head.weight.data.zero_()
    run.network.head.bias.data = torch.tensor([0.0, 2.0])  # p(1) = 0.88 for every image
    run.epoch = 3  # a third of 12 is 4
    loss.choose(run)
    assert loss.chosen.tolist() == [1] * 12
    run.epoch = 4
    loss.choose(run)
    assert loss.chosen.tolist() == [0, 1] * 6
    run.network.head.bias.data = torch.tensor([2.0, 0.0])
    run.epoch = 5
    loss.choose(run)
    assert loss.chosen.tolist() == [1, 0] * 6


def test_truncated_gce_by_hand():
    images = torch.tensor([[[[0.0, 1.0]]], [[[3.0, 0.0]]]])
    loss = truncated.TruncatedLoss(truncated.Truncated(epochs=12), 2)
    loss.chosen[0] = 0
    p = np.exp(3) / (np.exp(3) + 1)
    found = loss(torch.nn.Flatten(), batch_of(images, [0, 0]))
    assert float(found) == pytest.approx((1 - p**0.7) / 0.7 / 2, rel=1e-5)
