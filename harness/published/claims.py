"""What the literature says, checked on records: each claim holds, does not hold, or is left open.

Pure functions from records to rows: no suite is looked up and no data are read. A claim over
several entries or suites is one row each, and no row is left out.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.errors import SpecError, Undefined
from harness.lookup import lookup, unknown
from harness.metric_keys import RowName
from harness.published.contrasts import Found, Term, difference_of, term_of
from harness.rankings.field import metric_of
from harness.records.reading import LeftOut, try_read
from harness.records.records import Recorded, check_paired, whole_cells
from harness.types.models import Strict

State = Literal["holds", "does not hold", "cannot tell", "not run"]
STATES: dict[State, str] = {
    "holds": "the whole 95 % interval lies on the side that the claim expects",
    "does not hold": "the whole interval lies on the other side, or inside the margin within which "
    "the claim counts two values as equal",
    "cannot tell": "the interval reaches both sides, or there is none",
    "not run": "a record or a value that the claim needs is missing; the row names it",
}
"""What each state means."""


class Check(Strict):
    """Where a claim is looked for: every suite with every entry is a row."""

    suites: tuple[str, ...]
    """Suite ids."""
    entries: tuple[str, ...]
    """``entry`` or ``entry+variant``: the first side of the difference."""
    against: str | None = None
    """The second side; None: the same entry, under another metric or in other cells."""


class Claim(Strict):
    """A sentence of the literature, and the difference that it says is above or below zero."""

    id: str
    """Name on the command line."""
    sentence: str
    """What is claimed, in our words."""
    source: str
    """Who claims it."""
    metric: str
    """Metric key of the first side, and of the second unless `against_metric` is given."""
    against_metric: str | None = None
    """Metric key of the second side."""
    cells: str
    """Pattern of cells without their data set, e.g. ``exp*-clean``; values are their mean."""
    against_cells: str | None = None
    """Pattern of the second side's cells."""
    shared: bool = False
    """Whether cells that one of the records lacks are left out, where a method is too slow for all;
    else a claim on part of a suite is not run."""
    change_from: str | None = None
    """Cells whose mean is subtracted on both sides first: the claim is about two changes."""
    expected: Literal["higher", "lower"]
    """How the first side lies against the second."""
    margin: float = Field(ge=0)
    """Differences whose interval lies inside (−margin, margin) count as none; metric's units."""
    note: str = ""
    """What a reader should know before believing a row."""
    check: tuple[Check, ...]
    """Where it is looked for."""


class Claims(Strict):
    """The whole file."""

    claim: tuple[Claim, ...]
    """In the order they are shown."""


@dataclass(frozen=True)
class ClaimRow:
    """One claim on one suite for one entry."""

    claim: Claim
    suite: str
    """Suite id."""
    entry: str
    """First side, ``entry`` or ``entry+variant``."""
    against: str
    """Second side; equal to `entry` when metrics or cells are compared."""
    cells: tuple[str, ...]
    """Cells of the first side; empty when nothing was run."""
    found: Found | None
    """None: not run."""
    state: State
    """A name in STATES."""
    reason: str
    """Which miss it is, why there is no interval, or what is missing; else empty."""
    missing: tuple[str, ...] = ()
    """Entries that have no record on this suite."""


@dataclass(frozen=True)
class Checked:
    """Every claim on the records, and the records that could not be read."""

    rows: tuple[ClaimRow, ...]
    """In the order of the file."""
    damaged: tuple[str, ...]
    """A sentence for each record that was left out."""


def load_claims(path: Path | None = None) -> tuple[Claim, ...]:
    """Return the claims of a TOML file.

    Parameters
    ----------
    path : Path, optional
        Default: the file in this package.

    Raises
    ------
    SpecError
        If the file has another form, an id stands twice, or both sides of a difference are the
        same.
    UnknownNameError
        If a metric does not exist.
    """
    path = path or Path(str(files("harness.published") / "claims.toml"))
    try:
        claims = Claims.model_validate(tomllib.loads(path.read_text("utf-8"))).claim
    except ValueError as error:
        raise SpecError(
            f"{path} should be a list of claims; reading it says: {error}. "
            "Correct the field it names."
        ) from error
    ids = [claim.id for claim in claims]
    for claim in claims:
        if ids.count(claim.id) > 1:
            raise SpecError(f"Ids of claims must differ; {claim.id!r} stands twice. Rename one.")
        for key in filter(None, (claim.metric, claim.against_metric)):
            metric_of(key)
        alone = claim.against_metric is None and claim.against_cells is None
        if alone and any(check.against is None for check in claim.check):
            raise SpecError(
                f"{claim.id}: a claim compares two entries, two metrics or two groups of cells; "
                "it names one of each. Add against, against_metric or against_cells."
            )
    return claims


def claims_on_records(roots: Sequence[Path], claims: Sequence[Claim] | None = None) -> Checked:
    """Read the records that the claims name, and check each claim.

    Parameters
    ----------
    roots : sequence of Path
        Folders of records; an entry found twice is taken from the first.
    claims : sequence of Claim, optional
        Default: those of this package.

    Returns
    -------
    Checked
        A damaged record is left out and named; its rows are ``not run``.
    """
    claims = load_claims() if claims is None else claims
    records: dict[tuple[str, str], Recorded] = {}
    damaged: list[str] = []
    for suite, entry in _needed(claims):
        paths = (root / entry / "results" / f"{suite}.json" for root in roots)
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            continue
        found = try_read(path)
        if isinstance(found, LeftOut):
            damaged.append(str(found))
        else:
            records[suite, entry] = found
    return Checked(tuple(checked(claims, records)), tuple(damaged))


def _needed(claims: Iterable[Claim]) -> list[tuple[str, str]]:
    """Return the suites and entries that claims name, each once."""
    pairs = (
        (suite, RowName.parse(name).entry)
        for claim in claims
        for check in claim.check
        for suite in check.suites
        for name in (*check.entries, check.against)
        if name
    )
    return list(dict.fromkeys(pairs))


def checked(claims: Iterable[Claim], records: Mapping[tuple[str, str], Recorded]) -> list[ClaimRow]:
    """Return one row for each claim, suite and entry.

    Parameters
    ----------
    claims : iterable of Claim
        What is claimed.
    records : mapping of (str, str) to Recorded
        (suite, entry) → its record.
    """
    return [
        _row(claim, suite, entry, check.against or entry, records)
        for claim in claims
        for check in claim.check
        for suite in check.suites
        for entry in check.entries
    ]


def summary(rows: Iterable[ClaimRow]) -> dict[State, int]:
    """Return how many rows have each state, all of them always named."""
    counts: dict[State, int] = dict.fromkeys(STATES, 0)
    for row in rows:
        counts[row.state] += 1
    return counts


def selected_rows(
    rows: Sequence[ClaimRow],
    *,
    suites: Collection[str] = (),
    states: Collection[str] = (),
    ids: Collection[str] = (),
) -> list[ClaimRow]:
    """Return the rows that all filters let through; an empty filter lets all through.

    Raises
    ------
    UnknownNameError
        If a state, a claim or a suite does not exist among the rows.
    """
    for state in states:
        lookup("state", state, STATES)  # type: ignore[arg-type]
    for kind, names, known in (
        ("claim", ids, {row.claim.id for row in rows}),
        ("suite with claims", suites, {row.suite for row in rows}),
    ):
        for name in names:
            if name not in known:
                raise unknown(kind, name, known)
    return [
        row
        for row in rows
        if (not suites or row.suite in suites)
        and (not states or row.state in states)
        and (not ids or row.claim.id in ids)
    ]


def _row(
    claim: Claim,
    suite: str,
    entry: str,
    against: str,
    records: Mapping[tuple[str, str], Recorded],
) -> ClaimRow:
    sides = [RowName.parse(name) for name in (entry, against)]
    needed = dict.fromkeys(side.entry for side in sides)
    missing = tuple(name for name in needed if (suite, name) not in records)
    if missing:
        reason = f"no record of {' and '.join(missing)}"
        return ClaimRow(claim, suite, entry, against, (), None, "not run", reason, missing)
    try:
        one, two = (_of(side, records[suite, side.entry]) for side in sides)
        check_paired(one[0].record, two[0].record)
        among = None
        if claim.shared:
            among = set(whole_cells(one[0].record)) & set(whole_cells(two[0].record))
        first = _terms(claim, *one, claim.metric, claim.cells, among)
        key, cells = claim.against_metric or claim.metric, claim.against_cells or claim.cells
        second = _terms(claim, *two, key, cells, among)
        found = difference_of(first, second)
    except Undefined as undefined:
        return ClaimRow(claim, suite, entry, against, (), None, "not run", undefined.reason)
    names = one[0].record.suite.cells
    compared = tuple(names[i] for i in first[0].cells)
    return ClaimRow(claim, suite, entry, against, compared, found, *judged(claim, found))


def judged(claim: Claim, found: Found) -> tuple[State, str]:
    """Return the state of a claim, and which miss it is or why there is no interval.

    As for every verdict, "no difference" goes first: an interval inside the margin on the expected
    side is too small a difference to be one.

    Parameters
    ----------
    claim : Claim
        For the expected side and the margin.
    found : Found
        The difference with its interval.

    References
    ----------
    PROTOCOL section 5, "Verdict".
    """
    if found.covers.startswith("no "):
        return "cannot tell", found.covers
    low, high = found.low, found.high
    if claim.expected == "lower":
        low, high = -high, -low
    if -claim.margin < low and high < claim.margin:
        return "does not hold", "practically equal"
    if low > 0:
        return "holds", ""
    return ("does not hold", "the opposite") if high < 0 else ("cannot tell", "")


def _of(name: RowName, recorded: Recorded) -> tuple[Recorded, str]:
    """Return a record with the variant that a row's name asks for."""
    if name.variant not in recorded.record.variants:
        raise Undefined(f"{name.entry} has no variant {name.variant!r}")
    return recorded, name.variant


def _terms(
    claim: Claim,
    recorded: Recorded,
    variant: str,
    key: str,
    cells: str,
    among: Collection[int] | None,
) -> tuple[Term, ...]:
    """Return one side of a difference: its cells, less those that it changes from."""
    terms = [term_of(+1, recorded, variant, key, cells, among)]
    if claim.change_from is not None:
        terms.append(term_of(-1, recorded, variant, key, claim.change_from, among))
    return tuple(terms)
