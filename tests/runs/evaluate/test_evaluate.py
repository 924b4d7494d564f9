"""Results of a job: arithmetic on evidence that agrees with other libraries and ignores order."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.data.suites.open import open_suite
from harness.runs.evaluate.evaluate import evaluate
from harness.types import EntryCard, Predictions

CELL = "digits-exp10-symmetric0.2"


@pytest.fixture(scope="module")
def opened():
    return open_suite("digits-v1")


@pytest.fixture(scope="module")
def split(opened):
    return opened.split(CELL, 0)


@pytest.fixture(scope="module")
def predictions(opened, split):
    """Logits that know the class a little, with features, for every pool."""
    rng = np.random.default_rng(1)
    pools = {
        "train": opened.train_pool(split),
        "calibration": opened.calibration,
        "test": opened.test,
        **opened.ood,
    }

    def made(pool):
        values = rng.normal(size=(len(pool), 8)).astype(np.float32)
        if pool.labels is not None:
            values[np.arange(len(pool)), pool.labels] += 2
        features = rng.normal(size=(len(pool), 12)).astype(np.float16)
        return Predictions("logits", values, np.arange(len(pool)), features)

    return {name: made(pool) for name, pool in pools.items()}


@pytest.fixture(scope="module")
def card():
    return EntryCard(format=1, name="made", kind="predictions", rank_variants=("la",))


@pytest.fixture(scope="module")
def results(opened, split, predictions, card):
    return evaluate(opened, split, predictions, card)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_scikit_learn_agrees_on_what_it_has(opened, predictions, results):
    y, z = opened.test.labels, predictions["test"].values.astype(np.float64)
    probs, found = softmax(z), results[""].metrics
    expected = {
        "accuracy": sk.accuracy_score(y, z.argmax(1)),
        "balanced_accuracy": sk.balanced_accuracy_score(y, z.argmax(1)),
        "macro_f1": sk.f1_score(y, z.argmax(1), average="macro"),
        "mcc": sk.matthews_corrcoef(y, z.argmax(1)),
        "nll": sk.log_loss(y, probs),
        "auroc": sk.roc_auc_score(y, probs, multi_class="ovr"),
        "average_precision": sk.average_precision_score(np.eye(8)[y], probs),
    }
    for key, value in expected.items():
        assert found[f"test/{key}"] == pytest.approx(value, abs=1e-12), key


def test_msp_auroc_is_scikit_learns(opened, predictions, results):
    inside = -softmax(predictions["test"].values.astype(np.float64)).max(axis=1)
    outside = -softmax(predictions["ood/near/digits89"].values.astype(np.float64)).max(axis=1)
    truth = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    expected = sk.roc_auc_score(truth, np.r_[inside, outside])
    assert results[""].metrics["ood/near/msp/ood_auroc"] == pytest.approx(expected, abs=1e-12)


def test_a_view_is_the_weighted_metric(opened, predictions, results):
    y, z = opened.test.labels, predictions["test"].values
    weights = (1 / np.bincount(y))[y]
    expected = sk.accuracy_score(y, z.argmax(1), sample_weight=weights)
    assert results[""].metrics["uniform/accuracy"] == pytest.approx(expected, abs=1e-12)


def test_prior_adjustment_is_a_variant_without_another_pass(split, opened, predictions, results):
    z = predictions["test"].values - np.log(split.observed_counts / split.observed_counts.sum())
    expected = sk.balanced_accuracy_score(opened.test.labels, z.argmax(1))
    found = results["la"].metrics["test/balanced_accuracy"]
    assert found == pytest.approx(expected, abs=1e-12)


def test_temperature_scaling_saw_clean_labels_and_keeps_the_predictions(results):
    assert results["ts"].facets["saw_clean_labels"] is True
    key = "test/balanced_accuracy"
    assert results["ts"].metrics[key] == results[""].metrics[key]


def test_headline_replicates_spread_around_the_value(results):
    for key, replicates in results[""].replicates.items():
        value = results[""].metrics[key]
        assert replicates.shape == (1000,)
        assert abs(replicates.mean() - value) < 4 * replicates.std() / np.sqrt(1000) + 0.01, key


def test_entries_share_their_weightings(opened, split, predictions, card, results):
    again = evaluate(opened, split, predictions, card)
    key = "test/auroc"
    np.testing.assert_array_equal(again[""].replicates[key], results[""].replicates[key])


def test_memorisation_compares_with_observed_labels(opened, split, predictions, results):
    predicted = predictions["train"].values.argmax(1)
    flipped = split.observed != split.clean
    expected = (predicted == split.observed)[flipped].mean()
    assert results[""].metrics["train/memorised"] == pytest.approx(expected, abs=1e-12)


def test_without_training_predictions_what_needs_them_is_undefined(
    opened, split, predictions, card
):
    fewer = {name: found for name, found in predictions.items() if name != "train"}
    found = evaluate(opened, split, fewer, card)[""]
    assert found.undefined["train/memorised"] == "no predictions for pool train"
    assert "ood/near/mahalanobis/ood_auroc" in found.undefined
    assert "ood/near/msp/ood_auroc" in found.metrics


def test_without_an_ood_pool_near_is_undefined_with_its_name(opened, split, predictions, card):
    fewer = {name: found for name, found in predictions.items() if "digits89" not in name}
    found = evaluate(opened, split, fewer, card)[""]
    reason = found.undefined["ood/near/energy/ood_auroc"]
    assert "no predictions for pool ood/near/digits89" in reason
    assert "ood/far/energy/ood_auroc" in found.metrics


def test_probabilities_have_no_energy(opened, split, predictions, card):
    probs = {
        name: replace(p, kind="probs", values=softmax(p.values.astype(np.float64)).astype("f4"))
        for name, p in predictions.items()
    }
    found = evaluate(opened, split, probs, card)[""]
    assert "ood/near/energy/ood_auroc" in found.undefined
    assert found.metrics["test/accuracy"] > 0.3


def test_no_value_is_nan_and_each_key_has_a_value_or_a_reason(results):
    for scored in results.values():
        assert all(np.isfinite(v) for v in scored.metrics.values())
        assert not set(scored.metrics) & set(scored.undefined)
        assert all(scored.undefined.values())
