"""Every row of a table predicted by a model that has not seen its fold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.data.suites.catalogue import SUITES
from harness.data.suites.open import make_suite
from harness.errors import CardError
from harness.models.obtain.obtain import obtain
from harness.types import EntryCard, Job

CELL = "wine-natural-clean"
FOLDS = 13
HASH = "0" * 64


@pytest.fixture(scope="module")
def opened():
    suite = replace(SUITES["published-v1"], cells=(CELL,), dataset="wine", crossfit={"wine": FOLDS})
    return make_suite(suite, checked=False)


def job(trainer="neighbours", **overrides):
    method = {"trainer": trainer, "overrides": overrides}
    card = EntryCard.model_validate(
        {"format": 1, "name": "toy", "kind": "method", "method": method}
    )
    return Job(card, Path(), CELL, 0)


def test_predictions_are_scikit_learns_out_of_fold_predictions(opened, store):
    found = obtain(job(k=1), opened, store)
    fold = opened.folds.of_rows(0)
    data, labels = load_wine(return_X_y=True)
    folds = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(FOLDS)]
    nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
    expected = cross_val_predict(nearest, data, labels, cv=folds)
    assert (labels == opened.test.labels).all()
    assert (found.predictions["test"].values.argmax(axis=1) == expected).all()
    assert found.predictions["test"].row.tolist() == list(range(178))


def test_a_label_does_not_reach_the_model_of_its_own_fold(opened, store):
    """With its own label wrong, a row is predicted as before; the nearest row is never itself."""
    labels = opened.train.labels.copy()
    row = 17
    labels[row] = (labels[row] + 1) % 3
    other = replace(opened, train=replace(opened.train, labels=labels))
    before = obtain(job(k=1), opened, store).predictions["test"].values
    after = obtain(job(k=1), other, store).predictions["test"].values
    assert (after[row] == before[row]).all()
    fold = opened.folds.of_rows(0)
    changed = np.flatnonzero((after != before).any(axis=1))
    assert len(changed)
    assert not np.isin(changed, np.flatnonzero(fold == fold[row])).any()


def test_another_seed_deals_other_folds_and_makes_other_evidence(opened, store):
    first, second = (obtain(replace(job(k=1), seed=s), opened, store) for s in (0, 1))
    assert first.model_id != second.model_id
    assert first.evidence_keys["test"] != second.evidence_keys["test"]


def test_the_second_time_it_is_taken_from_the_store(opened, store):
    first = obtain(job(k=1), opened, store)
    kept = store.load_evidence(first.evidence_keys["test"])
    again = obtain(job(k=1), opened, store)
    assert kept.sha256 == again.predictions["test"].sha256 == first.predictions["test"].sha256
    assert again.model_id == first.model_id


def test_one_given_model_is_refused_with_what_to_do(opened, store, tmp_path):
    card = EntryCard.model_validate(
        {
            "format": 1,
            "name": "given",
            "kind": "model",
            "model": {
                "arch": "resnet18",
                "files": {f"{CELL}-s0": {"path": "w.safetensors", "sha256": HASH}},
                "preprocessing": {"size": [8, 8], "mean": [0.5], "std": [0.5], "channels": 1},
            },
        }
    )
    with pytest.raises(CardError, match="trained without it.*Enter the method"):
        obtain(Job(card, tmp_path, CELL, 0), opened, store)
