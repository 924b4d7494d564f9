"""The commands as a user meets them: from a card to a ranking, and back from the record."""

import json
import subprocess
import sys
from typing import get_args

from harness.cli.entries import Kind
from harness.cli.export import Form
from harness.data.suites.export import WRITERS
from harness.models.cards.rules import PARTS

COMMANDS = (
    *("list", "new", "check", "run", "rescore", "submit"),
    *("rank", "compare", "board", "log", "data", "conformance", "claims"),
)
CELL = ("--cell", "digits-exp10-clean")


def test_help_names_every_command(tailmark):
    answer = tailmark("--help")
    assert answer.code == 0
    for command in COMMANDS:
        assert command in answer.out, command


def test_help_loads_no_numbers_and_no_readers_of_data():
    # What makes help slow is what it imports; a clock would measure the machine.
    code = (
        "import sys; sys.argv = ['tailmark', '--help']\n"
        "from harness.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', sorted(m for m in sys.modules if m in ('numpy', 'scipy', 'pydantic')\n"
        "      or m.startswith(('harness.data', 'harness.models', 'harness.rankings'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_a_choice_that_does_not_exist_names_those_that_do_and_writes_nothing(tailmark, home):
    before = sorted(home.rglob("*"))
    for words, known in (
        (("new", "mine", "--kind", "methods"), ("method", "model", "predictions")),
        (("data", "export", "digits-v1", "-o", "x", "--format", "npy"), tuple(WRITERS)),
    ):
        answer = tailmark(*words)
        assert answer.code == 2 and all(f"'{word}'" in answer.err for word in known)
    assert sorted(home.rglob("*")) == before
    assert get_args(Kind) == PARTS and set(get_args(Form)) == set(WRITERS)


def test_an_entry_goes_from_new_to_the_ranking(tailmark, home):
    assert tailmark("new", "mine", "--kind", "method").code == 0
    card = home / "submissions" / "mine" / "entry.toml"
    card.write_text(card.read_text().replace('"cross-entropy"', '"nearest-mean"'))
    assert "mine: ok" in tailmark("check", "mine").out
    assert "mine: ok" in tailmark("check", "mine", "--suite", "digits-v1").out
    ran = tailmark("run", "mine", "--no-track", "-j", "1")
    assert ran.code == 0 and "24 of 24 jobs" in ran.out
    ranking = tailmark("rank", "--local")
    assert "mine" in ranking.out and "95 %" in ranking.out
    assert max(map(len, ranking.out.splitlines())) <= 110
    assert tailmark("submit", "mine").code == 0
    assert (home / "submissions" / "mine" / "results" / "digits-v1.json").is_file()
    assert "reproduces" in tailmark("rescore", "mine").out


def test_the_same_run_twice_gives_the_same_record_and_does_nothing_again(tailmark, card):
    card()
    first = tailmark("run", "quick", "--no-track", "-j", "1", *CELL)
    second = tailmark("run", "quick", "--no-track", "-j", "1", *CELL)
    assert first.out == second.out


def test_two_processes_give_the_record_of_one(tailmark, card, home, monkeypatch):
    card()
    one = tailmark("run", "quick", "--no-track", "-j", "1", *CELL)
    monkeypatch.setenv("TAILMARK_HOME", str(home / "another-store"))
    two = tailmark("run", "quick", "--no-track", "-j", "2", *CELL)
    assert one.out == two.out


def test_a_part_of_a_suite_is_listed_as_missing_the_rest(tailmark, card, whole):
    card("part")
    tailmark("run", "part", "--no-track", "-j", "1", *CELL)
    answer = tailmark("rank", "--local")
    assert "not ranked: part" in answer.out and "not run" in answer.out


def test_ranking_in_json_has_every_row(tailmark, whole):
    ranking = json.loads(tailmark("rank", "--local", "--format", "json").out)
    assert [row["name"] for row in ranking["rows"]] == ["quick"]


def test_comparison_says_verdict_interval_and_power(tailmark, card):
    card("one")
    card("two", trainer="prior")
    tailmark("run", "one", "two", "--no-track", "-j", "1", *CELL)
    answer = tailmark("compare", "one", "two", "--local")
    assert "better" in answer.out and "80 % power" in answer.out


def test_conformance_names_what_was_not_run(tailmark):
    answer = tailmark("conformance", "--method", "ldam-drw")
    assert answer.code == 0
    assert "not run" in answer.out and "comparisons:" in answer.out


def test_claims_name_what_was_not_run_and_refuse_an_unknown_state(tailmark):
    answer = tailmark("claims", "--suite", "digits-v1")
    assert answer.code == 0
    assert "not run on digits-v1: no record of cnn-bs, cnn-ce" in answer.out
    assert "To run what is missing: tailmark run cnn-bs cnn-ce" in answer.out
    wrong = tailmark("claims", "--state", "hold")
    assert wrong.code == 2
    assert "Did you mean 'holds'?" in wrong.err


def test_lists_show_what_there_is(tailmark, card):
    card()
    for kind, name in {
        "suites": "digits-v1",
        "datasets": "fashion_mnist",
        "metrics": "balanced_accuracy",
        "methods": "nearest-mean",
        "scores": "energy",
        "entries": "quick",
    }.items():
        assert name in tailmark("list", kind).out, kind


def test_rescoring_corrects_a_record_with_other_numbers_than_its_evidence(
    tailmark, whole, home, monkeypatch
):
    from harness.records.records import read_record, sealed, write_record

    folder = home / ".tailmark/records/quick/results"
    made = read_record(folder / "digits-v1.json")
    body = made.record.model_copy(deep=True)
    body.variants[""].metrics["test/ece"][0][0] = 0.5
    write_record(sealed(body, made.arrays), folder)
    monkeypatch.setattr("harness.cli.progress.SECONDS", 0.0)
    wrong = tailmark("rescore", "quick")
    assert wrong.err.splitlines()[-1] == "quick: 24 of 24 jobs recomputed"
    assert wrong.code == 2 and "test/ece in the record is 0.5, recomputed" in wrong.out
    refused = tailmark("submit", "quick")
    assert "quick: 24 of 24 jobs recomputed" in refused.err.splitlines()
    assert refused.code == 2 and "test/ece in the record is 0.5, recomputed" in refused.err
    assert not (home / "submissions/quick/results").exists()
    assert tailmark("rescore", "quick", "--write").code == 0
    assert "reproduces" in tailmark("rescore", "quick").out


def test_one_job_after_a_full_run_leaves_the_entry_in_the_ranking(tailmark, whole):
    full = tailmark("run", "quick", "--no-track", "-j", "1")
    again = tailmark("run", "quick", "--no-track", "-j", "1", *CELL, "--seed", "0")
    assert again.out.startswith(full.out.strip())
    assert "24 of 24 jobs" in again.out and "(23 jobs kept from the record of " in again.out
    assert "not ranked" not in tailmark("rank", "--local").out
    assert "reproduces" in tailmark("rescore", "quick").out


def test_a_record_before_and_after_a_change_of_the_card_can_be_compared(tailmark, card, home):
    folder = card()
    tailmark("run", "quick", "--no-track", "-j", "1", *CELL)
    toml = folder / "entry.toml"
    toml.write_text(toml.read_text().replace('"nearest-mean"', '"prior"'))
    changed = tailmark("run", "quick", "--no-track", "-j", "1", *CELL)
    assert "the card changed since the earlier record" in changed.err
    command = changed.err.partition("Compare the two: tailmark ")[2].split("\n")[0].split()
    answer = tailmark(*command)
    assert answer.code == 0, answer.err
    assert "worse" in answer.out and "all cells" not in answer.out
    assert "In common: 1 of 8 cells of digits-v1: digits-exp10-clean." in answer.out
    tailmark("submit", "quick", "--partial")
    both = tailmark("compare", "quick@local", "quick@committed", "--format", "json")
    assert both.code == 0 and json.loads(both.out)["overall"]["difference"] == 0
