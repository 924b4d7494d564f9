"""Heads that are networks on rows: LOOK and case-based prototypes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.methods.cases import fit_cases, nearest  # noqa: E402 (they need torch)
from baselines.methods.look import fit_look  # noqa: E402
from baselines.networks.cases import Cases  # noqa: E402
from baselines.networks.look import Look  # noqa: E402
from harness.errors import TrainingError  # noqa: E402
from harness.types.data import ArrayInputs  # noqa: E402
from harness.types.models import FitContext, TrainingData  # noqa: E402

FITS = {"look": fit_look, "cases": fit_cases}


def blobs(counts=(60, 40, 20), seed=0) -> TrainingData:
    """Each class lies in two places."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    side = rng.integers(0, 2, len(labels))
    rows = 4 * np.eye(6)[2 * labels + side] + rng.standard_normal((len(labels), 6))
    return TrainingData(ArrayInputs(rows.astype(np.float32)), labels, 3)


def fitted(name, train, **settings):
    quick = {"epochs": 30, "batch_size": 32, "lr": 0.01}
    fit = FITS[name]
    return fit(train, FitContext(fit.configure({**quick, **settings}), seed=0))


@pytest.mark.parametrize("name", FITS)
def test_a_head_learns_classes_in_two_places_and_comes_back_the_same(name):
    train, test = blobs(), blobs(seed=1)
    model = fitted(name, train)
    rows = test.inputs.take(np.arange(len(test.inputs)))
    values = model(rows).values
    assert (values.argmax(1) == test.observed).mean() > 0.85
    again = FITS[name].restore(model.state(), dict(model.meta))
    assert (again(rows).values == values).all()
    alone = np.concatenate([model(row[None]).values for row in rows[:4]])
    np.testing.assert_allclose(alone, values[:4], rtol=1e-4, atol=1e-5)


def a_look(neighbours):
    network = Look(
        rows=4, columns=2, classes=2, width=2, neighbours=neighbours, temperature=0.5
    ).eval()
    network.known.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.6, 0.8]]))
    network.labels.copy_(torch.tensor([0, 1, 0, 1]))
    return network


def test_shares_of_neighbours_by_hand():
    """Cosines with (1, 0) are 1, 0, −1, .6; of the two nearest one is of each class."""
    asked = torch.tensor([[1.0, 0.0]])
    found = a_look(2).shares(asked, None)
    expected = np.exp([1 / 0.5, 0.6 / 0.5]) / np.exp([1 / 0.5, 0.6 / 0.5]).sum()
    np.testing.assert_allclose(found, expected[None], rtol=1e-6)
    left_out = a_look(2).shares(asked, torch.tensor([0]))  # then .6 and 0, both of class 1
    np.testing.assert_allclose(left_out, [[0, 1]], atol=1e-7)


def test_shares_do_not_depend_on_the_order_of_known_rows():
    network, turned = a_look(3), a_look(3)
    order = torch.tensor([3, 0, 2, 1])
    turned.known.copy_(network.known[order])
    turned.labels.copy_(network.labels[order])
    asked = torch.nn.functional.normalize(torch.randn(5, 2), dim=1)
    torch.testing.assert_close(network.shares(asked, None), turned.shares(asked, None))


def test_distances_to_prototypes_by_hand():
    network = Cases(columns=3, classes=2, hidden=4, code=2, prototypes=2)
    with torch.no_grad():
        network.prototypes.copy_(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
        found = network.distances(torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
    np.testing.assert_allclose(found, [[12.5, 0.0], [0.5, 10.0]], atol=1e-5)
    near_row, near_prototype = nearest(found)
    assert float(near_row) == pytest.approx((0.5 + 0.0) / 2)
    assert float(near_prototype) == pytest.approx((0.0 + 0.5) / 2)


@pytest.mark.parametrize("name", FITS)
def test_one_class_alone_is_refused(name):
    train = blobs()
    with pytest.raises(TrainingError, match="at least two classes"):
        fitted(name, TrainingData(train.inputs, train.observed * 0, 3))
