import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import losses
from baselines.methods import experts, joint, prior, relations
from harness.errors import SpecError
from harness.types.models import FitContext
from tests.baselines.toy import all_inputs, bright_rows, normalised

QUICK = {"epochs": 3, "batch_size": 16, "lr": 0.05}


def trained(module, function, data, **overrides):
    config = getattr(module, function).configure(QUICK | overrides)
    return getattr(module, function)(data, FitContext(config, seed=0))


def test_sade_has_the_papers_three_priors_by_hand():
    prior_of = torch.tensor([0.7, 0.1, 0.2]).log()
    first, second, third = experts.sade_offsets(prior_of, 2.0)
    # reversed in rank: the most frequent class gets the rarest's prior, the middle keeps its own
    reversed_prior = np.log([0.1, 0.7, 0.2])
    np.testing.assert_allclose(first, [0, 0, 0])
    np.testing.assert_allclose(second, np.log([0.7, 0.1, 0.2]), rtol=1e-6)
    np.testing.assert_allclose(third, np.log([0.7, 0.1, 0.2]) - 2 * reversed_prior, rtol=1e-5)


def test_divergence_of_two_experts_is_both_kl_terms():
    logits = torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]]])
    p, q = logits.softmax(2)[:, 0]
    by_hand = (p * (p / q).log()).sum() + (q * (q / p).log()).sum()
    assert float(losses.divergence(logits, 1.0)) == pytest.approx(float(by_hand), rel=1e-5)


def test_divergence_of_equal_experts_is_zero():
    logits = torch.randn(1, 4, 3).repeat(3, 1, 1)
    assert float(losses.divergence(logits, 1.0)) == pytest.approx(0, abs=1e-6)


def test_only_images_that_the_weak_view_gets_right_are_distilled():
    weak = torch.tensor([[[3.0, 0.0], [3.0, 0.0]]])
    strong = torch.tensor([[[0.0, 0.0], [0.0, 5.0]]])
    labels = torch.tensor([0, 1])
    p = F.softmax(torch.tensor([3.0, 0.0]), 0)
    by_hand = (p * (p / 0.5).log()).sum()  # the first image alone
    assert float(losses.distillation(weak, strong, labels)) == pytest.approx(float(by_hand))


def test_experts_give_different_predictions_and_their_mean_is_the_models():
    data = bright_rows((30, 20, 10))
    model = trained(experts, "fit_ride", data, epochs=8)
    images = torch.from_numpy(normalised(model, all_inputs(data)))
    with torch.no_grad():
        each = model.network.each(images)[0]
    assert not torch.allclose(each[0], each[1])
    np.testing.assert_allclose(model(images.numpy()).values, each.mean(0), atol=1e-4)


def test_batchformer_predicts_the_same_whatever_else_is_in_the_batch():
    data = bright_rows((30, 20, 10))
    model = trained(relations, "fit_batchformer", data)
    images = normalised(model, all_inputs(data))
    together = model(images).values
    others = model(np.concatenate([images[:8], 5 * images[40:48]])).values[:8]
    np.testing.assert_allclose(together[:8], others, atol=1e-5)
    plain = trained(prior, "fit_cross_entropy", data)
    assert model.state().keys() == plain.state().keys()


def test_batchformer_trains_differently_from_cross_entropy():
    data = bright_rows((30, 20, 10))
    weights = [
        trained(module, function, data).state()["head.weight"]
        for module, function in [(relations, "fit_batchformer"), (prior, "fit_cross_entropy")]
    ]
    assert (weights[0] != weights[1]).any()


def test_attention_heads_must_divide_the_features():
    with pytest.raises(SpecError, match="heads must divide the 64 features; got 5"):
        trained(relations, "fit_batchformer", bright_rows((20, 20)), heads=5)


def test_contrastive_loss_by_hand():
    # two images, both views equal and orthogonal to the other image's: cosines 1 and 0
    projected = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    e = np.exp(1 / 0.5)
    assert float(joint.contrastive(projected, 0.5)) == pytest.approx(-np.log(e / (e + 2)))


def test_inliers_leave_out_what_lies_far_from_its_class(rng):
    rows = rng.normal(size=(41, 3))
    rows[40] += 30
    kept = joint.inliers(rows, np.zeros(41, dtype=int), 20)
    assert not kept[40]
    assert kept[:40].mean() > 0.8


def test_recovered_means_are_nearer_to_the_clean_ones_than_naive_means(rng):
    clean = np.repeat([0, 1], [60, 60])
    rows = rng.normal(size=(120, 4)) + 12.0 * clean[:, None]
    observed = clean.copy()
    observed[:9] = 1  # a tenth of class 1's labels is wrong
    settings = joint.Rcal()
    recovered = joint.recover(rows, observed, settings)
    naive = rows[observed == 1].mean(0)
    truth = rows[clean == 1].mean(0)
    assert np.linalg.norm(recovered.means[1] - truth) < np.linalg.norm(naive - truth)


def test_a_rare_class_borrows_the_covariance_of_the_nearest_frequent_class(rng):
    near, far = rng.normal(size=(50, 2)) * [1, 5], rng.normal(size=(50, 2)) * [5, 1] + 50
    rare = np.array([[1.0, 1.0], [1.5, 1.0], [1.0, 1.5]])
    rows, observed = np.concatenate([near, far, rare]), np.repeat([0, 1, 2], [50, 50, 3])
    found = joint.recover(rows, observed, joint.Rcal(borrowed=1))
    covariances = found.scatters / found.counts[:, None, None]
    np.testing.assert_allclose(covariances[2], covariances[0])
    np.testing.assert_allclose(found.means[2], rare.mean(0))


@pytest.mark.parametrize("part", ["contrastive", "distribution", "individual"])
def test_each_part_of_rcal_changes_what_is_learnt(part):
    data = bright_rows((20, 12, 6))
    with_it = trained(joint, "fit_rcal", data)
    without = trained(joint, "fit_rcal", data, **{part: False})
    assert (with_it.state()["head.weight"] != without.state()["head.weight"]).any()
