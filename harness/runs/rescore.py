"""Recomputing records from evidence: the same numbers, or where they differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.suites.open import OpenSuite, open_suite
from harness.errors import StoreError
from harness.models.obtain.obtain import obtain
from harness.models.store.store import Store
from harness.paths import records_folder, store_folder, submissions_folder
from harness.records.records import Recorded, read_record
from harness.runs.assemble import JobResult, assemble
from harness.runs.evaluate.evaluate import evaluate
from harness.runs.evidence import read_index, stored_predictions
from harness.runs.plan import Entry, entry_folders, find_entries, jobs_of
from harness.types import Job, JobRecord, Predictions, RunRecord


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
    suite = opened.suite
    results = []
    for job in jobs_of(entry, suite):
        at = suite.cells.index(job.cell), suite.seeds.index(job.seed)
        if at in jobs:
            asked = _asked(before.record, at[0])
            results.append(replace(_again(job, at, jobs[at], opened, home), asked=asked))
    after = assemble(entry.card, opened, results)
    same = after.record.record_sha256 == before.record.record_sha256
    return Rescored(entry.card.name, same, _sentence(before, after, same=same), after)


def _asked(record: RunRecord, cell: int) -> dict[str, Any]:
    """Return what a record says was asked in a cell; empty where it says nothing."""
    for asked in record.asked or ():
        if cell in asked.cells:
            return asked.model_dump(mode="json", exclude={"cells"})
    return {}


def _again(
    job: Job, at: tuple[int, int], before: JobRecord, opened: OpenSuite, home: Path
) -> JobResult:
    """Evaluate one job again; what identifies its model is taken over from the record."""
    if before.status != "done":
        return JobResult(*at, status="failed", error=before.error)
    opened = opened.at(job.cell)
    split = opened.split(job.cell, job.seed)
    predictions = _predictions(job, at, opened, home)
    scored = evaluate(opened, split, predictions, job.card)
    return JobResult(
        *at,
        status="done",
        split_sha256=split.sha256,
        model_id=before.model_id,
        weights_sha256=before.weights_sha256,
        evidence={name: found.sha256 for name, found in sorted(predictions.items())},
        evidence_bytes=sum(p.values.nbytes + p.row.nbytes for p in predictions.values()),
        numerics=before.numerics,
        scored=scored,
    )


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
