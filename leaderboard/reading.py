"""Which records the board reads, and what of them had to be left out and why.

One damaged file never hides the others: its entry is left out by name (`harness.records.reading`).
A reason never names a folder of the server.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from harness.rankings.field import Candidate, Field, suite_rows
from harness.records.reading import LeftOut
from harness.records.records import Recorded

Roots = tuple[Path, ...]


@dataclass(frozen=True)
class SuiteField:
    """What there is of a suite: rows that can be ranked, and what was left out."""

    suite: str
    """Suite id."""
    rows: Field
    """Entries and their ranked variants; this machine's own go before submitted ones."""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Return what could not be read or believed."""
        return self.rows.left_out

    @property
    def loaded(self) -> int:
        """Return the number of entries that were read."""
        return len(self.records)

    @cached_property
    def by_name(self) -> dict[str, Candidate]:
        """Return the rows by their names."""
        return {row.name: row for row in self.rows}

    @cached_property
    def records(self) -> dict[str, Recorded]:
        """Return entry → record."""
        return {row.recorded.record.entry: row.recorded for row in self.rows}


def folders() -> tuple[Roots, Roots]:
    """Return the folders of submitted entries and of this machine's own records."""
    submissions = os.environ.get("TAILMARK_SUBMISSIONS", "submissions")
    local = os.environ.get("TAILMARK_LOCAL")
    return (Path(submissions),) if submissions else (), (Path(local),) if local else ()


def suites_in(roots: Sequence[Path]) -> list[str]:
    """Return the suites that have a record under some folders."""
    return sorted({path.stem for root in roots for path in root.glob("*/results/*.json")})


def read_field(suite: str, submitted: Roots, local: Roots) -> SuiteField:
    """Read the records of a suite; what cannot be read or believed is left out and named.

    Parameters
    ----------
    suite : str
        Suite id.
    submitted, local : tuple of Path
        From `folders`; an entry found twice is taken from this machine's own records.
    """
    found = suite_rows(suite, roots=submitted, local_roots=local)
    roots = (*local, *submitted)
    told = tuple(LeftOut(lost.name, without_folders(lost.reason, roots)) for lost in found.left_out)
    return SuiteField(suite, replace(found, left_out=told))


def without_folders(text: str, roots: Sequence[Path]) -> str:
    """Return a sentence that names files below the folders of records, never these folders."""
    for root in roots:
        for folder in (str(root.resolve()), str(root)):
            text = text.replace(f"{folder}/", "").replace(folder, "the folder of records")
    return text
