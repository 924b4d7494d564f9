"""Merging: a part and the rest are the whole, and what changed in between is kept apart."""

import numpy as np
import pytest

from harness.records.merging import EARLIER, incompatible, kept_words, store_record
from harness.records.records import Recorded, read_record, sealed, write_record
from harness.types import RunRecord
from tests.runs.synthetic import CELLS, KEY, recorded

EVERY = [(m, s) for m in range(len(CELLS)) for s in range(3)]
CODE = {"code": {"trainer": "a", "evaluation": "b"}, "made": "2026-01-01T00:00:00+00:00"}


def part(*places, whole=None, **changes):
    """The record that a run of some jobs of ``best`` makes."""
    whole = whole or recorded("best", 0.9)
    body = whole.record.model_dump(mode="json")
    body["jobs"] = [job for job in body["jobs"] if (job["cell"], job["seed"]) in places]
    for grid in body["variants"][""]["metrics"].values():
        for m, s in EVERY:
            grid[m][s] = grid[m][s] if (m, s) in places else None
    body["undefined"] = [
        {"variant": "", "key": "test/mcc", "cell": m, "seed": s, "reason": "constant"}
        for m, s in sorted(places)
    ]
    body |= {"provenance": CODE, "cost": [{"cell": m, "seed": s, "s": 1} for m, s in places]}
    arrays = dict(whole.arrays)
    for name, array in arrays.items():
        kept = np.full_like(array, np.nan)
        for at in places:
            kept[at] = array[at]
        arrays[name] = kept
    return sealed(RunRecord.model_validate(body | changes), arrays)


def whole_of_parts():
    """What one run of all jobs makes: its reasons hold for whole cells."""
    made = part(*EVERY)
    body = made.record.model_dump(mode="json")
    body["undefined"] = [
        {"variant": "", "key": "test/mcc", "cell": m, "seed": None, "reason": "constant"}
        for m in range(len(CELLS))
    ]
    return sealed(RunRecord.model_validate(body), made.arrays)


@pytest.mark.parametrize("order", [1, -1])
def test_a_part_and_the_rest_are_the_whole_whichever_comes_first(tmp_path, order):
    one, rest = [part(*EVERY[:2]), part(*EVERY[2:])][::order]
    store_record(one, tmp_path / "results")
    stored = store_record(rest, tmp_path / "results")
    assert stored.recorded.record.record_sha256 == whole_of_parts().record.record_sha256
    read = read_record(tmp_path / "results" / "digits-v1.json")
    for name, array in part(*EVERY).arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)
    assert [c["s"] for c in read.record.cost] == [1] * 6


def test_one_job_after_a_full_run_leaves_the_full_record(tmp_path):
    full = whole_of_parts()
    store_record(full, tmp_path / "results")
    stored = store_record(part((0, 1)), tmp_path / "results")
    assert stored.recorded.record.record_sha256 == full.record.record_sha256
    assert len(stored.kept) == 5
    assert kept_words(stored.recorded.record) == "5 jobs kept from the record of " + CODE["made"]


def test_a_full_run_after_one_job_keeps_nothing(tmp_path):
    store_record(part((0, 1)), tmp_path / "results")
    stored = store_record(whole_of_parts(), tmp_path / "results")
    assert stored.kept == () and stored.aside is None
    assert kept_words(stored.recorded.record) == ""


def test_a_job_that_was_done_again_has_its_new_numbers(tmp_path):
    store_record(whole_of_parts(), tmp_path / "results")
    other = recorded("best", 0.6)
    stored = store_record(part((1, 1), whole=other), tmp_path / "results")
    values = stored.recorded.values("", KEY)
    assert values[1, 1] == pytest.approx(other.values("", KEY)[1, 1])
    assert values[0, 0] == pytest.approx(recorded("best", 0.9).values("", KEY)[0, 0])


CHANGES = {
    "the card": {"card_sha256": "cd" * 32},
    "how it is made": {"produced_by": "loaded"},
    "the test data": {"pools": {"test": "cd" * 32}},
    "the code": {"provenance": CODE | {"code": {"trainer": "x", "evaluation": "b"}}},
    "deterministic": {"deterministic": True},
    "suite": {
        "suite": recorded("best", 0.9).record.suite.model_dump() | {"sha256": "cd" * 32},
    },
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_keeps_two_records_apart_and_the_earlier_is_set_aside(tmp_path, what):
    before, after = whole_of_parts(), part((0, 1), **CHANGES[what])
    store_record(before, tmp_path / "results")
    stored = store_record(after, tmp_path / "results")
    assert stored.why == what and stored.kept == ()
    assert stored.recorded.record == after.record
    assert stored.aside.is_relative_to(tmp_path / EARLIER)
    assert read_record(stored.aside).record == before.record
    assert dict(read_record(stored.aside).arrays).keys() == dict(before.arrays).keys()


def test_another_model_of_a_job_that_both_did_is_another_code():
    one, two = (
        part((0, 1), jobs=[{"cell": 0, "seed": 1, "status": "done", "model_id": sha * 32}])
        for sha in ("ab", "cd")
    )
    assert incompatible(one.record, two.record) == "the model of a job that both did"


def test_records_of_before_code_was_noted_need_a_job_in_common():
    old = {"provenance": {}}
    assert incompatible(part((0, 1), **old).record, part((0, 2)).record) == "the code"
    jobs = [{"cell": 0, "seed": 1, "status": "done", "model_id": "ab" * 32}]
    one, two = part((0, 1), jobs=jobs, **old), part((0, 1), jobs=jobs)
    assert incompatible(one.record, two.record) == ""


def test_a_damaged_earlier_record_is_replaced(tmp_path):
    path = write_record(whole_of_parts(), tmp_path / "results")
    path.write_text("{")
    stored = store_record(part((0, 1)), tmp_path / "results")
    assert stored.kept == () and isinstance(stored.recorded, Recorded)
    assert read_record(path).record == stored.recorded.record
