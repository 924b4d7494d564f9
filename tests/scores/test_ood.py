import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.covariance import EmpiricalCovariance
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from harness.errors import PredictionsError, Undefined, UnknownNameError
from harness.scores.neighbours import kth_largest
from harness.scores.ood import OOD_SCORES, ood_scores
from tests.scores.evidence import linear_model, predictions, rectified_model


def scores(name, pool, train=None, observed=None):
    return ood_scores(name, {"test": pool}, train=train, observed=observed)["test"]


@pytest.fixture
def train(rng):
    return linear_model(rng, n=400)


@pytest.fixture
def test(rng):
    return linear_model(rng, n=90)[0]


# Not ViM: its origin is this very point, where nothing is left over outside the principal space.
# Nor those that need features after a ReLU; KL matching, OpenMax and weights' cosines need a head
# that knows the classes, and have their formulas tested in files of their own.
RECTIFIED = ["ash_p", "ash_b", "ash_s", "scale", "dice", "she"]
LAYERED = {"odin", "layer_mahalanobis", "gram"}  # in test_layers
ELSEWHERE = {"vim", "residual", "klm", "openmax", "weight_cosine", *RECTIFIED, *LAYERED}


@pytest.mark.parametrize("name", RECTIFIED)
def test_scores_are_larger_for_fainter_copies_of_the_same_images(name, rng):
    inside, train = rectified_model(rng, n=200)[0], rectified_model(rng, n=400)
    features = (0.2 * inside.features).astype(np.float16)
    weight, bias = (inside.head[k].astype(float) for k in ("weight", "bias"))
    logits = features.astype(float) @ weight.T + bias
    faint = predictions(logits, features=features, head=inside.head)
    got = ood_scores(name, {"test": inside, "ood": faint}, train=train[0], observed=train[1])
    assert (got["ood"] > got["test"]).all()


@pytest.mark.parametrize("names", [("mahalanobis", "relative_mahalanobis"), ("vim", "residual")])
def test_scores_with_the_same_fit_share_it_and_are_what_they_are_alone(names, train, test):
    fits = {}
    for name in names:
        how = {"train": train[0], "observed": train[1]}
        alone, shared = (
            ood_scores(name, {"test": test}, **how, fits=given)["test"] for given in (None, fits)
        )
        assert alone.tobytes() == shared.tobytes()
        assert len(fits) == 1
    ((fitted,),) = [fits.values()]
    assert [of is test for of, _ in fitted.seen.kept.values()] == [True]
    with pytest.raises(Undefined, match="no predictions on the training split"):
        ood_scores(names[0], {"test": test}, fits=fits)


@pytest.mark.parametrize("name", sorted(set(OOD_SCORES) - ELSEWHERE))
def test_scores_are_larger_for_inputs_unlike_the_training_data(name, train, rng):
    # Off the training data towards the middle of the logits: unsure outputs, unseen features.
    inside = linear_model(rng, n=200, noise=0.3)[0]
    weight, bias = inside.head["weight"], inside.head["bias"]
    origin = -np.linalg.pinv(weight) @ bias
    outside_features = (origin + 0.1 * rng.normal(size=(200, 8))).astype(np.float16)
    logits = outside_features.astype(float) @ weight.T + bias
    outside = predictions(logits, features=outside_features, head=inside.head)
    got = ood_scores(name, {"test": inside, "ood": outside}, train=train[0], observed=train[1])
    auroc = (got["ood"][:, None] > got["test"]).mean()
    assert auroc > 0.9


@pytest.mark.parametrize("name", sorted(set(OOD_SCORES) - LAYERED))
def test_one_score_a_row_and_no_other_row_matters(name, rng):
    train, test = rectified_model(rng, n=400), rectified_model(rng, n=90)[0]
    whole = scores(name, test, *train)
    assert whole.dtype == np.float64
    assert whole.shape == (90,)
    part = predictions(test.values[10:30], features=test.features[10:30], head=test.head)
    np.testing.assert_allclose(scores(name, part, *train), whole[10:30], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", OOD_SCORES)
def test_table_row_is_complete(name):
    entry = OOD_SCORES[name]
    assert entry.key == name
    assert ("train" in entry.needs) == (entry.fit is not None)
    assert entry.source[-4:].isdigit()


def test_output_scores_follow_their_formulas(rng):
    z = rng.normal(size=(20, 5)) * 3
    pool = predictions(z)
    z = pool.values.astype(float)
    p = softmax(z, axis=1)
    np.testing.assert_allclose(scores("msp", pool), 1 - p.max(axis=1))
    np.testing.assert_allclose(scores("max_logit", pool), -z.max(axis=1))
    np.testing.assert_allclose(scores("energy", pool), -np.log(np.exp(z).sum(axis=1)))
    np.testing.assert_allclose(scores("entropy", pool), -(p * np.log(p)).sum(axis=1))
    np.testing.assert_allclose(scores("gen", pool), (p**0.1 * (1 - p) ** 0.1).sum(axis=1))


def test_gen_sums_the_hundred_largest_probabilities(rng):
    pool = predictions(rng.normal(size=(3, 150)))
    p = np.sort(softmax(pool.values.astype(float), axis=1), axis=1)[:, -100:]
    np.testing.assert_allclose(scores("gen", pool), ((p * (1 - p)) ** 0.1).sum(axis=1))


@pytest.mark.parametrize("name", ["msp", "entropy", "gen"])
def test_probability_scores_take_probabilities(name, rng):
    z = rng.normal(size=(20, 5))
    given = predictions(softmax(z, axis=1), kind="probs")
    np.testing.assert_allclose(scores(name, given), scores(name, predictions(z)), rtol=1e-4)


@pytest.mark.parametrize("name", ["msp", "gen", "energy", "max_logit"])
def test_certain_predictions_keep_their_order(name):
    # 1 − p is 2e-44 and 4e-87 here; a subtraction would give 0 twice.
    z = np.array([[100.0, 0.0], [200.0, 0.0]])
    first, second = scores(name, predictions(z))
    assert first > second


def test_logits_of_a_million_stay_finite():
    pool = predictions([[1e6, -1e6, 0.0]])
    assert all(np.isfinite(scores(name, pool)).all() for name in ("msp", "entropy", "gen"))
    assert scores("energy", pool) == [-1e6]


def test_mahalanobis_equals_sklearn(train, test):
    pool, labels = train
    x, f = pool.features.astype(float), test.features.astype(float)
    lda = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(x, labels)
    inverse = np.linalg.inv(lda.covariance_)
    by_class = cdist(f, lda.means_, "mahalanobis", VI=inverse) ** 2
    np.testing.assert_allclose(scores("mahalanobis", test, *train), by_class.min(axis=1))
    background = EmpiricalCovariance().fit(x).mahalanobis(f)
    np.testing.assert_allclose(
        scores("relative_mahalanobis", test, *train), by_class.min(axis=1) - background
    )


def test_mahalanobis_leaves_out_directions_without_variance(train, test):
    # A feature that is always 0 in training: its inverse variance is 0, not infinite.
    def widened(pool, last):
        column = np.full((len(pool.values), 1), last)
        return predictions(pool.values, features=np.hstack([pool.features, column]))

    narrow = scores("mahalanobis", test, *train)
    wide = scores("mahalanobis", widened(test, 5.0), widened(train[0], 0.0), train[1])
    np.testing.assert_allclose(wide, narrow)


def test_mahalanobis_does_without_a_class_nobody_was_labelled_as(train, test):
    pool, labels = train
    merged = np.where(labels == 2, 3, labels)
    relabelled = np.searchsorted([0, 1, 3], merged)
    np.testing.assert_allclose(
        scores("mahalanobis", test, pool, merged), scores("mahalanobis", test, pool, relabelled)
    )


def test_features_that_never_vary_have_no_mahalanobis(test):
    constant = predictions(np.zeros((9, 4)), features=np.ones((9, 8)))
    with pytest.raises(Undefined, match="do not vary"):
        scores("mahalanobis", test, constant, np.zeros(9, dtype=int))


@pytest.mark.parametrize("n", [4000, 400, 20])
def test_knn_equals_brute_force(n, rng, test):
    pool = linear_model(rng, n=n)[0]
    unit = [f / np.linalg.norm(f, axis=1, keepdims=True)
            for f in (test.features.astype(float), pool.features.astype(float))]  # fmt: skip
    expected = np.sort(cdist(*unit), axis=1)[:, min(50, n) - 1]
    np.testing.assert_allclose(scores("knn", test, pool), expected, rtol=1e-6)


def test_knn_in_blocks_is_the_same(train, test, monkeypatch):
    whole = scores("knn", test, train[0])
    monkeypatch.setattr("harness.scores.feature_scores.NUMBERS_AT_ONCE", 1000)
    np.testing.assert_allclose(scores("knn", test, train[0]), whole)


@pytest.mark.parametrize("m", [40, 50, 1633, 3217])
def test_the_kth_largest_is_that_of_a_sorted_row(rng, m):
    k = min(50, m)
    for values in (rng.normal(size=(20, m)), rng.integers(0, 9, size=(20, m)), np.zeros((2, m))):
        narrow = values.astype(np.float32)
        np.testing.assert_array_equal(kth_largest(narrow, k), np.sort(narrow, axis=1)[:, -k])


def test_knn_takes_a_row_of_zeros(train):
    dead = predictions(np.zeros((1, 4)), features=np.zeros((1, 8)))
    assert scores("knn", dead, train[0]) == pytest.approx([1.0])


def test_vim_equals_its_definition(train, test):
    # By singular vectors instead of the covariance's, and logits from the head.
    w, b = (test.head[k].astype(float) for k in ("weight", "bias"))
    u = -np.linalg.pinv(w) @ b
    x, f = train[0].features.astype(float), test.features.astype(float)
    right = np.linalg.svd(x - u)[2]
    residual = right[4:]  # principal space: half of 8 dimensions
    norms = np.linalg.norm((x - u) @ residual.T, axis=1)
    alpha = (x @ w.T + b).max(axis=1).sum() / norms.sum()
    expected = alpha * np.linalg.norm((f - u) @ residual.T, axis=1)
    expected -= np.log(np.exp(f @ w.T + b).sum(axis=1))
    np.testing.assert_allclose(scores("vim", test, train[0]), expected, rtol=1e-5)


def test_vim_sees_what_lies_outside_the_principal_space(rng, train, test):
    u = -np.linalg.pinv(test.head["weight"]) @ test.head["bias"]
    x = train[0].features.astype(float) - u
    outside = np.linalg.svd(x)[2][-1]
    moved = test.features.astype(float) + 30 * outside
    logits = moved @ test.head["weight"].T + test.head["bias"]
    shifted = predictions(logits, features=moved, head=test.head)
    energies = scores("energy", shifted) - scores("energy", test)
    gain = scores("vim", shifted, train[0]) - scores("vim", test, train[0])
    assert (gain > energies).all()


@pytest.mark.parametrize("name", ["vim", "residual"])
@pytest.mark.parametrize("case", ["fewer rows than dimensions", "features that are always 0"])
def test_vim_is_undefined_where_only_rounding_lies_outside_the_principal_space(
    name, case, train, test
):
    """The scale was that of the rounding: values of thousands, in an order that says nothing."""
    features, values = train[0].features.copy(), train[0].values
    if case == "fewer rows than dimensions":
        features, values = features[:4], values[:4]  # half of 8 dimensions
    else:
        features[:, :5] = 0  # three are left, and the origin makes one more
    few = predictions(values, features=features, head=test.head)
    with pytest.raises(Undefined, match=f"{len(values)} training rows have no part outside a .* 4"):
        scores(name, test, few)
    enough = predictions(train[0].values[:6], features=train[0].features[:6], head=test.head)
    assert np.isfinite(scores(name, test, enough)).all()


def test_react_equals_its_definition(train, test):
    cut = np.quantile(train[0].features.astype(float), 0.9)
    f = np.minimum(test.features.astype(float), cut)
    z = f @ test.head["weight"].astype(float).T + test.head["bias"].astype(float)
    np.testing.assert_allclose(scores("react", test, train[0]), -np.log(np.exp(z).sum(axis=1)))


def test_pools_share_one_fit(train, test):
    both = ood_scores("mahalanobis", {"a": test, "b": test}, train=train[0], observed=train[1])
    assert list(both) == ["a", "b"]
    np.testing.assert_array_equal(both["a"], both["b"])


@pytest.mark.parametrize(
    ("name", "missing", "reason"),
    [
        ("energy", "logits", "logits are never made from probabilities"),
        ("max_logit", "logits", "logits are never made from probabilities"),
        ("vim", "head", "last linear layer was not stored"),
        ("react", "head", "last linear layer was not stored"),
        ("knn", "features", "no features were stored"),
        ("knn", "train", "no predictions on the training split"),
        ("mahalanobis", "observed", "observed training labels were not given"),
    ],
)
def test_what_is_missing_is_the_reason(name, missing, reason, train, test):
    pool = predictions(
        np.full((5, 4), 0.25) if missing == "logits" else test.values,
        features=None if missing in ("features", "logits") else test.features,
        kind="probs" if missing == "logits" else "logits",
    )
    given = None if missing == "train" else train[0]
    with pytest.raises(Undefined, match=reason):
        scores(name, pool, given, None if missing == "observed" else train[1])


def test_an_unknown_score_names_the_nearest():
    with pytest.raises(
        UnknownNameError, match="No OOD score named 'energi'. Did you mean 'energy'"
    ):
        ood_scores("energi", {})


def test_arrays_that_do_not_fit_are_refused_with_both_sizes(train, test):
    with pytest.raises(PredictionsError, match="observed has 3 labels, train has 400 rows"):
        scores("mahalanobis", test, train[0], np.zeros(3, dtype=int))
    wrong = {"weight": np.zeros((4, 9)), "bias": np.zeros(4)}
    pool = predictions(test.values, features=test.features, head=wrong)
    with pytest.raises(PredictionsError, match=r"weight \(4, 8\).*got \(4, 9\)"):
        scores("react", pool, train[0])
    overflow = predictions(test.values, features=np.full((90, 8), np.inf))
    with pytest.raises(PredictionsError, match="row 0 is not. float16 ends at 65504"):
        scores("knn", overflow, train[0])
    with pytest.raises(PredictionsError, match="energy on test must be finite; row 0"):
        scores("energy", predictions([[np.nan, 0.0]]))


def test_gen_of_given_probabilities_sees_what_one_minus_p_has_lost():
    # float32 rounds the first to 1; the others still say that there is something.
    sure = predictions([[1.0, 1e-9, 0.0], [1.0, 1e-12, 0.0]], kind="probs")
    first, second = scores("gen", sure)
    assert first == pytest.approx(2 * 1e-9**0.1, rel=1e-6)
    assert first > second > 0


def test_there_are_more_than_twenty_scores():
    assert len(OOD_SCORES) == 29
