"""Records: they come back as they were, and damage is seen."""

import json

import numpy as np
import pytest

from harness.errors import RecordMismatchError, StoreError
from harness.records.records import read_record, record_sha256, sealed, write_record
from harness.types import RunRecord

SHA = "ab" * 32


def a_record(**changes: object) -> RunRecord:
    body = {
        "entry": "toy",
        "card_sha256": SHA,
        "produced_by": "given",
        "suite": {
            "id": "digits-v1",
            "sha256": SHA,
            "cells": ["digits-balanced-clean"],
            "seeds": [0, 1],
            "primary": "test/balanced_accuracy",
            "tail_metric": "recall_tail",
            "metrics_version": 1,
        },
        "facets": {},
        "pools": {"test": SHA},
        "jobs": [{"cell": 0, "seed": s, "status": "done"} for s in (0, 1)],
        "variants": {
            "": {
                "ood_score": "energy",
                "selection": "last",
                "metrics": {"test/balanced_accuracy": [[1 / 3, None]]},
            }
        },
        "undefined": [
            {"variant": "", "key": "test/balanced_accuracy", "cell": 0, "seed": 1, "reason": "r"}
        ],
    }
    return RunRecord.model_validate(body | changes)


ARRAYS = {
    "replicates/base/test/balanced_accuracy": np.ones((1, 2, 3), dtype=np.float16),
    "sd/base/test/balanced_accuracy": np.full((1, 2), 0.5),
}


def test_a_written_record_comes_back_equal(tmp_path):
    made = sealed(a_record(), ARRAYS)
    read = read_record(write_record(made, tmp_path))
    assert read.record == made.record
    assert set(read.arrays) == set(ARRAYS)


def test_floats_keep_nine_significant_digits():
    values = sealed(a_record(), ARRAYS).record.variants[""].metrics["test/balanced_accuracy"]
    assert values == [[0.333333333, None]]


def test_replicates_are_the_value_plus_scaled_deviations():
    made = sealed(a_record(), ARRAYS)
    replicates = made.replicates("", "test/balanced_accuracy")
    assert replicates is not None
    np.testing.assert_allclose(replicates[0, 0], 0.333333333 + 0.5)


def test_cost_and_provenance_do_not_change_the_identity():
    slow = a_record(cost=[{"seconds": 9.0}], provenance={"host": "other"})
    assert record_sha256(slow) == record_sha256(a_record())


def test_a_changed_number_changes_the_identity():
    other = a_record(produced_by="trained")
    assert record_sha256(other) != record_sha256(a_record())


def test_an_edited_record_is_refused(tmp_path):
    path = write_record(sealed(a_record(), ARRAYS), tmp_path)
    body = json.loads(path.read_text())
    body["variants"][""]["metrics"]["test/balanced_accuracy"] = [[0.99, None]]
    path.write_text(json.dumps(body))
    with pytest.raises(
        RecordMismatchError, match="It was edited or damaged. Run: tailmark run toy"
    ):
        read_record(path)


def test_an_edit_is_refused_wherever_it_leaves_the_lines_as_they_were(tmp_path):
    path = write_record(sealed(a_record(), ARRAYS), tmp_path)
    text = path.read_text()
    for old, new in (("0.333333333", "0.33333334"), ('"seed": 1', '"seed": 0'),
                     ('"reason": "r"', '"reason": "r "'), ('"produced_by": "given"',
                      '"produced_by": "trained"')):  # fmt: skip
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(RecordMismatchError):
            read_record(path)


def test_a_record_whose_lines_were_laid_out_otherwise_is_the_same(tmp_path):
    made = sealed(a_record(cost=[{"seconds": 9.0}]), ARRAYS)
    path = write_record(made, tmp_path)
    body = json.loads(path.read_text())
    for text in (json.dumps(body), json.dumps(body, indent=4), json.dumps(body, indent=1)):
        path.write_text(text)
        assert read_record(path).record == made.record


def test_a_cost_that_is_no_number_is_refused_though_it_is_not_hashed(tmp_path):
    path = write_record(sealed(a_record(cost=[{"seconds": 9.0}]), ARRAYS), tmp_path)
    path.write_text(path.read_text().replace("9.0", "NaN"))
    with pytest.raises(StoreError, match="a missing value is null"):
        read_record(path)


def test_arrays_of_another_run_are_refused(tmp_path):
    path = write_record(sealed(a_record(), ARRAYS), tmp_path)
    np.savez(tmp_path / "digits-v1.npz", x=np.zeros(1))
    with pytest.raises(RecordMismatchError, match="expects"):
        _ = read_record(path).arrays


def test_truncated_arrays_are_refused_with_the_remedy(tmp_path):
    path = write_record(sealed(a_record(), ARRAYS), tmp_path)
    npz = tmp_path / "digits-v1.npz"
    npz.write_bytes(npz.read_bytes()[:200])
    with pytest.raises(StoreError, match="Make it again with: tailmark run"):
        _ = read_record(path).arrays


def test_nothing_half_written_is_left_behind(tmp_path):
    write_record(sealed(a_record(), ARRAYS), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digits-v1.json", "digits-v1.npz"]


def test_writing_below_a_file_says_what_to_do(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match="must be writable"):
        write_record(sealed(a_record(), ARRAYS), tmp_path / "taken" / "results")


def test_the_same_record_gives_the_same_bytes(tmp_path):
    one = write_record(sealed(a_record(), ARRAYS), tmp_path / "a").read_bytes()
    two = write_record(sealed(a_record(), ARRAYS), tmp_path / "b").read_bytes()
    assert one == two
