"""Which records the board reads, and what of them had to be left out and why.

One damaged file never hides the others: its entry is left out by name (`harness.records.reading`).
A reason never names a folder of the server.
"""

import gc
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock

from harness.paths import entry_roots
from harness.rankings.field import Candidate, Field, suite_rows
from harness.records.macs import LIST as MACS
from harness.records.reading import LeftOut
from harness.records.records import Recorded
from harness.records.trust import LIST
from leaderboard.cards import CARD

Roots = tuple[Path, ...]
FRESH = 1.0
"""Seconds for which a look at the folders counts: one look a run of a page."""
SHARE = 20
"""A look that takes long counts this many times as long."""
_LOOKS: dict[Roots, tuple[float, "Look"]] = {}
_LOOKING = Lock()


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
    local = os.environ.get("TAILMARK_LOCAL", "").split(os.pathsep)
    own = tuple(Path(folder) for folder in local if folder)
    return tuple(entry_roots(Path(submissions))) if submissions else (), own


@dataclass(frozen=True)
class Look:
    """What folders of records look like from outside, without any file being read."""

    suites: Mapping[str, str]
    """Suite with a record → a text that changes when one of its files changes."""
    whole: str
    """The same of all files, cards among them."""


def look_at(roots: Sequence[Path]) -> Look:
    """Return what is there now: names, sizes and times of records, cards and rerun lists."""
    lists, cards = [], []
    results: dict[str, list[str]] = {}
    for root in roots:
        lists += [line for name in (LIST, MACS) for line in _seen(root / name)]
        for folder in _entries(root):
            cards += _seen(Path(folder.path, CARD))
            for file in _entries(Path(folder.path, "results")):
                stem, _, ending = file.name.rpartition(".")
                if ending in ("json", "npz"):
                    results.setdefault(stem, []).extend(_seen(file))
    found = {stem: _digest([*lists, *lines]) for stem, lines in results.items()}
    records = {s for s, lines in results.items() if any("json\0" in line for line in lines)}
    whole = _digest([*lists, *cards, *(line for lines in results.values() for line in lines)])
    return Look({suite: found[suite] for suite in sorted(records)}, whole)


def recent_look(roots: Roots) -> Look:
    """Return what `look_at` does, or what it returned a moment ago.

    One visitor looks and the others wait: each of its thousands of calls hands the interpreter
    over, so that many looks at the same time would take minutes.
    """
    with _LOOKING:
        until, seen = _LOOKS.get(roots, (0.0, None))
        start = time.monotonic()
        if seen is not None and start < until:
            return seen
        found = look_at(roots)
        end = time.monotonic()
        _LOOKS[roots] = (end + max(FRESH, SHARE * (end - start)), found)
        if seen is not None and found.whole != seen.whole:
            gc.unfreeze()  # records that were replaced can go
            gc.collect()
        return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []  # not a folder, or gone between listing and looking


def _seen(file: Path | os.DirEntry[str]) -> list[str]:
    try:
        look = file.stat()
    except OSError:
        return []
    return [f"{os.fspath(file)}\0{look.st_mtime_ns}\0{look.st_size}"]


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def suites_in(roots: Sequence[Path]) -> list[str]:
    """Return the suites that have a record under some folders."""
    return list(look_at(roots).suites)


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
