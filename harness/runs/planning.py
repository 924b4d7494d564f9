"""The plan of a run as data: its jobs, which of them the store has, what the rest will take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from harness.models.cards.cards import card_sha256
from harness.models.obtain.obtain import is_kept
from harness.models.store.store import Store
from harness.paths import records_folder
from harness.records.past import past_of
from harness.runs.estimate import Estimate, duration, estimate, methods_in, recorded
from harness.runs.execute import Place, opened_suite, parent_of
from harness.runs.plan import Entry, find_entries, jobs_of, with_parents
from harness.types import Job, Suite


@dataclass(frozen=True)
class Planned:
    """What one entry of a run is about to do."""

    entry: str
    """Name."""
    jobs: int
    """Of the cells and seeds asked for."""
    kept: int
    """Jobs that need no training or pass: `planned` looks their predictions up in the store,
    `foreseen` takes those that this machine's record has from the same card."""
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
    cards: Mapping[str, Path] | None = None,
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
    cards : mapping of str to Path, optional
        Name → the folder of the card that was made for it: of models that have none.

    Raises
    ------
    HarnessError
        As `harness.run` before any job starts.
    """
    made = cards or {}
    found = find_entries(
        [str(made.get(name, name)) for name in names],
        place.submissions, trust=place.trust, suite=place.suite, problems=problems,
    )  # fmt: skip
    words = {folder: name for name, folder in made.items()}
    found = [replace(entry, word=words.get(entry.folder, entry.word)) for entry in found]
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
        yield _planned(entry, len(jobs), kept, whole, said)


def foreseen(
    jobs: Mapping[str, Sequence[Job]], entries: Sequence[Entry], suite: Suite, roots: Sequence[Path]
) -> list[Planned]:
    """Return the same from records alone, quick enough to be said before every run.

    No split is drawn and no row is hashed, so a job counts as kept where this machine's record
    has it from the same card: when code or data have changed since, it is done again.

    Parameters
    ----------
    jobs : mapping of str to sequence of Job
        Entry → its jobs.
    entries : sequence of Entry
        The same entries, parents first.
    suite : Suite
        Where they run.
    roots : sequence of Path
        Folders of records, this machine's first.
    """
    whole = len(suite.cells) * len(suite.seeds)
    methods = cache(partial(methods_in, given={entry.folder: entry.card for entry in entries}))
    found = []
    for entry in entries:
        name = entry.card.name
        asked = {(suite.cells.index(j.cell), suite.seeds.index(j.seed)) for j in jobs[name]}
        own = next(past_of(roots[:1], suite.id, [name]), None)
        kept = asked & own.done if own and own.card_sha256 == card_sha256(entry.card) else set()
        said = (
            recorded(entry, suite, roots, methods)
            if len(kept) < len(asked)
            else Estimate(0.0, None, "all recorded here")
        )
        found.append(_planned(entry, len(asked), len(kept), whole, said))
    return found


def _planned(entry: Entry, jobs: int, kept: int, whole: int, said: Estimate | str) -> Planned:
    if isinstance(said, str):
        return Planned(entry.card.name, jobs, kept, None, None, said)
    seconds = said.seconds / whole * (jobs - kept)
    return Planned(entry.card.name, jobs, kept, seconds, said.memory, said.basis)


def summary(plans: Sequence[Planned]) -> str:
    """Return what a run is about to take, in a sentence.

    Parameters
    ----------
    plans : sequence of Planned
        One an entry.
    """
    left = sum(plan.jobs - plan.kept for plan in plans)
    kept = sum(plan.kept for plan in plans)
    known = [plan.seconds for plan in plans if plan.seconds is not None]
    unknown = len(plans) - len(known)
    memory = max((plan.memory for plan in plans if plan.memory is not None), default=None)
    parts = []
    if left and known:
        room = "" if memory is None else f", {memory / 1e9:.1f} GB of memory a process"
        parts.append(f"about {duration(sum(known))} in one process{room}")
    if unknown:
        parts.append(f"the time of {unknown} {'entry' if unknown == 1 else 'entries'} is not known")
    if kept:
        parts.append(f"{kept} more {'is' if kept == 1 else 'are'} kept")
    jobs = "1 job" if left == 1 else f"{left} jobs"
    return f"{jobs} to do{': ' if parts else ''}{'; '.join(parts)}."
