"""Training against outliers: the papers' losses, what weight 0 leaves, what a model then says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import outlier_losses
from baselines.methods import outliers, pascl
from baselines.networks.build import NetworkSpec, build
from baselines.networks.classifier import Body, Classifier
from baselines.networks.heads import OutlierClassHead
from baselines.settings import checked
from harness.errors import TrainingError
from harness.models.passes.macs import count_macs
from harness.models.passes.numerics import Numerics
from harness.types import Pool
from harness.types.data import ArrayInputs
from harness.types.models import FitContext
from tests.baselines import outlier_oracles
from tests.baselines.differences import by_differences
from tests.baselines.toy import all_inputs, bright_rows, normalised, resident

Z = np.array([[2.0, -1.0, 0.5], [0.3, 1.2, -0.7], [-2.0, 0.1, 0.4], [0.9, 0.8, 3.0]])
OUT = np.array([[0.2, 1.9, -0.4], [1.5, 1.1, 0.9], [-0.6, 0.3, 2.2]])
VIEWS = np.stack([Z * 0.3, Z[::-1] * 0.2 + 0.1])
LABELS = [1, 2, 1, 0]
t = torch.from_numpy

CASES = {
    "outlier exposure": (
        OUT,
        outlier_losses.uniformity,
        outlier_oracles.uniformity,
    ),
    "energy, of ID images": (
        Z,
        lambda z: outlier_losses.energy_gap(z, t(OUT), most_inside=-2.0, least_outside=-1.5),
        lambda z: outlier_oracles.energy_gap(z, OUT, -2.0, -1.5),
    ),
    "energy, of outliers": (
        OUT,
        lambda z: outlier_losses.energy_gap(t(Z), z, most_inside=-2.0, least_outside=-1.5),
        lambda z: outlier_oracles.energy_gap(Z, z, -2.0, -1.5),
    ),
    "pascl, of tail images": (
        VIEWS,
        lambda z: outlier_losses.partial_contrast(z, torch.tensor(LABELS), t(OUT), temperature=0.4),
        lambda z: outlier_oracles.partial_contrast(z, LABELS, OUT, 0.4),
    ),
    "pascl, of outliers": (
        OUT,
        lambda z: outlier_losses.partial_contrast(
            t(VIEWS), torch.tensor(LABELS), z, temperature=0.4
        ),
        lambda z: outlier_oracles.partial_contrast(VIEWS, LABELS, z, 0.4),
    ),
    "cocl, of prototypes": (
        Z[:2],
        lambda z: outlier_losses.prototype_contrast(
            t(Z), torch.tensor([0, 1, 1, 0]), z, t(OUT), temperature=0.7
        ),
        lambda z: outlier_oracles.prototype_contrast(Z, [0, 1, 1, 0], z, OUT, 0.7),
    ),
    "cocl, of outliers near frequent classes": (
        OUT,
        lambda z: outlier_losses.head_margin(z, t(Z[:3]), margin=1.0),
        lambda z: outlier_oracles.head_margin(z, Z[:3], 1.0),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_loss_and_its_gradient_are_those_of_the_papers_formula(name):
    at, ours, paper = CASES[name]
    z = t(np.ascontiguousarray(at)).requires_grad_()
    value = ours(z)
    assert float(value.detach()) == pytest.approx(paper(at), rel=1e-6)
    (found,) = torch.autograd.grad(value, z)
    by_hand = by_differences(paper, at)
    np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-6)
    assert np.abs(by_hand).max() > 1e-3


def test_a_batch_without_tail_images_costs_nothing_and_has_a_gradient():
    none, outside = torch.zeros(2, 0, 3), torch.randn(4, 3, requires_grad=True)
    empty = torch.zeros(0, dtype=torch.long)
    loss = outlier_losses.partial_contrast(none, empty, outside, temperature=0.1)
    prototypes = torch.randn(2, 3, requires_grad=True)
    loss = loss + outlier_losses.prototype_contrast(
        none[0], empty, prototypes, outside, temperature=0.1
    )
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(outside.grad.abs().sum()) == float(prototypes.grad.abs().sum()) == 0


def with_outliers(counts=(24, 12, 6), n=40):
    dark = np.random.default_rng(5).integers(0, 256, (n, 8, 8, 1), dtype=np.uint8)
    return replace(bright_rows(counts), auxiliary=ArrayInputs(dark))


def plain_network(head="linear"):
    """A network without batch statistics: outliers in the batch cannot change its logits."""
    torch.manual_seed(0)
    body = Body(torch.nn.Flatten(), torch.nn.Linear(64, 6), 6)
    made = {"linear": torch.nn.Linear(6, 3), "outlier-class": OutlierClassHead(6, 3)}
    return Classifier(body, made[head])


def a_batch(data):
    images = resident(data)
    rows = torch.arange(12)
    return outliers.Batch(images.take(rows), images.labels[rows], rows, 0, images)


class Handed(Exception):
    """Carries what a method hands to the loop."""


HOME = {
    "exposure": (outliers.fit_exposure, outliers),
    "energy": (outliers.fit_energy, outliers),
    "pascl": (pascl.fit_pascl, pascl),
    "cocl": (outliers.fit_cocl, outliers),
}
"""Method → how it is fitted, and the module that calls the loop."""


@pytest.mark.parametrize("method", HOME)
def test_a_method_without_weight_is_cross_entropy(method, monkeypatch):
    off = {
        "exposure": {"exposure": 0.0},
        "energy": {"energy_weight": 0.0},
        "pascl": {"exposure": 0.0, "contrast": 0.0},
        "cocl": {"outlier_class": 0.0, "prototypes": 0.0, "head_gap": 0.0},
    }[method]

    def handed(train, ctx, settings, parts):
        raise Handed(parts)

    trainer, home = HOME[method]
    monkeypatch.setattr(home, "fit", handed)
    data = with_outliers()
    with pytest.raises(Handed) as found:
        trainer.fit(data, FitContext({}, seed=0, parent={}), checked(trainer.settings, off))
    (parts,) = found.value.args
    network = plain_network(parts.network.get("head", "linear"))
    if hasattr(parts.objective, "fit_to"):
        parts.objective.fit_to(network)
    batch = a_batch(data)
    loss = parts.objective(network, batch)
    if method == "cocl":
        logits = network.head.linear(network.body(batch.images))  # three classes and outliers
    else:
        logits = network(batch.images)
    torch.testing.assert_close(loss, F.cross_entropy(logits, batch.labels))


def test_the_energy_of_cocls_logits_orders_images_as_its_outlier_probability():
    head = OutlierClassHead(5, 4)
    prior = torch.tensor([0.6, 0.2, 0.15, 0.05]).log()
    head.offset.copy_(prior)
    rows = torch.randn(50, 5)
    said = head.eval()(rows)
    whole = head.linear(rows).clone()
    whole[:, :4] -= prior  # its code: logits − τ·log (prior, 1)
    probability = whole.softmax(1)[:, 4]
    assert (torch.argsort(-said.logsumexp(1)) == torch.argsort(probability)).all()
    torch.testing.assert_close(said.softmax(1), whole[:, :4].softmax(1))
    torch.testing.assert_close(head.train()(rows) - prior, said)
    weight, bias = head.last_layer()
    torch.testing.assert_close(rows @ weight.T + bias, said)


def fitted(method, data, **overrides):
    trainer, _ = HOME[method]
    config = trainer.configure({"epochs": 12, "batch_size": 12, "lr": 0.05} | overrides)
    return trainer(data, FitContext(config, seed=1))


def certainty(model, images):
    return model(normalised(model, images)).values.max(1) - model(
        normalised(model, images)
    ).values.min(1)


def test_outlier_exposure_makes_outliers_uniform_and_keeps_the_classes():
    data = with_outliers()
    with_it, without = (fitted("exposure", data, exposure=w) for w in (0.5, 0.0))
    outside = data.auxiliary.array
    assert certainty(with_it, outside).mean() < 0.3 * certainty(without, outside).mean()
    said = with_it(normalised(with_it, all_inputs(data))).values.argmax(1)
    assert (said == data.observed).mean() > 0.9


def test_cocl_holds_the_prior_in_its_model_and_knows_its_outliers():
    data = with_outliers()
    model = fitted("cocl", data, outlier_class=1.0)
    inside = model(normalised(model, all_inputs(data))).values
    outside = model(normalised(model, data.auxiliary.array)).values
    energies = [np.log(np.exp(v).sum(1)) for v in (inside, outside)]
    assert (energies[0][:, None] > energies[1]).mean() > 0.95
    counts = np.bincount(data.observed)
    np.testing.assert_allclose(model.network.head.offset, np.log(counts / counts.sum()), rtol=1e-6)


def test_logits_of_two_branches_by_hand():
    """MSP 3/4 has odds 3; Σ exp of the logits is 3, shared as the other branch's softmax says."""
    detecting = np.array([[np.log(3), 0.0]], np.float32)
    classifying = np.array([[0.0, np.log(4)]], np.float32)
    said = pascl.together(classifying, detecting)
    np.testing.assert_allclose(np.exp(said), [[3 / 5, 12 / 5]], rtol=1e-6)


def test_the_energy_of_two_branches_orders_images_as_the_main_branchs_certainty():
    rng = np.random.default_rng(0)
    classifying, detecting = rng.normal(0, 4, (2, 60, 5)).astype(np.float32)
    said = torch.from_numpy(pascl.together(classifying, detecting))
    msp = torch.from_numpy(detecting).softmax(1).max(1).values
    assert (torch.argsort(said.logsumexp(1)) == torch.argsort(msp)).all()
    torch.testing.assert_close(said.softmax(1), torch.from_numpy(classifying).softmax(1))
    certain = np.array([[500.0, 0.0, 0.0]], np.float32)  # a softmax of exactly 1 in float64
    assert np.isfinite(pascl.together(certain, certain)).all()


def test_only_normalisation_and_head_differ_between_the_branches_of_pascl():
    data = with_outliers()
    model = fitted("pascl", data, branch_epochs=4, branch_rate=0.01)
    main, branch = model.main.state(), model.auxiliary.state()
    differ = {name for name in main if not np.array_equal(main[name], branch[name])}
    layers = dict(model.main.network.named_modules())
    kinds = {type(layers[name.rpartition(".")[0]]).__name__ for name in differ}
    assert kinds == {"BatchNorm2d", "BatchNorm1d", "Linear"}
    assert {n for n in differ if type(layers[n.rpartition(".")[0]]).__name__ == "Linear"} == {
        "head.weight", "head.bias"
    }  # fmt: skip
    alone = fitted("pascl", data, branch_epochs=0)
    assert main.keys() == alone.state().keys()
    assert all(np.array_equal(main[name], array) for name, array in alone.state().items())
    images = normalised(model, all_inputs(data))
    np.testing.assert_array_equal(model(images).features, alone(images).features)
    assert counted(model) == 2 * counted(alone)  # both branches are passed


def counted(model):
    pool = Pool("test", "image", ArrayInputs(np.ones((1, 8, 8, 1), np.uint8)), None, ("a",), "f")
    return count_macs(model, pool, Numerics()).count


def test_the_branch_of_pascl_gives_rare_classes_more():
    """Its loss adds the log prior, so that the rarest class is said more often than before."""
    data = with_outliers((60, 20, 4))
    model = fitted("pascl", data, epochs=2, branch_epochs=8, branch_rate=0.01, exposure=0.0)
    noise = np.random.default_rng(3).integers(0, 256, (200, 8, 8, 1), dtype=np.uint8)
    images = normalised(model, noise)
    shares = [
        torch.from_numpy(m(images).values).softmax(1)[:, 2].mean() for m in (model, model.main)
    ]
    assert shares[0] > shares[1]


def test_outliers_are_no_part_of_what_a_model_keeps():
    data = with_outliers()
    objective = pascl.Contrasted(data, torch.tensor([False, True, True]), pascl.Pascl())
    objective.fit_to(build(NetworkSpec("small-cnn", (1, 8, 8), 3)))
    assert max(tensor.numel() for tensor in objective.state_dict().values()) == 128 * 64


@pytest.mark.parametrize("method", ["exposure", "pascl", "cocl"])
def test_a_method_without_outliers_says_where_to_name_them(method):
    with pytest.raises(TrainingError, match='auxiliary = "generated-textures"'):
        fitted(method, bright_rows((12, 8, 4)))


def test_energies_the_wrong_way_round_are_refused():
    with pytest.raises(TrainingError, match="must be at most least_outside"):
        fitted("energy", with_outliers(), most_inside=-1.0, least_outside=-5.0)


def test_places_count_from_the_most_frequent_class_and_ties_keep_their_order():
    counts = torch.tensor([5.0, 90.0, 5.0, 30.0, 7.0])
    assert outliers.places(counts).tolist() == [3, 0, 4, 1, 2]
    assert outliers.rarest(counts, 0.4).tolist() == [True, False, True, False, False]
