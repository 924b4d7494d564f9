"""Honesty on demand: what speaks against an entry's numbers, by its model and by the records."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.data.suites.open import OpenSuite
from harness.metric_keys import RowName
from harness.models.obtain.obtain import model_of
from harness.models.passes.honesty import honesty_flags
from harness.models.store.store import Store
from harness.paths import records_folder, store_folder, submissions_folder
from harness.rankings.field import suite_rows
from harness.rankings.ranking import rank
from harness.runs.plan import Entry, find_entry
from harness.types import Job


@dataclass
class Answers:
    """What was found about an entry."""

    doubts: list[str] = field(default_factory=list)
    """What its model was found out to do, one sentence each."""
    flags: list[str] = field(default_factory=list)
    """Review flags of its rows: they ask for a second look and say no more."""
    notes: list[str] = field(default_factory=list)
    """What could not be asked."""


def honesty(
    entry: Entry,
    opened: OpenSuite,
    *,
    submissions: Path | None = None,
    store: Path | None = None,
    trust: bool = False,
) -> Answers:
    """Return what speaks against an entry, and what could not be asked.

    Its model of the suite's first cell and seed is asked (`honesty_flags`); where the store has
    none it is trained. Beside that stand the flags of its rows in the ranking: a lead that is too
    good, predictions of another entry, and the others of PROTOCOL section 6.

    Parameters
    ----------
    entry : Entry
        What is asked about.
    opened : OpenSuite
        The suite with data.
    submissions, store : Path, optional
        Where things lie.
    trust : bool, default=False
        Allow parents with a trainer from outside.

    Raises
    ------
    HarnessError
        If its model cannot be had.
    """
    home, root = store_folder(store), submissions_folder(submissions)
    found = Answers()
    card = entry.card
    if card.kind == "predictions":
        found.notes.append("given predictions have no model that could be asked")
    elif card.facets.transductive:
        found.notes.append("a transductive model may answer by the batch, so it was not asked")
    else:
        job = Job(card, entry.folder, opened.suite.cells[0], opened.suite.seeds[0])

        def parent(name: str) -> Job:
            other = find_entry(name, root, trust=trust)
            return Job(other.card, other.folder, job.cell, job.seed)

        model, test, numerics = model_of(job, opened.at(job.cell), Store(home), parent=parent)
        found.doubts += honesty_flags(model, test, numerics, np.random.default_rng())
    rows = suite_rows(opened.suite.id, roots=[root], local_roots=[records_folder(home)], store=home)
    if not any(row.recorded.record.entry == card.name for row in rows):
        found.notes.append(f"it has no record of {opened.suite.id} whose row could be looked at")
        return found
    ranking = rank(rows, suite=opened.suite.id)
    for row in (*ranking.rows, *ranking.beside):
        if RowName.parse(row.name).entry == card.name:
            found.flags += [f"{row.name}: {flag}" for flag in row.flags]
    return found
