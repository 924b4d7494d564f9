"""Networks for tables: each formula by hand, what must not change anything, what is refused."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.methods import table_networks as methods  # noqa: E402 (they need torch)
from baselines.networks.excelformer import ExcelFormer, gated  # noqa: E402
from baselines.networks.hopular import Hopular, Retrieval  # noqa: E402
from baselines.networks.tabr import TabR  # noqa: E402
from harness.data.pools.tables import TableInputs  # noqa: E402
from harness.errors import SpecError, TrainingError  # noqa: E402
from harness.types.data import ArrayInputs  # noqa: E402
from harness.types.models import FitContext, TrainingData  # noqa: E402

FITS = {
    "perceptron": methods.fit_perceptron,
    "tabr": methods.fit_tabr,
    "excelformer": methods.fit_excelformer,
    "hopular": methods.fit_hopular,
}


def moons(n=160, seed=0) -> TrainingData:
    """Two classes that no line separates, and a column without meaning."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 3)).astype(np.float32)
    labels = (rows[:, 0] * rows[:, 1] > 0).astype(np.int64)
    return TrainingData(ArrayInputs(rows), labels, 2)


def fitted(name, train, **settings):
    fit = FITS[name]
    quick = {"epochs": 25, "batch_size": 32, "lr": 0.01}
    return fit(train, FitContext(fit.configure({**quick, **settings}), seed=0))


def rows_of(train):
    return train.inputs.take(np.arange(len(train.inputs)))


@pytest.fixture(scope="module")
def models():
    return {name: fitted(name, moons()) for name in FITS}


@pytest.mark.parametrize("name", FITS)
def test_every_network_learns_what_no_line_separates_in_batches_of_any_size(name, models):
    test = moons(seed=1)
    rows = rows_of(test)
    values = models[name](rows).values
    assert (values.argmax(1) == test.observed).mean() > 0.8
    alone = np.concatenate([models[name](row[None]).values for row in rows[:5]])
    np.testing.assert_allclose(values[:5], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FITS)
def test_a_network_comes_back_from_its_state_and_draws_nothing_from_outside(name, models):
    before = torch.get_rng_state()
    again = FITS[name].restore(models[name].state(), dict(models[name].meta))
    assert (torch.get_rng_state() == before).all()
    rows = rows_of(moons(seed=2))
    assert (again(rows).values == models[name](rows).values).all()


@pytest.mark.parametrize("name", FITS)
def test_other_units_of_the_columns_change_nothing_that_matters(name):
    train, test = moons(64), rows_of(moons(32, seed=3))
    scaled = TrainingData(
        ArrayInputs(rows_of(train) * np.float32(8) + np.float32(4)), train.observed, 2
    )
    one = fitted(name, train, epochs=2)(test).values
    other = fitted(name, scaled, epochs=2)(test * np.float32(8) + np.float32(4)).values
    np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)


def a_tabr(**sizes):
    torch.manual_seed(0)
    given = {"rows": 4, "columns": 2, "classes": 2, "width": 3, "context": 4}
    network = TabR(**{**given, "dropout": 0.0, "context_dropout": 0.0, **sizes}).eval()
    network.known.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.5], [-2.0, 1.0], [0.5, 3.0]]))
    network.labels.copy_(torch.tensor([0, 1, 1, 0]))
    return network


def test_tabr_looks_up_what_its_equations_say():
    """Σ softmax(−‖k − kᵢ‖²)·(E(yᵢ) + T(k − kᵢ)), each product written out."""
    network = a_tabr()
    row = torch.tensor([[0.3, -0.7]])
    with torch.no_grad():
        key, keys = (network.key(network.encode(x))[:, None] for x in (row, network.known))
        gaps = (key - keys)[:, 0]  # (4, 3)
        weights = torch.softmax(-(gaps**2).sum(1), 0)
        inner = torch.relu(gaps @ network.shift_in.weight.T + network.shift_in.bias)
        said = network.said.weight[network.labels] + inner @ network.shift_out.weight.T
        expected = weights @ said
        found = network.looked_up(network.encode(row), None)[0]
    torch.testing.assert_close(found, expected)


def test_tabr_with_one_row_and_no_map_says_the_label_of_the_nearest_neighbour():
    network = a_tabr(context=1)
    with torch.no_grad():
        network.shift_out.weight.zero_()
        rows = network.known + 0.01
        found = network.looked_up(network.encode(rows), None)
    torch.testing.assert_close(found, network.said.weight[network.labels].detach())


def test_tabr_does_not_show_a_training_row_its_own_label():
    network = a_tabr(context=1)
    with torch.no_grad():
        network.shift_out.weight.zero_()
        found = network.looked_up(network.encode(network.known), torch.arange(4))
        keys = network.key(network.encode(network.known))
        gaps = torch.cdist(keys, keys).fill_diagonal_(torch.inf)
    torch.testing.assert_close(found, network.said.weight[network.labels[gaps.argmin(1)]].detach())


def test_tabr_does_not_depend_on_the_order_of_its_rows():
    network, turned = a_tabr(context=2), a_tabr(context=2)
    order = torch.tensor([2, 0, 3, 1])
    turned.known.copy_(network.known[order])
    turned.labels.copy_(network.labels[order])
    rows = torch.randn(5, 2)
    torch.testing.assert_close(network(rows), turned(rows))


def an_excelformer(masked):
    torch.manual_seed(0)
    return ExcelFormer(
        columns=3, classes=2, width=4, depth=1, heads=1, dropout=0.0, start=1.0, masked=masked
    ).eval()


def test_gate_by_hand():
    found = gated(torch.tensor([2.0, -1.0, 0.5, 3.0]))
    np.testing.assert_allclose(found, [2 * np.tanh(0.5), -np.tanh(3.0)], rtol=1e-6)


@pytest.mark.parametrize("masked", [True, False])
def test_a_column_reads_only_columns_that_say_at_least_as_much(masked):
    """Changing the least informative column must not reach the tokens of the others."""
    network = an_excelformer(masked)
    network.order.copy_(torch.tensor([2, 0, 1]))  # column 1 says least
    seen = {}
    network.last.register_forward_pre_hook(lambda _, given: seen.update(tokens=given[0]))
    rows = torch.tensor([[0.3, 1.0, -0.5]])
    network(rows)
    before = seen["tokens"].clone()
    network(rows + torch.tensor([[0.0, 2.0, 0.0]]))
    moved = (seen["tokens"] - before).abs().amax(dim=(0, 2)) > 1e-6
    assert moved.tolist() == ([False, False, True] if masked else [True, True, True])


def test_information_of_columns_by_hand():
    labels = np.array([0, 0, 1, 1] * 5)
    rows = np.stack([labels, 1 - labels, np.tile([0, 1], 10), np.zeros(20)], axis=1)
    found = methods.information(rows.astype(np.float32), labels)
    np.testing.assert_allclose(found, [np.log(2), np.log(2), 0, 0], atol=1e-12)


def test_a_hopfield_step_is_softmax_of_products_by_hand():
    torch.manual_seed(0)
    step = Retrieval(4, 2, 1, 0.0).eval()
    state, stored = torch.randn(1, 3, 4), torch.randn(1, 5, 4)
    with torch.no_grad():
        query = step.query(step.state_norm(state))[0]
        keys, values = step.pair(step.stored_norm(stored))[0].chunk(2, 1)
        expected = step.out(torch.softmax(query @ keys.T / 2**0.5, 1) @ values)
        torch.testing.assert_close(step(state, stored)[0], expected)


def a_hopular():
    torch.manual_seed(0)
    network = Hopular(
        stored=4, columns=2, classes=2, width=4, inner=4, depth=1, heads=1, dropout=0.0
    ).eval()
    network.known.copy_(torch.randn(4, 2))
    network.labels.copy_(torch.tensor([0, 1, 1, 0]))
    return network


def test_hopular_does_not_depend_on_the_order_of_stored_rows_nor_see_a_rows_own_label():
    network, turned, told = a_hopular(), a_hopular(), a_hopular()
    order = torch.tensor([3, 1, 0, 2])
    turned.known.copy_(network.known[order])
    turned.labels.copy_(network.labels[order])
    rows = torch.randn(5, 2)
    torch.testing.assert_close(network(rows), turned(rows))
    told.labels[0] = 1  # the first row's own label
    first, own = network.known[:1], torch.tensor([0])
    torch.testing.assert_close(network(first, own), told(first, own))
    assert not torch.allclose(network(first), told(first))


def test_a_hidden_column_does_not_reach_the_state():
    network = a_hopular()
    rows, masked = torch.randn(3, 2), torch.tensor([[True, False]] * 3)
    moved = rows + torch.tensor([5.0, 0.0])
    torch.testing.assert_close(
        network.state(rows, None, masked), network.state(moved, None, masked)
    )


def test_rarer_classes_keep_their_rows_first():
    labels = torch.tensor([0] * 50 + [1] * 3 + [2] * 20)
    kept = methods.kept_rows(labels, 20)
    assert torch.bincount(labels[kept]).tolist() == [9, 3, 8] or torch.bincount(
        labels[kept]
    ).tolist() == [8, 3, 9]
    assert methods.kept_rows(labels, 100).tolist() == list(range(73))


def test_categories_and_missing_values_of_a_table_are_taken():
    rng = np.random.default_rng(0)
    numeric = rng.standard_normal((60, 2)).astype(np.float32)
    numeric[::7, 0] = np.nan
    categorical = rng.integers(0, 3, (60, 1)).astype(np.int32)
    table = TableInputs(numeric, categorical, ("x", "y", "c"), (("a", "b", "z"),))
    train = TrainingData(table, categorical[:, 0] % 2, 2)
    for name in FITS:
        values = fitted(name, train)(rows_of(train)).values
        assert (values.argmax(1) == train.observed).mean() > 0.9, name


@pytest.mark.parametrize("name", ["excelformer", "hopular"])
def test_a_width_that_heads_do_not_divide_is_refused(name):
    with pytest.raises(SpecError, match=r"multiple of heads \(4\); got 10"):
        FITS[name].configure({"width": 10})


def test_one_class_alone_is_refused():
    train = moons(20)
    single = TrainingData(train.inputs, np.zeros(20, dtype=np.int64), 2)
    for name in FITS:
        with pytest.raises(TrainingError, match="at least two classes"):
            fitted(name, single)
