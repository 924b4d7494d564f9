"""From Python: whatever people have is measured like a card of it, or refused in words."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import harness
from harness.errors import HarnessError, SpecError, UnknownNameError
from harness.models.obtain.plain import as_model
from harness.runs.results import Results
from harness.types import Output, Preprocessing

SUITE, CELL, C = "digits-v1", "digits-exp10-clean", 8
ONE = {"suite": SUITE, "cells": [CELL], "seeds": [0]}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(inputs):
    return inputs.reshape(len(inputs), -1).astype(np.float64) / 16


def score(results: Results, key: str = "test/balanced_accuracy") -> list[float]:
    return results.frame().query("metric == @key and variant == ''").value.tolist()


def everything(train):
    return train.inputs.take(np.arange(len(train.inputs)))


def fit_estimator(train, ctx):
    return LogisticRegression(max_iter=50).fit(rows_of(everything(train)), train.observed)


def rows_of(inputs):
    return inputs.reshape(len(inputs), -1)


def fit_function(train, ctx):
    """Nearest class mean, as a plain function of a batch."""
    x = rows(everything(train))
    means = np.stack([x[train.observed == k].mean(axis=0) for k in range(train.num_classes)])
    return lambda inputs: rows(inputs) @ means.T * 2 - (means**2).sum(axis=1)


def fit_module(train, ctx):
    assert ctx.seed == 0
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, C))
    x = torch.from_numpy(rows(everything(train)).astype(np.float32)) * 16 / 255
    y = torch.from_numpy(train.observed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


class Says:
    """Our interface, but for what it returns."""

    num_classes = C
    preprocessing = None

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, inputs):
        return self.answer(inputs)


class Full(Says):
    def __call__(self, inputs):
        return Output("probs", np.full((len(inputs), C), 1 / C, np.float32))


LEARNING = {
    "estimator to be fitted": LogisticRegression(max_iter=50),
    "pipeline to be fitted": make_pipeline(StandardScaler(), GaussianNB(var_smoothing=1e-2)),
    "decision function": LinearSVC(max_iter=200),
    "fit returning an estimator": fit_estimator,
    "fit returning a function": fit_function,
    "fit returning a module": fit_module,
}
CONSTANT = {
    "object of our interface": Full(None),
    "object returning an array": Says(lambda x: np.zeros((len(x), C), np.float32)),
    "object returning integers": Says(lambda x: np.zeros((len(x), C), np.int64)),
    "function": lambda inputs: np.full((len(inputs), C), 1 / C),
}


@pytest.mark.parametrize("what", LEARNING)
def test_what_can_be_trained_is_trained_and_scored(what):
    assert 0.85 < score(harness.run(LEARNING[what], **ONE))[0] <= 1


@pytest.mark.parametrize("what", CONSTANT)
def test_what_says_the_same_of_everything_is_at_chance(what):
    assert score(harness.run(CONSTANT[what], **ONE)) == [pytest.approx(1 / C)]


def test_a_fitted_estimator_is_scored_as_it_is_and_an_unfitted_one_is_not_changed():
    from harness.data.suites.open import open_suite

    opened = open_suite(SUITE)
    train = opened.training_data(opened.split(CELL, 0))
    fitted = LogisticRegression(max_iter=50).fit(rows_of(everything(train)), train.observed)
    fresh = LogisticRegression(max_iter=50)
    both = harness.run({"fitted": fitted, "fresh": fresh}, **ONE)
    assert score(both)[0] == score(both)[1]
    assert not hasattr(fresh, "coef_")
    other = harness.run({"fitted": fitted}, suite=SUITE, cells=[CELL], seeds=[1])
    assert other.frame().seed.unique().tolist() == [1]


def test_columns_follow_the_classes_of_an_estimator(rng):
    """Class names as labels come in the order of the alphabet, not of the suite."""
    names = ("wolf", "cat", "dog")
    labels = np.arange(60) % 3
    x = (np.eye(3)[labels] * 9 + rng.normal(size=(60, 3))).astype(np.float32)
    named = LogisticRegression().fit(x, np.array(names)[labels])
    assert list(named.classes_) != list(names)
    said = as_model(named, names)(x)
    assert (said.values.argmax(axis=1) == labels).all() and said.kind == "probs"
    with pytest.raises(HarnessError, match="'wolf'"):
        as_model(named, ("lion", "cat", "dog"))


def test_a_class_that_an_estimator_never_saw_gets_no_probability():
    def fit(train, ctx):
        kept = train.observed != 3
        x = rows_of(everything(train))[kept]
        return LogisticRegression(max_iter=20).fit(x, train.observed[kept])

    found = harness.run(fit, **ONE)
    assert score(found, "test/worst_class_recall") == [0]


def test_probabilities_are_known_by_their_sums():
    uniform = harness.run(lambda x: np.full((len(x), C), 1 / C), **ONE)
    assert score(uniform, "test/nll") == [pytest.approx(np.log(C))]
    reasons = {u.reason for u in uniform[0].record.undefined if "/energy/" in u.key}
    assert len(reasons) == 1 and "probabilities" in reasons.pop()


def test_a_torch_module_gets_images_as_torch_has_them():
    seen = []

    class Looks(torch.nn.Module):
        def forward(self, x):
            seen.append((x.shape[1:], x.dtype, float(x.max())))
            return torch.zeros(len(x), C)

    harness.run(Looks().eval(), **ONE)
    assert {shape for shape, _, _ in seen} == {(1, 8, 8)}
    assert {dtype for _, dtype, _ in seen} == {torch.float32}
    assert max(top for _, _, top in seen) <= 1

    class Prepared(Looks):
        preprocessing = Preprocessing(size=(4, 4), channels=3, mean=(0.5,) * 3, std=(0.5,) * 3)

    seen.clear()
    harness.run(Prepared().eval(), **ONE)
    assert {shape for shape, _, _ in seen} == {(3, 4, 4)}


def test_what_is_handed_in_is_measured_on_every_pool_of_the_suite():
    """Corrupted copies, validation and calibration among them: as a card would be."""
    results = harness.run(fit_function, suite="digits-shift-v1", cells=None, seeds=[0])
    keys = {key for key in results.frame().metric if key.startswith("covariate/")}
    assert "covariate/mean/balanced_accuracy" in keys and len(keys) > 20
    assert not [u for u in results[0].record.undefined if "no predictions" in u.reason]


REFUSED = {
    "number": (5, "Expected a torch module, .* got int, which cannot be called"),
    "nothing": (None, "got NoneType, which cannot be called"),
    "class": (Full, "got the class Full. Hand in an instance"),
    "array": (np.zeros((3, C)), r"got an array of shape \(3, 8\). Predictions are handed in"),
    "three arguments": (lambda a, b, c: 1, "takes 3 arguments; a trainer takes two"),
    "no argument": (lambda: 1, "takes 0 arguments; a trainer takes two"),
    "returns nothing": (lambda x: None, "it returned NoneType. Return logits or probabilities"),
    "returns text": (lambda x: np.full((len(x), C), "a"), "it returned an array of <U1"),
    "returns classes": (lambda x: np.zeros(len(x)), "Return scores of all classes"),
    "returns too few rows": (lambda x: np.zeros((1, C)), r"it returned shape \(1, 8\)"),
    "returns too few columns": (lambda x: np.zeros((len(x), 5)), r"it returned shape \(8, 5\)"),
    "returns a list": (lambda x: [[0.0] * C] * len(x), "it returned list"),
    "returns NaN": (lambda x: np.full((len(x), C), np.nan), "must be finite|NaN"),
    "by chance": (
        lambda x: np.random.default_rng().random((len(x), C)),
        "answers differently to the same 8 inputs",
    ),
    "by neighbours": (
        lambda x: rows(x)[:, :C] - rows(x)[:, :C].mean(axis=0),
        "depends on the inputs passed with it",
    ),
    "five classes": (type("Five", (Full,), {"num_classes": 5})(None), "has 8 classes; .* has 5"),
    "no preprocessing": (
        type("Bare", (), {"num_classes": C, "__call__": lambda self, x: x})(),
        "Expected an attribute preprocessing of .*Bare",
    ),
    "dropout in training mode": (
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(), torch.nn.Linear(64, C)),
        r"is in training mode, .* Dropout .* Call \.eval\(\)",
    ),
    "batch norm in training mode": (
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(64), torch.nn.Linear(64, C)),
        r"is in training mode, .* BatchNorm1d .* Call \.eval\(\)",
    ),
    "module of five classes": (
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 5)),
        r"it returned shape \(8, 5\)",
    ),
    "fit that forgot to return": (lambda train, ctx: None, "got what lambda returned, which"),
    "fit that returns a trainer": (lambda train, ctx: fit_module, "a function of one argument"),
    "fit that returns an unfitted estimator": (
        lambda train, ctx: LogisticRegression(),
        "Expected a fitted estimator; what lambda returned was not fitted",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_scored_is_refused_in_one_sentence(what):
    given, sentence = REFUSED[what]
    with pytest.raises(HarnessError, match=sentence):
        harness.run([given], **ONE)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"cells": ["typo"]}, "No cell of digits-v1 named 'typo'"),
        ({"cells": "digits-exp10-claen"}, "Did you mean 'digits-exp10-clean'"),
        ({"seeds": [9]}, "No seed of digits-v1 named '9'"),
        ({"seeds": 9}, "No seed of digits-v1 named '9'"),
    ],
)
def test_a_cell_or_seed_that_there_is_not_is_refused(asked, sentence):
    with pytest.raises(UnknownNameError, match=sentence):
        harness.run(Full(None), suite=SUITE, **asked)


def test_several_are_run_at_once_under_their_names():
    results = harness.run([Full(None), Full(None), fit_function], **ONE)
    assert [r.record.entry for r in results] == ["full", "full-2", "fit-function"]
    assert repr(results) == "<Results on digits-v1: full, full-2, fit-function; 3 jobs>"
    named = harness.run({"flat": Full(None)}, suite=SUITE, cells=CELL, seeds=0)
    assert [r.record.entry for r in named] == ["flat"]
    assert len(repr(named[0])) < 80


def test_cards_and_objects_are_run_together(tmp_path):
    folder = tmp_path / "submissions" / "quick"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(
        'format = 1\nname = "quick"\nkind = "method"\nrank_variants = ["la"]\n[method]\n'
        'trainer = "nearest-mean"\n'
    )
    where = {"store": tmp_path / "store", "submissions": tmp_path / "submissions"}
    results = harness.run(["quick", Full(None)], processes=1, **ONE, **where)
    assert [r.record.entry for r in results] == ["quick", "full"]
    own = harness.compare("quick", "quick+la", local=True, **where)
    assert (own.candidate, own.reference) == ("quick", "quick+la")


def test_a_frame_holds_what_was_run_and_nothing_else():
    frame = harness.run(Full(None), suite=SUITE, cells=[CELL], seeds=[1]).frame()
    assert frame.cell.unique().tolist() == [CELL] and frame.seed.unique().tolist() == [1]
    assert frame.value.dtype == np.float64
    assert not frame.duplicated(["entry", "variant", "cell", "seed", "metric"]).any()


@pytest.fixture(scope="module")
def mine() -> Results:
    return harness.run({"mine": fit_function}, suite=SUITE, cells=[CELL])


def test_models_in_memory_are_ranked_beside_committed_ones(mine):
    ranking = mine.ranking(committed=True)
    assert ranking.cells == (CELL,)
    names = [row.name for row in ranking.rows]
    assert "mine" in names and "nearest-mean" in names and len(names) > 20
    assert harness.rank(SUITE, beside=mine) == ranking
    mean, own = (next(r for r in ranking.rows if r.name == n) for n in ("nearest-mean", "mine"))
    assert own.value == pytest.approx(mean.value, abs=0.02) and own.local and not mean.local


def test_models_in_memory_are_compared_with_committed_ones(mine):
    found = harness.compare(mine, "nearest-mean")
    assert [name for name, _ in found.cells] == [CELL]
    assert found.overall.verdict in ("same", "cannot tell", "better", "worse")
    back = harness.compare("nearest-mean", mine)
    assert back.overall.difference == pytest.approx(-found.overall.difference)


def test_a_comparison_of_things_that_cannot_be_compared_is_refused(mine):
    with pytest.raises(SpecError, match="one entry; got results of 2"):
        harness.compare(Results(SUITE, (mine[0], mine[0])), "nearest-mean")
    with pytest.raises(SpecError, match="have two names; both are 'mine'"):
        harness.compare(mine, mine)
    with pytest.raises(SpecError, match="are of one suite; got digits-v1 and tabular-v1"):
        harness.compare(mine, Results("tabular-v1", (mine[0],)))
    with pytest.raises(UnknownNameError, match="nearest-maen"):
        harness.compare(mine, "nearest-maen")


def test_an_estimator_that_only_decides_is_refused():
    class Votes(RidgeClassifier):
        decision_function = property(lambda self: (_ for _ in ()).throw(AttributeError()))

    with pytest.raises(SpecError, match="has no predict_proba or decision_function"):
        harness.run(Votes(), **ONE)
