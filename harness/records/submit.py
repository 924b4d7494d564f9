"""From the store to ``submissions/``: the only writer of committed results.

A submission never takes away: jobs that only the committed record has are kept, or it is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import CardError, HarnessError, RecordMismatchError, StoreError
from harness.models.cards.cards import card_sha256, read_card
from harness.records.merging import incompatible, joined
from harness.records.records import Recorded, max_result_bytes, read_record, sealed, write_record
from harness.records.trust import add_to_rerun_list, rerun_list


@dataclass(frozen=True)
class Ready:
    """What may be submitted."""

    mine: Recorded
    """The store's record: what this machine can compute again."""
    whole: Recorded
    """With the jobs that only the committed record has: what is written."""
    kept: int = 0
    """How many those are."""
    listed: bool = True
    """Whether a maintainer ran all that is kept."""


def submit(
    ready: Ready,
    *,
    submissions: Path,
    maintainer: bool = False,
    evidence: str | None = None,
) -> Path:
    """Write what is ready to ``submissions/<entry>/results/``.

    Whether it follows from its evidence is the caller's question
    (`harness.runs.handing_in`): this room reads no data.

    Parameters
    ----------
    ready : Ready
        From `check_ready`.
    submissions : Path
        The committed folder of entries.
    maintainer : bool, default=False
        Also note the record on the maintainers' list as run again by them.
    evidence : str, optional
        Address of its predictions, with ``#sha256=``, which the record then names.

    Returns
    -------
    Path
        Of the JSON.

    Raises
    ------
    StoreError
        If a file would be too large, or jobs that were kept stand against what is asked.
    """
    recorded = ready.whole
    name, suite = recorded.record.entry, recorded.record.suite.id
    here = f"{ready.kept} of its jobs are kept from the committed record"
    again = f"Run them here too: tailmark run {name} --suite {suite}"
    if maintainer and not ready.listed:
        raise StoreError(
            f"--maintainer lists a record as run again by you; {here}, which is not on the list. "
            f"{again}, or submit without --maintainer."
        )
    if evidence is not None and ready.kept:
        raise StoreError(
            f"--evidence publishes the predictions of every job; {here}, and their predictions are "
            f"not in this store. {again}, or submit without --evidence."
        )
    if evidence is not None and recorded.record.evidence is not None:
        stamp = recorded.record.evidence.model_copy(update={"url": evidence})
        named = recorded.record.model_copy(update={"evidence": stamp})
        recorded = sealed(named, recorded.arrays)
    # Tried elsewhere first: what is committed stays if this is refused.
    with TemporaryDirectory(prefix="tailmark-") as aside:
        _check_size(write_record(recorded, Path(aside)), max_result_bytes(recorded.record))
    written = write_record(recorded, submissions / name / "results")
    if maintainer:
        add_to_rerun_list(submissions, recorded.record)
    return written


def check_ready(
    entry: str,
    suite: str,
    *,
    records: Path,
    submissions: Path,
    partial: bool = False,
    replace: bool = False,
) -> Ready:
    """Return the store's record of an entry, with what the committed one has besides.

    Parameters
    ----------
    entry, suite : str
        Names.
    records : Path
        The store's folder of records.
    submissions : Path
        The committed folder of entries.
    partial : bool, default=False
        Also take a record of some of the suite's cells, each with every seed: it has no overall
        value, is listed below the ranking, and is ranked over its own cells.
    replace : bool, default=False
        Keep nothing of the committed record.

    Raises
    ------
    StoreError
        If there is no record in the store.
    CardError
        If a job failed or was not run.
    RecordMismatchError
        If the card changed since the run, or the committed record has jobs that the store's lacks
        and that cannot stand beside them.
    """
    path = records / entry / "results" / f"{suite}.json"
    if not path.is_file():
        raise StoreError(
            f"Expected a record of {entry} on {suite} in the store ({path}); there is none. "
            f"Run: tailmark run {entry} --suite {suite}"
        )
    folder = submissions / entry
    _check_own_folder(folder, submissions)
    recorded = read_record(path)
    if (recorded.record.entry, recorded.record.suite.id) != (entry, suite):
        raise RecordMismatchError(
            f"{path} should be the record of {entry} on {suite}; it is of "
            f"{recorded.record.entry} on {recorded.record.suite.id}. Run: tailmark run {entry} "
            f"--suite {suite}"
        )
    if (folder / "entry.toml").is_file():
        now = card_sha256(read_card(folder, trust=True))
        if now != recorded.record.card_sha256:
            raise RecordMismatchError(
                f"{entry}: the card changed since the run (card_sha256 is {now[:12]}…, the record "
                f"has {recorded.record.card_sha256[:12]}…). Run: tailmark run {entry} "
                f"--suite {suite}"
            )
    else:
        raise CardError(
            f"Expected a card at {folder / 'entry.toml'}; there is none. "
            f"Write one with: tailmark new {entry} --kind {'method'}"
        )
    _ = recorded.arrays  # read and checked before anything is written
    committed = folder / "results" / f"{suite}.json"
    ready = Ready(recorded, recorded)
    if committed.is_file() and not replace:
        ready = _with_committed(recorded, committed, rerun_list(submissions))
    _check_whole(ready.whole, partial=partial)
    return ready


def _with_committed(mine: Recorded, committed: Path, rerun: frozenset[str]) -> Ready:
    """Join a record with the committed one of its entry and suite."""
    try:
        before = read_record(committed)
        before = Recorded(before.record, committed, dict(before.arrays))
    except HarnessError:
        return Ready(mine, mine)  # a damaged one is ranked nowhere: nothing is lost
    here = {(job.cell, job.seed) for job in mine.record.jobs}
    lost = {(job.cell, job.seed) for job in before.record.jobs if job.status == "done"} - here
    if not lost:
        return Ready(mine, mine)
    why = incompatible(before.record, mine.record)
    if why:
        name, suite = mine.record.entry, mine.record.suite
        cells = sorted({suite.cells[c] if c < len(suite.cells) else str(c) for c, _ in lost})
        shown = ", ".join(cells[:3]) + (", …" if len(cells) > 3 else "")
        raise RecordMismatchError(
            f"{name}: the committed record has {len(lost)} jobs that this machine's lacks "
            f"({shown}), and they cannot stand beside it: {why} changed since. Run these cells "
            f"too: tailmark run {name} --suite {suite.id}; or take them away with --replace."
        )
    whole, kept = joined(before, mine)
    return Ready(mine, whole, len(kept), listed=str(before.record.record_sha256) in rerun)


def _check_own_folder(folder: Path, submissions: Path) -> None:
    """Refuse to write where a link leads: results stay inside the submissions' folder."""
    for path in (folder, folder / "results"):
        if path.is_symlink() or not path.resolve().is_relative_to(submissions.resolve()):
            raise StoreError(
                f"{path} should be a folder of the submissions; it is a link or lies elsewhere "
                f"({path.resolve()}). Replace it by a folder."
            )


def _check_whole(recorded: Recorded, *, partial: bool) -> None:
    record = recorded.record
    jobs = [(job.cell, job.seed) for job in record.jobs if job.status == "done"]
    cells = {cell for cell, _ in jobs} if partial else range(len(record.suite.cells))
    wanted = len(cells) * len(record.suite.seeds)
    failed = next((job.error for job in record.jobs if job.error), None)
    if not jobs or len(jobs) < wanted or failed is not None:
        where = f"the {len(cells)} cells that were begun" if partial else record.suite.id
        seldom = "" if partial else ", or submit the cells that are whole: --partial"
        raise CardError(
            f"{record.entry}: a submission needs all {wanted} jobs of {where}; {len(jobs)} are "
            f"done ({failed or 'the rest was not run'}). Run: tailmark run {record.entry} --suite "
            f"{record.suite.id}{seldom}"
        )


def _check_size(written: Path, most: int) -> None:
    for path in (written, written.with_suffix(".npz")):
        size = path.stat().st_size
        if size > most:
            raise StoreError(
                f"{path.name} must be at most {most:,} bytes to be committed; it has {size:,}. "
                "Rank fewer variants on the card."
            )
