"""What the board reads: one damaged file hides its own entry only, and no folder is told."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from leaderboard import reading
from leaderboard.reading import (
    look_at,
    read_field,
    recent_look,
    suites_in,
    without_folders,
)
from tests.leaderboard.made import FIELD, made, write_field

SUITE = "digits-v1"


@pytest.fixture
def root(tmp_path):
    return write_field(tmp_path / "submissions")


def results(root, name):
    return root / name / "results" / f"{SUITE}.json"


def test_a_whole_folder_has_nothing_left_out(root):
    found = read_field(SUITE, (root,), ())
    assert found.left_out == ()
    assert set(found.records) == {*FIELD, "broken"}
    assert found.loaded == len(FIELD) + 1
    assert "cnn-ce+la" in found.by_name


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_text("{"), "should be a record"),
        (lambda path: path.write_text(path.read_text().replace("0.", "0.1", 1)), "edited"),
        (lambda path: path.with_suffix(".npz").unlink(), "there is none"),
        (lambda path: path.with_suffix(".npz").write_bytes(b"no"), "npz"),
        (
            lambda path: shutil.copy(
                path.parents[2] / "logreg" / "results" / f"{SUITE}.npz", path.with_suffix(".npz")
            ),
            "expects",
        ),
    ],
)
def test_a_damaged_record_leaves_its_own_entry_out(root, damage, words):
    damage(results(root, "cnn-bs"))
    found = read_field(SUITE, (root,), ())
    assert [item.name for item in found.left_out] == ["cnn-bs"]
    assert words in found.left_out[0].reason
    assert str(root) not in found.left_out[0].reason
    assert set(found.records) == {*FIELD, "broken"} - {"cnn-bs"}


def test_a_record_of_another_version_of_the_suite_is_left_out(root):
    path = results(root, "logreg")
    body = json.loads(path.read_text())
    body["suite"]["sha256"] = "cd" * 32
    body["record_sha256"] = None
    from harness.records.records import sealed, write_record
    from harness.types import RunRecord

    other = RunRecord.model_validate(body)
    write_record(sealed(other, made("logreg", 0.85).arrays), path.parent)
    found = read_field(SUITE, (root,), ())
    assert [item.name for item in found.left_out] == ["logreg"]
    assert "another version of digits-v1" in found.left_out[0].reason


def test_a_broken_list_of_reruns_lowers_tiers_and_is_named(root):
    (root / "rerun.toml").write_text("[rerun")
    found = read_field(SUITE, (root,), ())
    assert [item.name for item in found.left_out] == ["rerun.toml"]
    assert {row.tier for row in found.rows} == {"claimed"}


def test_this_machines_own_records_go_first(root, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(root / "logreg", own / "logreg")
    found = read_field(SUITE, (root,), (own,))
    assert found.by_name["logreg"].local
    assert not found.by_name["cnn-bs"].local


def test_nothing_at_all_is_an_empty_field(tmp_path):
    assert len(read_field(SUITE, (tmp_path,), ()).rows) == 0
    assert suites_in([tmp_path]) == []


def test_folders_are_not_told(tmp_path):
    text = without_folders(f"{tmp_path}/a/x.json is wrong, see {tmp_path}", [tmp_path])
    assert text == "a/x.json is wrong, see the folder of records"


def test_a_look_changes_with_the_files_of_its_suite_alone(root):
    (root / "logreg" / "results" / "other-v1.json").write_text("{}")
    before = look_at([root])
    assert list(before.suites) == [SUITE, "other-v1"]
    assert look_at([root]) == before
    results(root, "logreg").with_suffix(".npz").write_bytes(b"no")
    after = look_at([root])
    assert after.suites["other-v1"] == before.suites["other-v1"]
    assert after.suites[SUITE] != before.suites[SUITE]
    assert after.whole != before.whole
    (root / "rerun.toml").write_text("")
    assert all(look_at([root]).suites[name] != after.suites[name] for name in after.suites)


def test_many_visitors_look_once(root, monkeypatch):
    looks = []

    def slow(roots):
        looks.append(roots)
        time.sleep(0.05)
        return look_at(roots)

    monkeypatch.setattr(reading, "look_at", slow)
    with ThreadPoolExecutor(8) as visitors:
        found = list(visitors.map(lambda _: recent_look((root,)), range(8)))
    assert len(looks) == 1
    assert all(each is found[0] for each in found)
