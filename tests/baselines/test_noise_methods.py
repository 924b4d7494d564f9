"""Formulas of the noise literature by hand, and what each method must do to flipped labels."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import losses
from baselines.losses import plain
from baselines.methods import coteaching, prior, robust, selection, truncated
from baselines.settings import Settings
from harness.types.models import FitContext, TrainingData
from tests.baselines.toy import a_run, all_inputs, batch_of, bright_rows, normalised

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
    transition = torch.tensor([[0.8, 0.2, 0.0], [0.0, 0.9, 0.1], [0.3, 0.0, 0.7]])
    observed = P @ transition
    by_hand = torch.stack([-observed[0, 0].log(), -observed[1, 1].log()])
    found = losses.corrected(LOGITS, LABELS, transition=transition)
    torch.testing.assert_close(found, by_hand)


def test_the_estimated_transition_is_read_off_the_surest_images():
    probs = torch.tensor([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9]])
    np.testing.assert_allclose(
        robust.estimated_transition(probs, 100.0), [[0.7, 0.3], [0.1, 0.9]], rtol=1e-6
    )


def test_co_teaching_exchanges_the_samples_of_small_loss():
    first = torch.tensor([1.0, 5.0, 2.0, 9.0])
    second = torch.tensor([7.0, 1.0, 2.0, 8.0])
    # the second finds rows 1 and 2 small, the first rows 0 and 2
    assert float(coteaching.exchanged(first, second, 0.5)) == (5 + 2) / 2 + (7 + 2) / 2


def test_sharpening_by_hand():
    found = selection.sharpened(torch.tensor([[0.6, 0.3, 0.1]]), 0.5)
    np.testing.assert_allclose(found, np.array([[0.36, 0.09, 0.01]]) / 0.46, rtol=1e-5)


def test_the_prior_penalty_is_zero_for_a_balanced_batch_only():
    assert float(selection.prior_penalty(torch.eye(3))) == pytest.approx(0, abs=1e-6)
    skewed = torch.tensor([[0.5, 0.25, 0.25]])
    by_hand = sum(1 / 3 * np.log(1 / 3 / p) for p in (0.5, 0.25, 0.25))
    assert float(selection.prior_penalty(skewed)) == pytest.approx(by_hand, rel=1e-5)


def test_the_mixture_model_finds_the_small_losses(rng):
    losses = np.concatenate([rng.normal(0.1, 0.03, 60), rng.normal(2.0, 0.3, 40)])
    probs = selection.clean_probability(losses, seed=0)
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
        (robust, "fit_forward_correction"),
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
    config = selection.fit_dividemix.configure(overrides)
    whole = selection.fit_dividemix(data, FitContext(config, seed=0)).state()

    def stop(epoch, losses):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        selection.fit_dividemix(data, FitContext(config, seed=0, scratch=tmp_path, report=stop))
    resumed = selection.fit_dividemix(data, FitContext(config, seed=0, scratch=tmp_path)).state()
    assert all((whole[name] == resumed[name]).all() for name in whole)


def test_co_teaching_keeps_what_the_papers_schedule_says_at_its_200_epochs_and_in_proportion():
    paper = coteaching.CoTeaching(epochs=200, forget_rate=0.4)
    # R(T) = 1 - min(0.4 T / 10, 0.4)
    shares = [coteaching.kept_share(epoch, paper) for epoch in (0, 1, 5, 10, 11, 199)]
    np.testing.assert_allclose(shares, [1, 0.96, 0.8, 0.6, 0.6, 0.6])
    short = coteaching.CoTeaching(epochs=40, forget_rate=0.4)
    np.testing.assert_allclose([coteaching.kept_share(e, short) for e in (0, 1, 2)], [1, 0.8, 0.6])


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
