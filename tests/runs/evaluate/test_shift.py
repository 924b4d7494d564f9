"""Results under test-time shift: against plain computations on the same made logits."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.data.suites.open import open_suite
from harness.data.worlds.corruption import corrupted_pool
from harness.data.worlds.label_shift import view_weights
from harness.data.worlds.truths import Truth
from harness.runs.evaluate.evaluate import evaluate
from harness.types import EntryCard, Facets, Predictions, View

CELL = "digits-exp10-clean"
COPIES = (("fog", 1), ("fog", 3), ("contrast", 3))


@pytest.fixture(scope="module")
def opened():
    """Digits with three corrupted copies, two other truths and the published draw of views."""
    plain = open_suite("digits-v1")
    rng = np.random.default_rng(3)
    labels, c = plain.test.labels, 8
    votes = rng.multinomial(20, np.full(c, 1 / c), size=len(labels))
    votes[np.arange(len(labels)), labels] += 60
    kept = rng.random(len(labels)) < 0.9
    truths = {
        "corrected": Truth("corrected", np.eye(c)[(labels + (rng.random(len(labels)) < 0.1)) % c],
                           kept, "made"),
        "people": Truth("people", votes / votes.sum(axis=1, keepdims=True),
                        np.ones(len(labels), dtype=bool), "made"),
    }  # fmt: skip
    copies = [corrupted_pool(plain.test, kind, severity) for kind, severity in COPIES]
    familiar = {"imagenet-1k": ["digits89"]}
    suite = replace(plain.suite, subsampled=True, familiar=familiar)
    return replace(
        plain, suite=suite, covariate={pool.name: pool for pool in copies}, truths=truths,
        absent_truths={"missing": "Expected annotations; there is none."},
    )  # fmt: skip


@pytest.fixture(scope="module")
def split(opened):
    return opened.split(CELL, 0)


def made(pool, seed, strength=2.0):
    """Logits that know the class a little, and features, a pure function of name and seed."""
    rng = np.random.default_rng([seed, len(pool.name), *pool.name.encode()[-3:]])
    values = rng.normal(size=(len(pool), 8)).astype(np.float32)
    if pool.labels is not None:
        values[np.arange(len(pool)), pool.labels] += strength
    features = rng.normal(size=(len(pool), 12)).astype(np.float16)
    return Predictions("logits", values, np.arange(len(pool)), features)


@pytest.fixture(scope="module")
def predictions(opened, split):
    pools = {
        "train": opened.train_pool(split),
        "calibration": opened.calibration,
        "test": opened.test,
        **opened.ood,
        **opened.covariate,
    }
    return {
        name: made(p, 1, 2.0 - 0.3 * int(name[-1]) if "@" in name else 2.0)
        for name, p in pools.items()
    }


@pytest.fixture(scope="module")
def card():
    return EntryCard(format=1, name="made", kind="predictions", rank_variants=("la",))


@pytest.fixture(scope="module")
def results(opened, split, predictions, card):
    return evaluate(opened, split, predictions, card)


def right(opened, predictions, pool):
    return predictions[pool].values.argmax(1) == opened.test.labels


def test_each_copy_is_scored_with_its_own_predictions(opened, predictions, results):
    y = opened.test.labels
    for name in opened.covariate:
        pred = predictions[name].values.argmax(1)
        where = f"covariate/{name.partition('@')[2]}"
        found = results[""].metrics
        assert found[f"{where}/accuracy"] == pytest.approx(sk.accuracy_score(y, pred))
        assert found[f"{where}/balanced_accuracy"] == pytest.approx(
            sk.balanced_accuracy_score(y, pred)
        )


def test_means_over_copies_and_over_severities_are_unweighted(results):
    found = results[""].metrics
    each = {k: found[f"covariate/{k}/accuracy"] for k in ("fog-1", "fog-3", "contrast-3")}
    assert found["covariate/mean/accuracy"] == pytest.approx(np.mean(list(each.values())))
    assert found["covariate/severity-3/accuracy"] == pytest.approx(
        (each["fog-3"] + each["contrast-3"]) / 2
    )
    assert found["covariate/severity-1/accuracy"] == each["fog-1"]


def test_a_copy_shares_its_originals_weightings(opened, split, predictions, card, results):
    """A copy that is predicted like the original has the original's replicates."""
    same = {n: predictions["test"] if n.startswith("test@") else p for n, p in predictions.items()}
    found = evaluate(opened, split, same, card)[""].replicates
    np.testing.assert_allclose(
        found["covariate/mean/balanced_accuracy"], found["test/balanced_accuracy"]
    )
    spread = results[""].replicates["covariate/mean/balanced_accuracy"].std()
    assert spread > 0


def test_a_missing_copy_leaves_the_mean_undefined_with_its_name(opened, split, predictions, card):
    fewer = {name: p for name, p in predictions.items() if name != "test@fog-3"}
    found = evaluate(opened, split, fewer, card)[""]
    assert found.undefined["covariate/fog-3/accuracy"] == "no predictions for pool test@fog-3"
    assert "fog-3" in found.undefined["covariate/mean/accuracy"]
    assert "covariate/severity-1/accuracy" in found.metrics
    assert "test@fog-3" in found.undefined["fsood/near/energy/ood_auroc"]
    assert "covariate/mean/balanced_accuracy" not in found.replicates


def test_full_spectrum_counts_copies_as_id(opened, predictions, results):
    def energy(name):
        z = predictions[name].values.astype(np.float64)
        return -np.log(np.exp(z).sum(axis=1))

    inside = np.concatenate([energy("test"), *(energy(name) for name in opened.covariate)])
    outside = energy("ood/near/digits89")
    truth = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    expected = sk.roc_auc_score(truth, np.r_[inside, outside])
    found = results[""].metrics
    assert found["fsood/digits89/energy/ood_auroc"] == pytest.approx(expected)
    assert found["fsood/near/energy/ood_auroc"] == pytest.approx(expected)
    assert found["fsood/near/energy/ood_auroc"] != found["ood/near/energy/ood_auroc"]
    assert not [key for key in found if key.startswith("fsood/near/msp/")]  # declared score only


def test_a_drawn_view_is_plain_accuracy_on_few_images_and_near_the_reweighted_one(
    opened, split, predictions, results
):
    found = results[""].metrics
    correct = right(opened, predictions, "test")
    weights = view_weights(View.parse("forward-5"), split.clean_counts, opened.test.labels)
    reweighted = np.average(correct, weights=weights)
    assert found["forward-5/accuracy"] == pytest.approx(reweighted)
    drawn = opened.subsampled(split, "forward-5")
    assert len(drawn) < len(opened.test)
    spread = np.sqrt(reweighted * (1 - reweighted) / len(drawn))
    assert abs(found["subsampled/forward-5/accuracy"] - reweighted) < 4 * spread
    count = found["subsampled/forward-5/accuracy"] * len(drawn)
    assert count == pytest.approx(round(count))


def test_a_transductive_entry_has_drawn_views_and_no_reweighted_ones(
    opened, split, predictions, card
):
    adapts = card.model_copy(update={"facets": Facets(transductive=True)})
    views = {f"test@{v}": opened.subsampled(split, v) for v in opened.suite.views}
    adapted = {name: made(pool, 2) for name, pool in views.items()}
    found = evaluate(opened, split, predictions | adapted, adapts)[""]
    assert "a transductive entry" in found.undefined["forward-5/accuracy"]
    labels = views["test@forward-5"].labels
    expected = sk.accuracy_score(labels, adapted["test@forward-5"].values.argmax(1))
    assert found.metrics["subsampled/forward-5/accuracy"] == pytest.approx(expected)
    lacking = evaluate(opened, split, predictions, adapts)[""]
    assert lacking.undefined["subsampled/uniform/nll"] == "no predictions for pool test@uniform"


def test_other_truths_judge_the_same_predictions(opened, predictions, results):
    truth, pred = opened.truths["corrected"], predictions["test"].values.argmax(1)
    kept, found = truth.kept, results[""].metrics
    assert found["truth/corrected/agreement"] == pytest.approx(
        sk.accuracy_score(truth.labels[kept], pred[kept])
    )
    assert found["truth/corrected/published_accuracy"] == pytest.approx(
        sk.accuracy_score(opened.test.labels[kept], pred[kept])
    )
    z = predictions["test"].values.astype(np.float64)
    log_probs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    people = opened.truths["people"].shares
    expected = -np.mean([(s * lp).sum() for s, lp in zip(people, log_probs, strict=True)])
    assert found["truth/people/soft_nll"] == pytest.approx(expected)
    assert results[""].undefined["truth/missing/agreement"] == opened.absent_truths["missing"]
    assert results[""].replicates["truth/corrected/agreement"].shape == (1000,)


def test_a_truth_that_repeats_the_published_labels_changes_nothing(
    opened, split, predictions, card
):
    same = Truth("same", np.eye(8)[opened.test.labels], np.ones(len(opened.test), bool), "made")
    found = evaluate(replace(opened, truths={"same": same}), split, predictions, card)[""].metrics
    assert found["truth/same/agreement"] == found["test/accuracy"]
    assert found["truth/same/soft_nll"] == pytest.approx(found["test/nll"])


def test_only_an_exact_truth_has_the_error_of_the_rarest_class(opened, split, predictions, card):
    shares = np.tile([0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.08, 0.02], (len(opened.test), 1))
    drawn = Truth("drawn", shares, np.ones(len(shares), bool), "made", exact=True)
    truths = {"drawn": drawn, "people": replace(drawn, name="people", exact=False)}
    found = evaluate(replace(opened, truths=truths), split, predictions, card)[""].metrics
    z = predictions["test"].values.astype(np.float64)
    rare = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))[:, 7]
    key = "truth/drawn/rare_probability_error"
    assert found[key] == pytest.approx(((rare - 0.02) ** 2).mean())
    assert "truth/people/rare_probability_error" not in found


def test_features_that_hold_the_set_apart_are_seen_by_the_probe(
    opened, split, predictions, card, results
):
    assert abs(results[""].metrics["ood/digits89/linear_probe/ood_auroc"] - 0.5) < 0.12
    near = "ood/near/digits89"
    apart = replace(predictions[near], features=predictions[near].features + np.float16(4))
    found = evaluate(opened, split, predictions | {near: apart}, card)[""].metrics
    assert found["ood/digits89/linear_probe/ood_auroc"] > 0.99
    blind = replace(predictions[near], features=None)
    reason = evaluate(opened, split, predictions | {near: blind}, card)[""].undefined
    assert reason["ood/digits89/linear_probe/ood_auroc"] == "no features were stored"


def test_groups_of_test_images_are_scored_where_the_suite_has_them(
    opened, split, predictions, card, results
):
    assert "groups/worst_group_accuracy" not in results[""].metrics
    groups = np.arange(len(opened.test)) % 3
    found = evaluate(replace(opened, test_groups=groups), split, predictions, card)[""].metrics
    correct = right(opened, predictions, "test")
    each = [correct[groups == g].mean() for g in range(3)]
    assert found["groups/worst_group_accuracy"] == pytest.approx(min(each))
    assert found["groups/subgroup_gap"] == pytest.approx(max(each) - min(each))


def test_corrupted_training_rows_count_as_repaired_when_predicted_as_they_are(card):
    unlearn = open_suite("digits-unlearn-v1")
    cell = next(c for c in unlearn.suite.cells if "patch_poison" in c)
    split = unlearn.split(cell, 0)
    pools = {"train": unlearn.train_pool(split), "test": unlearn.test, **unlearn.covariate}
    every = {name: made(pool, 1) for name, pool in pools.items()}
    found = evaluate(unlearn, split, every, card)[""].metrics
    corrupted = split.flipped | split.patched
    assert 0 < len(split.known) < corrupted.sum()
    predicted = every["train"].values.argmax(1)
    assert found["train/corrected"] == pytest.approx((predicted == split.clean)[corrupted].mean())
    patched, y = every["test@patched"].values.argmax(1), unlearn.test.labels
    assert found["covariate/patched/attack_success"] == pytest.approx((patched[y > 0] == 0).mean())


def test_familiar_means_are_over_what_the_pretraining_saw(
    opened, split, predictions, card, results
):
    where = "ood/familiar/energy/ood_auroc"
    assert "does not say" in results[""].undefined[where]
    plain = card.model_copy(update={"facets": Facets(pretraining="none")})
    assert "saw none" in evaluate(opened, split, predictions, plain)[""].undefined[where]
    saw = card.model_copy(update={"facets": Facets(pretraining="imagenet-1k supervised")})
    found = evaluate(opened, split, predictions, saw)[""]
    assert found.metrics[where] == found.metrics["ood/digits89/energy/ood_auroc"]
    unknown = card.model_copy(update={"facets": Facets(pretraining="a private crawl")})
    assert "private crawl" in evaluate(opened, split, predictions, unknown)[""].undefined[where]


def test_variants_are_scored_on_copies_too(opened, split, predictions, results):
    prior = np.log(split.observed_counts / split.observed_counts.sum())
    pred = (predictions["test@fog-3"].values - prior).argmax(1)
    expected = sk.accuracy_score(opened.test.labels, pred)
    assert results["la"].metrics["covariate/fog-3/accuracy"] == pytest.approx(expected)


def test_a_suite_without_shift_parts_has_no_shift_keys(split, predictions, card):
    plain = open_suite("digits-v1")
    found = evaluate(plain, split, predictions, card)[""]
    keys = {*found.metrics, *found.undefined}
    assert not {k for k in keys if k.split("/")[0] in ("covariate", "truth", "subsampled", "fsood")}
