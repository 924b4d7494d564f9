"""The same jobs as tasks of a Ray cluster: placed, retried and moved to other nodes by Ray.

All nodes see one store, submissions folder and data root under the same paths.
"""

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from harness.connection import KNOCK_SECONDS
from harness.errors import SpecError
from harness.models.passes.numerics import READING
from harness.runs.workers import MORE, WORKER_ENVIRONMENT, Lost, Send
from harness.types import Job

if TYPE_CHECKING:
    from harness.runs.execute import How

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Keeps a cluster that is started here off the other network interfaces."""
TRIES = {"RAY_NUM_REDIS_GET_RETRIES": "1"}
"""What listens at an address and is no Ray is found out after one minute instead of fifteen."""
RETRIES = 3
"""How often Ray begins a job again whose node or process is lost."""
LOOK = 0.2
"""Seconds between two looks at what is done."""
OURS = "TAILMARK_"
"""How variables begin that say how and where jobs compute: a node's own environment lacks them."""
PLACES = ("TAILMARK_DATA", "TAILMARK_HOME", "TAILMARK_SUBMISSIONS", "TAILMARK_WEIGHTS")
"""Those that name a folder: relative ones mean the driver's working folder."""
PATIENCE = 60.0
"""Seconds without any job done after which the cluster is asked whether it has a place left."""
J = TypeVar("J", bound=Job)
R = TypeVar("R")
Work = Callable[[J, Send], R]


def ray_all(
    jobs: Sequence[J], work: "Work[J, R]", how: "How", *, report: Send | None = None
) -> Iterator[tuple[J, R | Lost]]:
    """Yield each job with its result, as the cluster does them, in any order.

    Parameters
    ----------
    jobs : sequence of Job
        Their folders are on a file system that all nodes share.
    work : callable
        ``work(job, send)``, importable on the nodes.
    how : How
        Address, jobs per GPU, processes at most, limit of time.
    report : callable, optional
        Gets the sentences for the user when a job is done.

    Raises
    ------
    SpecError
        If Ray is not installed, the cluster cannot be reached, or it has no CPU, or no GPU where
        jobs ask for one.
    """
    running: dict[Any, tuple[J, float]] = {}
    with cluster(how) as ray:
        try:
            share = None if how.jobs_per_gpu is None else 1 / how.jobs_per_gpu
            _check_place(ray, share)
            task = ray.remote(_do).options(
                num_cpus=1, num_gpus=share, max_retries=RETRIES, runtime_env={"env_vars": _said()}
            )
            waiting = deque(replace(job, folder=job.folder.resolve()) for job in jobs)
            named = {job.name: job for job in jobs}
            heard = time.monotonic()
            while waiting or running:
                while waiting and len(running) < (how.processes or len(jobs)):
                    job = waiting.popleft()
                    running[task.remote(work, job)] = (named[job.name], time.monotonic())
                done, _ = ray.wait(list(running), num_returns=1, timeout=LOOK)
                for future in done or _overdue(running, how.limits.seconds):
                    job, _ = running.pop(future)
                    yield job, _outcome(ray, future, done, how, report)
                    heard = time.monotonic()
                if time.monotonic() - heard > PATIENCE:
                    heard = time.monotonic()
                    if not _has_place(ray, share):
                        left = [job for job, _ in running.values()]
                        left += [named[job.name] for job in waiting]
                        lost = Lost("no node that could do it is left")
                        yield from ((job, lost) for job in left)
                        return
        finally:
            for future in running:
                with suppress(Exception):  # of a cluster that is gone
                    ray.cancel(future, force=True)


def _check_place(ray: Any, share: float | None) -> None:
    """Raise where no job could ever begin."""
    if share is not None and not ray.cluster_resources().get("GPU"):
        raise SpecError(
            "Jobs per GPU need a cluster with a GPU; this one has none. Leave --jobs-per-gpu "
            "out, or start a node with --num-gpus."
        )
    if not _has_place(ray, share):
        raise SpecError(
            "A job takes one CPU of a Ray cluster; this one has none. Start a node with "
            "--num-cpus, or leave --executor ray out."
        )


def _has_place(ray: Any, share: float | None) -> bool:
    """Return whether a node of the cluster can ever take a job."""
    there = ray.cluster_resources()
    return there.get("CPU", 0) >= 1 and there.get("GPU", 0) >= (share or 0)


def _do(work: "Work[J, R]", job: J) -> "tuple[R, list[tuple[str, Mapping[str, Any]]]]":
    """Do one job on a node; what is said meanwhile goes back with the result."""
    from harness.runs.execute import TOLD

    said: list[tuple[str, Mapping[str, Any]]] = []

    def send(name: str, event: Mapping[str, Any]) -> None:
        if TOLD in event:
            said.append((name, dict(event)))

    return work(job, send), said


def _overdue(running: Mapping[Any, tuple[J, float]], seconds: float | None) -> list[Any]:
    """Return tasks that have passed the limit, those that wait for a place included."""
    if seconds is None:
        return []
    now = time.monotonic()
    return [future for future, (_, began) in running.items() if now - began > seconds]


def _outcome(ray: Any, future: Any, done: Sequence[Any], how: "How", report: Send | None) -> Any:
    if future not in done:
        ray.cancel(future, force=True)
        return Lost(f"it took longer than the limit of {how.limits.seconds:g} s", MORE)
    try:
        result, said = ray.get(future)
    except ray.exceptions.RayError as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        return Lost(f"the cluster lost it {RETRIES + 1} times ({type(error).__name__}: {first})")
    if report is not None:
        for name, event in said:
            report(name, event)
    return result


def _said() -> dict[str, str]:
    """Return the environment of a job on a node: the driver's settings, one reading thread."""
    ours = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
    ours |= {name: str(Path(ours[name]).absolute()) for name in PLACES if ours.get(name)}
    return {READING: "1", **WORKER_ENVIRONMENT} | ours


@contextmanager
def cluster(how: "How") -> Iterator[Any]:
    """Hold a connection to a cluster, which is ended where it was made here.

    Parameters
    ----------
    how : How
        Its address; None: one is started on this machine.

    Raises
    ------
    SpecError
        As in `ray_all`.
    """
    ray, own = _connected(how)
    try:
        yield ray
    finally:
        if own:
            ray.shutdown()


def _connected(how: "How") -> tuple[Any, bool]:
    """Return Ray, connected to a cluster, and whether this process started or joined it."""
    if how.limits.bytes is not None:
        raise SpecError(
            "On a Ray cluster memory is watched by Ray itself; a limit of ours would not hold. "
            "Leave --memory-limit out, or set RAY_memory_usage_threshold on the nodes."
        )
    if find_spec("ray") is None:
        raise SpecError(
            "Executor ray needs Ray, which is not installed. Run: pip install 'tailmark[ray]'"
        )
    set_here = LOOPBACK | (TRIES if how.address else {})
    os.environ.update({k: v for k, v in set_here.items() if k not in os.environ})
    try:
        _knock(how.address or "")
        import ray

        if ray.is_initialized():
            return ray, False
        ray.init(
            address=how.address,
            num_cpus=None if how.address else how.processes,
            include_dashboard=None if how.address else False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise SpecError(
            f"Expected a Ray cluster at {how.address or 'this machine'} of the same Ray and Python "
            f"versions as here; connecting says: {first}. Compare ray --version on both sides, and "
            "start the head with: ray start --head"
        ) from error
    return ray, True


def _knock(address: str) -> None:
    """Raise at once where nobody listens: Ray itself tries for a quarter of an hour."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    if parts.hostname is not None and parts.port is not None:
        socket.create_connection((parts.hostname, parts.port), timeout=KNOCK_SECONDS).close()
