"""Bad input: one sentence with expected, received and what to do; exit code 2, nothing left."""

import os

import numpy as np
import pytest


def refused(answer, *parts: str) -> None:
    assert answer.code == 2, answer.out + answer.err
    assert "Traceback" not in answer.err
    for part in parts:
        assert part in answer.err, answer.err


def test_unknown_suite(tailmark, card):
    card()
    refused(tailmark("run", "quick", "--suite", "digit-v1"), "Did you mean 'digits-v1'?")


def test_unknown_entry(tailmark, card):
    card()
    refused(tailmark("run", "quikc"), "submissions named 'quikc'", "Did you mean 'quick'?")


def test_unknown_metric(tailmark, card):
    card()
    tailmark("run", "quick", "--no-track", "-j", "1", "--cell", "digits-exp10-clean")
    refused(tailmark("rank", "--local", "-m", "test/ecee"), "Did you mean 'test/ece'?")


def test_unknown_list(tailmark):
    refused(tailmark("list", "suite"), "'suite' is not one of", "'suites'")


def test_unknown_cell(tailmark, card):
    card()
    refused(tailmark("run", "quick", "--cell", "digits-exp11-clean"), "Did you mean")


def test_misspelt_card_field(tailmark, card):
    card(extra='ood_scor = "energy"')
    refused(tailmark("check", "quick"), "ood_scor", "ood_score")


def test_a_trainer_from_outside_needs_a_sandbox_or_trust(tailmark, card, monkeypatch):
    monkeypatch.setenv("TAILMARK_SANDBOX", "none")
    card(trainer="os.path:join")
    refused(tailmark("run", "quick"), "no sandbox for it", "--trust")


def test_no_entries_at_all(tailmark):
    refused(tailmark("run"), "tailmark new")


def test_ranking_without_records(tailmark):
    refused(tailmark("rank", "--local"), "Run: tailmark run --suite digits-v1")


def test_ranking_of_a_suite_that_does_not_exist_is_not_told_to_run_it(tailmark):
    answer = tailmark("rank", "--suite", "digits-v9")
    refused(answer, "No suite named 'digits-v9'. Did you mean 'digits-v1'?")
    assert "tailmark run" not in answer.err


def test_a_suite_over_data_that_were_not_prepared_says_how_to_prepare_them(tailmark):
    refused(
        tailmark("data", "show", "own-table_abalon-v1"),
        "a prepared data set 'table_abalon'",
        "tailmark data prepare table:mine.csv",
    )


def predictions_entry(home, values, *, kind="probs", name="given"):
    from harness.keys import sha256_file

    folder = home / "submissions" / name
    folder.mkdir()
    np.savez(folder / "test.npz", row=np.arange(len(values)), **{kind: values})
    sha = sha256_file(folder / "test.npz")
    (folder / "entry.toml").write_text(
        f'format = 1\nname = "{name}"\nkind = "predictions"\nood_score = "msp"\n'
        f'[predictions.files."digits-exp10-clean-s0/test"]\npath = "test.npz"\nsha256 = "{sha}"\n'
    )
    return ("run", name, "--no-track", "-j", "1", "--cell", "digits-exp10-clean", "--seed", "0")


@pytest.fixture(scope="module")
def n_test() -> int:
    from harness.data.suites.open import open_suite

    return len(open_suite("digits-v1").test)


def test_predictions_with_a_wrong_row_count(tailmark, home, n_test):
    words = predictions_entry(home, np.full((n_test - 1, 8), 1 / 8, dtype=np.float32))
    refused(tailmark(*words), f"{n_test - 1:,} rows", f"{n_test:,}")


def test_predictions_with_nan(tailmark, home, n_test):
    values = np.full((n_test, 8), 1 / 8, dtype=np.float32)
    values[3, 2] = np.nan
    refused(tailmark(*predictions_entry(home, values)), "NaN")


def test_predictions_whose_rows_do_not_sum_to_one(tailmark, home, n_test):
    values = np.full((n_test, 8), 2.0, dtype=np.float32)
    refused(tailmark(*predictions_entry(home, values)), "sum to 1", "softmax")


def test_predictions_with_another_sha256(tailmark, home, n_test):
    words = predictions_entry(home, np.full((n_test, 8), 1 / 8, dtype=np.float32))
    np.savez(home / "submissions" / "given" / "test.npz", row=np.arange(3))
    refused(tailmark(*words), "sha256")


def test_good_predictions_are_scored_and_what_is_missing_is_said(tailmark, home, n_test):
    words = predictions_entry(home, np.full((n_test, 8), 1 / 8, dtype=np.float32))
    answer = tailmark(*words)
    assert answer.code == 0, answer.err
    from harness import load_record

    record = load_record(home / ".tailmark/records/given/results/digits-v1.json").record
    reasons = {u.reason for u in record.undefined}
    assert "no predictions for pool ood/near/digits89" in reasons


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_results_folder(tailmark, card, home):
    card()
    records = home / ".tailmark" / "records"
    records.mkdir(parents=True)
    records.chmod(0o500)
    refused(tailmark("run", "quick", "--no-track", "-j", "1"), "must be writable")


def test_a_results_folder_that_is_a_file(tailmark, card, home):
    card()
    (home / ".tailmark").mkdir()
    (home / ".tailmark" / "records").write_text("taken")
    refused(
        tailmark("run", "quick", "--no-track", "-j", "1", "--cell", "digits-exp10-clean"),
        "must be writable",
    )


def test_an_unreachable_tracking_server_leaves_the_record_safe(tailmark, card, home):
    card()
    words = ("run", "quick", "-j", "1", "--cell", "digits-exp10-clean")
    answer = tailmark(*words, "--tracking-uri", "http://127.0.0.1:9")
    assert answer.code == 0
    assert "tailmark log" in answer.err and "Traceback" not in answer.err
    assert (home / ".tailmark/records/quick/results/digits-v1.json").is_file()


@pytest.mark.parametrize("store", ["file", "file/below"])
def test_a_store_that_cannot_be_written_is_said_once_before_any_work(
    tailmark, card, home, store, monkeypatch
):
    """Not by each of 24 jobs, and before the suite is opened."""
    card()
    (home / "file").touch()
    monkeypatch.setattr("harness.runs.execute.open_suite", None)
    before = sorted(home.rglob("*"))
    answer = tailmark("run", "quick", "--store", str(home / store))
    refused(answer, "tailmark: The store", str(home / store), "--store or TAILMARK_HOME")
    assert answer.err.count("\n") == 1 and answer.out == ""
    assert sorted(home.rglob("*")) == before


def test_a_run_that_measured_nothing_names_no_record_and_logs_none(tailmark, card, home):
    """Its record is not written: `log --pending` would look for it for ever."""
    card()
    words = ("--cell", "digits-exp10-clean", "--seed", "0", "--memory-limit", "1MB", "-j", "1")
    answer = tailmark("run", "quick", *words, "--tracking-uri", "http://127.0.0.1:9")
    refused(answer, "more than the limit of 0.001 GB", "--memory-limit")
    assert "no record: nothing was measured" in answer.out and "pending" not in answer.err
    assert not list((home / ".tailmark").glob("records/*"))
    assert not list((home / ".tailmark").glob("pending/*"))


@pytest.mark.parametrize(
    "words", [("store",), ("plan",), ("log", "--pending"), ("rank", "--local")]
)
def test_a_file_is_no_empty_store(tailmark, card, home, words):
    card()
    (home / "file").touch()
    refused(tailmark(*words, "--store", str(home / "file")), "must be a folder; got a file")
