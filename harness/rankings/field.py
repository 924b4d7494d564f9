"""The field of a suite: every record's rows, read once for rankings, comparisons and pages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
from jaxtyping import Float

from harness.errors import SpecError, UnknownNameError
from harness.lookup import closest, unknown
from harness.metric_keys import DECLARED as DECLARED
from harness.metric_keys import MetricKey, RowName, metric_name, own_key
from harness.metrics.table import EXTRA, METRICS, Metric
from harness.rankings.declared import undeclared
from harness.records.macs import LIST as MACS
from harness.records.macs import Line, macs_list, macs_of, macs_problem
from harness.records.reading import LeftOut, Loaded, load_records, of_one_suite
from harness.records.records import Recorded, whole_cells
from harness.records.trust import (
    LIST,
    RESCORED,
    Tier,
    list_problem,
    made_here,
    rerun_list,
    rescored_list,
    tier_of,
)
from harness.types.models import ONE_MODEL
from harness.types.results import Macs

TRACKS: dict[str, str] = {
    "open": "everything; transductive entries are shown beside, not among, the others",
    "inductive": "no entry that adapts on test inputs",
    "no-pretraining": "inductive entries trained on the split alone",
    "matched": "inductive entries without augmentations that the suite's other entries do not "
    "have, trained cell by cell",
}
"""Which entries a ranking lets in; in each, one with facets that nobody declared stands beside."""


@dataclass(frozen=True)
class Candidate:
    """An entry or one of its variants, with what a ranking needs of it."""

    recorded: Recorded
    variant: str
    tier: Tier
    local: bool
    counted: Mapping[str, Line] = field(default_factory=dict, compare=False, repr=False)
    """Multiply-accumulates of records that do not hold them (`harness.records.macs`)."""

    @property
    def name(self) -> str:
        """Return ``entry`` or ``entry+variant``."""
        return str(RowName(self.recorded.record.entry, self.variant))

    def key(self, key: str) -> str:
        """Return a metric key with ``declared`` replaced by the row's declared OOD score."""
        return own_key(key, self.recorded.record.variants[self.variant].ood_score)

    @property
    def macs(self) -> Macs:
        """Return the multiply-accumulates for one input; a variant's are its entry's."""
        return macs_of(self.recorded.record, self.counted)

    @property
    def ranked(self) -> bool:
        """Return whether the tier is one that is ranked by default."""
        return self.tier != "claimed"

    @property
    def facets(self) -> dict[str, Any]:
        """Return the facets, those that the variant changes included."""
        record = self.recorded.record
        return {**record.facets, **record.variants[self.variant].facets}


@dataclass(frozen=True)
class Field(Sequence[Candidate]):
    """The rows of a suite, and the records that were left out of it."""

    rows: tuple[Candidate, ...]
    """Entries and variants."""
    left_out: tuple[LeftOut, ...] = ()
    """Records that cannot be believed or read, each with its reason."""

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, index: int | slice) -> Candidate | tuple[Candidate, ...]:
        return self.rows[index]


def metric_of(key: str) -> Metric:
    """Return the table's metric that a metric key such as ``test/ece`` ends in.

    Raises
    ------
    UnknownNameError
        If it ends in none.
    """
    name = metric_name(key)
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]


def candidates(
    records: Sequence[Recorded],
    *,
    submissions: Path | None = None,
    local: frozenset[str] = frozenset(),
    variants: bool = False,
    store: Path | None = None,
) -> list[Candidate]:
    """Return the rows that a ranking may have: entries and their ranked variants.

    Parameters
    ----------
    records : sequence of Recorded
        Of one suite.
    submissions : Path, optional
        Folder with the maintainers' list of records that they have run again.
    local : frozenset of str
        Entries whose record is from the store on this machine.
    variants : bool, default=False
        Also the variants that the card does not rank; without replicates they are listed below.
    store : Path, optional
        This machine's store, where it notes what it recomputed.
    """
    rerun, again = rerun_list(submissions), rescored_list(submissions, store)
    counted = macs_list(submissions)
    rows = []
    for recorded in records:
        record = recorded.record
        own = record.entry in local
        mine = own and made_here(record, recorded.path)
        tier = tier_of(record, rerun, local=mine, verified=record.record_sha256 in again)
        names = [v for v in record.variants if v] if variants else list(record.rank_variants)
        for variant in ("", *names):
            rows.append(Candidate(recorded, variant, tier, own, counted))
    return rows


def stored_keys(rows: Sequence[Candidate]) -> list[str]:
    """Return the metric keys whose replicates are stored for any entry itself."""
    prefix = "replicates/base/"
    names = {n for row in rows for n in row.recorded.arrays if n.startswith(prefix)}
    return _with_declared(name.removeprefix(prefix) for name in names)


def known_keys(rows: Sequence[Candidate]) -> list[str]:
    """Return every metric key of the rows, also without a value; OOD keys also as ``declared``."""
    valued = {k for row in rows for k in row.recorded.record.variants[row.variant].metrics}
    return _with_declared(valued.union(*(row.recorded.lacking for row in rows)))


def key_named(name: str, rows: Sequence[Candidate]) -> str:
    """Return the key that a metric's name means: ``ece`` is ``test/ece`` where rows have that.

    Parameters
    ----------
    name : str
        A metric key, or a name in METRICS as ``tailmark list metrics`` prints it.
    rows : sequence of Candidate
        Whose records have it.

    Raises
    ------
    UnknownNameError
        If no record has it; the test pool's key of a near name is suggested first.
    SpecError
        If a bare name has no key on the test pool, but several elsewhere.
    """
    known = known_keys(rows)
    if name in known:
        return name
    fitting = [key for key in known if metric_name(key) == name and "/" not in name]
    chosen = [key for key in fitting if MetricKey.parse(key).root == "test"] or fitting
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        declared = [key for key in chosen if MetricKey.parse(key).is_declared] or chosen
        raise SpecError(
            f"{name} is measured in several places; name one of them: {', '.join(declared[:8])}"
            f"{', …' if len(declared) > 8 else ''}."
        )
    for part in MetricKey.parse(name).names:
        if _is_extra(part):
            raise UnknownNameError(
                f"{part} is computed where an entry asks for it, and no entry here does. Write "
                f'extra = ["{part}"] on its card and run it again.'
            )
    near = closest(name, sorted({metric_name(key) for key in known})) if "/" not in name else None
    if near is not None:
        raise UnknownNameError(f"No metric named {name!r}. Did you mean {key_named(near, rows)!r}?")
    raise unknown("metric key", name, known)


def _is_extra(name: str) -> bool:
    """Return whether a metric or OOD score is computed only where somebody asks for it."""
    from harness.scores.ood import OOD_SCORES, STANDARD  # heavy, and on the way to an error only

    return name in EXTRA or (name in OOD_SCORES and name not in STANDARD)


def _with_declared(keys: Iterable[str]) -> list[str]:
    found = set(keys)
    return sorted(found | {_as_declared(key) for key in found})


def _as_declared(key: str) -> str:
    """Return an OOD key with its score replaced by ``declared``; other keys as they are."""
    return str(MetricKey.parse(key).with_score(DECLARED))


def values_of(row: Candidate, key: str, cells: Sequence[int]) -> Float[np.ndarray, "cells seeds"]:
    """Return a row's metric in some cells; NaN where it has no value.

    Parameters
    ----------
    row : Candidate
        An entry or a variant.
    key : str
        Metric key, perhaps with ``declared``.
    cells : sequence of int
        Places in the suite's list of cells.
    """
    own = row.key(key)
    if own not in row.recorded.record.variants[row.variant].metrics:
        return np.full((len(cells), len(row.recorded.record.suite.seeds)), np.nan)
    return row.recorded.values(row.variant, own)[list(cells)]


def cell_indices(known: Sequence[str], cells: Sequence[str] | None, suite: str) -> list[int]:
    """Return the places of the cells asked for among the suite's; None asks for all.

    Raises
    ------
    UnknownNameError
        If the suite has no such cell.
    """
    for cell in cells or ():
        if cell not in known:
            raise unknown(f"cell of {suite}", cell, known)
    return [i for i, cell in enumerate(known) if cells is None or cell in cells]


def cells_of_row(row: Candidate) -> list[str]:
    """Return the cells of its suite that a row has a record of, each with every seed.

    Parameters
    ----------
    row : Candidate
        Of an entry or a variant.

    Raises
    ------
    SpecError
        If its record has no whole cell.
    """
    name, record = row.name, row.recorded.record
    suite = record.suite.id
    whole = [record.suite.cells[i] for i in whole_cells(record)]
    if not whole:
        raise SpecError(
            f"Expected a record of {name} with every seed of a cell of {suite}; it has none. Run: "
            f"tailmark run {name} --suite {suite}"
        )
    return whole


def admitted(row: Candidate, track: str) -> bool:
    """Return whether a track ranks a row among the others.

    Transductive rows never are, nor those of which a facet is not declared. A model that serves
    all cells was not trained on the split that it is measured on, whatever else its card says.

    Raises
    ------
    UnknownNameError
        If there is no such track.
    """
    if track not in TRACKS:
        raise unknown("track", track, TRACKS)
    facets = row.facets
    if facets.get("transductive") or undeclared(facets):
        return False
    if facets.get(ONE_MODEL) and track in ("matched", "no-pretraining"):
        return False
    if track == "matched" and facets.get("augmentation"):
        return False
    return track != "no-pretraining" or facets.get("pretraining", "none") == "none"


def suite_rows(
    suite: str,
    *,
    roots: Sequence[Path],
    local_roots: Sequence[Path] = (),
    variants: bool = False,
    store: Path | None = None,
) -> Field:
    """Return the field of a suite, read once for any number of rankings.

    A record that is damaged, lies under another name, or is of another version of the suite is
    left out by name; the others are read.

    Parameters
    ----------
    suite : str
        Suite id; the records say what it was, it is not looked up.
    roots : sequence of Path
        Folders of submitted entries.
    local_roots : sequence of Path
        Folders of this machine's own records; their rows are marked, and they win over
        submitted records of the same entry.
    variants, store
        As in `candidates`.
    """
    submissions = roots[0] if roots else None
    own = load_records(suite, local_roots)
    names = frozenset(r.record.entry for r in own.records)
    submitted = load_records(suite, roots)
    others = tuple(r for r in submitted.records if r.record.entry not in names)
    whole = Loaded((*own.records, *others), (*own.left_out, *submitted.left_out))
    found = of_one_suite(whole, submissions)
    rows = candidates(
        found.records, submissions=submissions, local=names, variants=variants, store=store
    )
    problems = {name: list_problem(submissions, name) for name in (LIST, RESCORED)}
    problems[MACS] = macs_problem(submissions)
    damaged = (LeftOut(name, problem) for name, problem in problems.items() if problem)
    return Field(tuple(rows), (*found.left_out, *damaged))
