"""What past runs took, as their records say: read without the numbers, which nobody needs here."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, StoreError
from harness.records.arrays import check_plain_file
from harness.records.records import fields_of

FIELDS = ("card_sha256", "cost", "entry", "jobs")
SECONDS = ("train_seconds", "pass_seconds", "wall_seconds")


@dataclass(frozen=True)
class Past:
    """What one record says of the run that made it."""

    entry: str
    """Name."""
    card_sha256: str
    """Of the card that it was made from."""
    done: frozenset[tuple[int, int]]
    """Cell and seed, as indices, of the jobs that have a result."""
    seconds: tuple[float, ...]
    """What each job took that took any time."""
    memory: float | None
    """Largest bytes of one process; None: not noted."""


def read_past(path: Path) -> Past:
    """Read what a record says of its run; whether its numbers are right is not looked at.

    Parameters
    ----------
    path : Path
        Of the JSON.

    Raises
    ------
    StoreError
        If the file is not there or is not a record.
    """
    check_plain_file(path, "a record")
    try:
        text = path.read_text("utf-8")
        fields = fields_of(text)
        said = {name: json.loads(fields[name]) for name in FIELDS} if fields else json.loads(text)
        costs = said["cost"]
        worked = [max(_number(c, *SECONDS[:2]), _number(c, SECONDS[2])) for c in costs]
        memory = [_number(cost, "peak_memory_bytes") for cost in costs]
        jobs = [(job["cell"], job["seed"]) for job in said["jobs"] if job["status"] == "done"]
        return Past(
            str(said["entry"]),
            str(said["card_sha256"]),
            frozenset(jobs),
            tuple(seconds for seconds in worked if seconds > 0),
            max(memory, default=0.0) or None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise StoreError(f"{path} should be a record; reading it says: {first}") from error


def _number(cost: Mapping[str, Any], *names: str) -> float:
    """Return the sum of what a job's cost says under some names, 0 where it says nothing."""
    found = sum(float(cost.get(name) or 0) for name in names)
    if not math.isfinite(found):
        raise ValueError(f"a cost must be a number; got {found}")
    return found


def past_of(roots: Sequence[Path], suite: str, names: Iterable[str]) -> Iterator[Past]:
    """Yield what the records of entries say that can be read, folder by folder.

    Parameters
    ----------
    roots : sequence of Path
        Folders of entries.
    suite : str
        Suite id.
    names : iterable of str
        Entries.
    """
    for root in roots:
        for name in names:
            path = root / name / "results" / f"{suite}.json"
            try:
                if path.exists():
                    yield read_past(path)
            except HarnessError:
                continue  # a damaged record is said by `rank`, it is not a basis here
