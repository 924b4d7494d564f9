"""An entry's records over all suites and folders, and the line that installs what made them."""

import shutil

from harness.records.records import read_record
from leaderboard.frames.history import history_frame, install_line
from tests.leaderboard.made import write_field


def test_every_record_of_an_entry_is_listed_and_a_damaged_one_says_so(tmp_path):
    root = write_field(tmp_path / "submissions")
    own = tmp_path / "own"
    shutil.copytree(root / "logreg", own / "logreg")
    results = root / "logreg" / "results"
    (results / "other-v1.json").write_text("{")
    found = history_frame("logreg", [root], [own]).to_dict("records")
    assert {(line["suite"], line["where"]) for line in found} == {
        ("digits-v1", "submitted"),
        ("digits-v1", "this machine"),
        ("other-v1", "submitted"),
    }
    sha = read_record(results / "digits-v1.json").record.record_sha256
    assert {line["record sha256"] for line in found} == {sha[:16], ""}
    assert next(x for x in found if x["suite"] == "other-v1")["made"] == "cannot be read"


def test_versions_that_were_not_noted_install_nothing():
    assert install_line(None) == install_line({}) == install_line({"tailmark": "0.1.0"}) == ""
