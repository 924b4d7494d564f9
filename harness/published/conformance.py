"""Published numbers beside ours: inside, above, below, and when they cannot be compared.

Reads records, cards and ``references.toml`` only. A verdict is given only under the same, known
protocol; a number that is merely remembered is shown and never judged; a miss is never left out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from harness.lookup import lookup
from harness.published.protocols import (
    OurProtocol,
    Part,
    our_protocol,
    parts_of,
    read_cards,
    verdict_of_parts,
)
from harness.published.references import TRUSTS as TRUSTS
from harness.published.references import Published, References, Table, Trust, load_references
from harness.records.reading import LeftOut, try_read
from harness.records.records import Recorded
from harness.stats.intervals import Interval, SeedInterval, level, over_seeds
from harness.types import EntryCard

Verdict = Literal[
    "inside",
    "above",
    "below",
    "cannot tell",
    "protocol differs",
    "protocol unknown",
    "not judged",
    "not run",
]
VERDICTS: dict[Verdict, str] = {
    "inside": "our mean lies in the published band, and our 95 % interval is no wider than it",
    "above": "our whole 95 % interval lies above the band",
    "below": "our whole 95 % interval lies below the band",
    "cannot tell": "our 95 % interval reaches the band, but is too wide or has its mean outside",
    "protocol differs": "ours ran under another protocol: the difference says nothing of either",
    "protocol unknown": "the source, or our card, leaves open how the number was made",
    "not judged": "the number is only remembered, or ours has one seed and no interval",
    "not run": "no record of ours stands against the number",
}
"""What each verdict means; ``above`` and ``below`` are said of ours."""
EXACT = "no interval: the same rows, and a method without chance"
"""What an interval covers where nothing may differ but the method."""


@dataclass(frozen=True)
class Ours:
    """What an entry of ours has in one cell: its mean over seeds with an interval."""

    entry: str
    """Its name."""
    suite: str
    """Suite that it was run in."""
    value: float
    """Mean over seeds."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end."""
    covers: str
    """What the interval covers."""
    seeds: int
    """Seeds with a value."""


@dataclass(frozen=True)
class ConformanceRow:
    """One published number, ours beside it, and what follows."""

    dataset: str
    """Name in DATASETS."""
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
    ours: Ours | None
    """None: not run."""
    verdict: Verdict
    """A name in VERDICTS."""
    protocol: tuple[Part, ...]
    """The two protocols, field by field."""
    note: str = ""
    """Why our protocol is not known."""

    @property
    def difference(self) -> float | None:
        """Return ours minus the published value, or None when not run."""
        return None if self.ours is None else self.ours.value - self.published

    @property
    def differences(self) -> tuple[str, ...]:
        """Return how the protocols differ, e.g. ``epochs 20 against 200``; none when not run."""
        if self.ours is None:
            return ()
        said = (part.words for part in self.protocol)
        return tuple(words for words in (*said, self.note) if words)


@dataclass(frozen=True)
class Conformance:
    """Every published number beside ours, and the records that could not be read."""

    rows: tuple[ConformanceRow, ...]
    """By cell, metric, method, source."""
    damaged: tuple[str, ...]
    """A sentence for each record that was left out."""


def published_beside_ours(
    roots: Sequence[Path], *, submissions: Path | None, references: References | None = None
) -> Conformance:
    """Read the records that a published number can stand beside, and compare.

    Parameters
    ----------
    roots : sequence of Path
        Folders of records; an entry found twice is taken from the first.
    submissions : Path or None
        Folder of the entries' cards, which say how ours were trained.
    references : References, optional
        Default: those of this package.

    Returns
    -------
    Conformance
        A damaged record is left out and named.
    """
    references = references or load_references()
    cells = {c for t in references.table for values in t.values.values() for c in values}
    records: dict[tuple[str, str], Recorded] = {}
    damaged: list[str] = []
    elsewhere: set[str] = set()
    for path in (path for root in roots for path in sorted(root.glob("*/results/*.json"))):
        name = (path.parent.parent.name, path.stem)
        if path.stem in elsewhere or name in records:
            continue
        found = try_read(path)
        if isinstance(found, LeftOut):
            damaged.append(str(found))
            continue
        # All records of a suite have its cells: one is enough to leave the others unread.
        if cells.isdisjoint(found.record.suite.cells):
            elsewhere.add(path.stem)
        else:
            records[name] = found
    cards = read_cards({entry for entry, _ in records}, submissions)
    parents = {card.method.init_from or "" for card in cards.values() if card.method} - {""}
    cards |= read_cards(parents - set(cards), submissions)
    return Conformance(
        tuple(conformance(list(records.values()), references, cards)), tuple(damaged)
    )


def conformance(
    records: Sequence[Recorded], references: References, cards: Mapping[str, EntryCard]
) -> list[ConformanceRow]:
    """Return every published number with ours beside it, one row per entry of ours, or one alone.

    Parameters
    ----------
    records : sequence of Recorded
        Of any suites.
    references : References
        Published numbers.
    cards : mapping of str to EntryCard
        Entry → its card: which method it trains and under which protocol.

    Returns
    -------
    list of ConformanceRow
        By cell, metric, method, source; a number that nothing of ours stands against has the
        verdict ``not run``.
    """
    rows: list[ConformanceRow] = []
    for table in references.table:
        protocol = references.protocol[table.protocol]
        for method, values in table.values.items():
            for cell, value in values.items():
                number = _Number(table, protocol, method, cell, value)
                rows += _rows(number, records, cards)
    return sorted(rows, key=lambda r: (r.cell, r.key, r.method, r.source))


def summary(rows: Iterable[ConformanceRow]) -> dict[Verdict, int]:
    """Return how many rows have each verdict, all of them always named."""
    counts: dict[Verdict, int] = dict.fromkeys(VERDICTS, 0)
    for row in rows:
        counts[row.verdict] += 1
    return counts


def misses(rows: Iterable[ConformanceRow]) -> int:
    """Return how many rows are above or below what was published."""
    return sum(row.verdict in ("above", "below") for row in rows)


def selected(
    rows: Iterable[ConformanceRow],
    *,
    datasets: Collection[str] = (),
    methods: Collection[str] = (),
    verdicts: Collection[str] = (),
    cells: Collection[str] = (),
) -> list[ConformanceRow]:
    """Return the rows that all four filters let through; an empty filter lets all through.

    Raises
    ------
    UnknownNameError
        If a verdict does not exist.
    """
    for verdict in verdicts:
        lookup("verdict", verdict, VERDICTS)  # type: ignore[arg-type]
    return [
        row
        for row in rows
        if (not datasets or row.dataset in datasets)
        and (not methods or row.method in methods)
        and (not verdicts or row.verdict in verdicts)
        and (not cells or row.cell in cells)
    ]


def ours_in_cell(
    recorded: Recorded, cell: str, key: str, *, same_rows: bool = False
) -> Ours | None:
    """Return what a record says of one cell, or None when it has no value there.

    Parameters
    ----------
    recorded : Recorded
        A record of any suite.
    cell : str
        Split id without a seed.
    key : str
        Metric key; without stored replicates the interval covers seeds only.
    same_rows : bool, default=False
        Whether the other side trained and tested on the same rows: the interval covers seeds only,
        and there is none to cover where a deterministic entry ran.
    """
    record = recorded.record
    if cell not in record.suite.cells or key not in record.variants[""].metrics:
        return None
    index = record.suite.cells.index(cell)
    values = recorded.values("", key)[index]
    there = np.isfinite(values)
    if not there.any():
        return None
    replicates = recorded.replicates("", key)
    found: Interval | SeedInterval
    if same_rows or replicates is None or not np.isfinite(replicates[index][there]).all():
        found = over_seeds(values[there])
        covers = found.covers
        if same_rows and record.deterministic and found.low == found.high:
            covers = EXACT
    else:
        found = level(values[there], replicates[index][there], scale="logit")
        covers = found.kind
    place = (record.entry, record.suite.id)
    return Ours(*place, found.value, found.low, found.high, covers, int(there.sum()))


@dataclass(frozen=True)
class _Number:
    """One published number."""

    table: Table
    protocol: Published
    method: str
    cell: str
    value: float

    @property
    def dataset(self) -> str:
        return self.cell.partition("-")[0]


def _rows(
    number: _Number, records: Sequence[Recorded], cards: Mapping[str, EntryCard]
) -> list[ConformanceRow]:
    """Return the rows of one number: one per entry that trains its method, or one without ours."""
    found = []
    for recorded in records:
        ours = ours_in_cell(
            recorded, number.cell, number.table.key, same_rows=number.protocol.same_rows
        )
        if ours is None:
            continue
        protocol = our_protocol(recorded, cards, number.dataset)
        if protocol is not None and protocol.method == number.method:
            found.append(_row(number, ours, protocol))
    # Several entries train one method with other values: those with the number's own stand for it.
    if number.protocol.settings is not None:
        alike = [
            row for row in found if not any(p.name == "settings" and p.words for p in row.protocol)
        ]
        found = alike or found
    return found or [_row(number, None, None)]


def _row(number: _Number, ours: Ours | None, protocol: OurProtocol | None) -> ConformanceRow:
    table = number.table
    parts = parts_of(number.cell, number.protocol, protocol)
    return ConformanceRow(
        dataset=number.dataset,
        cell=number.cell,
        key=table.key,
        method=number.method,
        published=number.value,
        band=table.band,
        source=table.source,
        trust=table.trust,
        ours=ours,
        verdict=_verdict(number.value, table, ours, parts),
        protocol=parts,
        note="" if protocol is None else protocol.problem,
    )


def _verdict(value: float, table: Table, ours: Ours | None, parts: tuple[Part, ...]) -> Verdict:
    if ours is None:
        return "not run"
    if table.trust == "memory":
        return "not judged"
    if forbidden := verdict_of_parts(parts):
        return forbidden
    if ours.low == ours.high and ours.seeds == 1 and ours.covers != EXACT:
        return "not judged"
    if ours.low > value + table.band:
        return "above"
    if ours.high < value - table.band:
        return "below"
    close = abs(ours.value - value) <= table.band
    return "inside" if close and ours.high - ours.low <= 2 * table.band else "cannot tell"
