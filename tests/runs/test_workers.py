"""Worker processes: who dies is known, the others go on, limits hold, nobody stays behind."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from harness.runs.workers import MORE, Limits, Lost, work_all


def double(job, send):
    """Do a job by its name: some of them end their own process or take too much."""
    kind, value, folder = job
    send("job", {"value": value})
    if kind == "killed once" and not (Path(folder) / "seen").exists():
        (Path(folder) / "seen").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exits":
        os._exit(0)
    if kind == "slow":
        time.sleep(600)
    if kind == "large":
        held = bytearray(400_000_000)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(600)
    return 2 * value


def test_a_lost_worker_costs_its_own_job_and_no_other(tmp_path):
    kinds = ["fine", "killed", "exits", "killed once", "slow", "large", "fine"]
    jobs = [(kind, number, str(tmp_path)) for number, kind in enumerate(kinds)]
    heard = []
    limits = Limits(seconds=3.0, bytes=300_000_000)
    report = lambda name, event: heard.append(event["value"])  # noqa: E731
    found = dict(work_all(jobs, double, 3, report=report, limits=limits))
    assert [found[job] for job in jobs if job[0] in ("fine", "killed once")] == [0, 6, 12]
    why = {job[0]: found[job].why for job in jobs if isinstance(found[job], Lost)}
    assert "ended by SIGKILL, perhaps because memory ran out" in why["killed"]
    assert "exit code 0 and no result" in why["exits"]
    assert "longer than the limit of 3 s" in why["slow"]
    assert "more than the limit of 0.3 GB" in why["large"]
    then = {job[0]: found[job].then for job in jobs if isinstance(found[job], Lost)}
    assert then["slow"] == then["large"] == MORE != then["killed"]
    assert heard.count(1) == heard.count(3) == 2  # begun twice, and no more
    assert set(heard) == set(range(len(kinds)))


DRIVER = """
from functools import partial
from tests.runs.test_workers import stay
from harness.runs.workers import work_all
list(work_all([1, 2], partial(stay, {folder!r}), 2))
"""


def stay(folder, job, send):
    """Say which process this is, and stay."""
    (Path(folder) / f"{os.getpid()}").touch()
    time.sleep(600)


def test_workers_end_with_a_driver_that_is_killed(tmp_path):
    root = Path(__file__).resolve().parent.parent.parent
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(folder=str(tmp_path))],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    deadline = time.monotonic() + 100
    while len(list(tmp_path.iterdir())) < 2:
        assert time.monotonic() < deadline and driver.poll() is None
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    while any(alive(int(path.name)) for path in tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process runs: neither gone nor a zombie that nobody has collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_leaving_early_ends_the_workers(tmp_path):
    jobs = [("fine", 1, ""), ("slow", 2, "")]
    going = work_all(jobs, double, 2)
    next(going)
    going.close()
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]
    assert not any(b"spawn_main" in command for command in commands)


def test_no_jobs_need_no_worker():
    assert list(work_all([], partial(stay, ""), 4)) == []
