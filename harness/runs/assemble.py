"""From the results of an entry's jobs to one record."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.data.suites.open import OpenSuite
from harness.keys import canonical, sha256_of
from harness.models.cards.cards import card_sha256
from harness.records.records import Recorded, sealed
from harness.runs.evaluate.evaluate import variants_of
from harness.runs.evaluate.scored import Scored
from harness.runs.provenance import code_of, provenance
from harness.types import (
    EntryCard,
    JobRecord,
    RunRecord,
    UndefinedValue,
    VariantRecord,
)
from harness.types.models import ALL_CELLS, ONE_MODEL
from harness.types.results import Asked, EvidenceStamp, SuiteStamp

PRODUCED = {"method": "trained", "model": "loaded", "predictions": "given"}


@dataclass(frozen=True)
class JobResult:
    """One job's results with what identifies and what it cost."""

    cell: int
    """Index into the suite's cells."""
    seed: int
    """Index into the suite's seeds."""
    status: str
    """``done`` or ``failed``."""
    error: str | None = None
    split_sha256: str | None = None
    model_id: str | None = None
    weights_sha256: str | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Pool → content of its predictions."""
    evidence_keys: Mapping[str, str] = field(default_factory=dict)
    """Pool → key in this machine's store; not recorded."""
    evidence_bytes: int = 0
    numerics: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)
    scored: Mapping[str, Scored] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Training diagnostics, one number per epoch."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Trainer and settings, as in `Asked`; empty for given predictions."""


Place = Callable[[JobResult], Any]


def assemble(
    card: EntryCard,
    opened: OpenSuite,
    results: Sequence[JobResult],
    *,
    one_model: bool | None = None,
) -> Recorded:
    """Return the sealed record of one entry on one suite.

    Parameters
    ----------
    card : EntryCard
        The entry.
    opened : OpenSuite
        The suite; its cells and seeds are copied into the record, also those without a result.
    results : sequence of JobResult
        In any order.
    one_model : bool, optional
        Whether one trained model served all cells; default: what the card says.
    """
    suite = opened.suite
    grid = {(r.cell, r.seed): r for r in results}
    shape = (len(suite.cells), len(suite.seeds))
    jobs = [_job(r) for _, r in sorted(grid.items())]
    variants = {name: _variant(name, card, grid, shape) for name in variants_of(card)}
    hashes = {f"{j.cell}/{j.seed}/{pool}": sha for j in jobs for pool, sha in j.evidence.items()}
    record = RunRecord(
        entry=card.name,
        card_sha256=card_sha256(card),
        produced_by=PRODUCED[card.kind],
        suite=SuiteStamp(
            id=suite.id,
            sha256=suite.sha256,
            cells=suite.cells,
            seeds=suite.seeds,
            primary=suite.primary,
            tail_metric=suite.tail_metric,
            metrics_version=suite.metrics_version,
        ),
        facets=_facets(card, opened, one_model=one_model),
        rank_variants=card.rank_variants,
        deterministic=card.deterministic,
        pools=opened.fingerprints,
        jobs=jobs,
        asked=_asked(grid),
        variants=variants,
        undefined=_undefined(grid, shape),
        evidence=EvidenceStamp(
            sha256=sha256_of(hashes), bytes=sum(r.evidence_bytes for r in results)
        ),
        cost=[
            {"cell": r.cell, "seed": r.seed, "evidence_bytes": r.evidence_bytes, **r.cost}
            for _, r in sorted(grid.items())
        ],
        provenance=provenance() | {"code": code_of(card)},
    )
    return sealed(record, _arrays(grid, shape))


def _facets(card: EntryCard, opened: OpenSuite, *, one_model: bool | None) -> dict[str, Any]:
    """Return the card's facets, and whether one model stands for the trainings of several cells."""
    if one_model is None:
        one_model = card.model is not None and ALL_CELLS in card.model.files
    told = card.facets.model_dump(mode="json")
    return told | ({ONE_MODEL: True} if one_model and len(opened.suite.cells) > 1 else {})


def _job(result: JobResult) -> JobRecord:
    return JobRecord(
        cell=result.cell,
        seed=result.seed,
        status="done" if result.status == "done" else "failed",
        error=result.error,
        split_sha256=result.split_sha256,
        model_id=result.model_id,
        weights_sha256=result.weights_sha256,
        evidence=dict(result.evidence),
        numerics=dict(result.numerics),
    )


Grid = Mapping[tuple[int, int], JobResult]


def _asked(grid: Grid) -> tuple[Asked, ...] | None:
    """Return what was asked, one item for all cells where it is equal."""
    cells: dict[str, set[int]] = {}
    for (m, _), result in sorted(grid.items()):
        if result.asked:
            cells.setdefault(canonical(result.asked), set()).add(m)
    if not cells:
        return None
    return tuple(Asked(cells=tuple(sorted(at)), **json.loads(text)) for text, at in cells.items())


def _variant(name: str, card: EntryCard, grid: Grid, shape: tuple[int, int]) -> VariantRecord:
    found = {place: r.scored[name] for place, r in grid.items() if name in r.scored}
    keys = sorted({key for scored in found.values() for key in scored.metrics})
    cells, seeds = shape

    def value(key: str, place: tuple[int, int]) -> float | None:
        return found[place].metrics.get(key) if place in found else None

    facets: dict[str, Any] = {}
    for scored in found.values():
        facets |= scored.facets
    return VariantRecord(
        ood_score=card.ood_score,
        selection=card.facets.selection or "not declared",
        facets=facets,
        metrics={
            key: [[value(key, (m, s)) for s in range(seeds)] for m in range(cells)] for key in keys
        },
    )


def _undefined(grid: Grid, shape: tuple[int, int]) -> list[UndefinedValue]:
    """List the reasons; one line stands for all seeds of a cell where they agree."""
    reasons: dict[tuple[str, str, int], dict[int, str]] = {}
    for (m, s), result in sorted(grid.items()):
        for name, scored in result.scored.items():
            for key, reason in scored.undefined.items():
                reasons.setdefault((name, key, m), {})[s] = reason
    lines: list[UndefinedValue] = []
    for (name, key, m), by_seed in sorted(reasons.items()):
        if len(by_seed) == shape[1] and len(set(by_seed.values())) == 1:
            reason = next(iter(by_seed.values()))
            lines.append(UndefinedValue(variant=name, key=key, cell=m, seed=None, reason=reason))
            continue
        lines += [
            UndefinedValue(variant=name, key=key, cell=m, seed=s, reason=reason)
            for s, reason in by_seed.items()
        ]
    return lines


def _arrays(grid: Grid, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Stack replicates, details and curves over cells and seeds."""
    arrays: dict[str, np.ndarray] = {}
    names = sorted({name for result in grid.values() for name in result.scored})
    for name in names:
        found = {place: r.scored[name] for place, r in grid.items() if name in r.scored}
        title = name or "base"
        for key in sorted({k for scored in found.values() for k in scored.replicates}):
            z, sd = _standardised(
                {p: s for p, s in found.items() if key in s.replicates}, key, shape
            )
            arrays[f"replicates/{title}/{key}"] = z
            arrays[f"sd/{title}/{key}"] = sd
        for key in sorted({k for scored in found.values() for k in scored.details}):
            parts = {p: s.details[key] for p, s in found.items() if key in s.details}
            arrays[f"detail/{title}/{key}"] = _stacked(parts, shape)
    curves = {p: r.curves for p, r in grid.items() if r.curves}
    for key in sorted({k for c in curves.values() for k in c}):
        parts = {p: np.asarray(c[key], dtype=np.float32) for p, c in curves.items() if key in c}
        arrays[f"detail/base/curve_{key}"] = _stacked(parts, shape)
    return arrays


def _standardised(
    found: Mapping[tuple[int, int], Scored], key: str, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return deviations from the value in units of their sd (float16), and the sd."""
    b = len(next(iter(found.values())).replicates[key])
    z = np.full((*shape, b), np.nan, dtype=np.float16)
    sd = np.full(shape, np.nan)
    for place, scored in found.items():
        deviations = scored.replicates[key] - scored.metrics[key]
        spread = float(f"{np.std(deviations):.9g}")
        sd[place] = spread
        z[place] = (deviations / spread if spread > 0 else np.zeros(b)).astype(np.float16)
    return z, sd


def _stacked(parts: Mapping[tuple[int, int], np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Stack arrays over cells and seeds; curves of different length are padded with NaN."""
    first = next(iter(parts.values()))
    size = tuple(np.max([part.shape for part in parts.values()], axis=0)) if first.ndim else ()
    empty = np.nan if np.issubdtype(first.dtype, np.floating) else 0
    stack = np.full((*shape, *size), empty, dtype=first.dtype)
    for place, part in parts.items():
        stack[place][tuple(slice(n) for n in part.shape)] = part
    return stack
