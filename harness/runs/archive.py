"""A record's predictions as one file that anyone can fetch: written here, read as hostile there.

The archive is a zip of ``<cell>-s<seed>/<pool>.npz``, and ``<cell>-s<seed>/head.npz`` where the
model has a last linear layer. The same predictions give the same bytes, so its sha256 says all.
"""

import re
import zipfile
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np

from harness.atomic import replacing
from harness.data.suites.open import OpenSuite
from harness.errors import PredictionsError
from harness.keys import sha256_file
from harness.models.obtain.obtain import trained_on, wanted_pools
from harness.models.safe.npz import MAX_BYTES, read_npz
from harness.models.safe.predictions import from_arrays, validate
from harness.records.arrays import read_arrays
from harness.records.records import Recorded
from harness.runs.evidence import Evidence, Said
from harness.runs.job import place_of
from harness.runs.plan import Entry, jobs_of
from harness.types import Job, JobRecord, Predictions

HEAD = "head"
"""Name of the file that holds the last linear layer; no pool is called so."""
_MEMBER = re.compile(r"[a-z0-9_.~-]+-s\d{1,9}/[a-z0-9_.@/-]+\.npz")
MOST_MEMBERS = 100_000
"""Files that an archive may have: cells × seeds × pools of the largest suite are 2,000."""


def archive_name(recorded: Recorded) -> str:
    """Return what a record's archive is called: entry, suite and the content of its evidence."""
    record = recorded.record
    sha = "" if record.evidence is None else f"-{record.evidence.sha256[:12]}"
    return f"{record.entry}-{record.suite.id}{sha}.zip"


def write_archive(
    path: Path, entry: Entry, recorded: Recorded, opened: OpenSuite, evidence: Evidence
) -> str:
    """Write the predictions behind a record, whole or not at all; return the file's sha256.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    entry : Entry
        The record's card.
    recorded : Recorded
        Which jobs were done.
    opened : OpenSuite
        The suite with data.
    evidence : callable
        Gives the predictions of a job.

    Raises
    ------
    StoreError
        If predictions are gone.
    """
    jobs = {(job.cell, job.seed): job for job in recorded.record.jobs if job.status == "done"}
    with replacing(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for job in jobs_of(entry, opened.suite):
                before = jobs.get(place_of(job, opened))
                if before is not None:
                    for name, data in _files(evidence(job, opened, before)[0]):
                        # An info without a date: the time of writing is no part of the content.
                        archive.writestr(zipfile.ZipInfo(f"{_prefix(job)}/{name}.npz"), data)
        return sha256_file(temporary)


def _prefix(job: Job) -> str:
    return f"{job.cell}-s{job.seed}"


def _files(predictions: dict[str, Predictions]) -> Iterator[tuple[str, bytes]]:
    heads = [found.head for found in predictions.values() if found.head is not None]
    if heads:
        yield HEAD, _packed(dict(heads[0]))
    for pool, found in sorted(predictions.items()):
        yield pool, _packed(found.arrays())


def _packed(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(path: Path, folder: Path, *, most: int = MAX_BYTES) -> None:
    """Unpack an archive of predictions into an empty folder; nothing else is written.

    Parameters
    ----------
    path : Path
        Its sha256 is as expected; its content is not trusted for that.
    folder : Path
        Exists.
    most : int
        Bytes that it may unpack to.

    Raises
    ------
    PredictionsError
        If it is no zip, a name is no job's pool, or it is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check(members, path.name, most)
            for member in members:
                goal = folder / member.filename
                goal.parent.mkdir(parents=True, exist_ok=True)
                # read() stops at the declared size, whatever the packed bytes would give.
                goal.write_bytes(archive.read(member))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise PredictionsError(
            f"{path.name} must be a zip of predictions; reading it says: {error}. Publish the "
            "file that tailmark submit --evidence wrote."
        ) from None


def _check(members: list[zipfile.ZipInfo], name: str, most: int) -> None:
    names = [member.filename for member in members]
    odd = [each for each in names if not _MEMBER.fullmatch(each) or ".." in each.split("/")]
    if odd or len(set(names)) < len(names) or len(names) > MOST_MEMBERS:
        raise PredictionsError(
            f"{name} must hold each file '<cell>-s<seed>/<pool>.npz' once; got "
            f"{odd[0][:60]!r}." if odd else f"{name} holds {len(names):,} files, some twice."
        )  # fmt: skip
    size = sum(member.file_size for member in members)
    if size > most:
        raise PredictionsError(
            f"{name} unpacks to {size:,} bytes; at most {most:,} are read. Publish the entry's "
            "predictions alone."
        )


def archived_evidence(folder: Path) -> Evidence:
    """Return the reader of predictions that `unpack` put into a folder.

    Parameters
    ----------
    folder : Path
        Nothing in it is trusted: sizes, shapes and values are checked as those of given files.
    """
    return partial(_archived, folder)


def _archived(folder: Path, job: Job, opened: OpenSuite, before: JobRecord) -> Said:
    here = opened.at(job.cell)
    split = here.split(job.cell, job.seed)
    at = folder / _prefix(job)
    head = read_arrays(at / f"{HEAD}.npz") if (at / f"{HEAD}.npz").is_file() else None
    found = {}
    for name, pool in wanted_pools(job, here, split, trained_on(here, split)).items():
        path = at / f"{name}.npz"
        if not path.is_file():
            continue
        said = from_arrays(read_npz(path, pool=pool, num_classes=here.num_classes), path.name)
        validate(said, pool, here.num_classes, source=f"{_prefix(job)}/{name}.npz")
        found[name] = Predictions(
            said.kind, said.values, said.row, said.features, said.confidence, head
        )
    if "test" not in found:
        raise PredictionsError(
            f"The archive has no predictions of {job.name} for test. Publish the file that "
            "tailmark submit --evidence wrote."
        )
    return found, {}
