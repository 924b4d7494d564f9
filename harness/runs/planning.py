"""The plan of a run as data: its jobs, which of them the store has, what the rest will take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from harness.models.obtain.obtain import is_kept
from harness.models.store.store import Store
from harness.paths import records_folder
from harness.runs.estimate import Estimate, estimate
from harness.runs.execute import Place, opened_suite, parent_of
from harness.runs.plan import find_entries, jobs_of, with_parents


@dataclass(frozen=True)
class Planned:
    """What one entry of a run is about to do."""

    entry: str
    """Name."""
    jobs: int
    """Of the cells and seeds asked for."""
    kept: int
    """Jobs whose predictions are in the store already: nothing is trained or passed."""
    seconds: float | None
    """Estimate for the others, one after the other; None: not known."""
    memory: float | None
    """Largest bytes of one process; None: not known."""
    basis: str
    """What the estimate is based on, or why there is none."""


def planned(
    names: Sequence[str],
    place: Place,
    *,
    cells: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    problems: list[str] | None = None,
) -> Iterator[Planned]:
    """Yield what each entry of a run will do, parents first; nothing is run.

    Parameters
    ----------
    names : sequence of str
        Names or folders; none: all that are meant for the suite.
    place : Place
        Suite, store and data.
    cells, seeds : sequence, optional
        Some of the suite's; None: all.
    problems : list of str, optional
        Why cards that nobody named were left out is added here.

    Raises
    ------
    HarnessError
        As `harness.run` before any job starts.
    """
    found = find_entries(
        names, place.submissions, trust=place.trust, suite=place.suite, problems=problems
    )
    opened = opened_suite(place.suite, place.data_root)
    store = Store(place.store)
    roots = [records_folder(place.store), place.submissions]
    whole = len(opened.suite.cells) * len(opened.suite.seeds)
    for entry in with_parents(found, place.submissions, trust=place.trust):
        jobs = jobs_of(entry, opened.suite, cells=cells, seeds=seeds)
        kept = sum(
            is_kept(job, opened.at(job.cell), store, parent=partial(parent_of, job, place))
            for job in jobs
        )
        left = len(jobs) - kept
        said = estimate(entry, opened, roots) if left else Estimate(0.0, None, "all in the store")
        if isinstance(said, Estimate):
            seconds = said.seconds / whole * left
            yield Planned(entry.card.name, len(jobs), kept, seconds, said.memory, said.basis)
        else:
            yield Planned(entry.card.name, len(jobs), kept, None, None, said)
