import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.isotonic import IsotonicRegression

from harness.errors import PredictionsError, SpecError, Undefined, UnknownNameError
from harness.scores.posthoc import VARIANTS, apply_variant, corrections
from tests.scores.evidence import linear_model, predictions

COUNTS = np.array([500, 200, 50, 10])


@pytest.fixture
def calibration(rng):
    """Logits three times too large, with labels drawn from what they should be."""
    z = rng.normal(size=(600, 4)) * 2
    labels = (softmax(z, axis=1).cumsum(axis=1) < rng.random((600, 1))).sum(axis=1)
    return predictions(3 * z), labels


def nll(values, labels):
    return -log_softmax(values, axis=1)[np.arange(len(labels)), labels].mean()


def one(name, pool, **given):
    corrected, facets = apply_variant(name, {"test": pool}, **given)
    return corrected["test"], facets


def test_temperature_equals_scipys_minimum(calibration):
    pool, labels = calibration
    z = pool.values.astype(float)
    best = minimize_scalar(lambda b: nll(b * z, labels), bounds=(0.01, 10), method="bounded",
                           options={"xatol": 1e-10})  # fmt: skip
    corrected, facets = one("ts", pool, calibration=calibration)
    ratio = corrected.values / pool.values
    np.testing.assert_allclose(ratio, best.x, rtol=1e-5)
    assert 2.5 < 1 / best.x < 3.5  # drawn with temperature 3
    assert facets == {"saw_clean_labels": True}


def test_a_pool_without_a_mistake_has_no_temperature(rng):
    # The best T of these would be 0: 30 right images, and every other image far too sure.
    labels = np.arange(30) % 4
    right = predictions(np.eye(4)[labels] * 2 + rng.normal(size=(30, 4)) * 0.1)
    with pytest.raises(Undefined, match="no temperature above 0.01.*of 30 images 0 are wrong"):
        one("ts", right, calibration=(right, labels))
    with pytest.raises(Undefined, match="no temperature below 100.*say nothing of its labels"):
        one("ts", right, calibration=(right, (labels + 1) % 4))


def test_one_mistake_is_enough_for_a_temperature(rng):
    labels = np.arange(30) % 4
    pool = predictions(np.eye(4)[labels] * 2 + rng.normal(size=(30, 4)) * 0.1)
    observed = labels.copy()
    observed[0] = 1
    corrected = one("ts", pool, calibration=(pool, observed))[0]
    assert nll(corrected.values.astype(float), observed) < nll(pool.values, observed)


def test_equal_logits_keep_their_temperature():
    flat = predictions(np.ones((3, 4)))
    corrected = one("ts", flat, calibration=(flat, np.array([0, 1, 2])))[0]
    np.testing.assert_array_equal(corrected.values, flat.values)


def test_temperature_of_probabilities_equals_that_of_their_logits(calibration):
    pool, labels = calibration
    given = predictions(softmax(pool.values.astype(float), axis=1), kind="probs")
    corrected = one("ts", given, calibration=(given, labels))[0]
    expected = softmax(one("ts", pool, calibration=calibration)[0].values, axis=1)
    assert corrected.kind == "probs"
    np.testing.assert_allclose(corrected.values, expected, atol=1e-4)


def test_vector_scaling_equals_scipys_minimum(calibration):
    pool, labels = calibration
    z = pool.values.astype(float)
    start = np.repeat([1.0, 0.0], 4)

    def objective(theta):
        penalty = 0.5 * np.square(theta - start).sum()
        return len(z) * nll(z * theta[:4] + theta[4:], labels) + penalty

    best = minimize(objective, start, method="BFGS", options={"gtol": 1e-6}).x
    corrected = one("vs", pool, calibration=calibration)[0]
    np.testing.assert_allclose(
        softmax(corrected.values, axis=1), softmax(z * best[:4] + best[4:], axis=1), atol=1e-4
    )


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_vector_scaling_never_does_worse_than_nothing_on_its_own_data(scale, rng):
    pool, labels = linear_model(rng, n=60)
    pool = predictions(pool.values * scale)
    corrected = one("vs", pool, calibration=(pool, labels))[0]
    assert np.isfinite(corrected.values).all()
    assert nll(corrected.values, labels) <= nll(pool.values, labels) + 1e-6


def test_isotonic_equals_sklearn_by_class(calibration, rng):
    pool, labels = calibration
    fresh = predictions(rng.normal(size=(50, 4)))
    corrected, facets = one("iso", fresh, calibration=calibration)
    p, q = (softmax(x.values.astype(float), axis=1) for x in (pool, fresh))
    columns = [IsotonicRegression(out_of_bounds="clip").fit(p[:, k], labels == k).predict(q[:, k])
               for k in range(4)]  # fmt: skip
    columns = np.clip(columns, 1 / 602, 1 - 1 / 602)  # rule of succession for 600 images
    expected = np.stack(columns, axis=1)
    np.testing.assert_allclose(
        corrected.values, expected / expected.sum(axis=1, keepdims=True), atol=1e-6
    )
    assert (corrected.kind, facets) == ("probs", {"saw_clean_labels": True})


def test_isotonic_never_gives_a_class_nothing(calibration, rng):
    # scikit-learn's own functions give exactly 0 to many of these.
    fresh = predictions(rng.normal(size=(2000, 4)) * 4)
    corrected = one("iso", fresh, calibration=calibration)[0]
    assert corrected.values.min() > 0.2 / 602  # four values of at most 1 share the row
    pool = predictions([[0.6, 0.4], [0.4, 0.6], [0.5, 0.5]], kind="probs")
    turned = one("iso", pool, calibration=(pool, np.array([1, 0, 0])))[0]
    np.testing.assert_allclose(turned.values.sum(axis=1), 1, rtol=1e-6)


def test_a_correction_that_hurts_unseen_images_is_flagged(rng):
    # Calibrated logits with one mistake among 20: what is fitted to them is too sure elsewhere.
    z = rng.normal(size=(20, 4)) * 0.05
    labels = rng.integers(0, 4, size=20)
    pool = predictions(z)
    _, facets = one("vs", pool, calibration=(pool, labels))
    expected = 0.0
    for fold in range(5):
        out = np.arange(20) % 5 == fold
        inner = predictions(z[~out]), labels[~out]
        corrected = one("vs", predictions(z[out]), calibration=inner)[0]
        expected += out.sum() * (nll(corrected.values.astype(float), labels[out])
                                 - nll(z[out].astype(np.float32), labels[out]))  # fmt: skip
    assert expected > 0
    assert facets == {"saw_clean_labels": True, "worse_out_of_fold": True}


def test_isotonic_needs_every_class_in_the_calibration_pool(calibration):
    pool, labels = calibration
    with pytest.raises(Undefined, match="class 3 has no image in the calibration pool"):
        one("iso", pool, calibration=(pool, labels % 3))


def test_prior_adjustment_subtracts_the_log_prior():
    z = np.zeros((2, 4))
    corrected, facets = one("la", predictions(z), observed_counts=COUNTS)
    np.testing.assert_allclose(
        corrected.values[0], -np.log(np.array([500, 200, 50, 10]) / 760), rtol=1e-6
    )
    assert facets == {}


def test_tau_stands_in_the_name():
    pool = predictions(np.zeros((1, 4)))
    half, full = (one(name, pool, observed_counts=COUNTS)[0] for name in ("la0.5", "la"))
    np.testing.assert_allclose(2 * half.values, full.values, rtol=1e-6)


def test_prior_adjustment_of_probabilities_is_bayes_rule(rng):
    p = rng.dirichlet(np.ones(4), size=9)
    corrected = one("la", predictions(p, kind="probs"), observed_counts=COUNTS)[0]
    expected = p / COUNTS
    np.testing.assert_allclose(
        corrected.values, expected / expected.sum(axis=1, keepdims=True), rtol=1e-5
    )
    assert corrected.kind == "probs"


def test_a_class_without_observed_labels_has_no_prior():
    with pytest.raises(Undefined, match="class 1 has no observed training label"):
        one("la", predictions(np.zeros((1, 2))), observed_counts=np.array([5, 0]))


def test_a_chain_is_applied_and_fitted_from_left_to_right(calibration):
    pool, labels = calibration
    adjusted = one("la", pool, observed_counts=COUNTS)[0]
    expected = one("ts", adjusted, calibration=(adjusted, labels))[0]
    chained, facets = one("la+ts", pool, calibration=calibration, observed_counts=COUNTS)
    np.testing.assert_allclose(chained.values, expected.values, rtol=1e-6)
    assert facets == {"saw_clean_labels": True}
    turned = one("ts+la", pool, calibration=calibration, observed_counts=COUNTS)[0]
    assert not np.allclose(turned.values, chained.values)


@pytest.mark.parametrize("name", ["la", "ts", "vs"])
def test_the_stored_head_still_makes_the_logits(name, rng):
    pool, labels = linear_model(rng, n=200)
    labels = np.where(rng.random(200) < 0.8, pool.values.argmax(axis=1), labels)
    corrected = one(name, pool, calibration=(pool, labels), observed_counts=COUNTS)[0]
    made = corrected.features.astype(float) @ corrected.head["weight"].T + corrected.head["bias"]
    np.testing.assert_allclose(made, corrected.values, rtol=1e-3, atol=1e-3)


def test_every_pool_is_corrected_and_the_rest_of_the_evidence_stays(calibration):
    pool, _ = calibration
    pools = {"test": pool, "ood/near/x": predictions(np.ones((3, 4)))}
    corrected, _ = apply_variant("ts", pools, calibration=calibration)
    assert list(corrected) == list(pools)
    np.testing.assert_array_equal(corrected["test"].row, pool.row)
    assert corrected["test"].values.dtype == np.float32


@pytest.mark.parametrize("name", ["ts", "vs", "iso"])
def test_without_a_calibration_pool_the_reason_is_given(name):
    with pytest.raises(Undefined, match=f"no calibration pool, which {name} is fitted on"):
        one(name, predictions(np.zeros((1, 2))))
    with pytest.raises(Undefined, match="no observed training counts, which la needs"):
        one("la", predictions(np.zeros((1, 2))))


@pytest.mark.parametrize("name", VARIANTS)
def test_table_row_is_complete(name):
    entry = VARIANTS[name]
    assert entry.key == name
    assert (entry.needs == "calibration") == (entry.fit is not None)
    assert entry.source[-4:].isdigit()


def test_names_are_read_strictly():
    with pytest.raises(UnknownNameError, match="No variant named 'tss'. Did you mean 'ts'"):
        corrections("la+tss")
    with pytest.raises(SpecError, match="got 'la1'. Use la."):
        corrections("la1")
    with pytest.raises(SpecError, match="got 'la0.50'. Use la0.5."):
        corrections("la0.50")


def test_arrays_that_do_not_fit_are_refused_with_both_sizes(calibration):
    pool, labels = calibration
    with pytest.raises(PredictionsError, match="600 rows and 5 labels"):
        one("ts", pool, calibration=(pool, labels[:5]))
    with pytest.raises(PredictionsError, match="must lie in 0 … 3; got 1 … 7"):
        one("ts", pool, calibration=(pool, np.clip(labels + 4, 0, 7) - 3 * (labels == 0)))
    with pytest.raises(PredictionsError, match="test has 4 classes, the training counts 2"):
        one("la", pool, observed_counts=COUNTS[:2])
