"""Many records at once: several processes make the same index files as one reader would."""

import os
import shutil

import numpy as np
import pytest

from harness.records import indexing
from harness.records.index import IndexedRecorded, index_file
from harness.records.reading import load_records
from tests.leaderboard.made import write_field
from tests.records.test_index import settle

KEY = "test/balanced_accuracy"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(indexing, "MANY", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    root = write_field(tmp_path / "submissions")
    (root / "cnn-bs" / "results" / "digits-v1.json").write_text("{")
    settle()
    return root


def test_the_records_are_those_that_are_read_one_by_one(root, tmp_path, monkeypatch):
    found = load_records("digits-v1", [root])
    assert [lost.name for lost in found.left_out] == ["cnn-bs"]
    assert all(isinstance(each, IndexedRecorded) for each in found.records)
    monkeypatch.setenv("TAILMARK_NO_INDEX", "1")
    alone = load_records("digits-v1", [root])
    for one, two in zip(found.records, alone.records, strict=True):
        assert one.record == two.record
        np.testing.assert_array_equal(one.values("", KEY), two.values("", KEY))


def test_others_make_their_share_and_a_share_that_nobody_made_is_read(root, tmp_path, monkeypatch):
    mine = []
    monkeypatch.setattr(indexing, "index_each", lambda paths: mine.extend(paths))
    paths = sorted(root.glob("*/results/digits-v1.json"))
    indexing.index_together(paths)
    made = [p for p in paths if index_file(p, tmp_path / "home" / "index").is_file()]
    assert made and not {*made} & {*mine}
    assert {*made, *mine, root / "cnn-bs" / "results" / "digits-v1.json"} == {*paths}
    assert len(load_records("digits-v1", [root]).records) == len(paths) - 1


def test_few_missing_files_start_nothing(root, monkeypatch):
    load_records("digits-v1", [root])
    shutil.rmtree(root / "cnn-bs")
    monkeypatch.setattr(indexing, "_started", lambda share: pytest.fail("a process was started"))
    load_records("digits-v1", [root])
