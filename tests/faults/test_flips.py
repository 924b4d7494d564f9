"""One bit of one file of the store is flipped: remade, refused or harmless, never believed."""

import os
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

import harness
from harness.errors import HarnessError
from harness.models.store.store import ROOMS
from harness.records.records import read_record
from harness.runs.rescore import rescore
from tests.faults.conftest import WHOLE

FLIPS = int(os.environ.get("TAILMARK_FLIPS", "500")) if WHOLE else 11
CELL = "digits-exp10-clean"
NAMES = ["means", "logistic", "net"] if WHOLE else ["means"]


def linked(source: Path, target: Path) -> None:
    """Copy a folder by hard links: fast, and whoever writes replaces files."""
    shutil.copytree(source, target, copy_function=os.link)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, entry):
    """A store in which two entries were run, ranked and rescored: every kind of file."""
    home = tmp_path_factory.mktemp("flips")
    entry(home / "submissions", "means", "nearest-mean")
    entry(home / "submissions", "logistic", "logistic-regression")
    entry(home / "submissions", "net", "cross-entropy", "epochs = 1", 'recipe = "small-cnn"')
    os.environ["TAILMARK_HOME"] = str(home / "store")  # where the index of records is made
    places = {"store": home / "store", "submissions": home / "submissions"}
    done(places)
    records = {name: read_record(record(places, name)).record for name in NAMES}
    yield home, {name: r.record_sha256 for name, r in records.items()}, tiers(places)
    del os.environ["TAILMARK_HOME"]


def record(places, name) -> Path:
    return places["store"] / "records" / name / "results" / "digits-v1.json"


def done(places):
    return harness.run(
        NAMES,
        cells=[CELL],
        seeds=[0],
        processes=1,
        told=lambda said: None,
        **places,
    )


def tiers(places) -> dict[str, tuple]:
    """Return what a ranking shows of each row, read through the index of records in the store."""
    os.environ["TAILMARK_HOME"] = str(places["store"])
    ranking = harness.rank(local=True, committed=False, cells=[CELL], seeds=[0], **places)
    return {row.name: (row.tier, row.value, row.low, row.high) for row in ranking.rows}


def flipped(path: Path, chance: random.Random) -> None:
    raw = bytearray(path.read_bytes())
    place = chance.randrange(len(raw))
    raw[place] ^= 1 << chance.randrange(8)
    other = path.with_name("flipped")
    other.write_bytes(raw)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)  # the file that it was linked to stays as it is


def kind(path: Path, store: Path) -> str:
    parts = path.relative_to(store).parts
    return f"{parts[0]}/{parts[-2] if parts[0] == 'records' else ''}/{parts[-1]}"


def test_no_flipped_bit_is_believed(whole, tmp_path):
    """Every kind of file has its share of flips, and each store is ranked, rescored and run."""
    home, expected, ranks = whole
    assert {name: row[0] for name, row in ranks.items()} == dict.fromkeys(NAMES, "rerun")
    kinds: dict[str, list[Path]] = {}
    for path in sorted(p for p in (home / "store").rglob("*") if p.is_file() and p.stat().st_size):
        kinds.setdefault(kind(path, home / "store"), []).append(path)
    assert {f"{room}//meta.json" for room in ROOMS} < set(kinds)
    chance = random.Random(16)
    outcomes: Counter[str] = Counter()
    for number in range(FLIPS):
        files = kinds[sorted(kinds)[number % len(kinds)]]
        path = chance.choice(files)
        store = tmp_path / "store"
        linked(home / "store", store)
        flipped(store / path.relative_to(home / "store"), chance)
        places = {"store": store, "submissions": home / "submissions"}
        outcome = read_everything(places, expected, ranks, chance.choice(NAMES))
        outcomes[f"{kind(path, home / 'store')} {outcome}"] += 1
        shutil.rmtree(store)
    lines = (f"{number:4d} {what}\n" for what, number in sorted(outcomes.items()))
    sys.stdout.write("".join(lines))  # shown by make faults


def read_everything(places, expected, ranks, again) -> str:
    """Return what became of a flip; fail where it is believed."""
    outcome = "harmless"
    try:
        seen = tiers(places)
    except HarnessError:
        seen = {}
    if seen != ranks:
        outcome = "left out"
        for name, row in seen.items():  # what is shown is what was made here, or has no tier
            assert row == ranks[name] or row[0] == "claimed", (name, row)
    try:
        for found in rescore([again], "digits-v1", **places) if WHOLE else ():
            assert found.recomputed.record.record_sha256 == expected[found.entry] or not found.same
    except HarnessError:
        outcome = "refused"
    try:
        results = done(places)
    except HarnessError:
        return "refused"
    for made in results:
        failed = [job for job in made.record.jobs if job.status != "done"]
        assert failed or made.record.record_sha256 == expected[made.record.entry]
        outcome = "refused" if failed else outcome
    if (places["store"] / "damaged").exists():
        outcome = "remade"
    return outcome
