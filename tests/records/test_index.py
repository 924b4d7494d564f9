"""The index of a folder of records: the same answers, never trusted over the files."""

import json
import os
import shutil
import struct
import time

import numpy as np
import pytest

from harness.errors import RecordMismatchError, StoreError
from harness.records import index as module
from harness.records import later
from harness.records.index import IndexedRecorded, index_file, read_indexed
from harness.records.records import Recorded, read_record, write_record
from harness.types import RunRecord
from tests.leaderboard.made import SEEDS, made, ranked, write_field

KEY = "test/balanced_accuracy"


def settle():
    """Wait until a file that was just written is old enough to be indexed."""
    time.sleep(2 * module.SETTLED)


@pytest.fixture
def root(tmp_path):
    root = write_field(tmp_path / "submissions")
    settle()
    return root


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TAILMARK_NO_INDEX", raising=False)
    return tmp_path / "home" / "index"


def a_record(root, name="cnn-ce"):
    return root / name / "results" / "digits-v1.json"


def test_what_the_index_gives_is_what_the_files_say(root, store):
    path = a_record(root)
    plain, indexed = read_record(path), read_indexed(path)
    assert isinstance(indexed, IndexedRecorded)
    assert isinstance(read_indexed(path), IndexedRecorded)
    for field in set(RunRecord.model_fields) - {"variants"}:
        assert getattr(indexed.record, field) == getattr(plain.record, field)
    assert (indexed.lacking, indexed.answers) == (plain.lacking, plain.answers)
    for name, body in plain.record.variants.items():
        assert dict(indexed.record.variants[name].metrics) == body.metrics
        np.testing.assert_array_equal(indexed.values(name, KEY), plain.values(name, KEY))
        for key in (*body.metrics, "no/such_metric"):
            assert indexed.mean(name, key) == plain.mean(name, key)
    assert set(indexed.arrays) == set(plain.arrays)
    for name, array in plain.arrays.items():
        np.testing.assert_array_equal(indexed.arrays[name], array)


def test_what_the_index_gives_is_written_as_the_file_that_was_read(root, store, tmp_path):
    """Fields and metrics that were not looked at are in it: logging a record writes it again."""
    path = a_record(root)
    read_indexed(path)
    again = write_record(read_indexed(path), tmp_path / "again")
    assert again.read_bytes() == path.read_bytes()
    written, plain = read_record(again).arrays, read_record(path).arrays
    assert set(written) == set(plain)
    assert all((written[name] == array).all() for name, array in plain.items())


def test_details_that_rankings_ask_for_need_no_arrays(root, store, monkeypatch):
    path = a_record(root)
    plain = read_record(path)
    read_indexed(path)
    again = read_indexed(path)
    monkeypatch.setattr(later, "read_arrays", lambda *_: pytest.fail("the arrays were opened"))
    for name in ("counts", "recall"):
        np.testing.assert_array_equal(again.detail("", name), plain.detail("", name))


def test_one_metric_is_read_without_the_others_and_all_of_them_where_many_are_asked(
    root, store, monkeypatch
):
    path = a_record(root)
    plain = read_record(path).record.variants[""].metrics
    read_indexed(path)
    whole = []
    monkeypatch.setattr(
        later, "checked", lambda *asked, kept=later.checked: whole.append(asked[1]) or kept(*asked)
    )
    found = read_indexed(path).record.variants[""].metrics
    keys = list(plain)
    assert len(keys) > later.FEW + 1
    for key in keys[: later.FEW] * 2:
        assert found[key] == plain[key]
    assert whole == []
    assert dict(found) == plain
    assert whole == ["values"]


@pytest.mark.parametrize("name", ["values", "sums"])
def test_a_damaged_metric_is_read_from_the_record(root, store, name):
    path = a_record(root)
    plain = read_record(path).values("", KEY)
    read_indexed(path)
    target = index_file(path, store)
    damaged = bytearray(target.read_bytes())
    (size,) = struct.unpack("<Q", damaged[:8])
    start, end = json.loads(damaged[8 : 8 + size])[name]["data_offsets"]
    damaged[8 + size + start : 8 + size + end] = bytes(
        b ^ 1 for b in damaged[8 + size + start :][: end - start]
    )
    target.write_bytes(damaged)
    indexed = read_indexed(path)
    assert isinstance(indexed, IndexedRecorded)
    np.testing.assert_array_equal(indexed.values("", KEY), plain)


def test_a_ranking_is_the_same_with_and_without_an_index(root, store, monkeypatch):
    first, second = (ranked(root) for _ in range(2))
    cell = first.cells[1]
    alone = ranked(root, [cell])
    monkeypatch.setenv("TAILMARK_NO_INDEX", "1")
    assert first == second == ranked(root)
    assert alone == ranked(root, [cell])


def test_a_ranking_of_all_cells_needs_no_replicates(root, store, monkeypatch):
    ranked(root)
    monkeypatch.delattr(Recorded, "replicates")
    assert len(ranked(root).rows) == 5


def test_a_cell_without_a_value_is_left_out_of_the_streams(root, store):
    path = a_record(root, "broken")
    plain, indexed = read_record(path), read_indexed(path)
    whole = list(range(4))
    assert isinstance(indexed, IndexedRecorded)
    np.testing.assert_array_equal(indexed.streams("", KEY, whole), plain.streams("", KEY, whole))
    assert indexed.streams("", KEY, [*whole, 4]) is None
    assert indexed.streams("", KEY, [0]).shape[0] == len(SEEDS)


def test_a_changed_record_is_read_again(root, store):
    path = a_record(root, "logreg")
    before = read_indexed(path).values("", KEY)
    shutil.copytree(root / "cnn-bs" / "results", path.parent, dirs_exist_ok=True)
    after = read_indexed(path).values("", KEY)
    assert not np.array_equal(before, after)


def test_an_edit_that_keeps_size_and_time_is_found(root, store):
    path = a_record(root)
    read_indexed(path)
    look = path.stat()
    path.write_text(path.read_text().replace('"trained"', '"loaded" '[:9], 1))
    os.utime(path, ns=(look.st_atime_ns, look.st_mtime_ns))
    assert path.stat().st_size == look.st_size
    with pytest.raises((RecordMismatchError, StoreError)):
        read_indexed(path)


@pytest.mark.parametrize("name", ["digits-v1.json", "digits-v1.npz"])
def test_a_damaged_or_missing_file_is_named(root, store, name):
    path = a_record(root)
    read_indexed(path)
    file = path.parent / name
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises((RecordMismatchError, StoreError), match="digits-v1"):
        read_indexed(path)
    file.unlink()
    with pytest.raises(StoreError, match="there"):
        read_indexed(path)


def test_metrics_of_an_index_that_is_gone_come_from_the_record_that_was_verified(root, store):
    path = a_record(root)
    read_indexed(path)
    plain, kept, late = read_record(path), read_indexed(path), read_indexed(path)
    shutil.rmtree(store)
    for name, body in plain.record.variants.items():
        assert dict(kept.record.variants[name].metrics) == body.metrics
    shutil.copy(a_record(root, "cnn-bs"), path)
    with pytest.raises(RecordMismatchError, match="changed since"):
        late.values("", KEY)


def test_arrays_that_changed_since_they_were_verified_are_refused(root, store):
    path = a_record(root)
    arrays = read_indexed(path).arrays
    shutil.copy(a_record(root, "cnn-bs").with_suffix(".npz"), path.with_suffix(".npz"))
    with pytest.raises(RecordMismatchError, match="changed since"):
        arrays["detail/base/recall"]


@pytest.mark.parametrize("part", [0, 40, -1000, None])
def test_a_damaged_index_is_passed_over_and_made_again(root, store, part):
    path = a_record(root)
    plain = read_record(path)
    read_indexed(path)
    target = index_file(path, store)
    damaged = bytearray(target.read_bytes())
    if part is None:
        damaged = damaged[: len(damaged) // 2]
    else:
        damaged[part] ^= 0xFF
    target.write_bytes(damaged)
    found = read_indexed(path)
    np.testing.assert_array_equal(found.values("", KEY), plain.values("", KEY))
    for key in ("test/nll", KEY, "test/auroc", "test/ece"):
        cells = list(range(5))
        np.testing.assert_array_equal(found.streams("", key, cells), plain.streams("", key, cells))


def test_long_lists_of_an_index_that_is_gone_come_from_the_record_itself(root, store):
    path = a_record(root)
    plain, indexed = read_record(path), read_indexed(path)
    shutil.rmtree(store)
    assert indexed.record.jobs == plain.record.jobs
    assert indexed.record.undefined[:2] == plain.record.undefined[:2]
    np.testing.assert_array_equal(indexed.values("", KEY), plain.values("", KEY))
    shutil.copy(a_record(root, "cnn-bs"), path)
    assert indexed.record.jobs == plain.record.jobs  # read already
    with pytest.raises(RecordMismatchError, match="changed since"):
        len(indexed.record.cost)


def test_a_record_written_a_moment_ago_is_not_indexed(root, store, monkeypatch):
    monkeypatch.setattr(module, "SETTLED", 3600.0)
    assert not isinstance(read_indexed(a_record(root)), IndexedRecorded)


def test_a_store_that_cannot_be_written_does_no_harm(root, tmp_path, monkeypatch):
    taken = tmp_path / "taken"
    taken.write_text("")
    monkeypatch.setenv("TAILMARK_HOME", str(taken))
    assert read_indexed(a_record(root)).record.entry == "cnn-ce"


def test_the_index_of_a_folder_that_is_gone_goes_too(root, store, tmp_path):
    read_indexed(a_record(root))
    gone = index_file(a_record(root), store)
    other = tmp_path / "other"
    shutil.copytree(root, other)
    shutil.rmtree(root)
    settle()
    read_indexed(a_record(other))
    assert not gone.exists()
    assert index_file(a_record(other), store).exists()


def test_records_of_the_same_metrics_share_their_names(root, store):
    for name in ("cnn-bs", "logreg"):
        read_indexed(a_record(root, name))
    one, two = (read_indexed(a_record(root, name)) for name in ("cnn-bs", "logreg"))
    assert one.arrays._names is two.arrays._names
    assert made("x", 0.5).record.entry == "x"
