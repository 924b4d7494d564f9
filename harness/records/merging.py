"""A partial run never takes away: a new record keeps the earlier one's other jobs.

Jobs are kept only where nothing that decides a number has changed in between: card, suite, pools,
settings and code are the same, and what both did has the same models. Where the code of evaluation
changed, jobs that both did may show that it gives the same numbers. An earlier record that does not
fit is set aside, never overwritten, so that before and after can be compared.
"""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.atomic import locked
from harness.errors import HarnessError, StoreError
from harness.keys import canonical, sha256_of
from harness.records.records import Recorded, finish_writing, read_record, sealed, write_record
from harness.types import JobRecord, RunRecord, UndefinedValue, VariantRecord
from harness.types.results import Asked, EvidenceStamp

EARLIER = "earlier"
"""Folder of an entry's records that were set aside: ``earlier/<record sha256>/<suite>.json``."""
DAMAGED = "damage"
"""`Stored.why` where the earlier record could not be believed."""
Place = tuple[int, int]
"""(cell, seed), indices into the suite's."""


@dataclass(frozen=True)
class Stored:
    """What became of a new record."""

    recorded: Recorded
    """As written, with the jobs that were kept."""
    kept: tuple[Place, ...] = ()
    """Jobs taken over from the record that was there before."""
    aside: Path | None = None
    """Where the earlier record lies now, when nothing of it could be kept."""
    why: str = ""
    """What changed since the earlier record, when it was set aside."""


def store_record(made: Recorded, folder: Path) -> Stored:
    """Write a record, and keep what an earlier one of the same entry and suite has besides.

    Parameters
    ----------
    made : Recorded
        New and sealed.
    folder : Path
        ``<store>/records/<entry>/results``.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    suite = made.record.suite.id
    path = folder / f"{suite}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f".{suite}.lock"):
            finish_writing(path)
            stored = _joined(made, path)
            write_record(stored.recorded, folder)
    except OSError as error:
        raise StoreError(
            f"A results folder must be writable; {folder} answered: {error.strerror}. "
            "Free space or change its permissions, or name another with --store; what was "
            "computed is kept in the store."
        ) from error
    whole = stored.recorded
    return Stored(Recorded(whole.record, path, whole.arrays), stored.kept, stored.aside, stored.why)


def _joined(made: Recorded, path: Path) -> Stored:
    if not path.is_file():
        return Stored(made)
    try:
        before = read_record(path)
        before = Recorded(before.record, path, dict(before.arrays))
    except HarnessError:
        return Stored(made, (), _damaged_aside(path), DAMAGED)
    why = incompatible(before.record, made.record)
    if why:
        return Stored(made, (), _set_aside(before, path), why)
    return Stored(*joined(before, made))


def _damaged_aside(path: Path) -> Path:
    """Move a record that cannot be believed out of the way, as it is."""
    aside = path.parent.parent / EARLIER / f"damaged-{uuid.uuid4().hex[:8]}"
    aside.mkdir(parents=True)
    for file in (path, path.with_suffix(".npz")):
        with suppress(FileNotFoundError):
            file.rename(aside / file.name)
    return aside / path.name


def _set_aside(before: Recorded, path: Path) -> Path | None:
    sha = str(before.record.record_sha256)
    return write_record(before, path.parent.parent / EARLIER / sha[:16])


def joined(before: Recorded, made: Recorded) -> tuple[Recorded, tuple[Place, ...]]:
    """Return a record with the jobs that only an earlier one has, and which those are.

    Parameters
    ----------
    before, made : Recorded
        Records that `incompatible` lets through.
    """
    mine = {(job.cell, job.seed) for job in made.record.jobs}
    kept = tuple((j.cell, j.seed) for j in before.record.jobs if (j.cell, j.seed) not in mine)
    return (merged(before, made, kept) if kept else made), kept


def incompatible(before: RunRecord, after: RunRecord) -> str:
    """Return what keeps jobs of two records of one entry apart, or an empty string.

    Parameters
    ----------
    before, after : RunRecord
        Of the same entry and suite id.
    """
    for name in ("entry", "produced_by", "card_sha256", "suite", "deterministic", "rank_variants"):
        if getattr(before, name) != getattr(after, name):
            return {"card_sha256": "the card", "produced_by": "how it is made"}.get(name, name)
    if any(after.pools.get(name, sha) != sha for name, sha in before.pools.items()):
        return "the test data"
    if before.variants.keys() != after.variants.keys():
        return "its variants"
    both = {(job.cell, job.seed): job for job in before.jobs}
    pairs = [(both[at], job) for job in after.jobs if (at := (job.cell, job.seed)) in both]
    done = [(old, new) for old, new in pairs if "done" == old.status == new.status]
    if any(old.model_id != new.model_id and not _same_model(old, new) for old, new in done):
        return "the model of a job that both did"
    mine, theirs = (_settings(record) for record in (before, after))
    if any(theirs.get(cell, text) != text for cell, text in mine.items()):
        return "the settings"
    one, two = (record.provenance.get("code") for record in (before, after))
    if not (one and two):
        # Records of before code was noted have only their models to tell whether it changed.
        return "" if done else "the code"
    if one == two:
        return ""
    if one.get("trainer") == two.get("trainer") and _shown_equal(before, after, done):
        return ""
    return "the code"


def _same_model(old: JobRecord, new: JobRecord) -> bool:
    """Return whether two jobs have the same weights and predictions, whatever made them."""
    if old.weights_sha256 is None or not old.evidence:
        return False
    return all(getattr(old, name) == getattr(new, name) for name in _MODEL)


_MODEL = ("weights_sha256", "split_sha256", "evidence")


def _shown_equal(
    before: RunRecord, after: RunRecord, done: Sequence[tuple[JobRecord, JobRecord]]
) -> bool:
    """Return whether jobs that both did show that changed evaluation gives the same numbers.

    That takes equal predictions, equal numbers to the last digit, and for each key that has a
    value in a job that only `before` has, a value in a job that both have.
    """
    if not done or not all(_same_model(old, new) for old, new in done):
        return False
    shared = [(old.cell, old.seed) for old, _ in done]
    only = [at for job in before.jobs if (at := (job.cell, job.seed)) not in set(shared)]
    for name, old in before.variants.items():
        grids = after.variants[name].metrics
        for key in {*old.metrics, *grids}:
            mine, theirs = (_values(g.get(key), shared) for g in (old.metrics, grids))
            if mine != theirs:
                return False
            rest = _values(old.metrics.get(key), only)
            if all(v is None for v in mine) and any(v is not None for v in rest):
                return False
    return True


def _values(
    grid: Sequence[Sequence[float | None]] | None, places: Sequence[Place]
) -> list[float | None]:
    return [None if grid is None else grid[cell][seed] for cell, seed in places]


def _settings(record: RunRecord) -> dict[int, str]:
    """Return cell → what was asked there, as one string."""
    return {
        cell: canonical(asked.model_dump(mode="json", exclude={"cells"}))
        for asked in record.asked or ()
        for cell in asked.cells
    }


def merged(before: Recorded, after: Recorded, kept: Collection[Place]) -> Recorded:
    """Return a record with the jobs of `after`, and of `before` those that are kept.

    It is the record that one run of all of these jobs would have made, cost and provenance apart.

    Parameters
    ----------
    before, after : Recorded
        Records that `incompatible` lets through.
    kept : collection of (int, int)
        Jobs of `before` that `after` did not do.
    """
    old, new = before.record, after.record
    places = set(kept)
    jobs = [*new.jobs, *(job for job in old.jobs if (job.cell, job.seed) in places)]
    jobs.sort(key=lambda job: (job.cell, job.seed))
    hashes = {f"{j.cell}/{j.seed}/{pool}": sha for j in jobs for pool, sha in j.evidence.items()}
    cost = [c for c in old.cost if (c.get("cell"), c.get("seed")) in places]
    stamp = EvidenceStamp(sha256=sha256_of(hashes), bytes=_evidence_bytes(old, new, places))
    whole = new.model_copy(
        update={
            "pools": {**old.pools, **new.pools},
            "jobs": jobs,
            "asked": _asked(old, new),
            "variants": {
                name: _variant(old.variants[name], body, places)
                for name, body in new.variants.items()
            },
            "undefined": _undefined(old, new, places),
            "evidence": None if old.evidence is new.evidence is None else stamp,
            "cost": sorted([*new.cost, *cost], key=lambda c: (c.get("cell", 0), c.get("seed", 0))),
            "provenance": new.provenance
            | {"kept": {"jobs": len(places), "made": old.provenance.get("made")}},
        }
    )
    return sealed(whole, _arrays(before, after, places))


def _evidence_bytes(old: RunRecord, new: RunRecord, kept: Collection[Place]) -> int:
    """Return the size of all predictions: per job where it was noted, else in equal shares."""
    mine = 0 if new.evidence is None else new.evidence.bytes
    theirs = 0 if old.evidence is None else old.evidence.bytes
    noted = {(c.get("cell"), c.get("seed")): c.get("evidence_bytes") for c in old.cost}
    sizes = [noted.get(place) for place in kept]
    if None not in sizes:
        return mine + sum(size for size in sizes if size is not None)
    return mine + round(theirs * len(kept) / len(old.jobs))


def _asked(old: RunRecord, new: RunRecord) -> tuple[Asked, ...] | None:
    every = {**_settings(old), **_settings(new)}
    cells: dict[str, list[int]] = {}
    for cell, text in sorted(every.items()):
        cells.setdefault(text, []).append(cell)
    made = (Asked.model_validate({"cells": at, **json.loads(t)}) for t, at in cells.items())
    return tuple(made) or None


def _variant(old: VariantRecord, new: VariantRecord, kept: Collection[Place]) -> VariantRecord:
    def value(key: str, place: Place, empty: float | None) -> float | None:
        if place not in kept:
            return empty
        grid = old.metrics.get(key)
        return None if grid is None else grid[place[0]][place[1]]

    keys = sorted({*new.metrics, *old.metrics})
    grids = {}
    for key in keys:
        form = new.metrics.get(key)
        like = form or old.metrics[key]
        grids[key] = [
            [value(key, (m, s), None if form is None else form[m][s]) for s in range(len(row))]
            for m, row in enumerate(like)
        ]
    # A key that only replaced jobs had has no value any more.
    there = {
        k: g
        for k, g in grids.items()
        if k in new.metrics or any(v is not None for r in g for v in r)
    }
    return new.model_copy(update={"metrics": there, "facets": {**old.facets, **new.facets}})


def _undefined(old: RunRecord, new: RunRecord, kept: Collection[Place]) -> list[UndefinedValue]:
    """Return the reasons of both; one line stands for all seeds of a cell where they agree."""
    seeds = len(new.suite.seeds)
    reasons: dict[tuple[str, str, int], dict[int, str]] = {}
    for record, mine in ((old, True), (new, False)):
        for item in record.undefined:
            for seed in range(seeds) if item.seed is None else [item.seed]:
                if ((item.cell, seed) in kept) == mine:
                    at = (item.variant, item.key, item.cell)
                    reasons.setdefault(at, {})[seed] = item.reason
    lines = []
    for (variant, key, cell), by_seed in sorted(reasons.items()):
        agree = len(by_seed) == seeds and len(set(by_seed.values())) == 1
        found = {None: by_seed[0]} if agree else dict(sorted(by_seed.items()))
        lines += [
            UndefinedValue(variant=variant, key=key, cell=cell, seed=seed, reason=reason)
            for seed, reason in found.items()
        ]
    return lines


def _arrays(before: Recorded, after: Recorded, kept: Collection[Place]) -> dict[str, np.ndarray]:
    """Return the arrays of both, stacked over cells and seeds; curves are padded with NaN."""
    names = sorted({*before.arrays, *after.arrays})
    return {name: _stacked(before.arrays.get(name), after.arrays.get(name), kept) for name in names}


def _stacked(old: np.ndarray | None, new: np.ndarray | None, kept: Collection[Place]) -> np.ndarray:
    there = [array for array in (new, old) if array is not None]
    size = tuple(int(n) for n in np.max([array.shape[2:] for array in there], axis=0))
    empty = np.nan if there[0].dtype.kind == "f" else 0
    stack = np.full((*there[0].shape[:2], *size), empty, dtype=there[0].dtype)
    for cell, seed in np.ndindex(*stack.shape[:2]):
        part = old if (cell, seed) in kept else new
        if part is not None:
            stack[(cell, seed, *(slice(n) for n in part.shape[2:]))] = part[cell, seed]
    return stack


def kept_words(record: RunRecord) -> str:
    """Return what a record took over from an earlier one, in words; empty where nothing."""
    kept: Mapping[str, Any] = record.provenance.get("kept") or {}
    if not kept:
        return ""
    jobs = f"{kept['jobs']} job{'' if kept['jobs'] == 1 else 's'}"
    return f"{jobs} kept from the record of {kept['made'] or 'an unknown time'}"
