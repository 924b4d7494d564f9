"""Doing jobs: here or in several processes, with progress, resumed where they were left.

A job's result depends on the job alone. Its evidence is in the store as soon as it exists, so that
an interrupted run goes on with the next missing piece.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from harness.data.formats.files import data_root as rooted
from harness.data.sets.prepared import prepared_stamp
from harness.data.suites.open import OpenSuite, open_suite
from harness.data.suites.own import suite_named
from harness.errors import HarnessError, SpecError
from harness.lookup import lookup
from harness.models.methods.methods import where
from harness.models.obtain.obtain import obtain
from harness.models.obtain.sharing import pass_shares
from harness.models.store.store import Store
from harness.runs.assemble import JobResult
from harness.runs.job import evaluate_job, place_of
from harness.runs.plan import find_entry
from harness.runs.shares import Share, shares_of
from harness.runs.workers import Limits, Lost, work_all
from harness.types import Job

EXECUTORS = ("local", "processes", "ray")
"""Where jobs are done: in this process, in several of this machine, on a Ray cluster."""


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
    store = Store(place.store, budget=place.features_budget, told=_teller(job, report))
    try:
        # Another run of the same job is waited for: what it leaves is then taken from the store.
        with store.doing(f"{place.suite} {job.name}"), _warnings_told(job, report):
            return _done(job, place, opened, store, report)
    except HarnessError as error:
        return JobResult(*place_of(job, opened), "failed", error=str(error))
    except Exception as error:  # of foreign code, or a mistake of ours: the other jobs go on
        said = f"{job.name} stopped: {where(error)}."
        return JobResult(*place_of(job, opened), "failed", error=said)


def parent_of(job: Job, place: Place, name: str) -> Job:
    """Return the job of an entry that another starts from, in the same cell and seed."""
    entry = find_entry(name, place.submissions, trust=place.trust)
    return Job(entry.card, entry.folder, job.cell, job.seed)


def _done(
    job: Job, place: Place, opened: OpenSuite, store: Store, report: Report | None
) -> JobResult:
    def progress(event: Mapping[str, Any]) -> None:
        if report is not None:
            report(job.name, event)

    started = time.perf_counter()
    obtained = obtain(
        job, opened.at(job.cell), store, parent=partial(parent_of, job, place), progress=progress
    )
    result = evaluate_job(job, opened, obtained, store=store)
    return replace(result, cost={**result.cost, "wall_seconds": time.perf_counter() - started})


def _teller(job: Job, report: Report | None) -> Callable[[str], None]:
    """Return where the store's sentences go: the process that shows progress, else a warning."""
    if report is None:
        return lambda sentence: warnings.warn(sentence, stacklevel=2)
    return lambda sentence: report(job.name, {TOLD: sentence})


@contextmanager
def _warnings_told(job: Job, report: Report | None) -> Iterator[None]:
    """Tell each warning of an entry's code as one sentence, the same from all of its jobs."""
    if report is None:
        yield
        return
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield
        finally:
            said = {(each.category.__name__, str(each.message)): None for each in caught}
            for kind, message in said:
                first = (message.strip().splitlines() or ["no words"])[0].rstrip(" :.")
                report(job.name, {TOLD: f"{job.card.name} warns: {first} ({kind})."})


def _work(place: Place, job: Job, send: Report) -> JobResult:
    return do_job(job, place, send)


def _share(place: Place, share: Share, send: Report) -> None:
    """Pass a share of a job's large pools; what goes wrong, the job itself meets and tells."""
    store = Store(place.store, told=_teller(share, send))
    with suppress(Exception):
        opened = opened_suite(place.suite, place.data_root).at(share.cell)
        pass_shares(
            share, opened, store, share.index, share.of,
            parent=partial(parent_of, share, place), progress=partial(send, share.name),
        )  # fmt: skip


def default_processes(threads: int = 1) -> int:
    """Return how many jobs to do at once: cores divided by the threads of a job."""
    return max(1, (os.cpu_count() or 1) // threads)


@dataclass(frozen=True)
class How:
    """Where and how jobs are done; no result depends on it."""

    executor: str | None = None
    """One of EXECUTORS; None: processes, or this one where one is enough."""
    processes: int | None = None
    """Jobs done at once; None: as many as cores. With more than there are jobs the others pass
    shares of the large pools of models that are loaded."""
    limits: Limits = field(default_factory=Limits)
    """What a job may take before it is stopped and recorded as failed."""
    address: str | None = None
    """Of a Ray cluster; None: one is started on this machine."""
    jobs_per_gpu: int | None = None
    """Jobs that share a GPU of a Ray cluster."""

    def __post_init__(self) -> None:
        if self.executor is not None:
            lookup("executor", self.executor, dict.fromkeys(EXECUTORS))
        if self.executor == "local" and self.limits.any:
            raise SpecError(
                "A limit of time or memory needs a process that can be stopped; executor local "
                "has none. Use --executor processes."
            )
        if self.executor != "ray" and (self.address or self.jobs_per_gpu):
            raise SpecError(
                "An address and jobs per GPU are a Ray cluster's; got executor "
                f"{self.executor or 'processes'}. Add --executor ray, or leave them out."
            )
        for name, limit in (("time", self.limits.seconds), ("memory", self.limits.bytes)):
            if limit is not None and limit <= 0:
                raise SpecError(
                    f"A limit of {name} should be above 0; got {limit:g}. Leave it out for none."
                )
        for name, value in (("processes", self.processes), ("jobs per GPU", self.jobs_per_gpu)):
            if value is not None and value < 1:
                raise SpecError(f"{name} should be 1 or more; got {value}.")


def do_jobs(
    jobs: Sequence[Job],
    place: Place,
    how: How = How(),  # noqa: B008 (frozen)
    *,
    report: Report | None = None,
) -> Iterator[tuple[Job, JobResult]]:
    """Yield each job with its result, as they are done, in any order.

    Parameters
    ----------
    jobs : sequence of Job
        None may be the parent of another.
    place : Place
        Suite, store and data.
    how : How
        Executor, processes, limits.
    report : callable, optional
        Receives epochs and passes as they happen.

    Raises
    ------
    SpecError
        If a Ray cluster is asked for and cannot be had.
    """
    shares: list[Share] = []
    if how.executor != "local" and how.processes is not None and jobs:
        opened = opened_suite(place.suite, place.data_root)
        shares = shares_of(jobs, opened, Store(place.store), how.processes)
    if how.executor == "ray":
        outcomes = _on_cluster(jobs, shares, place, how, report)
    else:
        wanted = min(how.processes or default_processes(), len(jobs))
        alone = how.executor is None and wanted <= 1 and not (how.limits.any or shares)
        if how.executor == "local" or alone:
            yield from ((job, do_job(job, place, report)) for job in jobs)
            return
        for _ in work_all(
            shares, partial(_share, place), len(shares), report=report, limits=how.limits
        ):
            pass
        outcomes = work_all(jobs, partial(_work, place), wanted, report=report, limits=how.limits)
    for job, outcome in outcomes:
        yield job, (_failed(job, place, outcome) if isinstance(outcome, Lost) else outcome)


def _on_cluster(
    jobs: Sequence[Job], shares: Sequence[Share], place: Place, how: How, report: Report | None
) -> Iterator[tuple[Job, JobResult | Lost]]:
    """Do shares, then jobs, through one connection to a Ray cluster."""
    from harness.runs.on_ray import cluster, ray_all

    with cluster(how):
        for _ in ray_all(shares, partial(_share, place), how, report=report) if shares else ():
            pass  # whatever became of a share, the job passes what is missing
        yield from ray_all(jobs, partial(_work, place), how, report=report)


def _failed(job: Job, place: Place, lost: Lost) -> JobResult:
    at = place_of(job, opened_suite(place.suite, place.data_root))
    said = f"{job.name} has no result: {lost.why}. {lost.then}"
    return JobResult(*at, "failed", error=said)
