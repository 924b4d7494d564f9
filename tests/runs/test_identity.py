"""What makes results stale, and what a record says of how it came about."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.keys import KEY_VERSION
from harness.models.methods.code import closure, code_sha256
from harness.models.store.store import Store
from harness.records.records import read_record, record_sha256
from harness.runs.kept import EVALUATOR
from harness.runs.provenance import git_state, host, provenance
from harness.runs.rescore import rescore
from tests.runs.synthetic import recorded

ROOT = Path(__file__).resolve().parent.parent.parent
CELL = "digits-exp10-clean"
ARITHMETIC = {
    "harness.data.worlds.label_shift",
    "harness.data.worlds.familiar",
    "harness.data.splits.unlearning",
}
"""What evaluation takes from the room of data: functions of labels and features, no reader."""
MEASURING = ("harness.metrics.calibration", "harness.scores.ood", "harness.stats.weightings")


def test_evaluation_reaches_what_measures_and_no_reader_of_data():
    reached = closure(EVALUATOR.partition(":")[0])
    data = {name for name in reached if name.startswith("harness.data.")}
    assert {name for name in data if reached[name].name != "__init__.py"} == ARITHMETIC
    others = {n.partition(".")[2].partition(".")[0] for n in set(reached) - data} - {"", "data"}
    assert others == {"metrics", "scores", "stats", "types", "runs"} | {
        "errors",
        "keys",
        "lookup",
        "streams",
    }
    assert not [n for n in reached if n.startswith("harness.runs.") and ".evaluate" not in n]
    assert set(MEASURING) <= set(reached)


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """A copy of the package that can be edited; nothing is imported from it."""
    shutil.copytree(ROOT / "harness", tmp_path / "harness", ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr("harness.models.methods.code.code_root", lambda *_: tmp_path)
    assert code_sha256(EVALUATOR) == code_sha256(EVALUATOR)
    return tmp_path / "harness"


def test_words_in_any_file_leave_all_results(copied):
    before = code_sha256(EVALUATOR)
    for path in copied.rglob("*.py"):
        path.write_text(path.read_text() + '\n"""Said at the end."""\n# and remarked\n')
    assert code_sha256(EVALUATOR) == before


def test_a_mistake_corrected_in_a_reader_leaves_all_results(copied):
    before = code_sha256(EVALUATOR)
    reached = {path.resolve() for path in closure(EVALUATOR.partition(":")[0]).values()}
    for path in (copied / "data").rglob("*.py"):
        if path.resolve() not in reached:
            path.write_text(path.read_text() + "\nCORRECTED = 1\n")
    assert code_sha256(EVALUATOR) == before


@pytest.mark.parametrize("module", MEASURING)
def test_other_arithmetic_makes_results_stale(copied, module):
    before = code_sha256(EVALUATOR)
    path = closure(EVALUATOR.partition(":")[0])[module]
    path.write_text(path.read_text() + "\n_BIAS = 1e-9\n")
    assert code_sha256(EVALUATOR) != before


@pytest.fixture
def entry(tmp_path):
    folder = tmp_path / "submissions" / "quick"
    folder.mkdir(parents=True)
    (folder / "entry.toml").write_text(
        'format = 1\nname = "quick"\nkind = "method"\n[method]\ntrainer = "logistic-regression"\n'
        "overrides = {c = 0.5}\n"
    )
    return {"store": tmp_path / "store", "submissions": tmp_path / "submissions"}


def test_a_record_says_what_was_asked_defaults_filled_in(entry):
    record = harness.run("quick", cells=[CELL], seeds=[0], processes=1, **entry)[0].record
    assert len(record.asked) == 1
    asked = record.asked[0]
    assert asked.cells == (record.suite.cells.index(CELL),)
    assert asked.trainer.startswith("baselines.methods.probes:")
    assert asked.overrides == {"c": 0.5} and asked.settings["c"] == 0.5
    assert set(asked.settings) > {"c"}  # settings that nobody wrote down are there too
    again = harness.run("quick", cells=[CELL], seeds=[0], processes=1, **entry)[0].record
    assert again.asked == record.asked and again.record_sha256 == record.record_sha256


def test_a_rescored_record_still_says_what_was_asked(entry):
    harness.run("quick", cells=[CELL], processes=1, **entry)
    found = list(rescore(["quick"], "digits-v1", **entry))
    assert [each.same for each in found] == [True]
    assert found[0].recomputed.record.asked is not None


def test_what_was_asked_is_part_of_a_records_identity_and_who_made_it_is_not():
    plain = recorded("a", 0.9).record
    asked = plain.model_copy(update={"asked": ()})
    made = plain.model_copy(update={"provenance": {"git": "x"}, "cost": [{"seconds": 1}]})
    assert record_sha256(asked) != record_sha256(plain) == record_sha256(made)


def test_a_record_of_before_there_was_this_field_is_read():
    committed = sorted((ROOT / "submissions").glob("*/results/*.json"))
    old = next(path for path in committed if "asked" not in json.loads(path.read_text()))
    assert read_record(old).record.asked is None


def test_provenance_names_revision_versions_and_host():
    found = provenance()
    assert {"git", "versions", "python", "platform", "cores", "host", "made"} == set(found)
    assert found["versions"]["numpy"] and host()["processor"]
    json.dumps(found, allow_nan=False)


def test_the_instructions_that_a_library_may_use_are_noted(monkeypatch):
    assert "instruction_limits" not in host()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    assert host()["instruction_limits"] == {"ONEDNN_MAX_CPU_ISA": "SSE41"}
    said = "from harness.runs.provenance import host; import torch; print(host()['instructions'])"
    limited = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
    found = subprocess.run(
        [sys.executable, "-c", said], env=limited, capture_output=True, text=True, cwd=ROOT
    )
    assert found.stdout.strip().lower() == "default", found.stderr


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def test_the_revision_is_that_of_tracked_code_and_says_whether_it_was_edited(tmp_path):
    package = tmp_path / "harness"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert git_state(package) is None
    git(tmp_path, "init", "-q")
    git_state.cache_clear()
    assert git_state(package) is None, "installed into somebody else's checkout"
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    git_state.cache_clear()
    clean = git_state(package)
    assert len(clean["revision"]) == 40 and clean["dirty"] is False
    (tmp_path / "notes.txt").write_text("not code")
    git_state.cache_clear()
    assert git_state(package)["dirty"] is False
    (package / "__init__.py").write_text("x = 1\n")
    git_state.cache_clear()
    assert git_state(package) == {"revision": clean["revision"], "dirty": True}
    git_state.cache_clear()


def test_what_a_store_kept_under_older_keys_is_not_found(entry, monkeypatch):
    """Keys hold the version: nothing of an older store is taken, and nothing fails."""
    for version in (KEY_VERSION - 1, KEY_VERSION):
        for module in ("harness.keys", "harness.models.obtain.work", "harness.runs.kept"):
            monkeypatch.setattr(f"{module}.KEY_VERSION", version)
        harness.run("quick", cells=[CELL], seeds=[0], processes=1, **entry)
    rooms = [kept.room for kept in Store(entry["store"]).listing()]
    for room in ("models", "jobs", "results"):
        assert rooms.count(room) == 2, room


RUN = """
import harness, sys
found = harness.run("quick", cells=["digits-exp10-clean"], seeds=[0], processes=1,
                    store=sys.argv[1], submissions=sys.argv[2])
record = found[0].record
print(record.record_sha256, record.jobs[0].model_id)
"""


def test_the_same_run_anywhere_gives_the_same_record_and_model(entry, tmp_path):
    said = set()
    for name, seed in (("a", "1"), ("b", "2")):
        where = tmp_path / name
        shutil.copytree(entry["submissions"], where / "submissions")
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(where / "store"), str(where / "submissions")],
            capture_output=True, text=True, cwd=where,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said.add(done.stdout.strip())
    assert len(said) == 1
