"""Evaluating one job: from what its model said to its results, whoever asks.

Cards, rescoring and objects in memory all come through here, so that all are measured on the same
pools by the same metrics.
"""

from collections.abc import Mapping
from typing import Any

from harness.data.suites.open import OpenSuite
from harness.metrics.measure import result_of
from harness.metrics.memorisation import best_last_gap
from harness.models.obtain.obtain import Obtained
from harness.models.store.store import Store
from harness.runs.assemble import JobResult
from harness.runs.evaluate.evaluate import BASE, evaluate
from harness.runs.evaluate.scored import Scored
from harness.runs.kept import given_evidence, load_scored, result_key, save_scored
from harness.types import Job, RunRecord, Split

CLEAN_CURVE = "clean_val_balanced_accuracy"
"""Training curve whose best epoch is set against its last."""
Place = tuple[int, int]
"""Index into the suite's cells, and into its seeds."""


def place_of(job: Job, opened: OpenSuite) -> Place:
    """Return where a job stands in a suite's grid."""
    return opened.suite.cells.index(job.cell), opened.suite.seeds.index(job.seed)


def evaluate_job(
    job: Job,
    opened: OpenSuite,
    obtained: Obtained,
    *,
    store: Store | None = None,
    renew: bool = False,
) -> JobResult:
    """Return one job's results with what identifies them.

    Parameters
    ----------
    job : Job
        Entry, cell, seed.
    opened : OpenSuite
        The whole suite, also where it is over several data sets.
    obtained : Obtained
        What the model said, and how that came about.
    store : Store, optional
        Where results are looked up and kept; None: they are computed.
    renew : bool, default=False
        Compute them in any case, and replace what is kept.
    """
    here = opened.at(job.cell)
    split = here.split(job.cell, job.seed)
    predictions = obtained.predictions
    scored = dict(_scored(job, here, split, obtained, store, renew=renew))
    if CLEAN_CURVE in obtained.curves:
        gap = result_of(lambda: best_last_gap(obtained.curves[CLEAN_CURVE]))
        scored[BASE].take("train", {"best_last_gap": gap})
    return JobResult(
        *place_of(job, opened),
        status="done",
        split_sha256=split.sha256,
        model_id=obtained.model_id,
        weights_sha256=obtained.weights_sha256,
        evidence={name: found.sha256 for name, found in sorted(predictions.items())},
        evidence_keys=obtained.evidence_keys,
        evidence_bytes=sum(p.values.nbytes + p.row.nbytes for p in predictions.values()),
        numerics=obtained.numerics,
        cost=obtained.cost,
        scored=scored,
        curves=obtained.curves,
        asked=obtained.asked,
    )


def _scored(
    job: Job,
    opened: OpenSuite,
    split: Split,
    obtained: Obtained,
    store: Store | None,
    *,
    renew: bool,
) -> Mapping[str, Scored]:
    """Return a job's results from the store, or by evaluating and keeping them."""
    if store is None:
        return evaluate(opened, split, obtained.predictions, job.card)
    stands_on = obtained.evidence_keys or given_evidence(obtained.predictions)
    key = result_key(opened, split, job.card, stands_on, opened.fingerprints)
    if renew:
        store.remove("results", key)
    elif (kept := load_scored(store, key)) is not None:
        return kept
    scored = evaluate(opened, split, obtained.predictions, job.card)
    save_scored(store, key, scored, note=job.name)
    return scored


def asked_in(record: RunRecord, cell: int) -> dict[str, Any]:
    """Return what a record says was asked in a cell; empty where it says nothing.

    Parameters
    ----------
    record : RunRecord
        Of any age.
    cell : int
        Index into its suite's cells.
    """
    for asked in record.asked or ():
        if cell in asked.cells:
            return dict(asked.model_dump(mode="json", exclude={"cells"}))
    return {}
