"""The key of a job's results: everything that the results depend on besides the predictions."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.suites.open import open_suite
from harness.data.worlds.truths import Truth
from harness.runs.kept import given_evidence, result_key
from harness.types import EntryCard, Facets, Predictions


@pytest.fixture(scope="module")
def opened():
    plain = open_suite("digits-v1")
    n = len(plain.test)
    people = Truth("people", np.full((n, 8), 1 / 8), np.ones(n, dtype=bool), "made")
    return replace(
        plain,
        truths={"people": people},
        absent_truths={"missing": "Expected annotations; there is none."},
        test_groups=np.arange(n) % 3,
    )


def key(opened, *, card=None, split=None, evidence=None, fingerprints=None):
    card = card or EntryCard(format=1, name="made", kind="predictions", rank_variants=("la",))
    split = split or opened.split("digits-exp10-clean", 0)
    return result_key(
        opened, split, card, evidence or {"test": "a" * 64}, fingerprints or opened.fingerprints
    )


def others(opened):
    """What differs → the key then."""
    people = opened.truths["people"]
    shares, kept = people.shares.copy(), people.kept.copy()
    shares[0], kept[0] = np.eye(8)[0], False
    other, fewer = replace(people, shares=shares), replace(people, kept=kept)
    groups = opened.test_groups.copy()
    groups[0] += 1
    card = EntryCard(format=1, name="made", kind="predictions", rank_variants=("la",))
    adapts = Facets(transductive=True)
    return {
        "no truth": key(replace(opened, truths={})),
        "another truth": key(replace(opened, truths={"crowd": people})),
        "one image's shares": key(replace(opened, truths={"people": other})),
        "one image left out": key(replace(opened, truths={"people": fewer})),
        "no absent truth": key(replace(opened, absent_truths={})),
        "another reason": key(replace(opened, absent_truths={"missing": "No file."})),
        "one image's group": key(replace(opened, test_groups=groups)),
        "no groups": key(replace(opened, test_groups=None)),
        "another split": key(opened, split=opened.split("digits-exp10-clean", 1)),
        "another score": key(opened, card=card.model_copy(update={"ood_score": "msp"})),
        "no variants": key(opened, card=card.model_copy(update={"rank_variants": ()})),
        "an entry that adapts": key(opened, card=card.model_copy(update={"facets": adapts})),
        "other predictions": key(opened, evidence={"test": "b" * 64}),
        "another pool": key(opened, fingerprints=opened.fingerprints | {"test": "c" * 64}),
    }


def test_whatever_changes_the_results_changes_their_key(opened):
    found = {"as it is": key(opened), **others(opened)}
    assert len(set(found.values())) == len(found), found
    assert key(opened) == found["as it is"]


def test_given_predictions_are_known_by_their_content():
    values, row = np.zeros((3, 2), np.float32), np.arange(3)
    plain = Predictions("logits", values, row)
    featured = replace(plain, features=np.ones((3, 4), np.float16))
    keys = [given_evidence({"test": p})["test"] for p in (plain, featured, plain)]
    assert keys[0] == keys[2] != keys[1]
