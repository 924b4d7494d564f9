"""Counting multiply-accumulates for records that do not hold them: one model for each data set.

A network's count does not depend on what it has learnt. So a model is trained on a few rows of each
class, and another on twice as many; where their counts differ, or a few rows are too few, the count
depends on the rows and the model is trained on all of them.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from harness.data.pools.pools import rows_of
from harness.data.suites.open import OpenSuite, open_suite
from harness.errors import HarnessError, StoreError
from harness.models.obtain.counting import macs_of_job
from harness.models.store.store import Store
from harness.paths import store_folder, submissions_folder
from harness.records.macs import Line
from harness.records.records import read_record
from harness.runs.plan import Entry, find_entries, find_entry, names_with_record
from harness.types import Job, Split
from harness.types.results import Macs

ROWS = 300
"""Rows, over all classes, that the first model is trained on: more than a batch."""


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
        Where things lie. A model whose count depends on its training rows is taken from the store
        or trained, once for each data set of the suite, and kept.
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

    def of(part: OpenSuite, kept: Store) -> Macs:
        return macs_of_job(Job(entry.card, entry.folder, cell, seed), part, kept, parent=parent)

    with (
        tempfile.TemporaryDirectory() as scratch,
        suppress(HarnessError, ValueError, LookupError, ArithmeticError),
    ):
        few = -(-ROWS // here.num_classes)
        one, two = (of(_few_rows(here, each), Store(Path(scratch))) for each in (few, 2 * few))
        if one == two:
            return one
    return of(here, store)


@dataclass(frozen=True)
class _FewRows(OpenSuite):
    """A suite whose splits have a few rows of each class."""

    few: int = ROWS

    def split(self, cell: str, seed: int) -> Split:
        """Return the first rows of each class of the split, in their order."""
        whole = super().split(cell, seed)
        rows = _first(whole.observed, self.few)
        names = ("indices", "observed", "clean", "foreign", "attributes", "patched")
        given = {name: getattr(whole, name) for name in names}
        found = {name: array[rows] for name, array in given.items() if array is not None}
        if whole.known is not None:
            found["known"] = np.flatnonzero(np.isin(rows, whole.known))
        if whole.val_observed is not None:
            held = _first(whole.val_observed, self.few)
            for name in ("val_indices", "val_observed", "val_clean"):
                array = getattr(whole, name)
                found[name] = None if array is None else array[held]
        return replace(whole, **found)


def _few_rows(opened: OpenSuite, few: int) -> OpenSuite:
    """Return a suite with a few rows to train on and a few to answer."""
    given = {each.name: getattr(opened, each.name) for each in fields(OpenSuite)}
    test = rows_of(opened.test, np.arange(min(few, len(opened.test))), "test")
    return _FewRows(**{**given, "test": test}, few=few)


def _first(labels: np.ndarray, few: int) -> np.ndarray:
    """Return the places of the first rows of each class, increasing."""
    places = [np.flatnonzero(labels == label)[:few] for label in np.unique(labels)]
    return np.sort(np.concatenate(places))
