"""Everything under submissions/: cards are valid, records whole, small and of today's suites."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from harness.data.suites.open import SUITES
from harness.errors import HarnessError
from harness.metrics.groups import CONFUSED, GROUPS
from harness.metrics.table import EXTRA, METRICS
from harness.models.cards.cards import card_sha256, read_card
from harness.records.records import max_result_bytes, read_record
from harness.records.trust import rerun_list
from harness.runs.evaluate.asked import asked_of
from harness.runs.plan import entry_folders
from harness.scores.ood import OOD_SCORES

ROOT = Path(__file__).resolve().parent.parent
SUBMISSIONS = ROOT / "submissions"
ENTRIES = entry_folders(SUBMISSIONS)
RECORDS = sorted(SUBMISSIONS.glob("*/results/*.json"))


def findings(path: Path, submissions: Path) -> list[str]:
    """What is wrong with one committed record."""
    found = []
    try:
        recorded = read_record(path)
        _ = recorded.arrays
    except HarnessError as error:
        return [str(error)]
    record = recorded.record
    if (record.entry, record.suite.id) != (path.parent.parent.name, path.stem):
        found.append("entry or suite is not what the path says")
    for file in (path, path.with_suffix(".npz")):
        if file.stat().st_size > max_result_bytes(record):
            found.append(f"{file.name} is above what its rows, cells and variants may have")
    if record.suite.sha256 != SUITES[record.suite.id].sha256:
        found.append("the suite is not what it was when the record was made")
    if card_sha256(read_card(path.parent.parent)) != record.card_sha256:
        found.append("the card changed since the run")
    if any(job.status != "done" for job in record.jobs):
        found.append("a job is not done")
    seeds = Counter(job.cell for job in record.jobs)
    if any(count != len(record.suite.seeds) for count in seeds.values()):
        found.append("a cell lacks a seed")
    if record.record_sha256 not in rerun_list(submissions):
        found.append("not on the maintainers' list")
    return found


SINCE = {"tail_as_head", "few_as_many"}
"""Metrics that are younger than records of cards that ask for all: these have them once they are
run again."""


def extras_of(recorded) -> set[str]:
    """Extra metrics and OOD scores that a record holds, with a value or with a reason."""
    record = recorded.record
    keys = {*record.variants[""].metrics, *(u.key for u in record.undefined if not u.variant)}
    return {part for key in keys for part in key.split("/")} & (set(EXTRA) | set(OOD_SCORES))


def unasked(path: Path) -> str:
    """How the extra metrics and scores of a committed record differ from what its card asks."""
    recorded, card = read_record(path), read_card(path.parent.parent)
    asked = asked_of(SUITES[recorded.record.suite.id], card)
    wanted, held = {*asked.metrics, *asked.scores}, extras_of(recorded)
    # Beside these a metric may have nothing to read: no calibration pool, no features, no noise.
    every_pool = {m for m in asked.metrics if METRICS[m].needs in ("labels", "probs")}
    every_pool -= SINCE - set(card.extra)
    formed = GROUPS[SUITES[recorded.record.suite.id].groups]
    every_pool -= {key for key, (rare, _) in CONFUSED.items() if rare not in formed}
    if held - wanted:
        return f"holds {sorted(held - wanted)}: the card lacks extra, and a rerun would drop them"
    return f"lacks {sorted(every_pool - held)}, which its card asks for" * bool(every_pool - held)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_card_is_valid_and_lies_in_a_folder_of_its_name(name):
    assert read_card(ENTRIES[name]).name == name


@pytest.mark.parametrize("path", RECORDS, ids=lambda p: f"{p.parent.parent.name}/{p.stem}")
def test_a_committed_record_is_whole_and_of_todays_suite(path):
    assert findings(path, SUBMISSIONS) == []


@pytest.mark.parametrize("path", RECORDS, ids=lambda p: f"{p.parent.parent.name}/{p.stem}")
def test_a_record_holds_the_extra_metrics_and_scores_that_its_card_asks_for(path):
    assert not unasked(path)


def test_a_card_that_lost_or_won_its_extra_is_found(tmp_path):
    for name, before, after in (
        ("cnn-bs-crop", 'extra = ["all"]\n', ""),
        ("cnn-ce", 'ood_score = "energy"\n', 'ood_score = "energy"\nextra = ["hmean"]\n'),
    ):
        entry = tmp_path / name
        shutil.copytree(SUBMISSIONS / name, entry)
        path = entry / "results" / "digits-v1.json"
        assert not unasked(path)
        card = entry / "entry.toml"
        assert before in card.read_text()
        card.write_text(card.read_text().replace(before, after))
        assert ("rerun would drop" if not after else "lacks ['hmean']") in unasked(path)


def test_the_first_baselines_have_results_on_both_first_suites():
    first = "majority prior nearest-mean logistic-regression linear-svm cnn-ce cnn-bs cnn-la"
    there = {(p.parent.parent.name, p.stem) for p in RECORDS}
    wanted = {(e, s) for e in first.split() for s in ("digits-v1", "fashion-v1")}
    assert wanted <= there


def test_a_planted_violation_is_found(tmp_path):
    entry = tmp_path / "cnn-ce"
    shutil.copytree(SUBMISSIONS / "cnn-ce", entry)
    path = entry / "results" / "digits-v1.json"
    path.write_text(path.read_text().replace('"status": "done"', '"status": "failed"', 1))
    assert findings(path, tmp_path)
    shutil.copy(SUBMISSIONS / "cnn-ce" / "results" / "digits-v1.json", path)
    card = entry / "entry.toml"
    card.write_text(card.read_text().replace("plain cross-entropy", "something else"))
    assert set(findings(path, tmp_path)) == {
        "the card changed since the run",
        "not on the maintainers' list",
    }
