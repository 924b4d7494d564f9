"""Which stored predictions a record stands on, so that it can be recomputed without any model."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from harness.atomic import write_text
from harness.data.suites.open import OpenSuite
from harness.errors import StoreError
from harness.models.obtain.obtain import obtain
from harness.models.store.seal import sealed, unsealed
from harness.models.store.store import Store
from harness.paths import records_folder
from harness.records.records import Recorded
from harness.records.trust import note_path
from harness.runs.assemble import JobResult
from harness.runs.job import place_of
from harness.types import Job, JobRecord, Predictions

Said = tuple[dict[str, Predictions], dict[str, str]]
"""Pool → predictions, and pool → key in this machine's store (empty for what came from outside)."""
Evidence = Callable[[Job, OpenSuite, JobRecord], Said]
"""Where the predictions of a job, and of what a record says of it, are read from. It is pickled."""
Keys = Mapping[str, Mapping[str, str]]
"""``"<cell index>/<seed index>"`` → pool → evidence key."""


def write_index(
    store: Path,
    made: Recorded,
    results: Sequence[JobResult],
    *,
    kept: Collection[tuple[int, int]] = (),
) -> None:
    """Note the evidence keys of an entry's jobs; kept out of the record, since they are local.

    The note is sealed and names the record: that is how this machine knows what it made.

    Parameters
    ----------
    store : Path
        Where the predictions lie.
    made : Recorded
        The record, as written to the store.
    results : sequence of JobResult
        What was done now.
    kept : collection of (int, int)
        Cells and seeds that the record took over from an earlier one, with their keys.
    """
    keys = {f"{r.cell}/{r.seed}": dict(r.evidence_keys) for r in results if r.evidence_keys}
    entry, suite = made.record.entry, made.record.suite.id
    path = index_path(store, entry, suite)
    if kept and path.is_file():
        before = _index_or_nothing(store, entry, suite)
        places = (f"{cell}/{seed}" for cell, seed in kept)
        keys |= {place: dict(before[place]) for place in places if place in before}
    _write_note(path, made, keys)


def _index_or_nothing(store: Path, entry: str, suite: str) -> Keys:
    try:
        return read_index(store, entry, suite)
    except StoreError:
        return {}  # damaged: rescoring the jobs that were kept says that they must be run


def index_path(store: Path, entry: str, suite: str) -> Path:
    """Return where the evidence keys of a record lie: beside the store's own record."""
    return note_path(records_folder(store) / entry / "results" / f"{suite}.json")


def _write_note(path: Path, made: Recorded, keys: Keys) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    note = {"record_sha256": made.record.record_sha256, "keys": keys}
    whole = sealed(note, f"{made.record.entry}/{path.name}")
    write_text(path, json.dumps(whole, indent=1, sort_keys=True) + "\n")


def renote(store: Path, made: Recorded) -> None:
    """Note that a record was recomputed from the evidence that its note names.

    Parameters
    ----------
    store : Path
        Where the predictions lie.
    made : Recorded
        The new record, as written to the store.
    """
    entry, suite = made.record.entry, made.record.suite.id
    path = index_path(store, entry, suite)
    _write_note(path, made, read_index(store, entry, suite) if path.is_file() else {})


def read_index(store: Path, entry: str, suite: str) -> Keys:
    """Return the evidence keys of a record made on this machine.

    Raises
    ------
    StoreError
        If the store has none, or it is damaged.
    """
    path = index_path(store, entry, suite)
    if not path.is_file():
        raise StoreError(
            f"Expected the evidence of {entry} on {suite} in the store ({store}); it has none. "
            f"Run: tailmark run {entry} --suite {suite}"
        )
    try:
        said, was_sealed = unsealed(path.read_text("utf-8"), f"{entry}/{path.name}")
        # One of an earlier version is not sealed and holds nothing but the keys.
        keys: Keys = said["keys"] if was_sealed else said
        return keys
    except (ValueError, KeyError) as error:
        raise StoreError(
            f"{path} is not what was written ({error}). "
            f"Write it again: tailmark run {entry} --suite {suite}"
        ) from None


def stored_predictions(store: Path, keys: Mapping[str, str], entry: str) -> dict[str, Predictions]:
    """Return one job's predictions from the store.

    Raises
    ------
    StoreError
        If one of them is no longer there.
    """
    kept = Store(store)
    found = {}
    for pool, key in keys.items():
        predictions = kept.load_evidence(key)
        if predictions is None:
            raise StoreError(
                f"Expected predictions of {entry} for pool {pool} under {key[:12]}… in {store}; "
                f"they are gone. Run: tailmark run {entry}"
            )
        found[pool] = predictions
    return found


def stored_evidence(home: Path, suite: str) -> Evidence:
    """Return the reader of predictions in the store, or in the folder of an entry that gives them.

    Parameters
    ----------
    home : Path
        The store.
    suite : str
        Suite id.
    """
    return partial(_stored, home, suite)


def _stored(home: Path, suite: str, job: Job, opened: OpenSuite, before: JobRecord) -> Said:
    if job.card.kind == "predictions":
        return obtain(job, opened.at(job.cell), Store(home)).predictions, {}
    keys = read_index(home, job.card.name, suite)
    cell, seed = place_of(job, opened)
    if (place := f"{cell}/{seed}") not in keys:
        raise StoreError(
            f"Expected evidence of {job.name} in the store; it has none. "
            f"Run: tailmark run {job.card.name} --suite {suite}"
        )
    found = stored_predictions(home, keys[place], job.card.name)
    head = Store(home).load_head(str(before.model_id))
    return {name: replace(p, head=head) for name, p in found.items()}, dict(keys[place])


def test_predictions(
    recorded: Recorded, store: Path
) -> Callable[[int, int], dict[str, np.ndarray] | None]:
    """Return a reader of the test logits of a record's jobs, None where the store has none."""
    record = recorded.record
    try:
        keys = read_index(store, record.entry, record.suite.id)
    except StoreError:
        return lambda cell, seed: None
    kept = Store(store)

    def read(cell: int, seed: int) -> dict[str, np.ndarray] | None:
        key = keys.get(f"{cell}/{seed}", {}).get("test")
        found = None if key is None else kept.load_evidence(key, features=False)
        return None if found is None else {"row": found.row, found.kind: found.values}

    return read
