"""What a job computes: what every record has, and what a card or suite asks for beside it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.data.sets.cifar import CIFAR100_COARSE
from harness.data.sets.datasets import DATASETS
from harness.data.suites.catalogue import SUITES
from harness.data.suites.open import open_suite
from harness.errors import CardError, UnknownNameError
from harness.metrics.table import EXTRA, METRICS
from harness.models.cards.cards import card_sha256, read_card
from harness.models.obtain.obtain import Obtained
from harness.rankings.field import candidates, key_named
from harness.runs.evaluate.asked import asked_of
from harness.runs.evaluate.evaluate import evaluate, headline
from harness.runs.job import evaluate_job
from harness.scores.ood import OOD_SCORES, STANDARD
from harness.types import EntryCard, Job, Predictions
from tests.runs.synthetic import recorded

ROOT = Path(__file__).resolve().parents[3]
CELL = "digits-exp10-symmetric0.2"


@pytest.fixture(scope="module")
def opened():
    return open_suite("digits-v1")


@pytest.fixture(scope="module")
def predictions(opened):
    rng, split = np.random.default_rng(3), opened.split(CELL, 0)
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
        return Predictions("logits", values, np.arange(len(pool)))

    return {name: made(pool) for name, pool in pools.items()}


def card(**said):
    return EntryCard(format=1, name="made", kind="predictions", **said)


def keys_of(scored):
    return {*scored.metrics, *scored.undefined}


@pytest.fixture(scope="module")
def standard(opened, predictions):
    return evaluate(opened, opened.split(CELL, 0), predictions, card())[""]


def committed(entry):
    """The keys of an entry's committed record."""
    record = json.loads((ROOT / f"submissions/{entry}/results/digits-v1.json").read_text("utf-8"))
    reasons = {u["key"] for u in record["undefined"] if u["variant"] == ""}
    return {*record["variants"][""]["metrics"]} | reasons


def test_a_record_has_the_keys_of_committed_ones_and_no_others(standard):
    assert keys_of(standard) == committed("cnn-ce")


def test_a_card_that_asks_gets_its_metrics_with_replicates_and_its_scores(
    opened, predictions, standard
):
    asked = card(extra=("top5_accuracy", "ccr_at_fpr10", "conformal_set_size", "klm"))
    found = evaluate(opened, opened.split(CELL, 0), predictions, asked)[""]
    new = keys_of(found) - keys_of(standard)
    sets = ("near", "far", "digits89", "photo_patches")
    assert new == {
        "test/top5_accuracy",
        "test/conformal_set_size",
        *(f"ood/{each}/energy/ccr_at_fpr10" for each in sets),
        *(
            f"ood/{each}/klm/{key}"
            for each in sets
            for key in ("ood_auroc", "ood_ap_out", "ood_ap_in", "ood_fpr95")
        ),
    }
    assert {*found.replicates} - {*standard.replicates} == {
        "test/top5_accuracy",
        "ood/near/energy/ccr_at_fpr10",
        "ood/far/energy/ccr_at_fpr10",
    }


def test_what_every_record_has_gets_replicates_where_a_card_names_it(opened, predictions, standard):
    asked = card(extra=("gmean", "cohen_kappa", "ood_ap_out", "mce"))
    found = evaluate(opened, opened.split(CELL, 0), predictions, asked)[""]
    assert keys_of(found) - keys_of(standard) == {"test/cohen_kappa"}
    new = {*found.replicates} - {*standard.replicates}
    assert new == {
        "test/gmean",
        "test/cohen_kappa",
        "ood/near/energy/ood_ap_out",
        "ood/far/energy/ood_ap_out",
    }
    for key in new:  # around its value, with a spread
        spread = found.replicates[key].std()
        assert 0 < abs(found.replicates[key].mean() - found.metrics[key]) < spread, key


def test_all_means_every_metric_and_score_that_the_suite_can_have(opened, predictions, standard):
    whole = evaluate(opened, opened.split(CELL, 0), predictions, card(extra=("all",)))[""]
    found = keys_of(whole)
    assert {*whole.replicates} == {*standard.replicates}
    assert found >= committed("cnn-bs-crop")  # a record of which all was computed loses nothing
    names = {key.rpartition("/")[2] for key in found}
    assert {key for key in EXTRA if not key.endswith(("many", "medium", "few"))} <= names
    assert {key.split("/")[2] for key in found if key.startswith("ood/near/")} == {*OOD_SCORES}


def test_a_suite_can_ask_as_well_and_its_identity_says_so(opened):
    asking = replace(opened.suite, extra=("hmean",))
    assert asked_of(asking, card()).metrics == ("hmean",)
    assert asked_of(opened.suite, card()).metrics == ()
    assert asking.sha256 != opened.suite.sha256
    assert replace(asking, extra=()).sha256 == opened.suite.sha256


def test_a_declared_score_is_computed_though_no_record_has_it(opened):
    assert {*asked_of(opened.suite, card(ood_score="ash_s")).scores} == STANDARD | {"ash_s"}
    assert "given" in asked_of(opened.suite, card(ood_score="given")).scores


def test_asking_is_no_part_of_a_cards_identity_for_it_changes_no_number(
    opened, predictions, standard
):
    assert card_sha256(card(extra=("hmean",))) == card_sha256(card())
    found = evaluate(opened, opened.split(CELL, 0), predictions, card(extra=("hmean",)))[""]
    assert found.metrics.items() > standard.metrics.items()


def test_a_card_that_asks_for_what_does_not_exist_is_refused(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    text = (
        'format = 1\nname = "made"\nkind = "predictions"\nextra = ["top5_acuracy"]\n[predictions]\n'
    )
    (folder / "entry.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CardError, match="'top5_acuracy'.*Did you mean 'top5_accuracy'"):
        read_card(folder)


@pytest.mark.parametrize("name", ["top5_accuracy", "ood/near/klm/ood_auroc"])
def test_ranking_by_what_nobody_asked_for_says_how_to_ask(name):
    rows = candidates([recorded("plain", 0.9)])
    asked = name.split("/")[-2] if "/" in name else name
    with pytest.raises(UnknownNameError, match=rf'Write extra = \["{asked}"\] on its card'):
        key_named(name, rows)


def test_standard_and_extra_are_in_the_tables():
    assert {*EXTRA} <= {*METRICS}
    assert {*OOD_SCORES} > STANDARD


def test_classes_in_an_order_have_a_distance_and_the_hierarchy_of_cifar100_is_known(
    opened, predictions
):
    whole = replace(opened.dataset, ordered=True, hierarchy=tuple((k // 5,) for k in range(10)))
    structured = replace(opened, dataset=whole)
    found = evaluate(structured, opened.split(CELL, 0), predictions, card())[""].metrics
    y, z = opened.test.labels, predictions["test"].values
    apart = np.abs(z.argmax(axis=1) - y)
    by_class = [apart[y == k].mean() for k in range(8)]
    assert found["test/macro_mae"] == pytest.approx(np.mean(by_class), abs=1e-12)
    same = (z.argmax(axis=1) // 5) == (y // 5)
    height = np.where(apart == 0, 0, np.where(same, 0.5, 1))
    assert found["test/hierarchical_error"] == pytest.approx(height.mean(), abs=1e-12)
    assert DATASETS["cifar100"].hierarchy == tuple((coarse,) for coarse in CIFAR100_COARSE)


def test_the_gap_of_best_and_last_epoch_comes_from_the_clean_validation_curve(opened, predictions):
    curve = {"clean_val_balanced_accuracy": [0.5, 0.8, 0.7], "loss": [3.0, 2.0, 1.0]}
    given = Obtained(predictions, "0" * 64, None, {}, {}, curve)
    job = Job(card(), Path(), CELL, 0)
    scored = evaluate_job(job, opened, given).scored[""]
    assert scored.metrics["train/best_last_gap"] == pytest.approx(0.1)
    without = replace(given, curves={"loss": [3.0, 2.0, 1.0]})
    assert "train/best_last_gap" not in keys_of(evaluate_job(job, opened, without).scored[""])
    once = replace(given, curves={"clean_val_balanced_accuracy": [0.5]})
    reason = evaluate_job(job, opened, once).scored[""].undefined["train/best_last_gap"]
    assert reason == "a gap needs two epochs; the curve has 1"


def test_statistics_that_a_model_hands_out_ask_for_the_scores_that_read_them(
    opened, predictions, standard
):
    rng = np.random.default_rng(4)
    looked = {
        name: replace(found, statistics={"odin": rng.normal(size=found.values.shape)})
        for name, found in predictions.items()
    }
    found = keys_of(evaluate(opened, opened.split(CELL, 0), looked, card())[""])
    new = found - keys_of(standard)
    assert {key.split("/")[2] for key in new} == {"odin"}
    assert "ood/near/odin/ood_auroc" in new


def test_a_model_that_proves_radii_has_certified_accuracy_and_its_corrections_have_none(
    opened, predictions
):
    asked = card(extra=("certified_accuracy_at_5",))
    split, key = opened.split(CELL, 0), "test/certified_accuracy_at_5"
    radii = np.random.default_rng(5).uniform(0, 0.1, size=(len(opened.test), 1))
    proved = replace(predictions["test"], statistics={"certified_radius": radii})
    found = evaluate(opened, split, {**predictions, "test": proved}, asked)
    right = predictions["test"].values.argmax(axis=1) == opened.test.labels
    assert found[""].metrics[key] == np.mean(right & (radii[:, 0] >= 0.05))
    assert "before they were corrected" in found["la"].undefined[key]
    without = evaluate(opened, split, predictions, asked)[""]
    assert "hands out no certified_radius" in without.undefined[key]


def test_what_rare_classes_are_taken_for_is_kept_where_a_card_names_it(opened, predictions):
    asked = card(extra=("tail_as_head", "recall_head", "few_as_many"))
    split = opened.split(CELL, 0)
    found = evaluate(opened, split, predictions, asked)[""]
    assert {"test/tail_as_head", "test/recall_head"} <= {*found.replicates}
    assert "test/few_as_many" not in keys_of(found)  # digits-v1 has terciles
    called, y = predictions["test"].values.argmax(axis=1), opened.test.labels
    order = np.argsort(-split.clean_counts, kind="stable")
    head, tail = order[:3], order[-3:]
    shares = [np.isin(called[y == k], head).mean() for k in tail]
    assert found.metrics["test/tail_as_head"] == pytest.approx(np.mean(shares), abs=1e-12)


@pytest.mark.parametrize(("name", "kept"), [("digits-v1", 5), ("cifar10-v1", 5), ("keel-v1", 2)])
def test_suites_of_many_cells_keep_replicates_of_two_metrics(name, kept):
    assert len(headline(SUITES[name])) == kept
    assert {"balanced_accuracy", "auroc"} <= {*headline(SUITES[name])}
