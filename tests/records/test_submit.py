"""Submitting: whole records only, from the store to submissions and nowhere else."""

import pytest

from harness.errors import CardError, RecordMismatchError, StoreError
from harness.models.cards.cards import card_sha256
from harness.records.records import max_result_bytes, read_record, sealed, write_record
from harness.records.submit import check_ready
from harness.records.submit import submit as write_ready
from harness.records.trust import add_to_rerun_list, rerun_list
from harness.types import EntryCard, RunRecord
from tests.runs.synthetic import recorded

CARD = 'format = 1\nname = "best"\nkind = "method"\n[method]\ntrainer = "prior"\n'


@pytest.fixture
def places(tmp_path):
    records, submissions = tmp_path / "records", tmp_path / "submissions"
    (submissions / "best").mkdir(parents=True)
    (submissions / "best" / "entry.toml").write_text(CARD)
    return {"records": records, "submissions": submissions}


def card_hash() -> str:
    card = EntryCard.model_validate(
        {"format": 1, "name": "best", "kind": "method", "method": {"trainer": "prior"}}
    )
    return card_sha256(card)


def put(places, **changes):
    made = recorded("best", 0.9, card_sha256=card_hash(), **changes)
    write_record(made, places["records"] / "best" / "results")
    return made


def submit(entry, suite, *, records, submissions, partial=False, replace=False, **options):
    """What `tailmark submit` does once the numbers were computed again."""
    ready = check_ready(
        entry, suite, records=records, submissions=submissions, partial=partial, replace=replace
    )
    return write_ready(ready, submissions=submissions, **options)


def test_a_submitted_record_is_the_stores_record(places):
    made = put(places)
    path = submit("best", "digits-v1", **places)
    assert path == places["submissions"] / "best" / "results" / "digits-v1.json"
    assert read_record(path).record == made.record


def test_without_a_run_the_sentence_says_which_command(places):
    with pytest.raises(StoreError, match="Run: tailmark run best --suite digits-v1"):
        submit("best", "digits-v1", **places)


def test_a_record_with_a_failed_job_is_not_submitted(places):
    jobs = [{"cell": 0, "seed": 0, "status": "failed", "error": "loss is NaN"}]
    put(places, jobs=jobs)
    with pytest.raises(CardError, match="needs all 6 jobs.*loss is NaN"):
        submit("best", "digits-v1", **places)
    assert not (places["submissions"] / "best" / "results").exists()


def test_a_card_changed_since_the_run_is_refused(places):
    put(places)
    (places["submissions"] / "best" / "entry.toml").write_text(CARD.replace("prior", "majority"))
    with pytest.raises(RecordMismatchError, match="the card changed since the run"):
        submit("best", "digits-v1", **places)


def test_a_maintainers_submission_is_listed_as_run_again(places):
    made = put(places)
    submit("best", "digits-v1", maintainer=True, **places)
    assert rerun_list(places["submissions"]) == {made.record.record_sha256}


def done(*places):
    return [{"cell": c, "seed": s, "status": "done", "error": None} for c, s in places]


def test_a_record_of_some_cells_is_submitted_only_when_asked_for(places):
    made = put(places, jobs=done((1, 0), (1, 1), (1, 2)))
    with pytest.raises(CardError, match="needs all 6 jobs of digits-v1; 3 are done.*--partial"):
        submit("best", "digits-v1", **places)
    path = submit("best", "digits-v1", partial=True, **places)
    assert read_record(path).record == made.record


def test_a_begun_cell_needs_every_seed(places):
    put(places, jobs=done((0, 0), (1, 0), (1, 1), (1, 2)))
    with pytest.raises(CardError, match="cells that were begun"):
        submit("best", "digits-v1", partial=True, **places)


def test_a_record_of_no_job_is_refused(places):
    put(places, jobs=[])
    with pytest.raises(RecordMismatchError, match="at least one job"):
        submit("best", "digits-v1", partial=True, **places)


@pytest.mark.parametrize("link", ["results", ""])
def test_nothing_is_written_through_a_link(places, tmp_path, link):
    put(places)
    elsewhere = tmp_path / "elsewhere"
    entry = places["submissions"] / "best"
    if link:
        elsewhere.mkdir()
        (entry / link).symlink_to(elsewhere)
    else:
        entry.rename(elsewhere)
        entry.symlink_to(elsewhere)
    before = sorted(elsewhere.iterdir())
    with pytest.raises(StoreError, match="it is a link or lies elsewhere"):
        submit("best", "digits-v1", **places)
    assert sorted(elsewhere.iterdir()) == before


def test_a_record_under_another_entrys_name_is_not_submitted(places):
    write_record(recorded("other", 0.9), places["records"] / "best" / "results")
    with pytest.raises(RecordMismatchError, match="it is of other on digits-v1"):
        submit("best", "digits-v1", **places)


def test_each_ranked_row_adds_to_what_a_file_may_have(places):
    one = put(places).record
    more = one.model_copy(update={"rank_variants": ("la",)})
    assert max_result_bytes(more) == 2 * max_result_bytes(one) == 2 << 20


@pytest.mark.parametrize(("cells", "mib"), [(1, 1), (16, 1), (17, 17 / 16), (60, 3.75)])
def test_a_suite_of_many_cells_has_room_for_each_of_them(places, cells, mib):
    one = put(places).record
    suite = one.suite.model_copy(update={"cells": tuple(f"c{k}" for k in range(cells))})
    assert max_result_bytes(one.model_copy(update={"suite": suite})) == mib * 2**20


def test_a_correction_without_a_row_adds_half_a_row(places):
    one = put(places).record
    beside = {name: one.variants[""] for name in ("", "la", "ts")}
    assert max_result_bytes(one.model_copy(update={"variants": beside})) == 2 << 20
    ranked = one.model_copy(update={"variants": beside, "rank_variants": ("la",)})
    assert max_result_bytes(ranked) == 2.5 * (1 << 20)


def test_a_record_that_is_too_large_is_refused_and_the_committed_one_stays(places, monkeypatch):
    put(places)
    path = submit("best", "digits-v1", **places)
    before = path.read_bytes(), path.with_suffix(".npz").read_bytes()
    monkeypatch.setattr("harness.records.submit.max_result_bytes", lambda record: 100)
    with pytest.raises(StoreError, match="at most 100 bytes"):
        submit("best", "digits-v1", **places)
    assert (path.read_bytes(), path.with_suffix(".npz").read_bytes()) == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["digits-v1.json", "digits-v1.npz"]


CODE = {"trainer": "a", "evaluation": "b"}


def put_jobs(places, *jobs, where="records", code=CODE, value=0.9, **changes):
    """A record of some jobs, as a run of them makes it."""
    whole = recorded("best", value, card_sha256=card_hash())
    body = whole.record.model_dump(mode="json")
    body["jobs"] = [
        job
        | {"model_id": "ab" * 32, "weights_sha256": "cd" * 32, "split_sha256": "ef" * 32}
        | {"evidence": {"test": "12" * 32}}
        for job in done(*jobs)
    ]
    for variant in body["variants"].values():
        for grid in variant["metrics"].values():
            for cell, row in enumerate(grid):
                for seed in range(len(row)):
                    row[seed] = row[seed] if (cell, seed) in jobs else None
    body["provenance"] = {"code": code, "made": "2026-01-01T00:00:00+00:00"}
    made = sealed(RunRecord.model_validate(body | changes), dict(whole.arrays))
    write_record(made, places[where] / "best" / "results")
    return made


FIRST, SECOND = ([(cell, seed) for seed in range(3)] for cell in range(2))


def test_a_second_cell_joins_the_committed_one(places):
    put_jobs(places, *FIRST, where="submissions")
    put_jobs(places, *SECOND)
    written = read_record(submit("best", "digits-v1", **places)).record  # whole without --partial
    assert [(job.cell, job.seed) for job in written.jobs] == [*FIRST, *SECOND]
    assert written.provenance["kept"]["jobs"] == 3
    whole = recorded("best", 0.9).record
    assert written.variants[""].metrics == whole.variants[""].metrics


def test_replacing_takes_the_committed_cells_away_when_asked_for(places):
    put_jobs(places, *FIRST, where="submissions")
    put_jobs(places, *SECOND)
    path = submit("best", "digits-v1", partial=True, replace=True, **places)
    assert [(job.cell, job.seed) for job in read_record(path).record.jobs] == SECOND


def test_committed_cells_of_other_code_are_not_lost_without_a_word(places):
    before = put_jobs(places, *FIRST, where="submissions", code=CODE | {"evaluation": "x"})
    put_jobs(places, *SECOND)
    with pytest.raises(
        RecordMismatchError, match="3 jobs that this machine's lacks .*the code.*--r"
    ):
        submit("best", "digits-v1", partial=True, **places)
    path = places["submissions"] / "best" / "results" / "digits-v1.json"
    assert read_record(path).record == before.record


def test_jobs_that_both_did_show_that_changed_evaluation_gives_the_same_numbers(places):
    put_jobs(places, *FIRST, (1, 0), where="submissions", code=CODE | {"evaluation": "x"})
    put_jobs(places, *SECOND)
    written = read_record(submit("best", "digits-v1", **places)).record
    assert len(written.jobs) == 6 and written.provenance["kept"]["jobs"] == 3


DIFFERENT = {
    "another trainer": {"code": CODE | {"trainer": "x"}},
    "another number": {"value": 0.8},
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_jobs_that_both_did_do_not_excuse(places, what):
    code = {"code": CODE | {"evaluation": "x"}}
    put_jobs(places, *FIRST, (1, 0), where="submissions", **(code | DIFFERENT[what]))
    put_jobs(places, *SECOND)
    with pytest.raises(RecordMismatchError, match="the code changed since"):
        submit("best", "digits-v1", **places)


def test_a_number_that_no_common_job_has_is_not_shown_equal(places):
    made = put_jobs(places, *FIRST, (1, 0), where="submissions", code=CODE | {"evaluation": "x"})
    body = made.record.model_dump(mode="json")
    grid = [[None] * 3 for _ in body["suite"]["cells"]]
    grid[0][0] = 0.0  # a value like any other
    body["variants"][""]["metrics"]["train/memorised"] = grid
    old = sealed(RunRecord.model_validate(body), dict(made.arrays))
    write_record(old, places["submissions"] / "best" / "results")
    put_jobs(places, *SECOND)
    with pytest.raises(RecordMismatchError, match="the code changed since"):
        submit("best", "digits-v1", **places)


def test_a_maintainer_lists_only_what_a_maintainer_ran(places):
    put_jobs(places, *FIRST, where="submissions")
    put_jobs(places, *SECOND)
    with pytest.raises(StoreError, match="3 of its jobs are kept .*not on the list"):
        submit("best", "digits-v1", maintainer=True, **places)
    add_to_rerun_list(
        places["submissions"],
        read_record(places["submissions"] / "best" / "results" / "digits-v1.json").record,
    )
    path = submit("best", "digits-v1", maintainer=True, **places)
    assert rerun_list(places["submissions"]) == {read_record(path).record.record_sha256}


def test_predictions_that_are_elsewhere_are_not_published(places):
    put_jobs(places, *FIRST, where="submissions")
    put_jobs(places, *SECOND)
    with pytest.raises(StoreError, match="--evidence publishes the predictions of every job; 3"):
        submit("best", "digits-v1", evidence="https://x/y#sha256=0", **places)
