"""LightGBM, XGBoost and CatBoost: as arrays what the libraries say, and losses of our own."""

import sys

import numpy as np
import pytest
from scipy.special import expit, softmax

from baselines.methods import boosting
from baselines.methods.boosting_losses import derivatives
from baselines.methods.held_out import best_offsets
from harness.data.pools.tables import TableInputs
from harness.errors import SpecError, TrainingError
from harness.types.data import ArrayInputs
from harness.types.models import FitContext, TrainingData

FITS = {
    "lightgbm": boosting.fit_lightgbm,
    "xgboost": boosting.fit_xgboost,
    "catboost": boosting.fit_catboost,
}
KINDS = [
    *[(name, {"balanced": balanced}) for name in FITS for balanced in (False, True)],
    *[(name, {"loss": loss}) for name in ("lightgbm", "xgboost")
      for loss in ("focal", "logit-adjusted")],
]  # fmt: skip


def blobs(counts, seed=0, columns=3):
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(len(counts)), counts))
    rows = generator.normal(0, 1, (len(labels), columns))
    rows[:, :2] += labels[:, None] * [2.0, -1.0]
    return TrainingData(ArrayInputs(rows.astype(np.float32)), labels, len(counts))


def fit(name, train, seed=0, **overrides):
    pytest.importorskip(name, reason="an optional package")
    method = FITS[name]
    return method(train, FitContext(method.configure({"rounds": 20, **overrides}), seed=seed))


def loss_of(logits, label, shift, gamma):
    """The loss of one row, written from its definition."""
    p = softmax(logits + shift)[label]
    return -((1 - p) ** gamma) * np.log(p)


def test_derivatives_by_hand():
    """Two classes at p = ½: the focal loss has A = ½·2·½·ln ½ − ¼."""
    first, second = derivatives(np.zeros((1, 2)), np.array([0]), shift=np.zeros(2))
    assert first.tolist() == [[-0.5, 0.5]] and second.tolist() == [[0.25, 0.25]]
    first, _ = derivatives(np.zeros((1, 2)), np.array([0]), shift=np.zeros(2), gamma=2.0)
    slope = 0.5 * np.log(0.5) - 0.25
    np.testing.assert_allclose(first, [[0.5 * slope, -0.5 * slope]])
    # logit adjustment, priors ¾ and ¼: p of equal scores is the prior
    first, second = derivatives(np.zeros((1, 2)), np.array([1]), shift=np.log([0.75, 0.25]))
    np.testing.assert_allclose(first, [[0.75, -0.75]])
    np.testing.assert_allclose(second, [[0.1875, 0.1875]])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("k", [2, 4])
def test_derivatives_are_those_of_the_loss_by_differences(gamma, k):
    generator = np.random.default_rng(1)
    logits, labels = generator.normal(0, 2, (30, k)), generator.integers(0, k, 30)
    shift = np.log(generator.dirichlet(np.ones(k)))
    first, second = derivatives(logits, labels, shift=shift, gamma=gamma)
    convex = 0
    for i in range(30):
        p = softmax(logits[i] + shift)
        for j in range(k):
            step = np.eye(k)[j] * 1e-4
            up, at, down = (
                loss_of(logits[i] + s, labels[i], shift, gamma) for s in (step, 0 * step, -step)
            )
            np.testing.assert_allclose(first[i, j], (up - down) / 2e-4, atol=1e-6)
            bent = (up - 2 * at + down) / 1e-8
            own = (labels[i] == j) - p[j]
            kept = -first[i, j] / own * p[j] * (1 - p[j])  # the term that is never negative
            np.testing.assert_allclose(second[i, j], max(bent, kept), atol=2e-6)
            convex += bent >= kept - 1e-6
    assert convex == 30 * k if gamma == 0 else convex > 0


@pytest.mark.parametrize("counts", [(90, 30), (90, 40, 20)])
@pytest.mark.parametrize("name", FITS)
def test_kept_arrays_say_what_the_library_says(name, counts):
    package = pytest.importorskip(name, reason="an optional package")
    train, test = blobs(counts), blobs((15,) * len(counts), seed=1).inputs.array
    rows, labels, k = train.inputs.array, train.observed, len(counts)
    if name == "lightgbm":
        oracle = package.LGBMClassifier(n_estimators=20, n_jobs=1, verbosity=-1)
        expected = oracle.fit(rows, labels).predict_proba(test)
    elif name == "catboost":
        oracle = package.CatBoostClassifier(
            iterations=20, learning_rate=0.1, random_seed=0, thread_count=1,
            allow_writing_files=False, verbose=False,
        )  # fmt: skip
        expected = oracle.fit(rows, labels).predict_proba(test)
    else:
        start = np.log(np.array(counts) / sum(counts))
        start = start if k > 2 else start[1:] - start[:1]
        about = {"objective": "multi:softprob", "num_class": k} if k > 2 else {}
        booster = package.train(
            {"objective": "binary:logistic", **about, "nthread": 1},
            package.DMatrix(rows, labels, base_margin=np.tile(start, (len(rows), 1))),
            20,
        )
        given = package.DMatrix(test, base_margin=np.tile(start, (len(test), 1)))
        expected = booster.predict(given)
        expected = np.stack([1 - expected, expected], axis=1) if k == 2 else expected
    values = fit(name, train)(test).values
    np.testing.assert_allclose(softmax(values, axis=1), expected, atol=2e-6)


@pytest.mark.parametrize(("name", "overrides"), KINDS)
def test_swapping_the_names_of_two_classes_swaps_their_scores(name, overrides):
    train, test = blobs((60, 12)), blobs((20, 20), seed=1).inputs.array
    swapped = TrainingData(train.inputs, 1 - train.observed, 2)
    one, other = (fit(name, t, **overrides)(test).values for t in (train, swapped))
    np.testing.assert_allclose(one, other[:, ::-1], atol=1e-4)


def test_logit_adjusted_boosting_is_boosting_from_an_offset():
    """Of two classes: LightGBM's own loss, started from the shift that the loss would add."""
    lightgbm = pytest.importorskip("lightgbm", reason="an optional package")
    train, test = blobs((100, 20)), blobs((20, 20), seed=1).inputs.array
    shift = 1.5 * (np.log(20) - np.log(100))
    start = np.log(20 / 100) - shift
    data = lightgbm.Dataset(
        train.inputs.array.astype(float), train.observed, init_score=np.full(120, start + shift)
    )
    oracle = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 20)
    expected = start + oracle.predict(test.astype(float), raw_score=True)
    values = fit("lightgbm", train, loss="logit-adjusted", tau=1.5)(test).values
    np.testing.assert_allclose(values[:, 1] - values[:, 0], expected, atol=1e-5)


def test_a_focal_loss_without_focus_is_cross_entropy():
    train, test = blobs((60, 30)), blobs((20, 20), seed=1).inputs.array
    for name in ("lightgbm", "xgboost"):
        plain = fit(name, train)(test).values
        focal = fit(name, train, loss="focal", gamma=0.0)(test).values
        np.testing.assert_allclose(plain, focal, atol=1e-4)


@pytest.mark.parametrize("name", FITS)
def test_weights_thresholds_and_shifted_losses_raise_the_rare_class(name):
    train, test = blobs((400, 20), seed=2), blobs((200, 200), seed=1)
    recalls = {}
    kinds = {"plain": {}, "balanced": {"balanced": True}, "moved": {"threshold": True}}
    if name != "catboost":
        kinds["adjusted"] = {"loss": "logit-adjusted"}
    for kind, overrides in kinds.items():
        guess = fit(name, train, **overrides)(test.inputs.array).values.argmax(axis=1)
        recalls[kind] = (guess == 1)[test.observed == 1].mean()
    assert all(recalls[kind] > recalls["plain"] + 0.03 for kind in kinds if kind != "plain")


def balanced(logits, labels):
    right = logits.argmax(axis=1) == labels
    return np.mean([right[labels == k].mean() for k in np.unique(labels)])


def test_offsets_by_hand():
    margins = np.array([-3.0, -2.0, -1.0, 0.5, 4.0])
    logits = np.stack([0 * margins, margins], axis=1)
    # rare class at −1 and 4: best is a threshold between −2 and −1, at its middle
    assert best_offsets(logits, np.array([0, 0, 1, 0, 1])).tolist() == [0, 1.5]
    # nothing to gain: nothing is moved
    assert best_offsets(logits, np.array([0, 0, 0, 1, 1])).tolist() == [0, 0]


def test_two_classes_get_the_best_of_all_thresholds_and_more_are_never_worse():
    generator = np.random.default_rng(3)
    for k in (2, 2, 2, 3, 5):
        labels = np.concatenate([np.arange(k), generator.integers(0, k, 40)])
        logits = generator.normal(0, 1, (len(labels), k)) - 2.0 * np.arange(k)
        logits[np.arange(len(labels)), labels] += 1
        found = balanced(logits + best_offsets(logits, labels), labels)
        if k == 2:
            margin = np.sort(logits[:, 0] - logits[:, 1])
            cuts = [margin[0] - 1, *(margin[1:] + margin[:-1]) / 2, margin[-1] + 1]
            assert found == max(balanced(logits + [0, b], labels) for b in cuts)
        assert found > balanced(logits, labels)


def test_the_threshold_is_chosen_on_the_validation_rows_alone():
    train, held = blobs((100, 30)), blobs((40, 12), seed=5)
    both = TrainingData(train.inputs, train.observed, 2, (held.inputs, held.observed))
    test = blobs((30, 30), seed=1).inputs.array
    plain = fit("lightgbm", train)
    wanted = best_offsets(plain(held.inputs.array).values, held.observed)
    assert wanted[1] != 0
    moved = fit("lightgbm", both, threshold=True)(test).values
    margin = plain(test).values @ [-1, 1] + wanted[1]
    np.testing.assert_allclose(moved @ [-1, 1], margin, atol=1e-5)


def test_a_class_smaller_than_the_folds_makes_fewer_folds_and_a_single_row_is_refused():
    values = fit("lightgbm", blobs((40, 3)), threshold=True)(blobs((5, 5)).inputs.array).values
    assert np.isfinite(values).all()
    for overrides in ({"threshold": True}, {"trials": 2}):
        with pytest.raises(TrainingError, match="class 1 has a single one"):
            fit("lightgbm", blobs((40, 1)), **overrides)


def test_a_search_keeps_to_its_budget_and_is_no_worse_on_its_held_out_rows(monkeypatch):
    lightgbm = pytest.importorskip("lightgbm", reason="an optional package")
    train, held = blobs((60, 20)), blobs((60, 60), seed=7)
    both = TrainingData(train.inputs, train.observed, 2, (held.inputs, held.observed))
    trained, original = [], lightgbm.train

    def counted(parameters, *rest):
        trained.append((parameters["learning_rate"], parameters["num_leaves"]))
        return original(parameters, *rest)

    monkeypatch.setattr(lightgbm, "train", counted)
    found = balanced(fit("lightgbm", both, trials=6)(held.inputs.array).values, held.observed)
    assert len(trained) == 7 and trained[0] == (0.1, 31) and trained[-1] in trained[:-1]
    assert found >= balanced(fit("lightgbm", train)(held.inputs.array).values, held.observed)


def test_a_kept_model_needs_no_library_and_a_missing_one_is_said(monkeypatch):
    train, test = blobs((60, 20)), blobs((10, 10), seed=1).inputs.array
    models = {name: fit(name, train) for name in FITS}
    for name, model in models.items():
        monkeypatch.setitem(sys.modules, name, None)
        again = FITS[name].restore(model.state(), dict(model.meta))
        assert (again(test).values == model(test).values).all()
        with pytest.raises(TrainingError, match=rf"needs {name}.*'tailmark\[boosting\]'"):
            FITS[name](train, FitContext(FITS[name].configure({}), seed=0))


@pytest.mark.parametrize("name", FITS)
def test_a_constant_column_is_taken_and_an_unseen_category_counts_as_missing(name):
    train, test = blobs((60, 20)), blobs((10, 10), seed=1)
    n = len(train.observed)

    def table(data, level, categories=("a", "b", "c")):
        numeric = np.concatenate(
            [data.inputs.array, np.full((len(data.observed), 1), 7.0, "f4")], 1
        )
        codes = np.full((len(data.observed), 1), level, dtype=np.int32)
        return TableInputs(numeric, codes, ("x", "y", "z", "same", "kind"), (categories,))

    given = table(train, 0)
    given.categorical[: n // 2] = 1
    model = fit(name, TrainingData(given, train.observed, 2))
    never, missing = (table(test, level) for level in (2, -1))
    rows = [t.take(np.arange(20)) for t in (never, missing)]
    values = [model(r).values for r in rows]
    assert np.isfinite(values[0]).all() and (values[0] == values[1]).all()


def test_rows_that_never_vary_give_the_prior_or_a_sentence():
    train = TrainingData(ArrayInputs(np.ones((40, 2), "f4")), np.arange(40) % 4 // 3, 2)
    for name in ("lightgbm", "xgboost"):
        values = fit(name, train)(np.ones((1, 2), "f4")).values
        np.testing.assert_allclose(expit(values @ [-1, 1]), 0.25, atol=1e-3)
    with pytest.raises(TrainingError, match="constant.*Use another method"):
        fit("catboost", train)


def test_settings_out_of_range_are_refused():
    for method, wrong in (
        (boosting.fit_lightgbm, {"leaves": 1}),
        (boosting.fit_xgboost, {"folds": 1}),
        (boosting.fit_catboost, {"loss": "focal"}),
    ):
        with pytest.raises(SpecError):
            method.configure(wrong)
