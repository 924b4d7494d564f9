"""Counting multiply-accumulates for records that do not hold them: one model for each data set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.suites.open import OpenSuite, open_suite
from harness.errors import StoreError
from harness.models.obtain.counting import macs_of_job
from harness.models.store.store import Store
from harness.paths import store_folder, submissions_folder
from harness.records.macs import Line
from harness.records.records import read_record
from harness.runs.plan import Entry, find_entries, find_entry, names_with_record
from harness.types import Job
from harness.types.results import Macs


@dataclass(frozen=True)
class Counted:
    """What counting for one entry gave."""

    entry: str
    """Entry's name."""
    line: Line
    """For the list beside the entries."""


def count(
    names: Sequence[str],
    suite: str,
    *,
    submissions: Path | None = None,
    store: Path | None = None,
    data_root: Path | None = None,
    trust: bool = False,
) -> Iterator[Counted]:
    """Yield the multiply-accumulates of entries that have a record of a suite.

    Parameters
    ----------
    names : sequence of str
        Entries; none: all that have a record.
    suite : str
        Suite id.
    submissions, store, data_root : Path, optional
        Where things lie. A model of which the store has no state is trained, once for each data
        set of the suite, and kept.
    trust : bool, default=False
        Allow a trainer from outside.

    Raises
    ------
    StoreError
        If a named entry, or none at all, has a record of the suite.
    HarnessError
        If a model cannot be had.
    """
    root = submissions_folder(submissions)

    def record_path(folder: Path) -> Path:
        return folder / "results" / f"{suite}.json"

    wanted = names_with_record(names, root, suite, record_path)
    opened = open_suite(suite, data_root)
    kept = Store(store_folder(store))
    for entry in find_entries(wanted, root, trust=trust):
        path = record_path(entry.folder)
        if not path.is_file():
            raise StoreError(
                f"{entry.card.name} has no record of {suite}. Run: tailmark run {entry.card.name} "
                f"--suite {suite}; what is made now holds its multiply-accumulates"
            )
        sha = str(read_record(path).record.record_sha256)
        yield Counted(entry.card.name, Line(sha, _macs(entry, opened, kept, root, trust=trust)))


def _macs(entry: Entry, opened: OpenSuite, store: Store, root: Path, *, trust: bool) -> Macs:
    """Return the mean over cells, one model for each of the suite's data sets."""
    cells: dict[str, list[str]] = {}
    for cell in opened.suite.cells:
        cells.setdefault(cell.partition("-")[0], []).append(cell)
    total = 0.0
    for same in cells.values():
        found = _of_cell(entry, same[0], opened, store, root, trust=trust)
        if found.count is None:
            return found
        total += len(same) * found.count
    return Macs(total / len(opened.suite.cells))


def _of_cell(
    entry: Entry, cell: str, opened: OpenSuite, store: Store, root: Path, *, trust: bool
) -> Macs:
    seed = opened.suite.seeds[0]
    here = opened.at(cell)
    if here.folds is not None:  # each row is predicted by the model of its fold: take the first
        here = here.fold(np.flatnonzero(here.folds.of_rows(seed) == 0))

    def parent(name: str) -> Job:
        other = find_entry(name, root, trust=trust)
        return Job(other.card, other.folder, cell, seed)

    return macs_of_job(Job(entry.card, entry.folder, cell, seed), here, store, parent=parent)
