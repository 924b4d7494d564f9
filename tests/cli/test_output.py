"""What is printed survives its surroundings: encodings, pipes, full disks, hostile names."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.cli.console import printable
from harness.cli.progress import Shown, recomputing
from harness.records.records import write_record
from harness.records.trust import add_to_rerun_list
from tests.runs.synthetic import recorded

ROOT = Path(__file__).resolve().parents[2]
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LONG = "a-very-long-name-of-an-entry-that-a-terminal-would-cut"


@pytest.fixture
def shelf(tmp_path):
    root = tmp_path / "submissions"
    for name, level in {"best": 0.9, "worst": 0.5, LONG: 0.4}.items():
        made = recorded(name, level)
        write_record(made, root / name / "results")
        add_to_rerun_list(root, made.record)
    return root


def command(shelf, *words):
    return [sys.executable, "-m", "harness.cli.app", *words, "--submissions", str(shelf)]


def surroundings(tmp_path, **changes):
    home = {"PYTHONPATH": str(ROOT), "TAILMARK_HOME": str(tmp_path / "store")}
    return {**os.environ, **home, **changes}


def ran(shelf, *words, **options):
    changes = options.pop("env", {})
    environment = surroundings(shelf.parent, **changes)
    options = {"capture_output": True, **options}
    return subprocess.run(command(shelf, *words), env=environment, **options)


@pytest.mark.parametrize(
    "words", [("rank",), ("compare", "best", "worst"), ("claims",), ("list", "metrics")]
)
def test_an_ascii_locale_gets_plain_characters(shelf, words):
    done = ran(shelf, *words, env=ASCII)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii() and done.stdout.strip()
    assert b"Traceback" not in done.stderr


def test_an_error_under_an_ascii_locale_is_a_sentence(shelf):
    done = ran(shelf, "rank", "--metric", "ecé", env=ASCII)
    assert done.returncode == 2
    assert done.stderr.isascii() and done.stderr.startswith(b"tailmark: A metric key")


def test_a_reader_that_went_away_ends_the_command_quietly(shelf):
    read, write = os.pipe()
    os.close(read)
    done = ran(shelf, "rank", capture_output=False, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_sentence(shelf):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = ran(shelf, "rank", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("tailmark: The output could not be written: No space")
    assert len(done.stderr.splitlines()) == 1


UNWRITABLE = {
    "a manifest into a missing folder": ("data", "manifest", "digits-v1", "-o", "{home}/no/x.json"),
    "a manifest below a file": ("data", "manifest", "digits-v1", "-o", "{home}/file/x.json"),
    "a picture below a file": ("data", "show", "digits-v1", "-o", "{home}/file/x.png"),
    "a card below a file": ("new", "x", "--kind", "method", "--submissions", "{home}/file/x"),
    "a card under a long name": ("new", "x", "--kind", "method", "--submissions", "{long}"),
}
"""What is written → the words of a command whose place cannot be written, whoever asks."""


@pytest.mark.parametrize("what", UNWRITABLE)
def test_a_place_that_cannot_be_written_is_one_sentence(tailmark, card, home, what):
    card()
    (home / "file").write_text("kept")
    words = [word.format(home=home, long=home / ("x" * 300)) for word in UNWRITABLE[what]]
    before = sorted(home.rglob("*"))
    answer = tailmark(*words)
    assert answer.code == 2 and "Traceback" not in answer.err, answer.err
    assert answer.err.startswith("tailmark: ") and len(answer.err.splitlines()) == 1
    assert str(home / "file") in answer.err or "/no/" in answer.err or "xxx" in answer.err
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    [
        ("data", "manifest", "digits-v1", "-o", "{home}/x"),
        ("data", "show", "digits-v1", "-o", "{home}/x.png"),
        ("new", "x", "--kind", "method"),
    ],
)
def test_a_disk_that_fills_up_leaves_no_half_file(tailmark, home, monkeypatch, words):
    def full(*given):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "chmod", full)  # the step between the last byte and its name
    before = [path for path in home.rglob("*") if path.is_file()]
    answer = tailmark(*(word.format(home=home) for word in words))
    assert answer.code == 2 and "No space left on device" in answer.err, answer.err
    assert len(answer.err.splitlines()) == 1
    assert [path for path in home.rglob("*") if path.is_file()] == before


def test_a_closed_output_is_no_traceback(shelf):
    line = " ".join(f"'{word}'" for word in command(shelf, "rank")) + " >&-"
    done = subprocess.run(
        ["sh", "-c", line], env=surroundings(shelf.parent), stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_deleted_working_folder_is_one_sentence(shelf, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f"cd {gone} && rmdir {gone} && {sys.executable} -m harness.cli.app rank"
    done = subprocess.run(["sh", "-c", line], env=surroundings(tmp_path), capture_output=True)
    assert done.returncode == 2
    assert b"working folder has been deleted" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_unusual_backend_of_matplotlib_does_not_matter(shelf):
    done = ran(shelf, "rank", env={"MPLBACKEND": "module://no_such_backend"})
    assert done.returncode == 0, done.stderr


def test_what_is_piped_is_neither_wrapped_nor_cut(shelf):
    done = ran(shelf, "rank", env={"COLUMNS": "40"})
    assert LONG in done.stdout.decode()
    lines = [line for line in done.stdout.decode().splitlines() if "%" in line and "[" in line]
    assert len(lines) == 3


@pytest.mark.parametrize("form", ["json", "csv", "markdown"])
@pytest.mark.parametrize(
    "words",
    [
        ("rank",),
        ("rank", "--seed", "0"),
        ("compare", "best", "worst"),
        ("claims", "--suite", "digits-v1"),
        ("conformance", "--method", "ldam-drw"),
        ("list", "metrics"),
    ],
)
def test_every_answer_has_every_form(shelf, words, form, monkeypatch, capsys):
    from harness.cli.app import main

    monkeypatch.setattr(sys, "argv", ["tailmark", *command(shelf, *words, "--format", form)[3:]])
    if words[0] == "list":
        monkeypatch.setattr(sys, "argv", ["tailmark", *words, "--format", form])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    text = capsys.readouterr().out
    match form:
        case "json":
            assert json.loads(text)
        case "csv":
            assert len(text.splitlines()) > 1 and "," in text.splitlines()[0]
        case "markdown":
            assert text.startswith("| ") and set(text.splitlines()[1]) == set("| -")


def test_control_characters_are_spelt_out():
    assert printable("a\x1b[31mb\u202ec\x07\ud800") == "a\\x1b[31mb\\u202ec\\x07\\ud800"
    assert printable("97.3 % · τ\n\t") == "97.3 % · τ\n\t"


def test_a_title_is_no_markup_on_a_terminal_and_draws_nothing_in_markdown(tailmark, card):
    folder = card()
    toml = folder / "entry.toml"
    evil = 'title = "[bold]x[/bold] ![p](http://x/p.png)|"\n[method]'
    toml.write_text(toml.read_text().replace("[method]", evil))
    for form in ("text", "markdown", "csv"):
        text = tailmark("list", "entries", "--format", form).out
        if form == "text":
            assert "[bold]x[/bold]" in text
        if form == "markdown":
            assert r"!\[p\](http://x/p.png)\|" in text


def test_an_escape_in_a_card_never_reaches_the_terminal(tailmark, card):
    toml = card() / "entry.toml"
    toml.write_text(toml.read_text().replace("[method]", 'title = "\\u001b[31m"\n[method]'))
    answer = tailmark("list", "entries")
    assert "\x1b" not in answer.out + answer.err


def test_recomputing_is_silent_when_short_and_else_tells_how_far_it_is(capsys, monkeypatch):
    with recomputing("mine") as progress:
        progress(1, 2)
        progress(2, 2)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("harness.cli.progress.SECONDS", 0.0)
    with recomputing("mine") as progress:
        progress(1, 2)
        progress(2, 2)
    told = "mine: 1 of 2 jobs recomputed\nmine: 2 of 2 jobs recomputed\n"
    assert capsys.readouterr() == ("", told)


def test_a_run_where_no_bar_can_be_shown_says_what_the_rest_takes_at_its_pace(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("harness.cli.progress.time.monotonic", lambda: now[0])
    done = SimpleNamespace(status="done")
    with Shown() as shown:
        shown.started(4)
        for seconds in (5.0, 15.0, 60.0, 60.0):
            now[0] += seconds
            shown.finished("mine", done)
    assert capsys.readouterr().err.splitlines() == [
        "1 of 4 jobs done",
        "2 of 4 jobs done; about 20 s more at this pace",
        "3 of 4 jobs done; about 27 s more at this pace",
        "4 of 4 jobs done",
    ]
