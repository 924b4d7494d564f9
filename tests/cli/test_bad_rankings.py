"""What can be mistyped where records are read: one sentence each, exit code 2, nothing written."""

import json

import pytest

from harness.records.records import write_record
from harness.records.trust import add_to_rerun_list
from harness.runs.evidence import renote
from tests.runs.synthetic import recorded


@pytest.fixture
def shelf(home):
    for name, level in {"best": 0.9, "worst": 0.5}.items():
        made = recorded(name, level)
        write_record(made, home / "submissions" / name / "results")
        add_to_rerun_list(home / "submissions", made.record)
    return home


MISTAKES = {
    "a suite that does not exist": (
        "rank -s digits-v9",
        "No suite named 'digits-v9'. Did you mean 'digits-v1'?",
    ),
    "a suite of markup": ("rank -s [/nope]", "No suite named '[/nope]'"),
    "a suite that climbs": ("rank -s ../../etc", "No suite named '../../etc'"),
    "a metric": ("rank -m test/balanced_acuracy", "Did you mean 'test/balanced_accuracy'?"),
    "a metric's name": ("rank -m balanced_acuracy", "Did you mean 'test/balanced_accuracy'?"),
    "a metric in capitals": ("rank -m ECE", "A metric key is parts of a-z"),
    "an empty metric": ("rank -m /", "A metric key is parts of a-z"),
    "a cell": ("rank -c digits-exp11-clean", "Did you mean 'digits-exp10-clean'?"),
    "a row whose cells are wanted": (
        "rank --cells-of wurst",
        "No row of digits-v1 named 'wurst'. Did you mean 'worst'?",
    ),
    "cells twice": (
        "rank --cells-of best -c digits-exp10-clean",
        "--cells-of names the cells already",
    ),
    "a seed": ("rank --seed 9", "No seed of digits-v1 named '9'. Known: 0, 1, 2."),
    "a seed that is not a number": ("rank --seed one", "valid integer"),
    "a track": ("rank --track closed", "'closed' is not one of"),
    "a format": ("rank --format xml", "'xml' is not one of"),
    "a format of compare": ("compare best worst --format yaml", "'yaml' is not one of"),
    "a format of claims": ("claims --format yaml", "'yaml' is not one of"),
    "a format of conformance": ("conformance --format yaml", "'yaml' is not one of"),
    "a format of list": ("list metrics --format yaml", "'yaml' is not one of"),
    "a kind of list": ("list metric", "'metric' is not one of"),
    "a truth": ("rank --truth people", "names none"),
    "a row": ("compare best wurst", "Did you mean 'worst'?"),
    "a row of markup": ("compare best [/nope]", "entry or entry+variant"),
    "a row in capitals": ("compare BEST worst", "entry or entry+variant"),
    "a source": ("compare best@here worst", "Run it in a clone"),
    "a variant": ("compare best+xx worst", "No row named 'best+xx'"),
    "an own record that is not there": (
        "compare best@local best@committed",
        "Run: tailmark run best --suite digits-v1",
    ),
    "a path that is not there": ("compare best no/such.json", "there is none"),
    "a path that is a folder": ("compare best submissions.json", "there is none"),
    "a negative margin": ("compare best worst --margin -0.1", "margin must be at least 0"),
    "a metric without replicates": ("compare best worst -m ece", "No metric"),
    "one name only": ("compare best", "Missing argument"),
    "a claim": ("claims --claim rebalanced-tale", "Did you mean"),
    "a state": ("claims --state hold", "Did you mean 'holds'?"),
    "a suite of claims": ("claims -s digit-v1", "Did you mean 'digits-v1'?"),
    "a verdict": ("conformance --verdict belo", "Did you mean 'below'?"),
    "nothing to submit": ("submit best", "Run: tailmark run best --suite digits-v1"),
    "nothing of one's own": ("rank --local", "needs at least one record"),
    "a suite of one's own without its data": (
        "rank -s own-mine-v1",
        "Expected a prepared data set 'mine' for own-mine-v1; there is none",
    ),
    "an unknown option": ("rank --matric test/ece", "No such option"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_one_sentence_and_exit_code_2(tailmark, shelf, what):
    line, words = MISTAKES[what]
    before = written(shelf)
    answer = tailmark(*line.split())
    assert answer.code == 2, answer.out
    assert answer.out == ""
    assert words in answer.err and "Traceback" not in answer.err
    assert written(shelf) == before


def written(shelf):
    """Every file but the index, which reading may write."""
    return {path for path in shelf.rglob("*") if "index" not in path.parts and path.is_file()}


def test_a_bare_name_that_list_metrics_prints_is_taken(tailmark, shelf):
    full = tailmark("rank", "-m", "test/balanced_accuracy")
    assert full.code == 0 and tailmark("rank", "-m", "balanced_accuracy").out == full.out


def here(records, made):
    """Write a record as a run of this machine does."""
    write_record(made, records / made.record.entry / "results")
    renote(records.parent, made)


def test_a_partial_record_is_ranked_beside_others_over_its_own_cells(tailmark, shelf):
    jobs = [{"cell": 1, "seed": s, "status": "done"} for s in range(3)]
    made = recorded("part", 0.7, jobs=jobs)
    write_record(made, shelf / "submissions" / "part" / "results")
    add_to_rerun_list(shelf / "submissions", made.record)
    answer = tailmark("rank", "--cells-of", "part")
    assert answer.code == 0, answer.err
    assert "Over the 1 cell of digits-v1 that part has a record of." in answer.err
    assert all(name in answer.out for name in ("best", "part", "worst"))
    whole = tailmark("rank")
    assert "part" in whole.out.partition("not ranked")[2]


def test_an_edited_record_in_the_store_is_not_ranked(tailmark, shelf):
    own = shelf / ".tailmark" / "records"
    here(own, recorded("best", 0.9))
    here(own, recorded("other", 0.5))
    assert "best" in tailmark("rank", "--local").out
    write_record(recorded("best", 0.99), own / "best" / "results")
    answer = tailmark("rank", "--local", "--format", "json")
    assert "no run here noted that it made it" in answer.out
    assert [row["name"] for row in json.loads(answer.out)["rows"]] == ["other"]


def test_rows_that_differ_from_the_committed_ones_are_exit_code_1(tailmark, shelf):
    own = shelf / ".tailmark" / "records"
    here(own, recorded("best", 0.9))
    same = tailmark("rank", "--local", "--against-committed")
    assert same.code == 0 and "1 identical to the last digit, 0 differ" in same.out
    here(own, recorded("best", 0.2))
    for form in ("text", "json"):
        other = tailmark("rank", "--local", "--against-committed", "--format", form)
        assert other.code == 1
        assert "differs: best — 20.1 % here, 90.1 % committed" in other.out + other.err


def test_an_entry_that_is_only_committed_or_only_here_is_not_compared(tailmark, shelf):
    own = shelf / ".tailmark" / "records"
    here(own, recorded("mine", 0.9))
    for words in ((), ("--local",), ("--with-local",)):
        answer = tailmark("rank", "--against-committed", *words)
        assert answer.code == 0, answer.err
        assert "0 rows compared" in answer.out


@pytest.mark.parametrize("command", ["compare mine best", "regress mine --against best"])
def test_a_record_of_this_machine_alone_is_told_how_it_is_named(tailmark, shelf, command):
    here(shelf / ".tailmark" / "records", recorded("mine", 0.9))
    answer = tailmark(*command.split(), "--suite", "digits-v1")
    assert answer.code == 2
    assert "Write mine@local, or add --with-local." in answer.err
    for advice in (command.replace("mine", "mine@local"), f"{command} --with-local"):
        followed = tailmark(*advice.split(), "--suite", "digits-v1")
        assert followed.code in (0, 3), followed.err  # an answer, or that none can be given


def test_one_sentence_is_said_once_of_all_it_is_said_of(tailmark, shelf):
    for name in ("one", "two"):
        write_record(recorded(name, 0.9, missing=True), shelf / "submissions" / name / "results")
    answer = tailmark("rank")
    assert "not ranked: 2 rows (one, two) — " in answer.out
