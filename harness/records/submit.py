"""From the store to ``submissions/``: the only writer of committed results."""

from pathlib import Path

from harness.errors import CardError, RecordMismatchError, StoreError
from harness.models.cards.cards import card_sha256, read_card
from harness.records.records import Recorded, max_result_bytes, read_record, sealed, write_record
from harness.records.trust import add_to_rerun_list


def submit(
    entry: str,
    suite: str,
    *,
    records: Path,
    submissions: Path,
    maintainer: bool = False,
    partial: bool = False,
    evidence: str | None = None,
) -> Path:
    """Copy one entry's record from the store to ``submissions/<entry>/results/``.

    Whether it follows from its evidence is the caller's question
    (`harness.runs.rescore.check_follows`): this room reads no data.

    Parameters
    ----------
    entry, suite : str
        Names.
    records : Path
        The store's folder of records.
    submissions : Path
        The committed folder of entries.
    maintainer : bool, default=False
        Also note the record on the maintainers' list as run again by them.
    partial : bool, default=False
        Also take a record of some of the suite's cells, each with every seed: it has no overall
        value, is listed below the ranking, and is ranked over its own cells.
    evidence : str, optional
        Address of its predictions, with ``#sha256=``, which the record then names.

    Returns
    -------
    Path
        Of the JSON.

    Raises
    ------
    StoreError
        If there is no record in the store, or a file would be too large.
    CardError
        If a job failed or was not run.
    RecordMismatchError
        If the card changed since the run.
    """
    recorded = check_ready(entry, suite, records=records, submissions=submissions, partial=partial)
    if evidence is not None and recorded.record.evidence is not None:
        stamp = recorded.record.evidence.model_copy(update={"url": evidence})
        named = recorded.record.model_copy(update={"evidence": stamp})
        recorded = sealed(named, recorded.arrays)
    written = write_record(recorded, submissions / entry / "results")
    _check_size(written, max_result_bytes(recorded.record))
    if maintainer:
        add_to_rerun_list(submissions, recorded.record)
    return written


def check_ready(
    entry: str, suite: str, *, records: Path, submissions: Path, partial: bool = False
) -> Recorded:
    """Return the store's record of an entry if it may be submitted.

    Parameters
    ----------
    entry, suite, records, submissions, partial
        As in `submit`.

    Raises
    ------
    StoreError, CardError, RecordMismatchError
        As in `submit`.
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
    _check_whole(recorded, partial=partial)
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
    return recorded


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
            written.unlink()
            written.with_suffix(".npz").unlink()
            raise StoreError(
                f"{path.name} must be at most {most:,} bytes to be committed; it has {size:,}. "
                "Rank fewer variants on the card."
            )
