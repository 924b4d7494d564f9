"""Processes that are killed, interrupted, or do the same at once."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from harness.models.store.store import ROOMS
from harness.runs.plan import find_entry
from tests.faults.conftest import ROOT, tailmark, whole_only

KILLS = int(os.environ.get("TAILMARK_KILLS", "50"))
CHEAP = {"means": "nearest-mean", "logistic": "logistic-regression", "prior": "prior"}
"""What a digits-v1 run takes seconds for."""
CHILDREN = {
    "crt": ("crt", "epochs = 1", 'recipe = "small-cnn"\ninit_from = "net"'),
    "tau": ("tau-normalisation", "", 'recipe = "small-cnn"\ninit_from = "net"'),
    "feat-mean": ("nearest-mean", "", 'features_from = "net"'),
    "feat-logistic": ("logistic-regression", "", 'features_from = "net"'),
    "feat-lda": ("lda", "", 'features_from = "net"'),
}
"""Entries that start from a trained network, which no card of theirs trains."""
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
"""Orphans hold a pipe open for a moment after their driver is killed."""


def wait_for(condition, running, seconds=200.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)


@pytest.fixture
def places(tmp_path, entry):
    for name, trainer in CHEAP.items():
        entry(tmp_path / "submissions", name, trainer)
    return ["--submissions", tmp_path / "submissions", "--no-track"]


def members(group: int) -> list[str]:
    """Return the command lines of a process group's processes that run, zombies left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            state, _, of = (path / "stat").read_text().rsplit(")", 1)[1].split()[:3]
            if int(of) == group and state != "Z":
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def hashes(store: Path) -> dict[str, str]:
    found = {}
    for path in sorted(store.glob("records/*/results/digits-v1.json")):
        record = json.loads(path.read_text())
        assert all(job["status"] == "done" for job in record["jobs"]) and len(record["jobs"]) == 24
        found[record["entry"]] = record["record_sha256"]
    return found


def written(store: Path) -> dict[str, int]:
    """Return what lies in the store, with the inode of each: made again it has another."""
    return {
        str(path.relative_to(store)): path.stat().st_ino
        for room in ("models", "evidence", "results")
        for path in store.glob(f"{room}/*/*/meta.json")
    }


def cheap_of_all() -> list[str]:
    """Return the submitted entries whose job took less than a second in the committed record.

    Those that start from an entry that takes longer are left out: it would have to run, too.
    """
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted((ROOT / "submissions").glob("*/results/digits-v1.json")):
        costs = json.loads(path.read_text())["cost"]
        worked = [c.get("train_seconds", 0) + c.get("pass_seconds", 0) for c in costs]
        took = sum(max(w, c.get("wall_seconds", 0)) for w, c in zip(worked, costs, strict=True))
        if 0 < took < len(costs):
            name = path.parent.parent.name
            found[name] = find_entry(name, ROOT / "submissions").parents
    return [name for name, parents in found.items() if set(parents) <= set(found)]


def touched(store: Path) -> int:
    """Return when something was last put into a room of the store."""
    folders = (p for room in ROOMS for p in (store / room).glob("*"))
    return max((folder.stat().st_mtime_ns for folder in folders), default=0)


@whole_only
def test_records_after_random_kills_are_those_of_an_undisturbed_run(tmp_path):
    killed_at_random(cheap_of_all(), ROOT / "submissions", KILLS, tmp_path)


@whole_only
def test_random_kills_over_entries_that_start_from_trained_ones_change_nothing(tmp_path, entry):
    """A parent is trained once, whichever of its children was running when it was killed."""
    submissions = tmp_path / "submissions"
    entry(submissions, "net", "cross-entropy", "epochs = 2", 'recipe = "small-cnn"')
    for name, (trainer, overrides, more) in CHILDREN.items():
        entry(submissions, name, trainer, overrides, more)
    killed_at_random(["net", *CHILDREN], submissions, max(KILLS // 5, 1), tmp_path)


def kill_one(driver: int, chance: random.Random) -> int | None:
    """Kill the driver or one of its children; return which, None where the driver has ended."""
    kids = Path(f"/proc/{driver}/task/{driver}/children")
    for _ in range(100):  # a child may end while it is aimed at
        with contextlib.suppress(OSError):
            whom = chance.choice([driver, *map(int, kids.read_text().split())])
            os.kill(whom, signal.SIGKILL)
            return whom
    return None


def killed_at_random(names: list[str], submissions: Path, kills: int, tmp_path: Path) -> None:
    """Kill driver and workers at random times; nothing that was finished is done twice."""
    sys.stdout.write(f"{len(names)} entries: {', '.join(names)}\n")  # shown by make faults
    places = ["--submissions", submissions, "--no-track", "-j", "2"]
    calm, store = tmp_path / "calm", tmp_path / "killed"
    undisturbed = tailmark("run", *names, "--store", calm, *places, **QUIET)
    wait_for(lambda: touched(calm), undisturbed)
    started = time.monotonic()
    assert undisturbed.wait() == 0
    share = (time.monotonic() - started) / kills / 3  # so that work is left for the last
    chance = random.Random(16)
    done: dict[str, int] = {}
    hit: Counter[str] = Counter()
    for number in range(kills):
        last = touched(store)
        running = tailmark("run", *names, "--store", store, *places, **QUIET)
        while running.poll() is None and touched(store) == last:
            time.sleep(0.05)  # half of a round would be the start of its processes
        time.sleep(chance.uniform(0, share))
        if (whom := kill_one(running.pid, chance)) is not None:
            hit["driver" if whom == running.pid else "worker"] += 1
            if whom != running.pid:
                time.sleep(chance.uniform(0, share))  # it goes on with another worker
        if running.poll() is None:
            os.kill(running.pid, signal.SIGKILL)
        running.wait()
        now = written(store)
        assert {name: now.get(name) for name in done} == done
        hit["with work left"] += len(now) > len(done)
        done = now
        if (number + 1) % 10 == 0:
            sys.stdout.write(f"{number + 1} kills: {dict(hit)}, {len(done)} things kept\n")
            sys.stdout.flush()
    last_run = tailmark("run", *names, "--store", store, *places, **QUIET)
    assert last_run.wait() == 0
    after = written(store)
    assert {name: after.get(name) for name in done} == done
    assert hashes(store) == hashes(calm) and set(names) <= set(hashes(store))
    left = [p for p in store.rglob("*~*") if "~" in p.name]
    assert not left and not list(store.glob("locks/*")), left
    # the driver is killed at the end of each round in any case; some of the last rounds may be over
    assert hit["driver"] + hit["worker"] >= kills - kills // 10 and hit["worker"] > kills // 10
    assert hit["with work left"] >= kills // 2


@whole_only
def test_two_runs_of_the_same_entries_do_the_work_once(places, tmp_path):
    """Each thing in the store was written once: a second writer leaves another inode or a line."""
    words = ("run", *CHEAP, "-j", "1", "--store", tmp_path / "store", *places)
    runs = [tailmark(*words, env={**os.environ, "TAILMARK_LOG_WRITES": ""}) for _ in range(2)]
    outs = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outs
    assert outs[0][0] == outs[1][0]  # the same records
    assert not list((tmp_path / "store").glob("locks/*"))


def test_ctrl_c_twice_is_clean_and_the_run_goes_on(places, tmp_path):
    """Two within 20 ms: one sentence, exit code 130, no traceback, no process left."""
    store = tmp_path / "store"
    words = ("run", "means", "-j", "2", "--store", store, *places)
    running = tailmark(*words, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    wait_for(lambda: list(store.glob("jobs/*/*/meta.json")), running)
    os.killpg(running.pid, signal.SIGINT)
    time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=100)
    assert running.returncode == 130, said
    assert "Run the same command to go on" in said and "Traceback" not in said
    deadline = time.monotonic() + 60
    while members(running.pid):
        assert time.monotonic() < deadline, members(running.pid)
        time.sleep(0.05)


@whole_only
def test_a_full_disk_is_one_sentence_and_what_is_done_is_kept(places, tmp_path):
    """A store on a tmpfs of 1 MB fills up in the middle of a run; with room the run ends well."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or os.system(f"mount -t tmpfs -o size=1m tmpfs {disk} 2>/dev/null"):
        pytest.skip("mounting a tmpfs needs root")
    try:
        full = tailmark("run", "means", "-j", "1", "--store", disk / "store", *places)
        out, said = full.communicate()
        assert full.returncode == 2, (out, said)
        assert "No space left on device" in said and "Traceback" not in said
        assert os.system(f"mount -o remount,size=200m {disk}") == 0
        again = tailmark("run", "means", "-j", "1", "--store", disk / "store", *places)
        assert again.wait() == 0, again.communicate()
        assert set(hashes(disk / "store")) == {"means"}
    finally:
        os.system(f"umount {disk}")


@whole_only
def test_a_store_that_cannot_be_written_any_more_is_one_sentence_and_the_run_goes_on(
    places, tmp_path
):
    """A disk becomes read-only in the middle of a run, as it does when its rights are lost."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or os.system(f"mount -t tmpfs -o size=200m tmpfs {disk} 2>/dev/null"):
        pytest.skip("mounting a tmpfs needs root")
    try:
        words = ("run", *CHEAP, "-j", "1", "--store", disk / "store", *places)
        running = tailmark(*words)
        wait_for(lambda: list((disk / "store").glob("results/*/*/meta.json")), running)
        # refused as long as a file is open for writing
        wait_for(lambda: not os.system(f"mount -o remount,ro {disk} 2>/dev/null"), running)
        _, said = running.communicate()
        assert running.returncode == 2, said
        assert "Read-only file system" in said and "Traceback" not in said
        assert os.system(f"mount -o remount,rw {disk}") == 0
        done = written(disk / "store")
        assert done
        again = tailmark(*words)
        assert again.wait() == 0, again.communicate()
        after = written(disk / "store")
        assert {name: after[name] for name in done} == done
        assert set(hashes(disk / "store")) == set(CHEAP)
    finally:
        os.system(f"umount {disk}")


@whole_only
def test_a_clock_that_goes_back_changes_nothing(places, tmp_path):
    """Files from the future: nothing is remade, no record is another."""
    store = tmp_path / "store"
    first = tailmark("run", "means", "--store", store, *places)
    assert first.wait() == 0
    before, kept = hashes(store), written(store)
    for path in store.rglob("*"):
        os.utime(path, (4e9, 4e9))
    second = tailmark("run", "means", "--store", store, *places)
    assert second.wait() == 0
    assert hashes(store) == before and written(store) == kept
