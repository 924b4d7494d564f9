"""Multiply-accumulates of an entry for one input of its suite: from its record, else from a list.

A record that is made now holds them among its costs. For records from before there is a list beside
the entries, made by ``tailmark macs``; a line of it speaks of one record alone, by its sha256.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.atomic import write_text
from harness.errors import StoreError
from harness.paths import release_folder
from harness.types import RunRecord
from harness.types.results import Macs

LIST = "macs.toml"
"""The list in the submissions folder: ``"<entry>/<suite>" = { record = …, macs = … }``."""
_HEAD = (
    "# Multiply-accumulates for one input, of records that do not hold them (tailmark macs).\n"
    "[macs]\n"
)
_NAME = re.compile(r"[a-z0-9-]+/[a-z0-9_.-]+")
_SHA = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Line:
    """What the list says of one record."""

    record: str
    """Its sha256."""
    macs: Macs


def macs_list(submissions: Path | None) -> dict[str, Line]:
    """Return the list of a folder of entries and of the installed release.

    Parameters
    ----------
    submissions : Path or None
        Folder of entries. A damaged list says nothing; `macs_problem` says so.

    Returns
    -------
    dict of str to Line
        ``<entry>/<suite>`` → what is said of its record.
    """
    return _read(release_folder())[0] | _read(submissions)[0]


def macs_problem(submissions: Path | None) -> str | None:
    """Return what is wrong with the list in a sentence, or None."""
    return _read(submissions)[1]


def _read(folder: Path | None) -> tuple[dict[str, Line], str | None]:
    path = None if folder is None else folder / LIST
    if path is None or not path.exists():
        return {}, None
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("it is no plain file")
        table = tomllib.loads(path.read_text("utf-8"))["macs"]
        return {name: _line(name, said) for name, said in table.items()}, None
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        return {}, (
            f"It should hold a table [macs] of lines that tailmark macs wrote; it cannot be read "
            f"({str(error)[:80]}). Write it again: tailmark macs --suite SUITE"
        )


def _line(name: str, said: Mapping[str, object]) -> Line:
    record, count, why = said["record"], said.get("macs"), said.get("why", "")
    right = (
        _NAME.fullmatch(name)
        and isinstance(record, str)
        and _SHA.fullmatch(record)
        and isinstance(why, str)
        and (type(count) in (int, float) if not why else count is None)
    )
    if not right:
        raise ValueError(f"the line of {name[:60]!r}")
    return Line(str(record), Macs(None, str(why)) if why else Macs(float(str(count))))


def macs_of(record: RunRecord, lines: Mapping[str, Line]) -> Macs:
    """Return the multiply-accumulates of a record's model for one input.

    Parameters
    ----------
    record : RunRecord
        Its own costs go first: what is counted there is of its own models.
    lines : mapping of str to Line
        From `macs_list`.

    Returns
    -------
    Macs
        A mean over the record's jobs; without a count where nobody counted them, or where the list
        speaks of another record of this entry.
    """
    found = [said for job in record.cost if (said := Macs.of_cost(job)) is not None]
    counts = [said.count for said in found if said.count is not None]
    if counts:
        return Macs(sum(counts) / len(counts))
    if found:
        return found[0]
    again = f"tailmark macs {record.entry} --suite {record.suite.id}"
    line = lines.get(f"{record.entry}/{record.suite.id}")
    if line is None:
        return Macs(None, f"nobody counted them yet: {again}")
    if line.record != record.record_sha256:
        return Macs(None, f"another record of it was counted: {again}")
    return line.macs


def write_macs(submissions: Path, found: Mapping[str, Line]) -> Path:
    """Add lines to the list of a folder of entries; one line for each entry and suite.

    Raises
    ------
    StoreError
        If the list cannot be read: writing would lose its lines.
    """
    problem = macs_problem(submissions)
    if problem is not None:
        raise StoreError(f"{submissions / LIST}: {problem}")
    lines = _read(submissions)[0] | dict(found)
    texts = [f'"{name}" = {_written(line)}' for name, line in sorted(lines.items())]
    write_text(submissions / LIST, _HEAD + "\n".join(texts) + "\n")
    return submissions / LIST


def _written(line: Line) -> str:
    count = line.macs.count
    if count is None:
        return f'{{ record = "{line.record}", why = {json.dumps(line.macs.why)} }}'
    return f'{{ record = "{line.record}", macs = {round(count)} }}'
