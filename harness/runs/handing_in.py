"""From this machine's record to a pull request: recomputed, packed, written."""

from dataclasses import dataclass
from pathlib import Path

from harness.data.suites.open import open_suite
from harness.errors import RecordMismatchError
from harness.models.passes.parts import Progress
from harness.paths import records_folder, store_folder, submissions_folder
from harness.records.merging import kept_words
from harness.records.records import read_record
from harness.records.submit import check_ready, submit
from harness.records.trust import note_rescored
from harness.runs.archive import archive_name, write_archive
from harness.runs.evidence import stored_evidence
from harness.runs.fetching import publish
from harness.runs.plan import find_entry
from harness.runs.rescore import rescored


@dataclass(frozen=True)
class HandedIn:
    """What was written, and what is left to do."""

    record: Path
    """The record in the submissions; its arrays lie beside it."""
    archive: Path | None
    """The packed predictions on this machine."""
    step: str
    """What the author does with the archive; empty where nothing is left."""
    kept: str = ""
    """What it took over from the committed record, in words; empty where nothing."""


def hand_in(
    name: str,
    suite: str,
    *,
    submissions: Path | None = None,
    store: Path | None = None,
    data_root: Path | None = None,
    maintainer: bool = False,
    partial: bool = False,
    replace: bool = False,
    evidence: str | None = None,
    progress: Progress | None = None,
    processes: int = 1,
) -> HandedIn:
    """Write one entry's record to the submissions after computing every number of it again.

    Parameters
    ----------
    name, suite : str
        Entry and suite id.
    submissions, store, data_root : Path, optional
        Where things lie.
    maintainer, partial, replace : bool, default=False
        As in `harness.records.submit`.
    evidence : str, optional
        Address of the folder that the packed predictions will lie in; None: none are published.
    progress : callable, optional
        Called with the jobs recomputed so far and all of them.
    processes : int, default=1
        Jobs recomputed at once.

    Raises
    ------
    RecordMismatchError
        If the stored predictions give other numbers, or the card changed since the run.
    HarnessError
        As in `harness.records.submit` and `harness.runs.fetching.publish`.
    """
    home, root = store_folder(store), submissions_folder(submissions)
    places = {"records": records_folder(home), "submissions": root}
    ready = check_ready(name, suite, partial=partial, replace=replace, **places)
    recorded = ready.mine
    entry, opened = find_entry(name, root, trust=True), open_suite(suite, data_root)
    reader = stored_evidence(home, suite)
    outcome = rescored(
        entry, recorded, opened, reader,
        progress=progress, processes=processes, data_root=data_root,
    )  # fmt: skip
    if not outcome.same:
        raise RecordMismatchError(outcome.sentence)
    archive, url, step = None, None, ""
    if evidence is not None and not ready.kept:
        archive = home / "archives" / archive_name(recorded)
        archive.parent.mkdir(parents=True, exist_ok=True)
        write_archive(archive, entry, recorded, opened, reader)
        url, step = publish(archive, evidence, home)
    path = submit(ready, maintainer=maintainer, evidence=url or evidence, submissions=root)
    if not ready.kept:  # what was kept was not computed here
        note_rescored(read_record(path).record, home)
    kept = kept_words(ready.whole.record) if ready.kept else ""
    return HandedIn(path, archive, step, kept)
