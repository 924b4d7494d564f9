"""Scores of gradients and intermediate layers: a small network, by hand and by pytorch-ood."""

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import SpecError, Undefined
from harness.models.store.evidence import describe, read_evidence, write_evidence
from harness.scores.feature_scores import gaussians_of
from harness.scores.layers import fit_gram, gram
from harness.scores.ood import handed_out, ood_scores
from harness.types import Pool, Predictions, Preprocessing
from harness.types.data import ArrayInputs

torch = pytest.importorskip("torch")
from harness.models.obtain import introspection  # noqa: E402
from harness.models.obtain.stepped import Stepped  # noqa: E402
from harness.models.passes.numerics import Numerics  # noqa: E402
from harness.models.passes.predict import predict  # noqa: E402

LAYERS = ("0", "2")
NAMES = ("odin", "layer_mahalanobis", "gram")


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 6, 3),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(96, 3),
    ).eval()


def images(n, seed, *, mean=0.0):
    """Float images as a prepared batch is, whose class shifts the left half."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    x = mean + rng.normal(size=(n, 1, 8, 8))
    x[:, :, :, :4] += labels[:, None, None, None]
    return x.astype(np.float32), labels


@pytest.fixture(scope="module")
def passed(net):
    """Predictions with statistics on training, test and OOD inputs, by the harness's own pass."""
    model = introspection.Introspective(net, 3, layers=LAYERS)
    found = {}
    for name, n, seed, mean in (("train", 300, 0, 0), ("test", 60, 1, 0), ("ood", 60, 2, 4)):
        pool = Pool(name, "image", ArrayInputs(images(n, seed, mean=mean)[0]), None, (), name)
        found[name] = predict(model, pool, numerics=Numerics(batch_size=50))
    return found


def scores(name, passed, labels=None):
    pools = {pool: passed[pool] for pool in ("test", "ood")}
    observed = images(300, 0)[1] if labels is None else labels
    return ood_scores(name, pools, train=passed["train"], observed=observed)


def test_statistics_have_a_row_an_input_and_their_scores_are_asked_for(passed):
    assert {name: array.shape for name, array in passed["test"].statistics.items()} == {
        "layer_0": (60, 4),
        "gram_0": (60, 40),
        "layer_1": (60, 6),
        "gram_1": (60, 60),
        "odin": (60, 3),
    }
    assert handed_out(passed["test"]) == NAMES
    assert handed_out(replace(passed["test"], statistics={})) == ()


@pytest.mark.parametrize("name", ["layer_mahalanobis", "gram"])
def test_scores_are_larger_for_inputs_unlike_the_training_data(name, passed):
    got = scores(name, passed)
    assert (got["ood"][:, None] > got["test"]).mean() > 0.9


def test_batches_and_filling_up_do_not_change_statistics(net, passed):
    model = introspection.Introspective(net, 3, layers=LAYERS)
    x = images(60, 1)[0]
    pool = Pool("test", "image", ArrayInputs(x), None, (), "test")
    for size in (1, 7):
        again = predict(model, pool, numerics=Numerics(batch_size=size)).statistics
        for name, array in passed["test"].statistics.items():
            np.testing.assert_allclose(again[name], array, rtol=1e-4, atol=1e-5)


def test_odin_equals_its_formula_step_by_step(net):
    # Two inputs, one pixel at a time by finite differences: an independent gradient.
    x = torch.tensor(images(2, 5)[0], dtype=torch.float64)
    exact = net.double()
    with torch.no_grad():
        z = exact(x) / 1000
        called = z.argmax(dim=1)
        step = torch.zeros_like(x)
        for place in np.ndindex(*x.shape):
            moved = x.clone()
            moved[place] += 1e-3
            before, after = (
                torch.log_softmax(exact(v) / 1000, dim=1)[place[0], called[place[0]]]
                for v in (x, moved)
            )
            step[place] = torch.sign(after - before)  # of ln p: up is away from doubt
        std = 0.25
        wanted = exact(x + 0.0014 / std * step)
        expected = -torch.softmax(wanted / 1000, dim=1).max(dim=1).values
    net.float()
    model = introspection.Introspective(
        net, 3, preprocessing=Preprocessing(size=(8, 8), channels=1, mean=(0.5,), std=(std,))
    )
    statistics = model(x.float().numpy()).statistics
    np.testing.assert_allclose(statistics["odin"], wanted, rtol=1e-4, atol=1e-5)
    pool = Predictions("logits", statistics["odin"], np.arange(2), statistics=statistics)
    np.testing.assert_allclose(ood_scores("odin", {"test": pool})["test"], expected, rtol=1e-7)


def test_without_a_step_rows_of_layers_are_what_they_were(net):
    x, labels = images(300, 0)
    plain = introspection.Introspective(net, 3, layers=LAYERS)(x[:20]).statistics
    still = Stepped(net, 3, x, labels, layers=LAYERS, epsilon=0.0)(x[:20]).statistics
    assert plain.keys() == still.keys()
    for name in plain:
        np.testing.assert_allclose(still[name], plain[name], rtol=1e-5, atol=1e-6)


def test_a_step_is_that_of_the_distance_pixel_by_pixel(net):
    """By finite differences, in float64: the sign of each pixel's slope, over the std."""
    x, labels = images(300, 0)
    rows = introspection.Introspective(net, 3, layers=["2"])(x).statistics["layer_0"]
    g = gaussians_of(rows.astype(np.float64), labels)
    some, exact = x[:2].astype(np.float64), net.double()

    def row(batch):
        with torch.no_grad():
            return exact[:3](torch.from_numpy(batch)).flatten(2).mean(2).numpy()

    def distance(batch):
        return np.square((row(batch)[:, None] - g.means) @ g.factor).sum(2).min(1)

    step = np.zeros_like(some)
    for place in np.ndindex(*some.shape):
        moved = some.copy()
        moved[place] += 1e-4
        step[place] = np.sign(distance(moved)[place[0]] - distance(some)[place[0]])
    wanted = row(some - 0.01 / 0.25 * step)
    assert (distance(some - 0.01 / 0.25 * step) < distance(some)).all()
    net.float()
    how = Preprocessing(size=(8, 8), channels=1, mean=(0.5,), std=(0.25,))
    model = Stepped(net, 3, x, labels, layers=["2"], preprocessing=how, epsilon=0.01)
    found = model(x[:2]).statistics["layer_0"]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


def test_gram_sums_equal_the_matrix_written_out():
    maps = torch.tensor(np.random.default_rng(0).normal(size=(2, 3, 5)))
    found = introspection.gram_sums(maps).numpy().reshape(2, 10, 3)
    for i in range(2):
        for at, p in enumerate(range(1, 11)):
            powers = maps[i].numpy() ** p
            row = np.array([[powers[a] @ powers[b] for b in range(3)] for a in range(3)]).sum(1)
            expected = np.sign(row) * np.abs(row) ** (1 / p)
            np.testing.assert_allclose(found[i, at], expected, rtol=1e-10)


def test_gram_deviations_equal_loops_over_bounds(passed):
    train, test = passed["train"], passed["test"]
    called, asked = train.values.argmax(1), test.values.argmax(1)
    kept = [i for i in range(300) if i % 10 != 9]

    def beyond(values, k, layer):
        total = 0.0
        rows = [i for i in kept if called[i] == k]
        for j, value in enumerate(values):
            column = train.statistics[layer][rows, j].astype(float)
            low, high = column.min(), column.max()
            if value < low:
                total += (low - value) / abs(low + 1e-6)
            if value > high:
                total += (value - high) / abs(high + 1e-6)
        return total

    expected = np.zeros(60)
    for layer in ("gram_0", "gram_1"):
        rows = train.statistics[layer].astype(float)
        unit = np.mean([beyond(rows[i], called[i], layer) for i in range(9, 300, 10)])
        values = test.statistics[layer].astype(float)
        expected += [beyond(v, k, layer) / unit for v, k in zip(values, asked, strict=True)]
    np.testing.assert_allclose(gram(test, fit_gram(train)), expected, rtol=1e-9)


def test_pytorch_ood_agrees_where_it_means_the_same(net, passed):
    from harness.models.obtain.vision import torchvision

    torchvision()  # pytorch-ood imports it
    theirs = pytest.importorskip("pytorch_ood.detector")
    x, labels = (torch.tensor(each) for each in images(60, 1))
    train_x, train_y = (torch.tensor(each) for each in images(300, 0))
    mine = scores("odin", passed)["test"]
    np.testing.assert_allclose(mine, theirs.ODIN(net).predict(x).detach().numpy(), rtol=1e-6)
    # The sums of Gram matrices and the distance beyond given bounds.
    with torch.no_grad():
        maps = net[0](x)
        vectors = [theirs.Gram._gram_vector(maps.double(), p) for p in introspection.ORDERS]
    np.testing.assert_allclose(
        passed["test"].statistics["gram_0"], torch.cat(vectors, dim=1).numpy(), rtol=1e-4, atol=1e-5
    )
    # Each layer of theirs is half the squared distance by the summed covariance: ours over 2n.
    for i, part in enumerate((net[:1], net[:3])):
        layer = theirs.MultiMahalanobis([part])
        with torch.no_grad():
            layer.fit_structured([part(train_x).flatten(2).mean(2)], train_y)
            other = layer.predict_structured([part(x).flatten(2).mean(2)]).numpy()
        alone = {
            name: replace(found, statistics={"layer_0": found.statistics[f"layer_{i}"]})
            for name, found in passed.items()
        }
        ratio = scores("layer_mahalanobis", alone)["test"] / other
        np.testing.assert_allclose(ratio, np.median(ratio), rtol=2e-3)


def test_statistics_lie_beside_the_features_and_may_go(passed, tmp_path):
    before = replace(passed["test"], features=np.ones((60, 2), dtype=np.float16))
    write_evidence(tmp_path, before)
    whole = read_evidence(tmp_path, describe(before), features=True)
    assert {*whole.statistics} == {*before.statistics}
    np.testing.assert_array_equal(whole.statistics["gram_1"], before.statistics["gram_1"])
    np.testing.assert_array_equal(whole.features, before.features)
    assert whole.sha256 == before.sha256 == replace(before, statistics={}).sha256
    part = read_evidence(tmp_path, describe(before), features=False)
    assert part.features is None
    assert part.statistics == {}


def test_without_statistics_or_bounds_there_is_a_reason(passed):
    bare = {name: replace(found, statistics={}) for name, found in passed.items()}
    for name, reason in (("odin", "no gradients"), ("gram", "no intermediate layers")):
        with pytest.raises(Undefined, match=f"the model hands out {reason}"):
            scores(name, bare)
    few = replace(
        passed["train"],
        values=passed["train"].values[:9],
        row=np.arange(9),
        statistics={name: array[:9] for name, array in passed["train"].statistics.items()},
    )
    with pytest.raises(Undefined, match="need 10 training rows"):
        fit_gram(few)


def test_modules_that_cannot_be_looked_into_are_refused(net):
    with pytest.raises(SpecError, match="no layer 'layer9'. Choose among: 0, 1"):
        introspection.Introspective(net, 3, layers=("layer9",))
    training = torch.nn.Sequential(torch.nn.Linear(2, 2)).train()
    with pytest.raises(SpecError, match="in training mode. Call .eval"):
        introspection.Introspective(training, 2)


def test_images_of_a_pool_arrive_as_torch_modules_are_used_to(net):
    images_ = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    found = introspection.Introspective(net, 3, layers=LAYERS)(images_)
    with torch.no_grad():
        expected = net(torch.tensor(images_.transpose(0, 3, 1, 2) / np.float32(255)))
    np.testing.assert_allclose(found.values, expected.numpy(), rtol=1e-5, atol=1e-6)
