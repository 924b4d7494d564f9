"""A kept ranking is the computed one, and no change of what it depends on leaves it in use."""

import shutil
import time

import pytest

from harness.errors import UnknownNameError
from harness.rankings import kept
from harness.rankings.field import suite_rows
from harness.rankings.kept import ranked
from harness.rankings.ranking import rank
from harness.records import index
from harness.records.trust import LIST
from tests.leaderboard.made import write_field

SUITE = "digits-v1"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(index.OFF, raising=False)
    found = write_field(tmp_path / "submissions")
    time.sleep(2 * index.SETTLED)
    return found


def files(tmp_path):
    return sorted((tmp_path / "home" / "index" / "rankings").glob("*.json"))


def both(root, **asked):
    field = suite_rows(SUITE, roots=[root])
    return ranked(field, suite=SUITE, **asked), rank(field, suite=SUITE, **asked)


def test_a_kept_ranking_is_the_computed_one_for_everything_that_can_be_asked(root, tmp_path):
    field = suite_rows(SUITE, roots=[root])
    cell = field[0].recorded.record.suite.cells[1]
    questions = (
        {},
        {"key": "test/nll"},
        {"track": "inductive"},
        {"cells": [cell]},
        {"seeds": [field[0].recorded.record.suite.seeds[0]]},
        {"notes": ("a note",)},
    )
    for count, asked in enumerate(questions, start=1):
        first, plain = both(root, **asked)
        again, _ = both(root, **asked)
        assert first == again == plain, asked
        assert len(files(tmp_path)) == count


def test_a_kept_ranking_is_not_computed_again(root, monkeypatch):
    first, _ = both(root)
    monkeypatch.setattr("harness.rankings.ranking.rank", lambda *_, **__: pytest.fail("computed"))
    assert ranked(suite_rows(SUITE, roots=[root]), suite=SUITE) == first


def test_a_changed_record_list_or_code_is_another_ranking(root, tmp_path, monkeypatch):
    before, _ = both(root)
    shutil.copytree(root / "cnn-bs" / "results", root / "broken" / "results", dirs_exist_ok=True)
    lost, plain = both(root)  # a record under another entry's name is left out, and said
    assert lost == plain != before
    (root / LIST).write_text("[rerun]\n")
    unlisted, plain = both(root)
    assert unlisted == plain
    assert unlisted not in (before, lost)
    assert len(files(tmp_path)) == 3
    monkeypatch.setattr(kept, "_code", lambda: "other code")
    assert both(root)[0] == unlisted
    assert len(files(tmp_path)) == 4


def test_a_damaged_file_is_passed_over_and_made_again(root, tmp_path):
    first, _ = both(root)
    (file,) = files(tmp_path)
    good = file.read_bytes()
    for damaged in (b"", good[:-9], good.replace(b'"value":0', b'"value":1'), b"\xff" + good):
        file.write_bytes(damaged)
        assert both(root)[0] == first
        assert file.read_bytes() == good


def test_without_an_index_and_after_an_error_nothing_is_kept(root, tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError):
        both(root, track="nonsense")
    monkeypatch.setenv(index.OFF, "1")
    both(root)
    assert files(tmp_path) == []


def test_only_so_many_are_kept_and_the_oldest_go(root, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "MOST", 2)
    for note in ("a", "b", "c"):
        both(root, notes=(note,))
        time.sleep(0.02)
    assert len(files(tmp_path)) == 2
    assert '"notes":["c"]' in files(tmp_path)[0].read_text() + files(tmp_path)[1].read_text()
    assert not any('"notes":["a"]' in file.read_text() for file in files(tmp_path))
