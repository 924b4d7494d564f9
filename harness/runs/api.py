"""The same from Python: run entries or models in memory, rank, and look at what came out.

>>> import harness
>>> results = harness.run("cnn-ce", suite="digits-v1")   # doctest: +SKIP
>>> results.frame(); results.plot()                      # doctest: +SKIP
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import TrackingError
from harness.paths import records_folder, store_folder, submissions_folder
from harness.records.records import Recorded, read_record, write_record
from harness.runs.plan import Entry, find_entries, jobs_of, waves, with_parents
from harness.types import Ranking

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from harness.runs.assemble import JobResult
    from harness.runs.execute import Report

Started = Callable[[int], None]
Finished = Callable[[str, "JobResult"], None]


@dataclass(frozen=True)
class Results(Sequence[Recorded]):
    """Records of one suite: a sequence that turns into a table and plots itself."""

    suite: str
    """Suite id."""
    records: tuple[Recorded, ...]
    """One an entry."""

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self.records)

    def frame(self) -> "pd.DataFrame":
        """Return a long table: entry, variant, cell, seed, metric, value (None where undefined)."""
        import pandas as pd

        rows = [
            (found.record.entry, variant, cell, seed, key, grid[m][s])
            for found in self.records
            for variant, body in found.record.variants.items()
            for key, grid in body.metrics.items()
            for m, cell in enumerate(found.record.suite.cells)
            for s, seed in enumerate(found.record.suite.seeds)
        ]
        columns = ["entry", "variant", "cell", "seed", "metric", "value"]
        return pd.DataFrame(rows, columns=columns)

    def ranking(self, key: str | None = None) -> Ranking:
        """Rank these records among themselves.

        Parameters
        ----------
        key : str, optional
            Metric key; default: the suite's primary metric.
        """
        from harness.rankings.field import candidates
        from harness.rankings.ranking import NOTES, rank

        own = frozenset(found.record.entry for found in self.records)
        return rank(candidates(self.records, local=own), suite=self.suite, key=key, notes=NOTES)

    def plot(self, key: str | None = None) -> "Figure":
        """Draw the ranking with its intervals; one entry alone: its reliability diagram.

        Parameters
        ----------
        key : str, optional
            Metric key; default: the suite's primary metric.
        """
        from harness.pictures.record import ranking_plot, reliability_plot

        if len(self.records) == 1 and key is None:
            return reliability_plot(self.records[0])
        return ranking_plot(self.ranking(key))


def run(
    entries: Any = (),
    suite: str = "digits-v1",
    *,
    cells: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    store: Path | str | None = None,
    submissions: Path | str | None = None,
    data_root: Path | str | None = None,
    processes: int | None = None,
    trust: bool = False,
    report: "Report | None" = None,
    started: Started | None = None,
    finished: Finished | None = None,
) -> Results:
    """Run entries, or a model in memory, on a suite.

    What is in the store is not done again. Nothing is written outside the store.

    Parameters
    ----------
    entries : str, Path, sequence of these, or an object
        Names or folders of entries; none: all that are meant for the suite. Or one object: a
        model (``num_classes``, ``preprocessing``, ``__call__(inputs) -> Output``) that is scored
        as it is in every cell, or a function ``fit(train, ctx) -> model`` that is trained in
        every cell and seed.
    suite : str, default="digits-v1"
        Suite id.
    cells, seeds : sequence, optional
        Some of the suite's; the entry then has no overall value.
    store, submissions, data_root : path, optional
        Where things lie; see `harness.paths`.
    processes : int, optional
        Jobs done at once; None: as many as cores.
    trust : bool, default=False
        Allow trainers outside of METHODS and ``baselines``.
    report, started, finished : callable, optional
        Told of progress: events of a job, the number of jobs, and each job's result.

    Returns
    -------
    Results
        One record an entry, in the order asked for.

    Raises
    ------
    HarnessError
        If something a user can mend is wrong before any job starts.
    """
    from harness.runs.execute import Place

    place = Place(
        suite=suite,
        store=store_folder(Path(store) if store else None).resolve(),
        submissions=submissions_folder(Path(submissions) if submissions else None),
        data_root=Path(data_root) if data_root else None,
        trust=trust,
    )
    if callable(entries):
        from harness.runs.objects import run_object

        return Results(suite, (run_object(entries, place, cells=cells, seeds=seeds),))
    names = [entries] if isinstance(entries, (str, Path)) else list(entries)
    wanted = find_entries([str(n) for n in names], place.submissions, trust=trust, suite=suite)
    plan = _Plan(place, cells, seeds, processes, report, started, finished)
    return Results(suite, tuple(plan.do(wanted)))


@dataclass(frozen=True)
class _Plan:
    """One call of `run`, split into its steps."""

    place: Any
    cells: Sequence[str] | None
    seeds: Sequence[int] | None
    processes: int | None
    report: "Report | None"
    started: Started | None
    finished: Finished | None

    def do(self, wanted: list[Entry]) -> list[Recorded]:
        """Do all jobs, parents first, and write one record an entry."""
        from harness.runs.execute import do_jobs, opened_suite

        opened = opened_suite(self.place.suite, self.place.data_root)
        whole = with_parents(wanted, self.place.submissions)
        jobs = {
            entry.card.name: jobs_of(entry, opened.suite, cells=self.cells, seeds=self.seeds)
            for entry in whole
        }
        if self.started is not None:
            self.started(sum(map(len, jobs.values())))
        results: dict[str, list[JobResult]] = {entry.card.name: [] for entry in whole}
        records: dict[str, Recorded] = {}
        for wave in waves(whole):
            todo = [job for entry in wave for job in jobs[entry.card.name]]
            for job, result in do_jobs(
                todo, self.place, processes=self.processes, report=self.report
            ):
                name = job.card.name
                results[name].append(result)
                if self.finished is not None:
                    self.finished(job.name, result)
                if len(results[name]) == len(jobs[name]):
                    records[name] = self._record(job.card, results[name])
        return [records[entry.card.name] for entry in wanted]

    def _record(self, card: Any, results: "list[JobResult]") -> Recorded:
        """Assemble and write one entry's record as soon as its last job is done."""
        from harness.runs.assemble import assemble
        from harness.runs.evidence import write_index
        from harness.runs.execute import opened_suite

        opened = opened_suite(self.place.suite, self.place.data_root)
        recorded = assemble(card, opened, results)
        folder = records_folder(self.place.store) / card.name / "results"
        path = write_record(recorded, folder)
        write_index(self.place.store, card.name, self.place.suite, results)
        return Recorded(recorded.record, path, recorded.arrays)


def rank(
    suite: str = "digits-v1",
    *,
    submissions: Path | str | None = None,
    store: Path | str | None = None,
    local: bool = False,
    committed: bool = True,
    key: str | None = None,
    track: str = "open",
    cells: Sequence[str] | None = None,
) -> Ranking:
    """Rank what is recorded for a suite.

    Parameters
    ----------
    suite : str, default="digits-v1"
        Suite id.
    submissions, store : path, optional
        Where committed and own records lie.
    local : bool, default=False
        Read this machine's records.
    committed : bool, default=True
        Read the submitted records.
    key, track, cells
        As in `harness.rankings.ranking.rank_suite`.
    """
    from harness.rankings.ranking import rank_suite

    own = records_folder(store_folder(Path(store) if store else None))
    handed_in = submissions_folder(Path(submissions) if submissions else None)
    return rank_suite(
        suite,
        roots=[handed_in] if committed else [],
        local_roots=[own] if local else [],
        key=key,
        track=track,
        cells=cells,
    )


def load_record(path: Path | str) -> Recorded:
    """Read one record file, checked against its own sha256."""
    return read_record(Path(path))


def mirror_all(
    results: Results, store: Path, *, uri: str | None = None
) -> Mapping[str, str | TrackingError]:
    """Mirror records and their test predictions to MLflow; the records are safe in any case.

    Returns
    -------
    dict of str
        Entry → run id, or the error that kept it from being logged.
    """
    from harness.runs.evidence import test_predictions
    from harness.tracking.mirror import mirror, tracking_uri

    target = tracking_uri(uri, store=store)
    outcome: dict[str, str | TrackingError] = {}
    for recorded in results:
        try:
            outcome[recorded.record.entry] = mirror(
                recorded, uri=target, predictions=test_predictions(recorded, store)
            )
        except TrackingError as error:
            outcome[recorded.record.entry] = error
            break
    return outcome
