"""Every record that folders hold of one entry: of which suite, where, made when and with what."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.records.reading import LeftOut, try_read

COLUMNS = ("suite", "where", "made", "version", "jobs", "record sha256")


def history_frame(
    entry: str, submitted: Sequence[Path], local: Sequence[Path]
) -> pd.DataFrame:  # fmt: skip
    """Return one line a record of an entry, the oldest first, as texts.

    Parameters
    ----------
    entry : str
        Entry's name.
    submitted, local : sequence of Path
        Folders of submitted entries and of this machine's own records.

    Returns
    -------
    DataFrame
        With COLUMNS; a record that cannot be read says so in place of its numbers.
    """
    lines = []
    for where, roots in (("submitted", submitted), ("this machine", local)):
        for path in (path for root in roots for path in root.glob(f"{entry}/results/*.json")):
            found = try_read(path)
            if isinstance(found, LeftOut):
                lines.append((path.stem, where, "cannot be read", "", "", ""))
                continue
            record = found.record
            done = sum(job.status == "done" for job in record.jobs)
            made = str(record.provenance.get("made", ""))[:16].replace("T", " ")
            lines.append(
                (
                    record.suite.id,
                    where,
                    made or "not noted",
                    str(record.provenance.get("versions", {}).get("tailmark", "not noted")),
                    f"{done} of {len(record.jobs)} done",
                    str(record.record_sha256)[:16],
                )
            )
    lines.sort(key=lambda line: (line[2], line[0]))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def install_line(versions: object) -> str:
    """Return the command that installs the packages a record was made with; empty without any.

    Examples
    --------
    >>> install_line({"torch": "2.13.0+cpu", "numpy": "2.4.6", "tailmark": "0.1.0"})
    "pip install 'numpy==2.4.6' 'torch==2.13.0'"
    """
    if not isinstance(versions, dict):
        return ""
    # Which build of a version it was is this machine's choice; tailmark itself is here already.
    pinned = [
        f"'{name}=={str(version).partition('+')[0]}'"
        for name, version in sorted(versions.items())
        if name != "tailmark"
    ]
    return f"pip install {' '.join(pinned)}" if pinned else ""
