"""Adding seeds until a gate has an answer, with an error that allows looking after each seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.data.suites.open import OpenSuite, open_suite
from harness.errors import TrainingError
from harness.metric_keys import RowName
from harness.models.obtain.obtain import obtain
from harness.models.store.store import Store
from harness.paths import store_folder, submissions_folder
from harness.rankings.field import Candidate, key_named
from harness.rankings.regress import Regression, regress
from harness.records.records import Recorded
from harness.runs.assemble import JobResult, assemble
from harness.runs.job import evaluate_job
from harness.runs.plan import Entry, find_entry, jobs_of
from harness.stats.spending import Looks
from harness.stats.spread import MIN_SEEDS
from harness.types import Job


@dataclass(frozen=True)
class Settled:
    """What a sequence of looks came to."""

    found: Regression
    """The last look's answer."""
    seeds: int
    """Seeds that both sides were run with."""


def settle(
    candidate: str,
    reference: str,
    suite: str,
    *,
    most: int,
    keys: Sequence[str | None] = (None,),
    margin: float = 0.005,
    cells: Sequence[str] | None = None,
    submissions: Path | None = None,
    store: Path | None = None,
    data_root: Path | None = None,
    trust: bool = False,
    told: Callable[[str], None] = lambda words: None,
) -> Settled:
    """Run two entries with more and more seeds until it can be told whether one is worse.

    Seeds go on where the suite's end: splits of any seed are drawn alike. Jobs are done in this
    process, one after the other; what is in the store is not done again, so that an interrupted
    sequence goes on. No record is written: a suite's records have the suite's seeds.

    Parameters
    ----------
    candidate, reference : str
        Entries, or ``entry+variant``.
    suite : str
        Suite id.
    most : int
        Seeds at which it ends in any case, at least 3.
    keys, margin, cells
        As in `harness.rankings.regress.regress`; only these cells are run where some are named.
    submissions, store, data_root : Path, optional
        Where things lie.
    trust : bool, default=False
        Allow trainers outside of METHODS and ``baselines``.
    told : callable, optional
        Told after each look what it came to.

    Raises
    ------
    TrainingError
        If a job fails.
    HarnessError
        If a name, a card or the data are not what they should be.
    """
    looks = Looks(most)
    opened = open_suite(suite, data_root)
    opened = replace(opened, suite=replace(opened.suite, seeds=tuple(range(most))))
    root, home = submissions_folder(submissions), Store(store_folder(store))
    names = [RowName.parse(name) for name in (candidate, reference)]
    sides = [
        _Side(find_entry(name.entry, root, trust=trust), root, opened, home, cells, trust)
        for name in names
    ]
    fixed = all(side.entry.card.deterministic for side in sides)
    for seeds in range(MIN_SEEDS, most + 1):
        rows = [
            (text, Candidate(side.recorded(seeds), name.variant, "rerun", True))
            for text, name, side in zip((candidate, reference), names, sides, strict=True)
        ]
        share = 1.0 if fixed else looks.share(seeds)
        named = [key and key_named(key, [row for _, row in rows]) for key in keys]
        found = regress(rows[0], rows[1], keys=named, margin=margin, cells=cells, share=share)
        told(f"{seeds} seeds: {found.state}")
        if found.state != "cannot tell" or fixed:
            break
    return Settled(found, seeds)


@dataclass
class _Side:
    """One entry and what was done of it so far."""

    entry: Entry
    root: Path
    opened: OpenSuite
    store: Store
    cells: Sequence[str] | None
    trust: bool
    results: list[JobResult] = field(default_factory=list)

    def recorded(self, seeds: int) -> Recorded:
        """Return the entry's record over so many seeds, the missing ones run now."""
        done = {(result.cell, result.seed) for result in self.results}
        suite = self.opened.suite
        for job in jobs_of(self.entry, suite, cells=self.cells, seeds=suite.seeds[:seeds]):
            if (suite.cells.index(job.cell), suite.seeds.index(job.seed)) not in done:
                self.results.append(self._done(job))
        return assemble(self.entry.card, self.opened, self.results)

    def _done(self, job: Job) -> JobResult:
        def parent(name: str) -> Job:
            entry = find_entry(name, self.root, trust=self.trust)
            return Job(entry.card, entry.folder, job.cell, job.seed)

        obtained = obtain(job, self.opened.at(job.cell), self.store, parent=parent)
        result = evaluate_job(job, self.opened, obtained, store=self.store)
        if result.status != "done":
            raise TrainingError(f"{job.name} failed: {result.error}")
        return result
