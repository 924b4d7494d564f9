"""The same from Python: run entries or models in memory, rank, and look at what came out.

>>> import harness
>>> results = harness.run("cnn-ce", suite="digits-v1")             # doctest: +SKIP
>>> results.frame(); results.plot()                                # doctest: +SKIP
>>> mine = harness.run({"mine": module}, cells="digits-exp10-clean")  # doctest: +SKIP
>>> mine.ranking(committed=True)                                   # doctest: +SKIP
>>> harness.compare(mine, "cnn-ce")                                # doctest: +SKIP
"""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import SpecError, TrackingError
from harness.paths import entry_roots, records_folder, store_folder, submissions_folder
from harness.records.merging import DAMAGED, Stored
from harness.records.records import Recorded, read_record
from harness.runs.plan import Entry, find_entries, jobs_of, waves, with_parents
from harness.runs.results import Results
from harness.types import Ranking

if TYPE_CHECKING:
    from harness.rankings.comparing import Comparison
    from harness.rankings.field import Field
    from harness.runs.assemble import JobResult
    from harness.runs.execute import How, Place, Report
    from harness.runs.planning import Planned

WAITS = (0.5, 2.0)
"""Seconds before a server that failed is tried again."""
Expected = Callable[[Sequence["Planned"]], None]
Started = Callable[[int], None]
Finished = Callable[[str, "JobResult"], None]
Told = Callable[[str], None]


def run(
    entries: Any = (),
    suite: str = "digits-v1",
    *,
    cells: Sequence[str] | str | None = None,
    seeds: Sequence[int] | int | None = None,
    store: Path | str | None = None,
    submissions: Path | str | None = None,
    data_root: Path | str | None = None,
    processes: int | None = None,
    executor: str | None = None,
    address: str | None = None,
    jobs_per_gpu: int | None = None,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    trust: bool = False,
    features_budget: int | None = None,
    tracking_uri: str | None = None,
    report: "Report | None" = None,
    expected: Expected | None = None,
    started: Started | None = None,
    finished: Finished | None = None,
    told: Told | None = None,
) -> Results:
    """Run entries, or models in memory, on a suite.

    What is in the store is not done again. Nothing is written outside the store, and nothing at
    all of models in memory.

    Parameters
    ----------
    entries : str, Path, object, sequence of these, or mapping of str to object
        Names or folders of entries; none: all that are meant for the suite, those with a wrong
        card left out. Or a model without a card: a registered one (``models:/name/version``), one
        of the Hub (``hf://owner/name@commit``), a file (.onnx, .pt2, .skops, .safetensors); see
        docs/loaders.md. Or models in memory, a mapping's under its keys: a torch module, a fitted
        scikit-learn estimator, a function of a batch of inputs that returns an array, or an
        object with ``num_classes``, ``preprocessing`` and ``__call__(inputs) -> Output`` is
        scored as it is in every cell. An estimator that was not fitted is copied and fitted for
        every cell and seed, and ``fit(train, ctx)``, which returns any of these, is called for
        each. See `harness.models.obtain.plain.as_model` for what each is given.
    suite : str, default="digits-v1"
        Suite id.
    cells, seeds : str, int or sequence of these, optional
        Some of the suite's; the entry then has no overall value.
    store, submissions, data_root : path, optional
        Where things lie; see `harness.paths`.
    processes : int, optional
        Jobs done at once; None: as many as cores.
    executor : str, optional
        ``local`` (this process), ``processes`` or ``ray``; no result depends on it. None:
        processes.
    address : str, optional
        Of a Ray cluster; None: one is started on this machine.
    jobs_per_gpu : int, optional
        Jobs that share a GPU of a Ray cluster.
    time_limit, memory_limit : optional
        Seconds, and bytes of resident memory, that one job may take; beyond it the job is stopped
        and recorded as failed, and the others go on.
    trust : bool, default=False
        Allow trainers outside of METHODS and ``baselines``.
    features_budget : int, optional
        Largest size in bytes of all features in the store: beyond it the oldest go, and are
        computed again where an entry needs them. None: no limit.
    report, expected, started, finished, told : callable, optional
        Told of progress: events of a job, what each entry is expected to take by past records,
        the number of jobs, each job's result, and sentences such as where an earlier record or a
        damaged part of the store was set aside; without `told` the latter are warnings.

    Returns
    -------
    Results
        One record an entry, in the order asked for; its `problems` say which cards were wrong.

    Raises
    ------
    HarnessError
        If something a user can correct is wrong before any job starts.
    """
    from harness.models.passes.numerics import choose, reading_threads
    from harness.models.store.writable import check_writable
    from harness.runs.execute import How, Place
    from harness.runs.workers import Limits

    place = Place(
        suite=suite,
        store=store_folder(Path(store) if store else None).resolve(),
        submissions=submissions_folder(Path(submissions) if submissions else None).resolve(),
        data_root=Path(data_root).resolve() if data_root else None,
        trust=trust,
        features_budget=features_budget,
    )
    how = How(executor, processes, Limits(time_limit, memory_limit), address, jobs_per_gpu)
    for asked in (choose, reading_threads):
        asked()  # what the environment says wrongly is said before any job meets it
    chosen = [cells] if isinstance(cells, str) else cells
    drawn = [seeds] if isinstance(seeds, int) else seeds
    names, objects = _sorted_out(entries)
    if names or not objects:
        check_writable(place.store)  # once, instead of in every job
    records = records_folder(place.store)
    names = [str(card_of(name, place, records, tracking_uri) or name) for name in names]
    made: dict[str, Recorded] = {}
    problems: list[str] = []
    if names or not objects:
        wanted = find_entries(names, place.submissions, trust=trust, suite=suite, problems=problems)
        plan = _Plan(place, chosen, drawn, how, report, expected, started, finished, told)
        made |= {found.record.entry: found for found in plan.do(wanted)}
    if objects:
        from harness.runs.objects import run_object

        for name, given in objects.items():
            made[name] = run_object(given, place, name=name, cells=chosen, seeds=drawn)
    found = Results(suite, tuple(made.values()), tuple(problems))
    for remark in found.remarks() if objects else ():
        warnings.warn(remark, stacklevel=2)
    return found


def card_of(name: str, place: "Place", root: Path, uri: str | None = None) -> Path | None:
    """Return the folder of the card that a model without one is given, None of an entry's name.

    Parameters
    ----------
    name : str
        As `run` takes it.
    place : Place
        Whose suite says what its outputs mean.
    root : Path
        Where the card is written.
    uri : str, optional
        Of the MLflow server that registered models come from.

    Raises
    ------
    HarnessError
        If it is the name of a model that cannot be had or read.
    """
    if ":" not in name and "." not in name:
        return None
    from harness.connection import tracking_uri as where
    from harness.models.loaders.targets import is_target, run_entry
    from harness.runs.execute import opened_suite

    if not is_target(name):
        return None
    opened = opened_suite(place.suite, place.data_root)
    return run_entry(name, root, opened, where(uri, store=place.store))


def _sorted_out(entries: Any) -> tuple[list[str], dict[str, Any]]:
    """Return what was asked for as names of entries and as objects by the name of theirs."""
    if isinstance(entries, (str, Path)):
        return [str(entries)], {}
    several = isinstance(entries, (list, tuple, set, frozenset))
    plural = isinstance(entries, Iterable) and not hasattr(entries, "__array__")
    if not several and not callable(entries) and plural:
        entries, several = entries if isinstance(entries, Mapping) else list(entries), True
    given = entries if several else [entries]
    if not isinstance(given, Mapping):
        names = [str(each) for each in given if isinstance(each, (str, Path))]
        given = [each for each in given if not isinstance(each, (str, Path))]
    else:
        names = []
    if not given:
        return names, {}
    from harness.runs.objects import named

    return names, named(given)


@dataclass(frozen=True)
class _Plan:
    """One call of `run`, split into its steps."""

    place: Any
    cells: Sequence[str] | None
    seeds: Sequence[int] | None
    how: "How"
    report: "Report | None"
    expected: Expected | None
    started: Started | None
    finished: Finished | None
    told: Told | None
    said: set[str] = field(default_factory=set)
    """Sentences that the user has been told."""

    def do(self, wanted: list[Entry]) -> list[Recorded]:
        """Do all jobs, parents first, and write one record per entry."""
        from harness.models.store.store import Store
        from harness.runs.execute import do_jobs, opened_suite

        Store(self.place.store).tidy()
        opened = opened_suite(self.place.suite, self.place.data_root)
        whole = with_parents(wanted, self.place.submissions, trust=self.place.trust)
        jobs = {
            entry.card.name: jobs_of(entry, opened.suite, cells=self.cells, seeds=self.seeds)
            for entry in whole
        }
        if self.expected is not None:
            from harness.runs.planning import foreseen

            roots = [records_folder(self.place.store), self.place.submissions]
            self.expected(foreseen(jobs, whole, opened.suite, roots))
        if self.started is not None:
            self.started(sum(map(len, jobs.values())))
        results: dict[str, list[JobResult]] = {entry.card.name: [] for entry in whole}
        records: dict[str, Recorded] = {}
        for wave in waves(whole):
            todo = [job for entry in wave for job in jobs[entry.card.name]]
            for job, result in do_jobs(todo, self.place, self.how, report=self._event):
                name = job.card.name
                results[name].append(result)
                if self.finished is not None:
                    self.finished(job.name, result)
                if len(results[name]) == len(jobs[name]):
                    records[name] = self._record(job.card, results[name])
        return [records[entry.card.name] for entry in wanted]

    def _event(self, name: str, event: Mapping[str, Any]) -> None:
        """Pass on what a job reports; a sentence that several jobs say once."""
        from harness.runs.execute import TOLD

        if TOLD in event:
            self._tell(event[TOLD])
        elif self.report is not None:
            self.report(name, event)

    def _tell(self, sentence: str) -> None:
        if sentence in self.said:
            return
        self.said.add(sentence)
        if self.told is None:
            warnings.warn(sentence, stacklevel=2)
        else:
            self.told(sentence)

    def _record(self, card: Any, results: "list[JobResult]") -> Recorded:
        """Assemble and write one entry's record as soon as its last job is done."""
        from harness.records.merging import store_record
        from harness.runs.assemble import assemble
        from harness.runs.evidence import write_index
        from harness.runs.execute import opened_suite

        opened = opened_suite(self.place.suite, self.place.data_root)
        recorded = assemble(card, opened, results)
        if not any(result.status == "done" for result in results):
            return recorded  # nothing was measured: no row, and an earlier record stays as it is
        folder = records_folder(self.place.store) / card.name / "results"
        stored = store_record(recorded, folder)
        write_index(self.place.store, stored.recorded, results, kept=stored.kept)
        if stored.aside is not None:
            self._tell(_set_aside(card.name, stored, self.place.suite))
        return stored.recorded


def _set_aside(name: str, stored: Stored, suite: str) -> str:
    """Return what to tell a user of an earlier record that is no longer in its place."""
    if stored.why == DAMAGED:
        return f"{name}: the earlier record was damaged; it is set aside as {stored.aside}."
    return (
        f"{name}: {stored.why} changed since the earlier record, so nothing of it was kept in this "
        f"one; it lies at {stored.aside}. Compare the two: tailmark compare {name}@local "
        f"{stored.aside} --suite {suite}"
    )


def rank(
    suite: str = "digits-v1",
    *,
    submissions: Path | str | None = None,
    store: Path | str | None = None,
    local: bool = False,
    committed: bool = True,
    key: str | None = None,
    track: str = "open",
    cells: Sequence[str] | str | None = None,
    seeds: Sequence[int] | None = None,
    beside: Results | None = None,
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
    key, track, cells, seeds
        As in `harness.rankings.ranking.rank`.
    beside : Results, optional
        What `run` gave, models in memory included: ranked among the others, over the cells that
        it was run in where none are named. A record of the same entry gives way to it.
    """
    from harness.rankings.notes import NOTES
    from harness.rankings.ranking import rank as rank_rows

    rows = _rows(suite, submissions, store, local=local, committed=committed, given=beside)
    some = [cells] if isinstance(cells, str) else cells
    if some is None and beside is not None and beside.records:
        ran = beside.cells()
        some = ran if len(ran) < len(beside.records[0].record.suite.cells) else None
    return rank_rows(rows, suite=suite, key=key, track=track, cells=some, seeds=seeds, notes=NOTES)


def compare(
    candidate: str | Results,
    reference: str | Results,
    suite: str = "digits-v1",
    *,
    key: str | None = None,
    margin: float = 0.01,
    submissions: Path | str | None = None,
    store: Path | str | None = None,
    local: bool = False,
    committed: bool = True,
) -> "Comparison":
    """Compare two rows of a suite: paired differences with a verdict, overall and in each cell.

    Parameters
    ----------
    candidate, reference : str or Results
        Name of a row, ``entry`` or ``entry+variant``; or what `run` gave, of one entry.
    suite : str, default="digits-v1"
        Suite id; that of the results where some are given.
    key, margin
        As in `harness.rankings.comparing.compare`.
    submissions, store, local, committed
        As in `rank`.

    Raises
    ------
    SpecError
        If results of several entries or of two suites are given, or the two cannot be compared.
    UnknownNameError
        If a name is not among the rows.
    """
    from harness.rankings.comparing import compare as compare_rows

    given = [each for each in (candidate, reference) if isinstance(each, Results)]
    if len({each.suite for each in given}) > 1:
        raise SpecError(
            f"Two sides of a comparison are of one suite; got {given[0].suite} and "
            f"{given[1].suite}. Run both on one."
        )
    suite = given[0].suite if given else suite
    together = Results(suite, tuple(found for each in given for found in each.records))
    sides = [_row_name(each) for each in (candidate, reference)]
    if len(given) == 2 and sides[0] == sides[1]:
        raise SpecError(
            f"Two sides of a comparison have two names; both are {sides[0]!r}. Give them names: "
            f"run({{'{sides[0]}-2': model}})"
        )
    rows = _rows(
        suite, submissions, store, local=local, committed=committed, given=together, variants=True
    )
    return compare_rows(rows, sides[0], sides[1], key=key, margin=margin)


def _row_name(side: str | Results) -> str:
    if isinstance(side, str):
        return side
    if len(side) != 1:
        raise SpecError(
            f"A side of a comparison is one entry; got results of {len(side)}. Name one of them, "
            "or take harness.rank."
        )
    return str(side[0].record.entry)


def _rows(
    suite: str,
    submissions: Path | str | None,
    store: Path | str | None,
    *,
    local: bool,
    committed: bool,
    given: Results | None,
    variants: bool = False,
) -> "Field":
    """Return the rows of a suite: committed, of this machine's store, and given ones first."""
    from harness.rankings.field import suite_rows

    own = records_folder(store_folder(Path(store) if store else None))
    handed_in = entry_roots(Path(submissions) if submissions else None)
    rows = suite_rows(
        suite,
        roots=handed_in if committed else [],
        local_roots=[own] if local else [],
        variants=variants,
    )
    if given is None:
        return rows
    return given.among(rows, variants=variants)


def load_record(path: Path | str) -> Recorded:
    """Read one record file, checked against its own sha256."""
    return read_record(Path(path))


def mirror_all(
    results: Results, store: Path, *, uri: str | None = None, submissions: Path | None = None
) -> Mapping[str, str | TrackingError]:
    """Mirror records and their test predictions to MLflow; the records are safe in any case.

    A registered model that an entry's card names gets the numbers on its version, too. When the
    server stays away, this record and those after it are noted as pending.

    Returns
    -------
    dict of str
        Entry → run id, or the error that kept it from being logged.
    """
    from harness.connection import tracking_uri
    from harness.runs.evidence import test_predictions
    from harness.tracking.mirror import mirror
    from harness.tracking.pending import note_mirrored, note_pending
    from harness.tracking.versions import version_of

    target = tracking_uri(uri, store=store)
    roots = [records_folder(store), submissions_folder(submissions)]
    outcome: dict[str, str | TrackingError] = {}
    for place, recorded in enumerate(results):
        send = partial(
            mirror,
            recorded,
            uri=target,
            predictions=test_predictions(recorded, store),
            version=version_of(recorded.record.entry, roots),
            store=store,
        )
        try:
            outcome[recorded.record.entry] = _with_patience(send)
        except TrackingError as error:
            outcome[recorded.record.entry] = error
            later = [r.record.entry for r in list(results)[place:]]
            note_pending(store, results.suite, later)
            break
        note_mirrored(store, results.suite, recorded.record.entry)
    return outcome


def _with_patience(send: Callable[[], str]) -> str:
    """Send, and again after a while where the server failed; half a record is sent again whole."""
    for seconds in WAITS:
        try:
            return send()
        except TrackingError as error:
            if isinstance(error.__cause__, ImportError):
                raise
            time.sleep(seconds)
    return send()
