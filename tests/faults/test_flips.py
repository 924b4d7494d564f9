"""One bit of one file of the store is flipped: remade, refused or harmless, never believed."""

import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import harness
from harness.errors import HarnessError
from harness.models.store.store import ROOMS
from harness.runs.rescore import rescore
from tests.faults.conftest import WHOLE

FLIPS = int(os.environ.get("TAILMARK_FLIPS", "500")) if WHOLE else 11
SEED = int(os.environ.get("TAILMARK_FLIPS_SEED", "16"))
CELL = "digits-exp10-clean"
ENTRIES = {
    "means": ("nearest-mean", "", ""),
    "net": ("cross-entropy", "epochs = 1", 'recipe = "small-cnn"'),
}
"""The cheapest first; the second has files that the first lacks: features and a last layer."""
NAMES = list(ENTRIES) if WHOLE else ["means"]
RESCORED = ("evidence", "records")
"""Folders of what `rescore` reads; a ranking reads records and their index, a run everything."""
SHOWN_EVERY = 50
"""Flips after which `make faults` says how far it is."""


@dataclass(frozen=True)
class Home:
    """One entry with a store of its own, in which it was run, ranked and rescored."""

    name: str
    submissions: Path
    store: Path
    sha256: str
    """Of its record."""
    row: tuple
    """What a ranking shows of it."""


@pytest.fixture(scope="module")
def homes(tmp_path_factory, entry) -> Iterator[list[Home]]:
    """Stores with every kind of file, one an entry: a flip is read by what reads this file."""
    before = os.environ.get("TAILMARK_HOME")
    found = []
    for name in NAMES:
        folder = tmp_path_factory.mktemp(name)
        submissions, store = folder / "submissions", folder / "store"
        entry(submissions, name, *ENTRIES[name])
        (made,) = run(name, submissions, store)
        time.sleep(0.2)  # a record is indexed when its files have settled
        (row,) = rows(submissions, store).values()
        sha256 = made.record.record_sha256
        found.append(Home(name, submissions, store, sha256, row))
    yield found
    if before is None:
        del os.environ["TAILMARK_HOME"]
    else:
        os.environ["TAILMARK_HOME"] = before


def run(name: str, submissions: Path, store: Path) -> list:
    return list(
        harness.run(
            name, cells=[CELL], seeds=[0], processes=1, told=lambda said: None,
            submissions=submissions, store=store,
        )
    )  # fmt: skip


def rows(submissions: Path, store: Path) -> dict[str, tuple]:
    """Return what a ranking shows of each row, read through the index of records in the store."""
    os.environ["TAILMARK_HOME"] = str(store)
    ranking = harness.rank(
        local=True, committed=False, cells=[CELL], seeds=[0], submissions=submissions, store=store
    )
    return {row.name: (row.tier, row.value, row.low, row.high) for row in ranking.rows}


def flipped(path: Path, chance: random.Random) -> None:
    """Flip a bit of a file that keeps its times; what it was linked to stays as it is."""
    raw = bytearray(path.read_bytes())
    place = chance.randrange(len(raw))
    raw[place] ^= 1 << chance.randrange(8)
    other = path.with_name("flipped")
    other.write_bytes(raw)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def kind(path: Path) -> str:
    return f"{path.parts[0]}/{path.parts[-2] if path.parts[0] == 'records' else ''}/{path.name}"


def test_no_flipped_bit_is_believed(homes, tmp_path):
    """Every kind of file has its share of flips; its entry is ranked, rescored and run."""
    assert {home.row[0] for home in homes} == {"rerun"}
    kinds: dict[str, list[tuple[Home, Path]]] = {}
    for home in homes:
        for path in sorted(p for p in home.store.rglob("*") if p.is_file() and p.stat().st_size):
            inside = path.relative_to(home.store)
            found = kinds.setdefault(kind(inside), [])
            if not found or found[0][0] is home:
                found.append((home, inside))
    assert {f"{room}//meta.json" for room in ROOMS} | {"index//means.safetensors"} < set(kinds)
    chance = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    for number in range(FLIPS):
        what = sorted(kinds)[number % len(kinds)]
        home, path = chance.choice(kinds[what])
        store = tmp_path / "store"
        # hard links: fast, and whoever writes replaces files
        shutil.copytree(home.store, store, copy_function=os.link)
        flipped(store / path, chance)
        outcomes[f"{what} {outcome_of(home, store, path.parts[0])}"] += 1
        shutil.rmtree(store)
        if (number + 1) % SHOWN_EVERY == 0:
            sys.stdout.write(f"{number + 1} of {FLIPS} flips\n")  # shown by make faults
            sys.stdout.flush()
    lines = (f"{number:4d} {what}\n" for what, number in sorted(outcomes.items()))
    sys.stdout.write("".join(lines))


def outcome_of(home: Home, store: Path, room: str) -> str:
    """Return what became of a flip in a room; fail where it is believed."""
    outcome = "harmless"
    try:
        seen = rows(home.submissions, store)
    except HarnessError:
        seen = {}
    if seen != {home.name: home.row}:
        outcome = "left out"
        # what is shown is what was made here, or has no tier
        assert all(row == home.row or row[0] == "claimed" for row in seen.values()), seen
    places = {"submissions": home.submissions, "store": store}
    try:
        for found in rescore([home.name], "digits-v1", **places) if room in RESCORED else ():
            assert found.recomputed.record.record_sha256 == home.sha256 or not found.same
    except HarnessError:
        outcome = "refused"
    try:
        (made,) = run(home.name, **places)
    except HarnessError:
        return "refused"
    failed = [job for job in made.record.jobs if job.status != "done"]
    assert failed or made.record.record_sha256 == home.sha256
    outcome = "refused" if failed else outcome
    return "remade" if (store / "damaged").exists() else outcome
