"""Published numbers beside ours: inside, above, below or not run, and how the protocols differ.

Reads records and ``references.toml`` only. A number that is merely remembered is shown and never
judged; a miss is never left out.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from harness.errors import SpecError
from harness.runs.records import Recorded
from harness.stats.intervals import level
from harness.stats.spread import t_quantile
from harness.types.models import Strict

Trust = Literal["measured", "read", "memory"]
Verdict = Literal["inside", "above", "below", "not run", "not judged"]


class Protocol(Strict):
    """How a number was made, in the words of its source; ``unstated`` where it does not say."""

    generator: str
    """How the training data were made."""
    backbone: str
    """Architecture."""
    epochs: int | str
    """Passes over the training data."""
    augmentation: str
    """Names, in order."""
    selection: str
    """Which epoch was scored."""


class OurEntry(Protocol):
    """An entry of ours that runs a method, and its protocol."""

    method: str
    """Name in METHODS."""


class Table(Strict):
    """Numbers of one source under one protocol."""

    source: str
    """Where they stand."""
    protocol: str
    """Key of the protocol."""
    trust: Trust
    """``memory`` is never judged."""
    band: float = Field(gt=0, lt=0.5)
    """How far a faithful run may lie off, as a fraction."""
    key: str
    """Metric key of ours that it is compared with."""
    values: dict[str, dict[str, float]]
    """Method → cell → published value in [0, 1]."""


class References(Strict):
    """The whole file."""

    protocol: dict[str, Protocol]
    """Protocol key → what it is."""
    ours: dict[str, OurEntry]
    """Entry → what it runs."""
    table: tuple[Table, ...]
    """All published numbers."""


@dataclass(frozen=True)
class Ours:
    """What an entry of ours reached in one cell."""

    entry: str
    """Its name."""
    value: float
    """Mean over seeds."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end."""
    covers: str
    """What the interval covers."""


@dataclass(frozen=True)
class ConformanceRow:
    """One published number, ours beside it, and what follows."""

    cell: str
    """Split id without a seed."""
    key: str
    """Metric key."""
    method: str
    """Name in METHODS."""
    published: float
    """In [0, 1]."""
    band: float
    """Half width of what counts as inside."""
    source: str
    """Where the number stands."""
    trust: Trust
    """How far to believe it."""
    protocol: str
    """Protocol key."""
    ours: Ours | None
    """None: not run."""
    verdict: Verdict
    """``above`` and ``below`` are said of ours."""
    differences: tuple[str, ...]
    """How our protocol differs, as ``epochs 20, published 200``."""


def load_references(path: Path | None = None) -> References:
    """Return the published numbers.

    Parameters
    ----------
    path : Path, optional
        Default: the file in this package.

    Raises
    ------
    SpecError
        If a table names a protocol that is not described.
    """
    text = (path or Path(str(files("harness.runs") / "references.toml"))).read_text("utf-8")
    references = References.model_validate(tomllib.loads(text))
    for table in references.table:
        if table.protocol not in references.protocol:
            raise SpecError(
                f"references.toml: the numbers of {table.source!r} name the protocol "
                f"{table.protocol!r}, which is not described. Add [protocol.{table.protocol}]."
            )
    return references


def conformance(records: Sequence[Recorded], references: References) -> list[ConformanceRow]:
    """Return every published number with ours beside it, one row an entry of ours or one alone.

    Parameters
    ----------
    records : sequence of Recorded
        Of any suites.
    references : References
        Published numbers.

    Returns
    -------
    list of ConformanceRow
        By cell, metric, method, source; a number that nothing of ours stands against has the
        verdict ``not run``.
    """
    rows: list[ConformanceRow] = []
    for table in references.table:
        for method, values in table.values.items():
            for cell, value in values.items():
                reached = _reached(records, references, method, cell, table.key)
                found: Sequence[Ours | None] = reached or [None]
                rows += [_row(references, table, method, cell, value, one) for one in found]
    return sorted(rows, key=lambda r: (r.cell, r.key, r.method, r.source))


def summary(rows: Sequence[ConformanceRow]) -> dict[Verdict, int]:
    """Return how many rows have each verdict, all five always named."""
    counts: dict[Verdict, int] = dict.fromkeys(
        ("inside", "above", "below", "not run", "not judged"), 0
    )
    for row in rows:
        counts[row.verdict] += 1
    return counts


def _row(
    references: References, table: Table, method: str, cell: str, value: float, ours: Ours | None
) -> ConformanceRow:
    published = references.protocol[table.protocol]
    return ConformanceRow(
        cell=cell,
        key=table.key,
        method=method,
        published=value,
        band=table.band,
        source=table.source,
        trust=table.trust,
        protocol=table.protocol,
        ours=ours,
        verdict=_verdict(value, table, ours),
        differences=() if ours is None else _differences(references.ours[ours.entry], published),
    )


def _verdict(value: float, table: Table, ours: Ours | None) -> Verdict:
    """Inside: our interval and the published value's band have a point in common."""
    if ours is None:
        return "not run"
    if table.trust == "memory":
        return "not judged"
    if ours.low > value + table.band:
        return "above"
    if ours.high < value - table.band:
        return "below"
    return "inside"


def _differences(ours: Protocol, published: Protocol) -> tuple[str, ...]:
    found = []
    for name in Protocol.model_fields:
        theirs, own = getattr(published, name), getattr(ours, name)
        if theirs != own and not (name == "generator" and own == "the cell"):
            found.append(f"{name} {own}, published {theirs}")
    return tuple(found)


def _reached(
    records: Sequence[Recorded], references: References, method: str, cell: str, key: str
) -> list[Ours]:
    named = {name for name, entry in references.ours.items() if entry.method == method}
    found = [_ours(one, cell, key) for one in records if one.record.entry in named]
    return [one for one in found if one is not None]


def _ours(recorded: Recorded, cell: str, key: str) -> Ours | None:
    """Return what a record says of one cell, or None when it has no value there."""
    record = recorded.record
    variants: Mapping[str, Any] = record.variants
    if cell not in record.suite.cells or "" not in variants or key not in variants[""].metrics:
        return None
    index = record.suite.cells.index(cell)
    values = recorded.values("", key)[index]
    there = np.isfinite(values)
    if not there.any():
        return None
    replicates = recorded.replicates("", key)
    if replicates is None:
        return _from_seeds(record.entry, values[there])
    interval = level(values[there], replicates[index][there], scale="logit")
    return Ours(record.entry, interval.value, interval.low, interval.high, interval.kind)


def _from_seeds(entry: str, values: np.ndarray) -> Ours:
    """Return an interval from the spread over seeds alone: no replicates of this metric."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Ours(entry, mean, mean, mean, "one seed, no interval")
    half = float(t_quantile(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Ours(entry, mean, mean - half, mean + half, "seeds only")
