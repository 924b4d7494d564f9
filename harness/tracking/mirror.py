"""The MLflow mirror of records: runs, params, metrics, figures, artifacts.

The record files are the truth. What lies in MLflow can be deleted and made again from them
(`rebuild`); a run is keyed by its record's sha256, so that mirroring twice changes nothing. A later
record of the same card on the same suite updates the run of the earlier one. A run is FAILED when
a job of its record is.

One experiment per suite; in it one run per entry, with one child run per cell and seed. An
undefined value is never logged (a NaN breaks MLflow's pages): it is counted in the tag
``tailmark.undefined`` and its reason stands in the record.
"""

import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from harness.atomic import locked
from harness.connection import PORTS, connected, explained, sqlite_file, tracking_uri
from harness.errors import TrackingError
from harness.keys import sha256_text
from harness.paths import store_folder
from harness.rankings.display import cell_label
from harness.records.records import Recorded
from harness.tracking.contents import (
    COMPLETE,
    PARAM_LENGTH,
    PARTIAL,
    WRITER,
    entry_params,
    entry_tags,
    failed,
    job_metrics,
    job_params,
    job_tags,
    means,
    write_artifacts,
)
from harness.tracking.versions import dataset_input, report_version
from harness.types import JobRecord, RunRecord

Given = Callable[[int, int], Mapping[str, np.ndarray] | None]
"""``predictions(cell, seed)``: arrays of the job's test predictions, or None."""
Progress = Callable[[int, int], None]
"""``progress(done, total)``, counted in runs."""

BATCH = {"metrics": 900, "params": 100}
"""Most that is sent in one request: MLflow takes 100 params, and 1,000 of all kinds together."""
ABANDONED = 24 * 3600
"""Seconds after which an unfinished run of another store is what a killed process left behind."""


def mirror(
    recorded: Recorded,
    *,
    uri: str | None = None,
    predictions: Given | None = None,
    progress: Progress | None = None,
    version: tuple[str, str] | None = None,
    store: Path | None = None,
) -> str:
    """Log one record to MLflow, unless it is there already.

    Several processes may log the same record at once: of one store the second waits for the
    first, and of runs that two stores have logged the one that was begun first stays.

    Parameters
    ----------
    recorded : Recorded
        A sealed record with its arrays.
    uri : str, optional
        Tracking URI; default: `tracking_uri`.
    predictions : callable, optional
        ``predictions(cell, seed)`` gives the arrays to attach to that job's run, or None.
    progress : callable, optional
        ``progress(done, total)`` after each run.
    version : (str, str), optional
        Name and number of the registered model that was measured: it gets the numbers, too.
    store : Path, optional
        This machine's store; default: as in `harness.paths.store_folder`.

    Returns
    -------
    str
        Id of the entry's run.

    Raises
    ------
    TrackingError
        If MLflow is not installed, cannot be reached or refuses; the record files are untouched.
    """
    where = tracking_uri(uri, store=store)
    record, home = recorded.record, store_folder(store).resolve()
    with (
        _alone(where, record, home),
        explained(where, f"the record of {record.entry} on {record.suite.id} is safe"),
        connected(where) as client,
    ):
        experiment = _experiment(client, record.suite.id, where, home)
        mine = sha256_text(f"{socket.gethostname()} {home}")[:16]
        run = _finished_run(client, experiment, record, mine)
        if run is None:
            _log_entry(client, experiment, recorded, mine, predictions, progress)
            run = _finished_run(client, experiment, record, mine)
        if run is None:
            raise TrackingError(
                f"The run of {record.entry} on {record.suite.id} was deleted from the server while "
                "it was written; its record is safe. Log it again: tailmark log"
            )
        if version is not None:
            report_version(client, version, run, record, means(record))
        return run


def rebuild(
    records: Iterable[Recorded],
    uri: str | None = None,
    *,
    predictions: Callable[[Recorded], Given | None] | None = None,
    progress: Progress | None = None,
) -> int:
    """Log every record that the server lacks; with a deleted database, all of them.

    Parameters
    ----------
    records : iterable of Recorded
        What should be there.
    uri : str, optional
        Tracking URI; default: `tracking_uri`.
    predictions : callable, optional
        Gives each record's ``predictions(cell, seed)``.
    progress : callable, optional
        ``progress(done, total)`` after each record.

    Returns
    -------
    int
        Number of records mirrored or found.
    """
    listed = list(records)
    for done, recorded in enumerate(listed, start=1):
        given = predictions(recorded) if predictions else None
        mirror(recorded, uri=uri, predictions=given)
        if progress:
            progress(done, len(listed))
    return len(listed)


@contextmanager
def _alone(uri: str, record: RunRecord, store: Path) -> Iterator[None]:
    """Let one process of a store log an entry at a time; a sqlite file has a lock of its own."""
    if sqlite_file(uri) is not None or (store.exists() and not os.access(store, os.W_OK)):
        yield  # a store that is only read has no locks: doubles are settled on the server
        return
    what = sha256_text(f"{uri} {record.suite.id} {record.entry}")[:32]
    with locked(store / "locks" / f"{what}.lock"):
        yield


def _log_entry(
    client: Any,
    experiment: str,
    recorded: Recorded,
    mine: str,
    predictions: Given | None,
    progress: Progress | None,
) -> None:
    """Log the entry's run and its children; it is finished only when all of it is there."""
    record = recorded.record
    run = _run_to_update(client, experiment, record)
    tags = entry_tags(record) | {WRITER: mine}
    if run is None:
        made = client.create_run(experiment, run_name=record.entry, tags=tags)
        run = made.info.run_id
        _log_values(client, run, entry_params(record), means(record))
    else:
        _log_values(client, run, {}, means(record), tags)
    source = {"suite": record.suite.id, "sha256": record.suite.sha256}
    data = dataset_input(record.suite.id, record.suite.sha256, source)
    client.log_inputs(run, datasets=[data])
    for done, job in enumerate(record.jobs, start=1):
        _log_job(client, experiment, run, record, job, predictions)
        if progress:
            progress(done, len(record.jobs))
    with TemporaryDirectory(prefix="tailmark-") as folder:
        write_artifacts(recorded, Path(folder))
        client.log_artifacts(run, folder)
    client.set_tag(run, COMPLETE, "yes")
    client.set_terminated(run, "FAILED" if failed(record) else "FINISHED")


def _run_to_update(client: Any, experiment: str, record: RunRecord) -> str | None:
    """Return the run of an earlier record of the same card, emptied; None: there is none.

    MLflow keeps params and metrics for ever: a run whose params differ, or that holds a metric
    which this record has not, is left as it is.
    """
    wanted = f"tags.`tailmark.role` = 'entry' and tags.`tailmark.entry` = '{record.entry}'"
    params = {k: str(v)[:PARAM_LENGTH] for k, v in entry_params(record).items() if v is not None}
    names = set(means(record))
    for run in client.search_runs([experiment], wanted, max_results=100):
        stale = {name for name in run.data.metrics if not name.startswith(PARTIAL)} - names
        if run.data.params == params and not stale and is_complete(run):
            if COMPLETE in run.data.tags:
                client.delete_tag(run.info.run_id, COMPLETE)
            client.update_run(run.info.run_id, status="RUNNING")
            _delete_children(client, experiment, run.info.run_id)
            return str(run.info.run_id)
    return None


def is_complete(run: Any) -> bool:
    """Return whether all of a record is in a run; those of earlier versions say it by status."""
    return COMPLETE in run.data.tags or run.info.status == "FINISHED"


def _log_job(
    client: Any,
    experiment: str,
    parent: str,
    record: RunRecord,
    job: JobRecord,
    predictions: Given | None,
) -> None:
    cell, seed = record.suite.cells[job.cell], record.suite.seeds[job.seed]
    name = f"{cell_label(cell)} s{seed}"
    run = client.create_run(
        experiment, run_name=name, tags=job_tags(record, job, parent)
    ).info.run_id
    _log_values(client, run, job_params(record, job), job_metrics(record, job))
    arrays = predictions(job.cell, job.seed) if predictions else None
    if arrays is not None:
        with TemporaryDirectory(prefix="tailmark-") as folder:
            path = Path(folder) / "test.npz"
            np.savez(path, **dict(arrays))  # type: ignore[arg-type]
            client.log_artifact(run, str(path), "predictions")
    if job.split_sha256 is not None:
        data = dataset_input(cell.partition("-")[0], job.split_sha256, {"cell": cell})
        client.log_inputs(run, datasets=[data])
    client.set_terminated(run, "FINISHED" if job.status == "done" else "FAILED")


def _log_values(
    client: Any,
    run: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log what is known and finite, in as few requests as MLflow allows."""
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    finite = [Metric(k, float(v), now, 0) for k, v in metrics.items() if np.isfinite(v)]
    known = [Param(k, str(v)[:PARAM_LENGTH]) for k, v in params.items() if v is not None]
    size, width = BATCH["metrics"], BATCH["params"]
    given = [RunTag(name, value) for name, value in (tags or {}).items()]
    for i in range(max(-(-len(finite) // size), -(-len(known) // width), len(given) > 0)):
        client.log_batch(
            run,
            metrics=finite[i * size : (i + 1) * size],
            params=known[i * width : (i + 1) * width],
            tags=given if i == 0 else (),
        )


def _finished_run(client: Any, experiment: str, record: RunRecord, mine: str) -> str | None:
    """Return the run that mirrors this record; delete doubles, and what an interrupted try left.

    Of several that are complete the one that was begun first stays, whoever looks: that order never
    changes. One that is not complete another store may be writing: it is left alone for a while.
    """
    sha = record.record_sha256
    wanted = f"tags.`tailmark.record_sha256` = '{sha}' and tags.`tailmark.role` = 'entry'"
    found = client.search_runs([experiment], wanted, max_results=100)
    finished = sorted((r.info.start_time, r.info.run_id) for r in found if is_complete(r))
    kept = finished[0][1] if finished else None
    for run in found:
        others = run.data.tags.get(WRITER, mine) != mine and not is_complete(run)
        recent = time.time() - run.info.start_time / 1000 < ABANDONED
        if run.info.run_id != kept and not (others and recent):
            _delete_with_children(client, experiment, run.info.run_id)
    return kept


def _delete_with_children(client: Any, experiment: str, run: str) -> None:
    _delete_children(client, experiment, run)
    client.delete_run(run)


def _delete_children(client: Any, experiment: str, run: str) -> None:
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run}'")
    for child in children:
        client.delete_run(child.info.run_id)


def _experiment(client: Any, suite: str, uri: str, store: Path) -> str:
    """Return the id of the suite's experiment, made when it is not there."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(suite)
    if found is None:
        database = sqlite_file(uri)
        home = store if database is None else database.parent
        bare = database is not None or urlsplit(uri).scheme.split("+")[0] in PORTS
        # a server has a place of its own; a bare database would mean the working folder
        artifacts = (home / "mlartifacts").as_uri() if bare else None
        try:
            return str(client.create_experiment(suite, artifact_location=artifacts))
        except MlflowException as error:  # another process was faster
            found = client.get_experiment_by_name(suite)
            if found is None:
                raise error
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)
