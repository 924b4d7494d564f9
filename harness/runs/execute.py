"""Doing jobs: here or in several processes, with progress, resumed where they were left.

A job's result depends on the job alone. Its evidence is in the store as soon as it exists, so that
an interrupted run goes on with the next missing piece.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from multiprocessing.queues import Queue as ProcessQueue
from pathlib import Path
from queue import Empty
from threading import Thread
from typing import Any

from harness.data.formats.files import data_root as rooted
from harness.data.sets.prepared import prepared_stamp
from harness.data.suites.open import OpenSuite, open_suite
from harness.data.suites.own import suite_named
from harness.errors import HarnessError, TrainingError
from harness.models.methods.methods import where
from harness.models.obtain.obtain import obtain
from harness.models.store.store import Store
from harness.runs.assemble import JobResult
from harness.runs.job import evaluate_job, place_of
from harness.runs.plan import find_entry
from harness.types import Job

WORKER_ENVIRONMENT = {
    # Two busy processes with spinning threads fell to a tenth of the speed without these.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Place:
    """Where jobs are done: what a worker process must know besides the job."""

    suite: str
    """Suite id."""
    store: Path
    """Folder of the store."""
    submissions: Path
    """Where parents of an entry are looked up."""
    data_root: Path | None = None
    """Where data sets lie; None: the default of `harness.data.sets.datasets`."""
    trust: bool = False
    """Whether trainers from outside are allowed."""
    features_budget: int | None = None
    """Largest size of all stored features in bytes; None: no limit."""


Report = Callable[[str, Mapping[str, Any]], None]
"""``report(job name, what happened)``: called in the process that shows the progress."""
TOLD = "told"
"""Name of an event that is a sentence for the user."""


def opened_suite(suite: str, data_root: Path | None) -> OpenSuite:
    """Return a suite's pools, read once per process, and again where they were prepared again."""
    root = rooted(data_root).absolute()
    return _opened(suite, root, prepared_stamp(root, suite_named(suite, root)))


@lru_cache(maxsize=2)
def _opened(suite: str, root: Path, stamp: tuple[tuple[str, int, int], ...]) -> OpenSuite:
    return open_suite(suite, root)


def do_job(job: Job, place: Place, report: Report | None = None) -> JobResult:
    """Do one job: its predictions from the store or made now, then its results.

    Whatever goes wrong becomes a failed result with a sentence; the other jobs go on.

    Parameters
    ----------
    job : Job
        Entry, cell, seed.
    place : Place
        Suite, store and data.
    report : callable, optional
        Receives epochs and passes as they happen.
    """
    opened = opened_suite(place.suite, place.data_root)
    try:
        return _done(job, place, opened, report)
    except HarnessError as error:
        return JobResult(*place_of(job, opened), "failed", error=str(error))
    except Exception as error:  # of foreign code, or a mistake of ours: the other jobs go on
        said = f"{job.name} stopped: {where(error)}."
        return JobResult(*place_of(job, opened), "failed", error=said)


def _done(job: Job, place: Place, opened: OpenSuite, report: Report | None) -> JobResult:
    def parent(name: str) -> Job:
        entry = find_entry(name, place.submissions, trust=place.trust)
        return Job(entry.card, entry.folder, job.cell, job.seed)

    def progress(event: Mapping[str, Any]) -> None:
        if report is not None:
            report(job.name, event)

    started = time.perf_counter()
    store = Store(place.store, budget=place.features_budget, told=_teller(job, report))
    obtained = obtain(job, opened.at(job.cell), store, parent=parent, progress=progress)
    result = evaluate_job(job, opened, obtained, store=store)
    return replace(result, cost={**result.cost, "wall_seconds": time.perf_counter() - started})


def _teller(job: Job, report: Report | None) -> Callable[[str], None]:
    """Return where the store's sentences go: the process that shows progress, else a warning."""
    if report is None:
        return lambda sentence: warnings.warn(sentence, stacklevel=2)
    return lambda sentence: report(job.name, {TOLD: sentence})


_queue: "ProcessQueue[tuple[str, Mapping[str, Any]]] | None" = None


def _start_worker(queue: "ProcessQueue[tuple[str, Mapping[str, Any]]]") -> None:
    """Prepare a worker process: where its reports go, and that it ends with its parent."""
    global _queue  # noqa: PLW0603
    _queue = queue
    Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    """End this process when its parent is gone: a killed run must not train on unseen."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _send(name: str, event: Mapping[str, Any]) -> None:
    if _queue is not None:
        _queue.put((name, dict(event)))


def _work(job: Job, place: Place) -> JobResult:
    return do_job(job, place, _send)


def default_processes(threads: int = 1) -> int:
    """Return how many jobs to do at once: cores divided by the threads of a job."""
    return max(1, (os.cpu_count() or 1) // threads)


def do_jobs(
    jobs: Sequence[Job],
    place: Place,
    *,
    processes: int | None = None,
    report: Report | None = None,
) -> Iterator[tuple[Job, JobResult]]:
    """Yield each job with its result, as they are done, in any order.

    Parameters
    ----------
    jobs : sequence of Job
        None may be the parent of another.
    place : Place
        Suite, store and data.
    processes : int, optional
        1: in this process; None: as many as there are cores.
    report : callable, optional
        Receives epochs and passes as they happen.

    Raises
    ------
    TrainingError
        If a worker process died, for example because memory ran out.
    """
    wanted = min(processes or default_processes(), len(jobs))
    if wanted <= 1:
        yield from ((job, do_job(job, place, report)) for job in jobs)
        return
    context = get_context("spawn")
    queue = context.Queue()
    with _environment(WORKER_ENVIRONMENT):
        pool = ProcessPoolExecutor(wanted, context, initializer=_start_worker, initargs=(queue,))
        try:
            waiting = {pool.submit(_work, job, place): job for job in jobs}
            yield from _as_done(waiting, queue, report)
            pool.shutdown()
        except BrokenProcessPool as error:
            raise TrainingError(
                "A worker process ended before its job was done, perhaps because memory ran out. "
                "What is done is kept; run the same command again, with --processes 1."
            ) from error
        finally:
            _end(pool)


def _as_done(
    waiting: dict["Future[JobResult]", Job],
    queue: "ProcessQueue[tuple[str, Mapping[str, Any]]]",
    report: Report | None,
) -> Iterator[tuple[Job, JobResult]]:
    """Yield results as they come, passing on what the workers report meanwhile."""
    while waiting:
        done, _ = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
        while True:
            try:
                name, event = queue.get_nowait()
            except Empty:
                break
            if report is not None:
                report(name, event)
        for future in done:
            yield waiting.pop(future), future.result()


def _end(pool: ProcessPoolExecutor) -> None:
    """End a pool at once, also when the user interrupts: the store keeps what is done."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        if process.is_alive():
            process.terminate()


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
