"""Worker processes that do jobs: each its own pipe, so that it is known who did what when one dies.

A worker that is killed costs its job another try and nobody else anything. A job that takes too
long or too much memory is stopped and recorded as failed; the others go on.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any, Generic, TypeVar

from harness.models.passes.numerics import READING

WORKER_ENVIRONMENT = {
    # Two busy processes with spinning threads fell to a tenth of the speed without these.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
TRIES = 2
"""How often a job is begun whose worker process ends by itself: once more, then it has failed."""
LOOK = 0.2
"""Seconds between two looks at time and memory."""
A = TypeVar("A")
R = TypeVar("R")
Send = Callable[[str, Mapping[str, Any]], None]
"""``send(job name, event)``: from a worker to the process that shows the progress."""
Work = Callable[[A, Send], R]
"""What a worker does with a job; a function of a module."""


@dataclass(frozen=True)
class Limits:
    """What one job may take."""

    seconds: float | None = None
    """Wall time; None: any."""
    bytes: int | None = None
    """Resident memory of its process; None: any."""

    @property
    def any(self) -> bool:
        """Return whether there is one: then jobs need a process that can be stopped."""
        return self.seconds is not None or self.bytes is not None


@dataclass(frozen=True)
class Lost:
    """A job without a result."""

    why: str
    """One clause: what became of its process."""
    then: str = "Run the same command again to try once more."
    """What to do."""


MORE = "Allow it more with --time-limit or --memory-limit, or leave the limit out."
"""What to do about a job that passed a limit."""


@dataclass
class _Worker(Generic[A]):
    process: BaseProcess
    pipe: Connection
    job: A | None = None
    began: float | None = None
    """When it began its job; None: it is still starting."""


def work_all(
    jobs: Sequence[A],
    work: "Work[A, R]",
    processes: int,
    *,
    report: Send | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Iterator[tuple[A, R | Lost]]:
    """Yield each job with its result, as they are done, in any order.

    Parameters
    ----------
    jobs : sequence
        What can be pickled.
    work : callable
        ``work(job, send)``, in the worker; it raises nothing.
    processes : int
        How many at once.
    report : callable, optional
        Gets what jobs send.
    limits : Limits
        Of each job.
    """
    waiting = deque(jobs)
    tries: dict[int, int] = {}
    workers: list[_Worker[A]] = []
    try:
        while waiting or any(worker.job is not None for worker in workers):
            _staff(workers, waiting, work, processes)
            for worker in workers:
                if worker.job is None and waiting:
                    _begin(worker, waiting.popleft())
            ready = wait([worker.pipe for worker in workers], timeout=LOOK)
            for worker in list(workers):
                job = worker.job
                if worker.pipe in ready:
                    outcome = _heard(worker, report)
                elif job is not None and (why := _beyond(worker, limits)):
                    outcome = Lost(why, MORE)
                else:
                    continue
                if isinstance(outcome, Lost):
                    _end([worker])
                    workers.remove(worker)
                    if job is None:
                        continue  # it ended while it had nothing to do
                    tries[id(job)] = tries.get(id(job), 0) + 1
                    by_itself = worker.pipe in ready
                    if by_itself and tries[id(job)] < TRIES:
                        waiting.append(job)
                        continue
                if outcome is not None and job is not None:
                    worker.job = None
                    yield job, (outcome if isinstance(outcome, Lost) else outcome[0])
    finally:
        _end(workers)


def _staff(
    workers: "list[_Worker[A]]", waiting: "deque[A]", work: "Work[A, R]", processes: int
) -> None:
    """Start as many workers as there is work for."""
    busy = sum(worker.job is not None for worker in workers)
    wanted = min(processes, busy + len(waiting))
    context = get_context("spawn")
    share = {READING: str(max(1, (os.cpu_count() or 1) // processes))}
    while len(workers) < wanted:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, work))
        with _environment(WORKER_ENVIRONMENT | share), uninterrupted():
            process.start()
        theirs.close()
        workers.append(_Worker(process, ours))


def _begin(worker: "_Worker[A]", job: A) -> None:
    worker.job, worker.began = job, None
    with suppress(OSError):  # it is dead already: its pipe says so when it is read
        worker.pipe.send(job)


def _heard(worker: "_Worker[A]", report: Send | None) -> tuple[Any] | Lost | None:
    """Return a worker's result, that it is dead, or None when it only said how far it is."""
    try:
        what, *said = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(5)
        return Lost(_ended(worker.process.exitcode))
    if what == "began":
        worker.began = time.monotonic()
        return None
    if what == "done":
        return (said[0],)
    if report is not None:
        report(*said)
    return None


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        more = ", perhaps because memory ran out" if -code == signal.SIGKILL else ""
        return f"its process was ended by {name}{more}"
    return f"its process ended with exit code {code} and no result"


def _beyond(worker: "_Worker[A]", limits: Limits) -> str:
    """Return which limit a worker's job has passed, or an empty string."""
    since = 0.0 if worker.began is None else time.monotonic() - worker.began
    if limits.seconds is not None and since > limits.seconds:
        return f"it took longer than the limit of {limits.seconds:g} s"
    if limits.bytes is not None and (size := _resident(worker.process.pid)) > limits.bytes:
        return (
            f"it took {size / 1e9:.3g} GB of memory, more than the limit of "
            f"{limits.bytes / 1e9:.3g} GB"
        )
    return ""


def _resident(pid: int | None) -> int:
    """Return the resident memory of a process in bytes; 0 where the system does not say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _end(workers: "Sequence[_Worker[A]]") -> None:
    """End workers at once: the store keeps what is done."""
    for worker in workers:
        worker.process.kill()
        worker.pipe.close()
    for worker in workers:
        worker.process.join(5)


def _serve(pipe: Connection, work: "Work[A, R]") -> None:
    """Do jobs until the driver is gone: a killed run must not train on unseen."""
    driver = parent_process()
    assert driver is not None, "started as a child"
    Thread(target=_end_with, args=(driver,), daemon=True).start()

    def send(name: str, event: Mapping[str, Any]) -> None:
        pipe.send(("event", name, dict(event)))

    while True:
        try:
            job = pipe.recv()
            pipe.send(("began",))
            pipe.send(("done", work(job, send)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return  # the driver is gone, so nobody is there to be told


def _end_with(driver: BaseProcess) -> None:
    """End this process with its driver, also when that was gone before this one had started."""
    driver.join()
    os._exit(1)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back, here and for good in processes that are started meanwhile."""
    resource_tracker.ensure_running()  # starting it lets Ctrl-C through again, so it comes first
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes started inside the block."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update({k: v for k, v in settings.items() if before[k] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
