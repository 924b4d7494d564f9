"""Recomputing records from evidence: the same numbers, or where they differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.suites.open import OpenSuite, open_suite
from harness.errors import StoreError
from harness.models.obtain.obtain import Obtained, obtain
from harness.models.store.store import Store
from harness.paths import records_folder, store_folder, submissions_folder
from harness.records.records import Recorded, read_record
from harness.runs.assemble import JobResult, assemble
from harness.runs.evidence import read_index, stored_predictions
from harness.runs.job import asked_in, evaluate_job, place_of
from harness.runs.plan import Entry, entry_folders, find_entries, jobs_of
from harness.types import Job, JobRecord, Predictions


@dataclass(frozen=True)
class Rescored:
    """What recomputing one record gave."""

    entry: str
    """Entry's name."""
    same: bool
    """Whether the record_sha256 is equal."""
    sentence: str
    """What to tell the user."""
    recomputed: Recorded
    """The new record; nothing is overwritten."""


def rescore(
    names: Sequence[str],
    suite: str,
    *,
    submissions: Path | None = None,
    store: Path | None = None,
    data_root: Path | None = None,
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

    Raises
    ------
    StoreError
        If there is no record to compare with, or evidence is gone.
    """
    home, root = store_folder(store), submissions_folder(submissions)
    opened = open_suite(suite, data_root)
    wanted = list(names) or [
        name for name in entry_folders(root) if _record_path(name, suite, home, root).is_file()
    ]
    if not wanted:
        raise StoreError(
            f"Expected at least one record of {suite}; there is none. "
            f"Run: tailmark run --suite {suite}"
        )
    for entry in find_entries(wanted, root):
        path = _record_path(entry.card.name, suite, home, root)
        yield _rescored(entry, read_record(path), opened, home)


def _record_path(name: str, suite: str, home: Path, root: Path) -> Path:
    own = records_folder(home) / name / "results" / f"{suite}.json"
    return own if own.is_file() else root / name / "results" / f"{suite}.json"


def _rescored(entry: Entry, before: Recorded, opened: OpenSuite, home: Path) -> Rescored:
    jobs = {(j.cell, j.seed): j for j in before.record.jobs}
    results = [
        _again(job, before, jobs[at], opened, home)
        for job in jobs_of(entry, opened.suite)
        if (at := place_of(job, opened)) in jobs
    ]
    after = assemble(entry.card, opened, results)
    same = after.record.record_sha256 == before.record.record_sha256
    return Rescored(entry.card.name, same, _sentence(before, after, same=same), after)


def _again(
    job: Job, recorded: Recorded, before: JobRecord, opened: OpenSuite, home: Path
) -> JobResult:
    """Evaluate one job again; its model's identity and curves are taken over from the record."""
    at = place_of(job, opened)
    if before.status != "done":
        return JobResult(*at, status="failed", error=before.error)
    obtained = Obtained(
        predictions=_predictions(job, at, opened.at(job.cell), home),
        model_id=str(before.model_id),
        weights_sha256=before.weights_sha256,
        numerics=before.numerics,
        cost={},
        curves=_curves(recorded, at),
        asked=asked_in(recorded.record, at[0]),
    )
    return evaluate_job(job, opened, obtained)


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


def _predictions(
    job: Job, at: tuple[int, int], opened: OpenSuite, home: Path
) -> dict[str, Predictions]:
    if job.card.kind == "predictions":
        return obtain(job, opened, Store(home)).predictions
    keys = read_index(home, job.card.name, opened.suite.id)
    place = f"{at[0]}/{at[1]}"
    if place not in keys:
        raise StoreError(
            f"Expected evidence of {job.name} in the store; it has none. "
            f"Run: tailmark run {job.card.name} --suite {opened.suite.id}"
        )
    return stored_predictions(home, keys[place], job.card.name)


def _sentence(before: Recorded, after: Recorded, *, same: bool) -> str:
    entry, suite = before.record.entry, before.record.suite.id
    if same:
        return f"{entry}: reproduces, record {str(after.record.record_sha256)[:12]}"
    worst = _largest_difference(before, after)
    remedy = f"Run: tailmark run {entry} --suite {suite}"
    if worst is None:
        return f"{entry}: every number reproduces, but settings or arrays differ. {remedy}"
    key, old, new = worst
    return f"{entry}: {key} in the record is {old}, recomputed {new}. {remedy}"


def _largest_difference(before: Recorded, after: Recorded) -> tuple[str, str, str] | None:
    worst: tuple[float, tuple[str, str, str]] | None = None
    for variant, body in before.record.variants.items():
        new_body = after.record.variants.get(variant)
        for key in body.metrics:
            if new_body is None or key not in new_body.metrics:
                return (key, "there", "not there")
            old, new = before.values(variant, key), after.values(variant, key)
            if old.shape != new.shape:
                return (key, f"of shape {old.shape}", f"of shape {new.shape}")
            gap = np.where(np.isnan(old) != np.isnan(new), np.inf, np.nan_to_num(np.abs(old - new)))
            place = np.unravel_index(int(np.argmax(gap)), gap.shape)
            if gap[place] > 0 and (worst is None or gap[place] > worst[0]):
                worst = (float(gap[place]), (key, f"{old[place]:.6g}", f"{new[place]:.6g}"))
    return None if worst is None else worst[1]
