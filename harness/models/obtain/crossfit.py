"""Out-of-fold predictions: each row of a pool by a model that was trained without its fold.

One job, one model a fold; their answers together are the evidence on the test pool, so that a
test of one row per fold (leave-one-out) is measured like any other.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import CardError, PredictionsError
from harness.keys import sha256_of
from harness.models.store.store import Store
from harness.types.models import Job, Predictions

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite
    from harness.models.obtain.obtain import Obtained

SUMMED = ("wall_seconds", "train_seconds", "pass_seconds")
"""Costs of a fold that add up; the others are those of the first fold."""


def cross_fitted(
    job: Job,
    opened: "OpenSuite",
    store: Store,
    obtain_fold: Callable[["OpenSuite"], "Obtained"],
) -> "Obtained":
    """Return a job's predictions of the test pool, fold by fold, as if one model had made them.

    Parameters
    ----------
    job : Job
        Entry, cell, seed.
    opened : OpenSuite
        With `folds`.
    store : Store
        Where the evidence of all folds together is kept.
    obtain_fold : callable
        From the suite whose test is one fold to the predictions of its model.

    Raises
    ------
    CardError
        If the entry is one given model: it would be tested on rows that it was trained on.
    PredictionsError
        If the folds' outputs are not of one kind and shape.
    """
    assert opened.folds is not None, "the suite says how rows are dealt into folds"
    if job.card.kind == "model":
        raise CardError(
            f"{job.card.name}: in {job.cell} each row is predicted by a model that was trained "
            "without it, and one given model cannot be that. Enter the method, or give the "
            "predictions of all folds together."
        )
    fold_of_row = opened.folds.of_rows(job.seed)
    rows = [np.flatnonzero(fold_of_row == fold) for fold in np.unique(fold_of_row)]
    parts = [obtain_fold(opened.fold(held_out)) for held_out in rows]
    keys = [part.evidence_keys["test"] for part in parts]
    key = sha256_of({"folds": keys, "of_rows": fold_of_row.tolist()})
    joined = store.load_evidence(key)
    if joined is None:
        joined = _joined(job, [part.predictions["test"] for part in parts], rows)
        store.save_evidence(key, joined, {"note": f"{job.name} test, all folds", "pool": "test"})
    first = parts[0]
    return replace(
        first,
        predictions={"test": joined},
        model_id=sha256_of({"folds": [part.model_id for part in parts]}),
        weights_sha256=sha256_of({"folds": [part.weights_sha256 for part in parts]}),
        cost=_cost([part.cost for part in parts]),
        curves={},
        evidence_keys={"test": key},
    )


def _joined(job: Job, parts: Sequence[Predictions], rows: Sequence[np.ndarray]) -> Predictions:
    """Return the predictions of all folds in the order of the pool's rows."""
    forms = {(part.kind, part.values.shape[1:], part.confidence is None) for part in parts}
    if len(forms) > 1:
        raise PredictionsError(
            f"{job.name}: expected outputs of one kind and shape from every fold; got "
            f"{' and '.join(sorted(f'{kind} {shape}' for kind, shape, _ in forms))}. Let the "
            "method return the same columns whichever rows it is given."
        )
    order = np.argsort(np.concatenate(rows), kind="stable")
    values = np.concatenate([part.values for part in parts])[order]
    confidences = [part.confidence for part in parts if part.confidence is not None]
    return replace(
        parts[0],
        values=values,
        row=np.arange(len(values)),
        features=None,  # features of different models have no common axes
        statistics={},  # nor have statistics
        head=None,
        confidence=np.concatenate(confidences)[order] if confidences else None,
        cost={"seconds": sum(float(part.cost.get("seconds", 0.0)) for part in parts)},
    )


def _cost(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    summed = {
        name: sum(float(part[name]) for part in parts)
        for name in SUMMED
        if all(name in part for part in parts)
    }
    return {**parts[0], **summed, "models": len(parts)}
