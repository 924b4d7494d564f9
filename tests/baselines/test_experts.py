import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import losses
from baselines.methods import experts, joint, prior, relations, ride
from baselines.networks.build import NetworkSpec, build
from baselines.networks.classifier import Experts
from harness.errors import SpecError
from harness.types.models import FitContext
from tests.baselines.toy import all_inputs, batch_of, bright_rows, normalised

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


def test_only_images_that_the_weak_view_gets_right_are_distilled():
    weak = torch.tensor([[[3.0, 0.0], [3.0, 0.0]]])
    strong = torch.tensor([[[0.0, 0.0], [0.0, 5.0]]])
    labels = torch.tensor([0, 1])
    p = F.softmax(torch.tensor([3.0, 0.0]), 0)
    by_hand = (p * (p / 0.5).log()).sum()  # the first image alone
    assert float(losses.distillation(weak, strong, labels)) == pytest.approx(float(by_hand))


def test_ride_asks_experts_one_after_the_other_and_takes_their_mean():
    data = bright_rows((30, 20, 10))
    model = trained(ride, "fit_ride", data, epochs=8)
    images = torch.from_numpy(normalised(model, all_inputs(data)))
    with torch.no_grad():
        each, features = model.network.each(images)
        asking = model.network.asking(each, features)
    assert not torch.allclose(each[0], each[1])
    values = model(images.numpy()).values
    for i in range(len(images)):
        used = 1
        while used < 3 and float(asking[used - 1, i]) > 0:
            used += 1
        np.testing.assert_allclose(values[i], each[:used, i].mean(0), atol=1e-4)


def test_routing_trains_the_gates_and_nothing_else():
    data = bright_rows((30, 20, 10))
    routed = trained(ride, "fit_ride", data).state()
    experts_alone = trained(ride, "fit_ride", data, routing=False).state()
    assert all((routed[name] == experts_alone[name]).all() for name in experts_alone)
    gates = {name for name in routed if "gate" in name}
    assert gates == routed.keys() - experts_alone.keys() != set()
    longer = trained(ride, "fit_ride", data, routing_epochs=9).state()
    assert all((routed[name] != longer[name]).any() for name in gates if "bias" in name)


def test_ride_parts_from_temperature_one_only_when_classes_are_weighted():
    settings = ride.Ride(epochs=10, temperature=2.0)
    weighted = losses.Weighted(losses.plain, torch.ones(3), 8)
    objective = ride.Diverse(weighted, torch.tensor([2.0, 1.8, 1.6]), settings)
    network = build(NetworkSpec("small-cnn", (1, 8, 8), 3, experts=2)).eval()
    images, labels = torch.randn(4, 1, 8, 8), [0, 1, 2, 0]
    logits = network.each(images)[0]
    of_labels = sum(losses.plain(one, torch.tensor(labels)).mean() for one in logits)
    for epoch, temperatures in ((7, [2.0] * 3), (8, [2.0, 1.8, 1.6])):
        found = objective(network, batch_of(images, labels, epoch=epoch))
        apart = losses.diversity(logits, torch.tensor(temperatures))
        torch.testing.assert_close(found, of_labels - 0.45 * apart)


def test_the_published_resnet_of_three_experts_has_its_authors_parameters():
    # 0.784 M: RIDE's network with reduce_dimension and 100 classes
    spec = NetworkSpec("resnet32", (3, 32, 32), 100, head="cosine", experts=3, branch_width=0.75)
    with torch.device("meta"):
        count = sum(p.numel() for p in build(spec).parameters())
    assert round(count / 1e6, 3) == 0.784


class Three(Experts):
    """Three experts whose logits are the first pixels; remembers how many images a pass has."""

    def __init__(self):
        super().__init__(torch.nn.Identity(), [], [torch.nn.Identity()])
        self.passed = []

    def each(self, images):
        self.passed.append(len(images))
        return images.flatten(1)[:, :3].repeat(3, 1, 1), None


def test_mdcs_passes_both_views_at_once_and_ramps_over_a_twentieth_of_the_epochs(monkeypatch):
    objective = experts.Distilled(experts.Mdcs(epochs=100, strong=()), torch.zeros(3, 3))
    monkeypatch.setattr(experts, "distillation", lambda *views: torch.tensor(10.0))
    images = torch.randn(2, 1, 8, 8)
    network = Three()
    found = [
        float(objective(network, batch_of(images, [0, 1], epoch=epoch))) for epoch in (0, 1, 5, 80)
    ]
    assert network.passed == [4] * 4
    np.testing.assert_allclose(np.diff(found), [0.6 * 10 / 5, 0.6 * 10 * 4 / 5, 0.0], atol=1e-5)


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


def test_a_rare_class_borrows_mean_and_covariance_by_hand(rng):
    near, far = rng.normal(size=(50, 2)) * [1, 5], rng.normal(size=(50, 2)) * [5, 1] + 50
    rare = np.array([[1.0, 1.0], [1.5, 1.0], [1.0, 1.5]])
    rows, observed = np.concatenate([near, far, rare]), np.repeat([0, 1, 2], [50, 50, 3])
    settings = joint.Rcal(borrowed=1, borrowed_share=0.25, added_spread=0.0)
    found = joint.recover(rows, observed, settings)
    covariances = found.scatters / found.counts[:, None, None]
    own = np.cov(rare.T, bias=True)
    np.testing.assert_allclose(covariances[2], covariances[0] / 16 + own * 9 / 16)
    np.testing.assert_allclose(found.means[2], 0.25 * found.means[0] + 0.75 * rare.mean(0))


def test_keys_of_the_last_batches_wait_and_the_key_encoder_follows_slowly():
    network = build(NetworkSpec("small-cnn", (1, 8, 8), 2))
    objective = joint.Contrast(joint.Rcal(queue=6, views=(), key_momentum=0.75))
    objective.fit_to(network)
    first = network.body.stem[0].weight.detach().clone()
    before = objective.keys.clone()
    network.body.stem[0].weight.data += 1
    objective(network, batch_of(torch.zeros(2, 1, 8, 8), [0, 1]))
    assert objective.keys.shape == before.shape
    torch.testing.assert_close(objective.keys[2:], before[:4])
    torch.testing.assert_close(objective.key_encoder[0].stem[0].weight, first + 0.25)
    assert not any(p.requires_grad for p in objective.key_encoder.parameters())


@pytest.mark.parametrize("part", ["contrastive", "distribution", "individual"])
def test_each_part_of_rcal_changes_what_is_learnt(part):
    data = bright_rows((20, 12, 6))
    with_it = trained(joint, "fit_rcal", data)
    without = trained(joint, "fit_rcal", data, **{part: False})
    assert (with_it.state()["head.weight"] != without.state()["head.weight"]).any()
