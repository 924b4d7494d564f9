"""The prior-fitted network: its reading by hand, what must not change anything, its limits."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines import prior  # noqa: E402 (they need torch)
from baselines.methods.prior_fitted import fit_prior_fitted  # noqa: E402
from baselines.networks.prior_fitted import PriorFitted, PriorFittedSpec, ReadingBlock  # noqa: E402
from harness.data.pools.tables import TableInputs  # noqa: E402
from harness.errors import SpecError, TrainingError  # noqa: E402
from harness.types.data import ArrayInputs  # noqa: E402
from harness.types.models import FitContext, TrainingData  # noqa: E402

SMALL = PriorFittedSpec(columns=3, rows=20, classes=3, width=8, depth=2, heads=2)


def blobs(counts=(60, 30), d=4, seed=0) -> TrainingData:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    rows = 2.5 * np.eye(max(d, len(counts)))[labels][:, :d] + rng.standard_normal((len(labels), d))
    return TrainingData(ArrayInputs(rows.astype(np.float32)), labels, len(counts))


def rows_of(train):
    return train.inputs.take(np.arange(len(train.inputs)))


def fitted(train, **settings):
    return fit_prior_fitted(train, FitContext(fit_prior_fitted.configure(settings), seed=0))


def test_one_reading_is_softmax_of_products_with_labelled_rows_by_hand():
    torch.manual_seed(0)
    block, tokens = ReadingBlock(4, 1), torch.randn(1, 5, 4)
    with torch.no_grad():
        given = block.before_reading(tokens)[0]
        keys, values = block.pair(given[:3]).chunk(2, dim=1)
        shares = torch.softmax(block.query(given) @ keys.T / 4**0.5, dim=1)
        read = tokens[0] + block.read(shares @ values)
        expected = read + block.think(block.before_thinking(read))
        torch.testing.assert_close(block(tokens, 3)[0], expected)


def a_question():
    torch.manual_seed(1)
    network = PriorFitted(SMALL).eval()
    return network, torch.randn(2, 6, 3), torch.randint(0, 3, (2, 6)), torch.randn(2, 4, 3)


def test_answers_do_not_depend_on_the_order_of_labelled_rows_nor_on_what_else_is_asked():
    network, known, labels, asked = a_question()
    whole = network(known, labels, asked)
    order = torch.randperm(6)
    torch.testing.assert_close(network(known[:, order], labels[:, order], asked), whole)
    torch.testing.assert_close(network(known, labels, asked[:, 2:3]), whole[:, 2:3])


def test_units_of_columns_do_not_matter():
    network, known, labels, asked = a_question()
    torch.testing.assert_close(
        network(known * 7 + 3, labels, asked * 7 + 3), network(known, labels, asked)
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_prior_draws_finite_tables_with_rare_classes_that_are_there(seed):
    random = np.random.default_rng(seed)
    classes = 2 + seed % 4
    rows, labels = prior.draw_table(random, 200, 5, classes)
    assert rows.shape == (200, 5) and rows.dtype == np.float32 and np.isfinite(rows).all()
    assert labels.shape == (200,) and set(labels) <= set(range(classes))
    assert len(set(labels)) > 1


def test_shares_of_classes_are_those_that_were_drawn():
    """Two classes: the rarer one has between a fiftieth and a half of the rows."""
    random = np.random.default_rng(0)
    shares = [
        np.bincount(prior._labels(random, random.standard_normal((500, 2)), 2), minlength=2).min()
        for _ in range(200)
    ]
    assert min(shares) >= 0.01 * 500 and max(shares) <= 250
    assert np.median(shares) < 100  # most tables are imbalanced


def test_a_training_is_decided_by_its_seed():
    one, other, third = (
        prior.fit_to_prior(SMALL, steps=3, tables=2, lr=0.01, seed=s).state_dict()
        for s in (0, 0, 1)
    )
    assert all((one[name] == other[name]).all() for name in one)
    assert not (one["answer.weight"] == third["answer.weight"]).all()


def test_the_packaged_weights_tell_blobs_apart_and_come_back_the_same():
    train, test = blobs((60, 30, 20)), blobs((40, 20, 20), seed=1)
    model = fitted(train)
    rows = rows_of(test)
    values = model(rows).values
    assert (values.argmax(1) == test.observed).mean() > 0.85
    again = fit_prior_fitted.restore(model.state(), dict(model.meta))
    assert (again(rows).values == values).all()
    alone = np.concatenate([model(row[None]).values for row in rows[:4]])
    np.testing.assert_allclose(alone, values[:4], rtol=1e-4, atol=1e-4)


def test_missing_values_and_categories_are_taken():
    rng = np.random.default_rng(0)
    numeric = rng.standard_normal((80, 2)).astype(np.float32)
    labels = (numeric[:, 1] > 0).astype(np.int64)
    numeric[::5, 0] = np.nan
    categorical = rng.integers(0, 3, (80, 1)).astype(np.int32)
    table = TableInputs(numeric, categorical, ("x", "y", "c"), (("a", "b", "z"),))
    train = TrainingData(table, labels, 2)
    model = fitted(train)
    values = model(rows_of(train)).values
    assert np.isfinite(values).all() and (values.argmax(1) == labels).mean() > 0.85
    assert all(np.isfinite(array).all() for array in model.state().values())


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        (blobs((40, 20), d=65), "at most 64 columns; this table has 65"),
        (blobs((9,) * 7, d=7), "at most 6 classes; this table has 7"),
        (blobs((400, 200)), "at most 512 rows; this table has 600. Say contexts = 4"),
    ],
)
def test_more_than_it_was_trained_for_is_refused(train, sentence):
    with pytest.raises(TrainingError, match=sentence):
        fitted(train)


def test_the_advice_for_too_many_rows_ends_well():
    train, test = blobs((400, 200)), blobs((40, 20), seed=1)
    values = fitted(train, contexts=4)(rows_of(test)).values
    np.testing.assert_allclose(np.exp(values).sum(1), 1, rtol=1e-4)
    assert (values.argmax(1) == test.observed).mean() > 0.85


def test_other_weights_than_the_packages_are_refused():
    with pytest.raises(SpecError, match="is filled in; got 'abc'"):
        fit_prior_fitted.configure({"weights": "abc"})
