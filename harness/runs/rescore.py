"""Recomputing records from evidence: the same numbers, or where they differ."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.suites.open import OpenSuite, open_suite
from harness.errors import HarnessError, StoreError
from harness.models.obtain.obtain import Obtained
from harness.models.passes.parts import Progress
from harness.models.store.store import Store
from harness.paths import records_folder, store_folder, submissions_folder
from harness.records.differences import Differences, differences, written_as
from harness.records.records import Recorded, read_record
from harness.records.trust import note_rescored
from harness.runs.assemble import JobResult, assemble
from harness.runs.evidence import Evidence, stored_evidence
from harness.runs.execute import opened_suite
from harness.runs.fetching import fetched_evidence
from harness.runs.job import asked_in, evaluate_job, place_of
from harness.runs.plan import Entry, find_entries, jobs_of, names_with_record
from harness.runs.workers import Lost, Send, work_all
from harness.types import Job, JobRecord

Showing = Callable[[str], AbstractContextManager[Progress]]
"""From a record's name to a context in which it is told how many of its jobs are recomputed."""


@dataclass(frozen=True)
class Rescored:
    """What recomputing one record gave."""

    entry: str
    """Entry's name."""
    before: Recorded
    """The record as it was read."""
    found: Differences
    """What the record and its recomputation do not agree in."""
    sentence: str
    """What to tell the user."""
    recomputed: Recorded
    """The new record; nothing is overwritten."""

    @property
    def same(self) -> bool:
        """Return whether everything that the record says follows from its evidence."""
        return self.found.same


def rescore(
    names: Sequence[str],
    suite: str,
    *,
    submissions: Path | None = None,
    store: Path | None = None,
    data_root: Path | None = None,
    renew: bool = False,
    fetch: int | None = None,
    progress: Showing | None = None,
    processes: int = 1,
) -> Iterator[Rescored]:
    """Yield, for each entry, its record recomputed from stored or submitted predictions.

    Parameters
    ----------
    names : sequence of str
        Entries; none: all that have a record.
    suite : str
        Suite id.
    submissions, store, data_root : Path, optional
        Where things lie.
    renew : bool, default=False
        Put what was computed in place of the results that the store keeps, which a run would
        take up again.
    fetch : int, optional
        Take the submitted records with the predictions that they name the address of, at most
        this many bytes each. None: this machine's records and predictions.
    progress : callable, optional
        Given an entry's name, a context in which it is told how many of its jobs are recomputed.
    processes : int, default=1
        Jobs recomputed at once; no number depends on it.

    Raises
    ------
    StoreError
        If there is no record to compare with, or evidence is gone.
    DownloadError, PredictionsError
        If what is fetched is not a record's evidence.
    """
    home, root = store_folder(store), submissions_folder(submissions)
    opened = open_suite(suite, data_root)
    own = None if fetch is not None else home
    wanted = names_with_record(names, root, suite, lambda folder: _record_path(folder, suite, own))
    keep = Store(home) if renew else None
    for entry in find_entries(wanted, root, trust=True):
        before = read_record(_record_path(entry.folder, suite, own))
        reader = (
            nullcontext(stored_evidence(home, suite))
            if fetch is None
            else fetched_evidence(before.record, home, most=fetch)
        )
        with reader as evidence, showing(progress, entry.card.name) as told:
            outcome = rescored(
                entry, before, opened, evidence,
                keep=keep, progress=told, processes=processes, data_root=data_root,
            )  # fmt: skip
        if outcome.same:
            note_rescored(before.record, home)
        yield outcome


def showing(progress: Showing | None, name: str) -> AbstractContextManager[Progress | None]:
    """Return the context that shows the recomputation of one record.

    Parameters
    ----------
    progress : callable, optional
        None: nothing is shown.
    name : str
        What to call the record.
    """
    return nullcontext() if progress is None else progress(name)


def _record_path(folder: Path, suite: str, home: Path | None) -> Path:
    submitted = folder / "results" / f"{suite}.json"
    if home is None:
        return submitted
    own = records_folder(home) / folder.name / "results" / f"{suite}.json"
    return own if own.is_file() else submitted


def rescored(
    entry: Entry,
    before: Recorded,
    opened: OpenSuite,
    evidence: Evidence,
    *,
    keep: Store | None = None,
    progress: Progress | None = None,
    processes: int = 1,
    data_root: Path | None = None,
) -> Rescored:
    """Return one record recomputed, and what differs.

    Parameters
    ----------
    entry : Entry
        The card that the record is of.
    before : Recorded
        The record.
    opened : OpenSuite
        Its suite with data.
    evidence : callable
        Gives the predictions of a job.
    keep : Store, optional
        Where results are replaced by what is computed; None: nothing is written.
    progress : callable, optional
        Called with the jobs recomputed so far and all of them.
    processes : int, default=1
        Jobs recomputed at once; with more than one each process reads the data itself.
    data_root : Path, optional
        Where it reads them.

    Raises
    ------
    StoreError
        If evidence is gone, or a process ended without a result.
    """
    recorded = {(j.cell, j.seed): j for j in before.record.jobs}
    known = [
        _Known(job, recorded[at], _curves(before, at), asked_in(before.record, at[0]))
        for job in jobs_of(entry, opened.suite)
        if (at := place_of(job, opened)) in recorded
    ]
    again = partial(_again, evidence=evidence, keep=None if keep is None else keep.root)
    if min(processes, len(known)) > 1:
        done = _at_once(known, partial(_work, again, opened.suite.id, data_root), processes)
    else:
        done = (again(each, opened) for each in known)
    results: list[JobResult] = []
    for result in done:
        results.append(result)
        if progress is not None:
            progress(len(results), len(known))
    after = written_as(assemble(entry.card, opened, results), before)
    found = differences(before, after)
    return Rescored(entry.card.name, before, found, _sentence(before, found), after)


@dataclass(frozen=True)
class _Known:
    """One job, and what a recomputation takes over from its record."""

    job: Job
    before: JobRecord
    curves: dict[str, list[float]]
    asked: dict[str, Any]


def _at_once(
    known: Sequence[_Known],
    work: Callable[[_Known, Send], JobResult | HarnessError],
    processes: int,
) -> Iterator[JobResult]:
    """Yield results as worker processes have them."""
    for each, outcome in work_all(known, work, processes):
        if isinstance(outcome, Lost):
            raise StoreError(f"{each.job.name} was not recomputed: {outcome.why}. {outcome.then}")
        if isinstance(outcome, HarnessError):
            raise outcome
        yield outcome


def _work(
    again: Callable[[_Known, OpenSuite], JobResult],
    suite: str,
    data_root: Path | None,
    each: _Known,
    send: Send,
) -> JobResult | HarnessError:
    """Recompute one job in a worker process; what a user can correct comes back to be raised."""
    try:
        return again(each, opened_suite(suite, data_root))
    except HarnessError as error:
        return error


def _again(each: _Known, opened: OpenSuite, *, evidence: Evidence, keep: Path | None) -> JobResult:
    """Evaluate one job again; its model's identity and curves are taken over from the record."""
    job, before = each.job, each.before
    if before.status != "done":
        return JobResult(*place_of(job, opened), status="failed", error=before.error)
    predictions, keys = evidence(job, opened, before)
    obtained = Obtained(
        predictions=predictions,
        model_id=str(before.model_id),
        weights_sha256=before.weights_sha256,
        numerics=before.numerics,
        cost={},
        curves=each.curves,
        evidence_keys=keys,
        asked=each.asked,
    )
    store = None if keep is None else Store(keep)
    return evaluate_job(job, opened, obtained, store=store, renew=keep is not None)


def _curves(recorded: Recorded, at: tuple[int, int]) -> dict[str, list[float]]:
    """Return one job's training curves as the record has them: no prediction tells of them."""
    prefix = "detail/base/curve_"
    found = {}
    for name, stack in recorded.arrays.items():
        if name.startswith(prefix):
            there = np.flatnonzero(~np.isnan(stack[at]))
            if len(there):  # what follows the last epoch fills up to the longest curve
                found[name.removeprefix(prefix)] = stack[at][: there[-1] + 1].tolist()
    return found


def _sentence(before: Recorded, found: Differences) -> str:
    entry, suite = before.record.entry, before.record.suite.id
    if found.same:
        return f"{entry}: {found.sentence}, record {str(before.record.record_sha256)[:12]}"
    remedy = f"Put what the evidence gives into the store: tailmark rescore {entry} --suite {suite}"
    return f"{entry}: {found.sentence}. {remedy} --write"
