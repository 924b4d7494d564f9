"""A pull request to the submissions: what it changes, what is refused, and what rows become of it.

Nothing of an entry is executed. What decides is computed here: cards and records are checked as
hostile, every number is recomputed from predictions where these can be had, and tiers, ranks and
flags are this reader's.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.data.suites.open import OpenSuite, open_suite
from harness.errors import CardError, DataError, HarnessError, UnknownNameError
from harness.models.cards.cards import CARD, card_sha256, check_entry, read_card
from harness.paths import store_folder, submissions_folder
from harness.rankings.field import Field, suite_rows
from harness.rankings.ranking import rank
from harness.records.macs import LIST as MACS
from harness.records.reading import read_entry_record
from harness.records.records import Recorded, max_result_bytes
from harness.records.revisions import Change, Repository
from harness.records.trust import LIST, RESCORED, listed, note_rescored
from harness.runs.evidence import Evidence, index_path, stored_evidence
from harness.runs.fetching import MOST_BYTES, addressed, fetched_evidence
from harness.runs.plan import Entry
from harness.runs.rescore import Showing, rescored, showing
from harness.types import Ranking, RunRecord

OUTSIDE = ("https://", "hf://")
"""Addresses that a review fetches from; others could be of the reviewer's own network or disk."""


@dataclass(frozen=True)
class Standing:
    """What a ranking says of one row."""

    value: float | None = None
    """Overall value; None where it is not ranked."""
    ranks: str = ""
    """Rank interval, such as ``3–5``; empty where it is not ranked."""
    tier: str = ""
    """Trust; empty where there is no record."""
    why: str = ""
    """Why it is not ranked; empty where it is."""
    flags: tuple[str, ...] = ()
    """Review flags."""


@dataclass(frozen=True)
class ReviewedRow:
    """One row that the change touches, before and after."""

    name: str
    """Entry, or ``entry+variant``."""
    suite: str
    """Suite id."""
    key: str
    """Metric key that orders the suite's ranking."""
    before: Standing | None
    """At the base; None where it was not there."""
    after: Standing | None
    """Now; None where it is gone or left out."""


@dataclass(frozen=True)
class Review:
    """What a reviewer is told."""

    base: str
    """Commit that the change is held against."""
    changes: tuple[Change, ...] = ()
    """Files below the submissions that differ."""
    problems: tuple[str, ...] = ()
    """What is refused, one sentence each; none: nothing stands against the change."""
    notes: tuple[str, ...] = ()
    """What a reader should know and what is not refused."""
    rows: tuple[ReviewedRow, ...] = field(default=())
    """The rows of what was touched."""


def review(
    base: str,
    *,
    submissions: Path | None = None,
    store: Path | None = None,
    data_root: Path | None = None,
    maintainer: bool = False,
    allowed: Sequence[str] = (),
    most: int = MOST_BYTES,
    progress: Showing | None = None,
    processes: int = 1,
) -> Review:
    """Review what the working tree changes below the submissions since it left a revision.

    Parameters
    ----------
    base : str
        Branch, tag or commit that the change is meant for.
    submissions, store, data_root : Path, optional
        Where things lie.
    maintainer : bool, default=False
        The change is a maintainer's: files may go, and the maintainers' lists may change.
    allowed : sequence of str
        Beginnings of addresses that evidence may be fetched from besides `OUTSIDE`.
    most : int
        Bytes of the largest file of evidence that is fetched.
    progress : callable, optional
        Given a record's name, a context in which it is told how many of its jobs are recomputed.
    processes : int, default=1
        Jobs recomputed at once.

    Raises
    ------
    SpecError, UnknownNameError
        If there is no repository, no such revision, or no history that both share.
    """
    root = submissions_folder(submissions).resolve()
    repository = Repository.around(root)
    commit = repository.parted(base)
    changes = repository.changes(commit, root)
    below = root.relative_to(repository.root.resolve())
    paths = {c.path.relative_to(below): c for c in changes}
    with TemporaryDirectory(prefix="tailmark-review-") as folder:
        suites = sorted(_suites(paths, root))
        names = sorted({path.parts[0] for path in paths if len(path.parts) > 1})
        wanted = [f"*/results/{suite}.{kind}" for suite in suites for kind in ("json", "npz")]
        wanted += [f"*/{CARD}", LIST, RESCORED, MACS]
        repository.extract(commit, [str(below / each) for each in wanted], Path(folder))
        old = Path(folder) / below
        told = _Told()
        told.problems += _gone(paths, maintainer=maintainer)
        told.problems += _lists(old, root, maintainer=maintainer)
        told.problems += _macs(old, root, maintainer=maintainer)
        begins = (*OUTSIDE, *allowed)
        reach = _Reach(store_folder(store), data_root, begins, most, progress, processes)
        for name in names:
            if (root / name).is_dir():
                _entry(name, root, old, paths, told, reach)
        rows = [row for suite in suites for row in _rows(suite, names, old, root, reach.store)]
    return Review(
        commit, tuple(changes), tuple(dict.fromkeys(told.problems)), tuple(told.notes), tuple(rows)
    )


@dataclass
class _Told:
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Reach:
    """Where evidence may be looked for."""

    store: Path
    data_root: Path | None
    allowed: tuple[str, ...]
    most: int
    progress: Showing | None
    processes: int
    opened: dict[str, OpenSuite] = field(default_factory=dict)

    def suite(self, name: str) -> OpenSuite:
        if name not in self.opened:
            self.opened.clear()  # one suite fills the memory
            self.opened[name] = open_suite(name, self.data_root)
        return self.opened[name]


def _suites(paths: Collection[Path], root: Path) -> set[str]:
    """Return the suites whose rows can change: of touched results, and of touched cards."""
    found = {p.stem for p in paths if len(p.parts) == 3 and p.parts[1] == "results"}
    cards = {p.parts[0] for p in paths if len(p.parts) == 2 and p.name == CARD}
    return found | {p.stem for name in cards for p in root.glob(f"{name}/results/*.json")}


def _gone(paths: dict[Path, Change], *, maintainer: bool) -> Iterator[str]:
    for path, change in paths.items():
        if change.kind == "D" and not maintainer:
            yield (
                f"{path} was there and is gone. Put it back; what stands was measured, and only "
                "maintainers take it away"
            )


def _lists(old: Path, root: Path, *, maintainer: bool) -> Iterator[str]:
    for name in (LIST, RESCORED):
        before, now = listed(old, name), listed(root, name)
        changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
        if changed and not maintainer:
            yield (
                f"{name} is the maintainers' list, and {len(changed)} of its lines differ, first: "
                f"{changed[0]}. Leave it as it was"
            )


def _macs(old: Path, root: Path, *, maintainer: bool) -> Iterator[str]:
    texts = [(folder / MACS).read_bytes() if (folder / MACS).is_file() else b"" for folder in
             (old, root)]  # fmt: skip
    if texts[0] != texts[1] and not maintainer:
        yield (
            f"{MACS} is the maintainers' list, and it differs. Leave it as it was: a record that "
            "is made now holds its own multiply-accumulates"
        )


def _entry(
    name: str, root: Path, old: Path, paths: dict[Path, Change], told: _Told, reach: _Reach
) -> None:
    """Check one touched entry: its files, its card, and its records."""
    folder = root / name
    linked = [p for p in (folder, *folder.rglob("*")) if p.is_symlink()]
    if linked:
        told.problems.append(f"{linked[0].relative_to(root)} is a link. Put the file itself there")
        return
    try:
        card = read_card(folder, trust=True)
        notes = check_entry(folder, trust=True)
    except HarnessError as error:
        told.problems.append(_of(name, error))
        return
    told.notes += [f"{name}: {note}" for note in notes]
    code = [p for p in paths if p.parts[0] == name and p.suffix == ".py"]
    if code:
        told.notes.append(f"{name}: it brings code ({code[0]}); nothing of it was run here")
    touched = {p.stem for p in paths if len(p.parts) == 3 and p.parts[:2] == (name, "results")}
    whole = Path(name) / CARD in paths
    for path in sorted((folder / "results").glob("*.json")):
        if whole or path.stem in touched:
            _record(Entry(card, folder), path, old, told, reach)


def _of(name: str, error: HarnessError) -> str:
    text = str(error).rstrip(".")
    return text if text.startswith(name) else f"{name}: {text}"


def _record(entry: Entry, path: Path, old: Path, told: _Told, reach: _Reach) -> None:
    """Check one record against its card, its predecessor and its evidence."""
    name, suite = entry.card.name, path.stem
    try:
        recorded = read_entry_record(path)
        _ = recorded.arrays
    except HarnessError as error:
        told.problems.append(f"{name} on {suite}: {str(error).rstrip('.')}")
        return
    record = recorded.record
    if record.card_sha256 != card_sha256(entry.card):
        told.problems.append(
            f"{name} on {suite}: the card is not the one that the record was made with. Run and "
            "submit it again"
        )
    most = max_result_bytes(record)
    for file in (path, path.with_suffix(".npz")):
        if file.stat().st_size > most:
            told.problems.append(
                f"{name} on {suite}: {file.name} must be at most {most:,} bytes; it has "
                f"{file.stat().st_size:,}. Rank fewer variants on the card"
            )
    before = old / name / "results" / path.name
    if before.is_file():
        told.problems += _lost(name, suite, before, record)
    _follows(entry, recorded, told, reach)


def _lost(name: str, suite: str, before: Path, now: RunRecord) -> Iterator[str]:
    """Say what the record had a value of before and has none of now."""
    try:
        was = read_entry_record(before).record
    except HarnessError:
        return  # it was damaged: nothing could be lost
    for variant, body in was.variants.items():
        theirs = now.variants.get(variant)
        for key, grid in body.metrics.items():
            there = np.isfinite(np.array(grid, dtype=np.float64))
            metrics = {} if theirs is None else theirs.metrics
            still = np.array(metrics.get(key, [[None]]), dtype=np.float64)
            if there.any() and (still.shape != there.shape or (there & ~np.isfinite(still)).any()):
                yield (
                    f"{name} on {suite}: the record had a value of {key}"
                    f"{f' of {variant}' if variant else ''} in a cell and seed where this one has "
                    "none. Run and submit the whole suite"
                )
                return


def _follows(entry: Entry, recorded: Recorded, told: _Told, reach: _Reach) -> None:
    """Recompute a record where its predictions can be had; refuse it where it does not follow."""
    name, suite = entry.card.name, recorded.record.suite.id
    try:
        opened = reach.suite(suite)
    except UnknownNameError as error:
        told.problems.append(f"{name} on {suite}: {str(error).rstrip('.')}")
        return
    except DataError as error:
        told.notes.append(
            f"{name} on {suite}: not recomputed, for the suite's data are not on this machine "
            f"({str(error).rstrip('.')}); its numbers are claimed"
        )
        return
    with ExitStack() as stack:
        try:
            evidence = _evidence(entry, recorded.record, reach, stack)
            if evidence is None:
                told.notes.append(
                    f"{name} on {suite}: no predictions can be had, so its numbers are claimed. "
                    "Publish them: tailmark submit --evidence"
                )
                return
            told_of = stack.enter_context(showing(reach.progress, f"{name} on {suite}"))
            outcome = rescored(
                entry, recorded, opened, evidence,
                progress=told_of, processes=reach.processes, data_root=reach.data_root,
            )  # fmt: skip
        except HarnessError as error:
            told.problems.append(f"{name} on {suite}: {str(error).rstrip('.')}")
            return
    if outcome.same:
        told.notes.append(f"{name} on {suite}: {outcome.found.sentence}")
        note_rescored(recorded.record, reach.store)
    else:
        told.problems.append(
            f"{name} on {suite}: the predictions give other results: {outcome.found.sentence}. "
            "Run and submit it again"
        )


def _evidence(entry: Entry, record: RunRecord, reach: _Reach, stack: ExitStack) -> Evidence | None:
    """Return where a record's predictions are read from: its address, its folder, or the store."""
    url = None if record.evidence is None else record.evidence.url
    if url is not None:
        address, _ = addressed(url)
        if not address.startswith(reach.allowed):
            raise CardError(
                f"evidence is fetched from {', '.join(reach.allowed)}…; got {address[:120]}. "
                "Publish it at one of these"
            )
        return stack.enter_context(fetched_evidence(record, reach.store, most=reach.most))
    given = entry.card.predictions is not None and bool(entry.card.predictions.files)
    here = index_path(reach.store, entry.card.name, record.suite.id).is_file()
    return stored_evidence(reach.store, record.suite.id) if given or here else None


def _rows(
    suite: str, names: Collection[str], old: Path, root: Path, store: Path
) -> Iterator[ReviewedRow]:
    """Yield the touched entries' rows in the suite's ranking, before and after."""
    before, after = (_standings(suite, folder, store) for folder in (old, root))
    for name in sorted(before.keys() | after.keys()):
        if name.partition("+")[0] in names:
            key, one, two = "", before.get(name), after.get(name)
            key = (one or two or ("", None))[0]
            yield ReviewedRow(
                name, suite, key, None if one is None else one[1], None if two is None else two[1]
            )


def _standings(suite: str, folder: Path, store: Path) -> dict[str, tuple[str, Standing]]:
    if not folder.is_dir():
        return {}
    field_ = suite_rows(suite, roots=[folder], store=store)
    if not field_.rows:
        return {}
    found = rank(field_, suite=suite)
    return {name: (found.key, each) for name, each in _standing_of(found, field_).items()}


def _standing_of(ranking: Ranking, rows: Field) -> dict[str, Standing]:
    tiers = {row.name: row.tier for row in rows}
    found = {
        row.name: Standing(
            row.value,
            f"{row.rank_low}–{row.rank_high}" if row.rank_low is not None else "",
            row.tier,
            "",
            row.flags,
        )
        for row in (*ranking.rows, *ranking.beside)
    }
    for lost in ranking.missing:
        if lost.name in tiers:
            found[lost.name] = Standing(tier=tiers[lost.name], why=lost.missing)
    return found
