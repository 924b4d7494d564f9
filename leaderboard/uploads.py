"""A record that a visitor hands in to look at: hostile until it is checked, and never kept.

It is read as every record is: JSON of a known form, plain arrays, sha256 of both; nothing in it is
run or unpickled. It lies in a temporary folder while it is read, and in the visitor's own session
after that: no other visitor sees it and no folder of records gets it.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import HarnessError, SpecError
from harness.rankings.field import Candidate, Field, candidates
from harness.records.records import Recorded, read_record
from leaderboard.reading import SuiteField, without_folders

MOST = {"json": 8 << 20, "npz": 32 << 20}
"""Bytes of an upload; the largest committed record has 2 MB and its arrays 3 MB."""


def read_upload(record: bytes, arrays: bytes) -> Recorded:
    """Return a record from the content of its two files.

    Parameters
    ----------
    record : bytes
        Of ``<suite>.json``.
    arrays : bytes
        Of ``<suite>.npz``.

    Raises
    ------
    HarnessError
        If one is too large, is not what it should be, or they do not fit each other.
    """
    for ending, content in (("json", record), ("npz", arrays)):
        if len(content) > MOST[ending]:
            raise SpecError(
                f"The {ending} file should have at most {MOST[ending] >> 20} MB; it has "
                f"{len(content) / 2**20:.1f}. Look at it with: tailmark board --with-local"
            )
    with TemporaryDirectory(prefix="tailmark-upload-") as temporary:
        folder = Path(temporary)
        try:
            return _read(folder, record, arrays)
        except HarnessError as error:
            raise type(error)(without_folders(str(error), [folder])) from error


def _read(folder: Path, record: bytes, arrays: bytes) -> Recorded:
    path = folder / "record.json"
    path.write_bytes(record)
    found = read_record(path)
    stamp = found.record.arrays
    if stamp is None:
        raise SpecError("The record names no arrays; without replicates nothing can be compared.")
    (folder / stamp.file).write_bytes(arrays)
    # Read once more with the arrays where the record says that they lie.
    whole = Recorded(found.record, path)
    return Recorded(found.record, None, dict(whole.arrays))


def overlaid(field: SuiteField, recorded: Recorded) -> Field:
    """Return a suite's field with a record among its rows, in place of its own entry's there.

    Parameters
    ----------
    field : SuiteField
        Of the suite; at least one row.
    recorded : Recorded
        From `read_upload`.

    Raises
    ------
    SpecError
        If the record is of another suite, or of another version of it.
    """
    theirs, ours = recorded.record.suite, field.rows[0].recorded.record.suite
    if theirs.id != ours.id:
        raise SpecError(
            f"The record is of suite {theirs.id}; this page shows {ours.id}. Choose {theirs.id} "
            "above."
        )
    if theirs != ours:
        raise SpecError(
            f"The record was made on another version of {ours.id} ({theirs.sha256[:12]}…, here "
            f"{ours.sha256[:12]}…). Run it again: tailmark run {recorded.record.entry} "
            f"--suite {ours.id}"
        )
    entry = recorded.record.entry
    others = (row for row in field.rows if row.recorded.record.entry != entry)
    return Field((*own_rows(recorded), *others))


def own_rows(recorded: Recorded) -> list[Candidate]:
    """Return the rows of a record as those of this machine: nothing of it was verified."""
    return candidates([recorded], local=frozenset({recorded.record.entry}))
