"""What the system refuses is a sentence; what we did wrong keeps its traceback."""

import errno
import os
import sys
from pathlib import Path

import pytest

import harness
from harness.cli.console import correctable
from harness.refusals import is_refusal, words_of_user

NAMED = "/home/me/out"


def refused(code, name=None):
    return OSError(code, os.strerror(code), *([] if name is None else [str(name)]))


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENOMEM"])
def test_room_is_the_users_wherever_it_lacks(code):
    number = getattr(errno, code)
    assert is_refusal(refused(number), [])
    assert is_refusal(refused(number, harness.__file__), [])


@pytest.mark.parametrize("code", ["EACCES", "EPERM", "ENAMETOOLONG", "ELOOP", "EBUSY"])
def test_rights_are_the_users_outside_of_the_program(code):
    number = getattr(errno, code)
    assert is_refusal(refused(number, "/elsewhere/file"), [])
    assert is_refusal(refused(number, b"/elsewhere/file"), [])
    assert not is_refusal(refused(number, harness.__file__), [])
    assert not is_refusal(refused(number, Path(sys.prefix) / "lib"), [])
    assert not is_refusal(refused(number), [])


@pytest.mark.parametrize("code", ["ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY"])
@pytest.mark.parametrize(
    ("path", "users"),
    [
        (NAMED, True),
        (f"{NAMED}/x.json", True),
        ("/home/me", True),
        (f"{NAMED}/jobs/ab/meta.json", False),
        ("/tmp/tailmark-x", False),
        ("/home/me/other", False),
    ],
)
def test_a_missing_place_is_the_users_where_it_was_named(code, path, users):
    number = getattr(errno, code)
    assert is_refusal(refused(number, path), ["run", NAMED]) is users


@pytest.mark.parametrize("code", ["EBADF", "EINVAL", "ECHILD", "ECONNREFUSED", "EPIPE"])
def test_what_no_path_or_disk_explains_is_ours(code):
    assert not is_refusal(refused(getattr(errno, code), NAMED), [NAMED])


def test_an_error_without_a_number_is_ours():
    assert not is_refusal(OSError("something of ours"), [NAMED])


def test_options_and_settings_are_looked_through(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tailmark", "run", "--store=/a", "-o", "/b"])
    monkeypatch.setenv("TAILMARK_DATA", "/c")
    assert {"/a", "/b", "/c"} <= set(words_of_user())
    assert "tailmark" not in words_of_user()


def test_the_command_line_shows_our_own_mistakes(monkeypatch, capsys):
    """A file that we forgot to make, and a handle that is closed twice, are no sentence."""
    monkeypatch.setattr(sys, "argv", ["tailmark", "rank"])
    for mistake in (lambda: Path("/nowhere/of/ours").read_bytes(), lambda: os.close(10**6)):
        with pytest.raises(OSError), correctable():  # noqa: PT011 (which one is not the point)
            mistake()
    assert capsys.readouterr().err == ""


def test_the_command_line_says_what_the_user_named(monkeypatch, capsys, tmp_path):
    there = tmp_path / "no" / "x.json"
    monkeypatch.setattr(sys, "argv", ["tailmark", "data", "manifest", "-o", str(there)])
    with pytest.raises(SystemExit) as stopped, correctable():
        there.write_text("x")
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and str(there) in said and said.count("\n") == 1
