"""``tailmark review`` on a repository of two entries: what a pull request may do and what not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.cli.app import main
from harness.records.records import read_record, sealed, write_record
from harness.records.trust import RESCORED, add_to_list

SUITE = "own-table_shapes-v1"
KEY = "test/balanced_accuracy"
CARD = 'format = 1\nname = "{name}"\nkind = "method"\n[method]\ntrainer = "{trainer}"\n'


def git(home, *words):
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=home, check=True, capture_output=True)


def call(*words):
    before = sys.argv
    sys.argv = ["tailmark", *words]
    try:
        main()
    except SystemExit as stopped:
        assert not stopped.code, words
    finally:
        sys.argv = before


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Branch main holds ``steady``; the working tree adds ``fresh`` with published predictions."""
    home = tmp_path_factory.mktemp("clone")
    patch = pytest.MonkeyPatch()
    patch.setenv("TAILMARK_HOME", str(home / ".tailmark"))
    patch.setenv("TAILMARK_DATA", str(home / ".data"))
    patch.chdir(home)
    rng = np.random.default_rng(0)
    rows = [f"{k % 3 + rng.normal(0, 0.4):.4f},{'abc'[k % 3]}" for k in range(90)]
    (home / "shapes.csv").write_text("\n".join(["x,label", *rows]))
    for name, trainer in {"steady": "nearest-mean", "fresh": "logistic-regression"}.items():
        (home / "submissions" / name).mkdir(parents=True)
        (home / "submissions" / name / "entry.toml").write_text(
            CARD.format(name=name, trainer=trainer)
        )
    call("data", "prepare", "table:shapes.csv")
    call("run", "steady", "fresh", "--suite", SUITE, "--no-track", "-j", "1")
    call("submit", "steady", "--suite", SUITE)
    (home / ".gitignore").write_text(".tailmark/\n.data/\n.served/\n.other/\n")
    shutil.move(home / "submissions/fresh", home / "fresh")
    git(home, "init", "-b", "main")
    git(home, "add", "submissions", ".gitignore")
    git(home, "commit", "-m", "one entry")
    git(home, "checkout", "-b", "pull")
    shutil.move(home / "fresh", home / "submissions/fresh")
    call("submit", "fresh", "--suite", SUITE, "--evidence", (home / ".served").as_uri())
    git(home, "add", "submissions")
    git(home, "commit", "-m", "another entry")
    patch.undo()
    return home


@pytest.fixture
def pull(repository, monkeypatch):
    """The pull request's working tree on a reviewer's machine, restored afterwards."""
    monkeypatch.chdir(repository)
    monkeypatch.setenv("TAILMARK_HOME", str(repository / ".other"))
    monkeypatch.setenv("TAILMARK_DATA", str(repository / ".data"))
    monkeypatch.delenv("TAILMARK_SUBMISSIONS", raising=False)
    yield repository
    git(repository, "checkout", "-f", "pull")
    git(repository, "clean", "-fd", "submissions")
    shutil.rmtree(repository / ".other", ignore_errors=True)


@pytest.fixture
def review(pull, monkeypatch, capsys):
    def run(*words, base="main"):
        argv = ["tailmark", "review", "--base", base, "--allow-address", "file://", *words]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return run


def record_of(home, name):
    return home / "submissions" / name / "results" / f"{SUITE}.json"


def edit(home, name, change):
    """Change a submitted record and seal it again, as a forger would."""
    whole = read_record(record_of(home, name))
    body, arrays = whole.record.model_copy(deep=True), dict(whole.arrays)
    write_record(sealed(change(body) or body, arrays), record_of(home, name).parent)


def test_a_new_entry_with_its_predictions_is_recomputed_and_ranked(review):
    code, out, _ = review()
    assert code == 0 and "nothing is refused" in out
    (line,) = (line for line in out.splitlines() if line.startswith(" fresh"))
    assert " — " in line and line.rstrip().endswith("rescored")
    assert f"note: fresh on {SUITE}: reproduces to the last digit" in out
    assert "steady" not in out  # it was not touched


def test_a_long_review_says_how_far_it_is(review, monkeypatch):
    monkeypatch.setattr("harness.cli.progress.SECONDS", 0.0)
    code, _, told = review()
    lines = [f"fresh on {SUITE}: {done} of 9 jobs recomputed" for done in range(1, 10)]
    assert code == 0 and told.splitlines() == lines


def test_all_forms_say_the_same(review):
    body = json.loads(review("--format", "json")[1])
    assert body["problems"] == [] and body["rows"][0]["name"] == "fresh"
    assert body["rows"][0]["before"] is None and body["rows"][0]["after"]["tier"] == "rescored"
    assert {change["kind"] for change in body["changes"]} == {"A"}
    out = review("--format", "markdown")[1]
    assert out.startswith("### tailmark review") and "| fresh |" in out
    assert "%" in out and "| rescored |" in out


def better(body):
    row = body.variants[""].metrics[KEY][0]
    row[:] = [min(1.0, value + 0.01) for value in row]


def named(url):
    def change(body):
        stamp = body.evidence.model_copy(update={"url": url})
        return body.model_copy(update={"evidence": stamp})

    return change


def without_a_value(body):
    body.variants[""].metrics["test/ece"][0][0] = None


def sure(body):
    return body.model_copy(update={"deterministic": True})


REFUSED = {
    "a better number": (
        lambda home: edit(home, "fresh", better),
        "the predictions give other results: test/balanced_accuracy in the record is",
    ),
    "a better number without its address": (
        lambda home: (
            (edit(home, "steady", better), edit(home, "steady", named(None))) and add_evidence(home)
        ),
        "the predictions give other results",
    ),
    "a claim to be deterministic": (
        lambda home: edit(home, "fresh", sure),
        "what differs: deterministic",
    ),
    "a record that is gone": (
        lambda home: record_of(home, "steady").unlink(),
        f"steady/results/{SUITE}.json was there and is gone",
    ),
    "an entry that is gone": (
        lambda home: shutil.rmtree(home / "submissions/steady"),
        "steady/entry.toml was there and is gone",
    ),
    "a value that is gone": (
        lambda home: edit(home, "steady", without_a_value),
        "the record had a value of test/ece in a cell and seed where this one has none",
    ),
    "its own line on the maintainers' list": (
        lambda home: add_to_list(
            home / "submissions", read_record(record_of(home, "fresh")).record, RESCORED
        ),
        "rescored.toml is the maintainers' list, and 1 of its lines differ",
    ),
    "another card": (
        lambda home: (home / "submissions/fresh/entry.toml").write_text(
            CARD.format(name="fresh", trainer="prior")
        ),
        "the card is not the one that the record was made with",
    ),
    "a broken card": (
        lambda home: (home / "submissions/fresh/entry.toml").write_text("format = 1\n"),
        "fresh",
    ),
    "a record under another name": (
        lambda home: shutil.copytree(home / "submissions/fresh", home / "submissions/zebra"),
        "zebra",
    ),
    "a link": (
        lambda home: (home / "submissions/fresh/extra.txt").symlink_to("/etc/passwd"),
        "fresh/extra.txt is a link",
    ),
    "an address on the reviewer's disk": (
        lambda home: edit(home, "fresh", named(f"http://10.0.0.1/e.zip#sha256={'ab' * 32}")),
        "evidence is fetched from https://, hf://, file://…; got http://10.0.0.1/e.zip",
    ),
    "an address without a hash": (
        lambda home: edit(home, "fresh", named("https://example.org/e.zip")),
        "ends in #sha256=",
    ),
    "other predictions at the address": (
        lambda home: edit(home, "fresh", named(other_evidence(home))),
        "should have sha256",
    ),
    "arrays of another record": (
        lambda home: shutil.copy(
            record_of(home, "steady").with_suffix(".npz"),
            record_of(home, "fresh").with_suffix(".npz"),
        ),
        "content is",
    ),
}


def add_evidence(home):
    """Give the reviewer's machine what the authors' has: keys and predictions of ``steady``."""
    for room in ("evidence", "models", "jobs", "records"):
        shutil.copytree(home / ".tailmark" / room, home / ".other" / room)
    return True


def other_evidence(home):
    (file,) = (home / ".served").glob("fresh-*.zip")
    return f"{file.as_uri()}#sha256={'0' * 64}"


@pytest.mark.parametrize("how", REFUSED)
def test_what_is_refused_is_said_and_exit_code_1(pull, review, how):
    change, words = REFUSED[how]
    change(pull)
    code, out, err = review()
    assert code == 1, out + err
    assert any(line.startswith("refused: ") and words in line for line in out.splitlines()), out


def test_a_maintainer_may_take_away(pull, review):
    shutil.rmtree(pull / "submissions/steady")
    code, out, _ = review("--maintainer")
    assert code == 0, out


def test_without_predictions_a_record_is_claimed_and_not_ranked(pull, review):
    edit(pull, "fresh", named(None))
    code, out, _ = review()
    assert code == 0, out
    assert f"note: fresh on {SUITE}: no predictions can be had, so its numbers are claimed" in out
    assert f"not ranked: fresh on {SUITE} — tier is claimed" in out


def test_names_of_files_cannot_speak_markdown(pull, review):
    (pull / "submissions/fresh/![x](http:a)").symlink_to("/etc/passwd")
    out = review("--format", "markdown")[1]
    assert "![x](http" not in out and "\\!\\[x\\](http" in out


@pytest.mark.parametrize("base", ["nowhere", "--output=/tmp/x", "main..pull", ""])
def test_a_revision_that_does_not_exist_is_a_mistake(review, base):
    code, out, err = review(base=base)
    assert code == 2 and out == ""
    assert "No revision named" in err and "Traceback" not in err


def test_outside_a_repository_is_a_mistake(review, tmp_path):
    (tmp_path / "submissions").mkdir()
    code, _, err = review("--submissions", str(tmp_path / "submissions"))
    assert code == 2 and "inside a git repository" in err


def test_the_review_leaves_the_working_tree_as_it_is(pull, review):
    before = {p: p.stat().st_mtime_ns for p in Path(pull / "submissions").rglob("*")}
    review()
    assert {p: p.stat().st_mtime_ns for p in Path(pull / "submissions").rglob("*")} == before
    assert list((pull / ".other" / "archives").iterdir())
