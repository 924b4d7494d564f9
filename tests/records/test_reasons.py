"""Why a value is missing, in words that help."""

from pathlib import Path

import pytest

import harness
from harness.records.reasons import OF_ANOTHER, reason_words
from harness.records.records import read_record

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
KEY = "ood/near/knn/ood_auroc"


def record_of(entry, suite):
    return read_record(SUBMISSIONS / entry / "results" / f"{suite}.json")


HEAD, OTHER = ("lite0-teen", "cifar10-v1"), ("linear-svm", "digits-v1")


@pytest.mark.parametrize(("of", "words"), [(HEAD, OF_ANOTHER), (OTHER, None)])
def test_a_head_says_whose_its_features_are_and_others_keep_their_reason(of, words):
    recorded = record_of(*of)
    stored = recorded.reason("", KEY)
    assert stored.startswith("no features were stored")
    assert reason_words(recorded.record, stored) == (words or stored)


def test_another_reason_of_a_head_stays_as_it_is():
    assert reason_words(record_of(*HEAD).record, "there is no calibration pool") == (
        "there is no calibration pool"
    )


def test_a_ranking_by_a_score_of_features_says_it_of_every_head_that_it_leaves_out():
    ranking = harness.rank(HEAD[1], key=KEY, cells="cifar10-exp100-clean", submissions=SUBMISSIONS)
    said = {row.name: row.missing for row in ranking.missing}
    assert all(OF_ANOTHER in said[name] for name in ("lite0-teen", "lite0-bs", "lite0-components"))
