"""What a record says of its run, read without its numbers: the same, or refused."""

import json

import pytest

from harness.errors import StoreError
from harness.records.past import past_of, read_past
from harness.records.records import read_record, write_record
from tests.runs.synthetic import recorded

COSTS = [
    {"train_seconds": 2.0, "pass_seconds": 0.5, "wall_seconds": 1.0, "peak_memory_bytes": 5e8},
    {"train_seconds": 0.1, "wall_seconds": 3.0, "peak_memory_bytes": 7e8},
    {},
]


@pytest.fixture
def path(tmp_path):
    made = recorded("one", 0.5, cost=COSTS)
    return write_record(made, tmp_path / "one" / "results")


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_it_is_what_the_whole_record_says_however_it_is_laid_out(path, indent):
    if indent is not None:
        path.write_text(json.dumps(json.loads(path.read_text()), indent=indent))
    record, past = read_record(path).record, read_past(path)
    assert (past.entry, past.card_sha256) == (record.entry, record.card_sha256)
    assert past.done == {(job.cell, job.seed) for job in record.jobs} != set()
    assert past.seconds == (2.5, 3.0) and past.memory == 7e8


def test_jobs_that_failed_are_not_done(path):
    body = json.loads(path.read_text())
    body["jobs"][0]["status"] = "failed"
    path.write_text(json.dumps(body, indent=1, sort_keys=True))
    first = (body["jobs"][0]["cell"], body["jobs"][0]["seed"])
    assert first not in read_past(path).done and read_past(path).done


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.pop("cost"),
        lambda body: body.update(cost=[{"train_seconds": "long"}]),
        lambda body: body.update(cost=[{"train_seconds": float("inf")}]),
        lambda body: body.update(cost=[{"peak_memory_bytes": float("nan")}]),
        lambda body: body.update(cost=[3]),
        lambda body: body.update(cost=None),
        lambda body: body.update(jobs=[{"cell": [], "seed": 0, "status": "done"}]),
        lambda body: body.update(jobs={"cell": 0}),
        lambda body: body.pop("entry"),
    ],
)
def test_a_damaged_record_is_refused_and_no_basis(path, change):
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body, indent=1))
    with pytest.raises(StoreError, match="should be a record; reading it says"):
        read_past(path)
    assert not list(past_of([path.parents[2]], "digits-v1", ["one"]))


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"cost": ' + "9" * 6000, "\udcff"])
def test_what_is_no_record_is_refused(path, text):
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(StoreError, match="should be a record"):
        read_past(path)
