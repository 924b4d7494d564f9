"""One pool's predictions by a pass, kept under their key; of a long pass its parts meanwhile."""

from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Int

from harness.models.methods.methods import is_fitted
from harness.models.obtain.copies import kept_copy
from harness.models.obtain.parts import parts_of
from harness.models.obtain.source import Source
from harness.models.obtain.work import Progress, Work, pass_key
from harness.models.passes.micro import MicroBatches
from harness.types.data import Pool
from harness.types.models import Model, Predictions


def made(
    work: Work,
    source: Source,
    model: Model,
    pool: Pool,
    key: str,
    micro: MicroBatches | None,
) -> Predictions:
    """Return one pool's predictions: rows of a pass over all training data, or a pass of its own.

    A model that is not fitted says the same of an image in every split: it is passed once over
    what all splits draw from.

    Parameters
    ----------
    work : Work
        The job.
    source : Source
        Its model, as made or loaded.
    model : Model
        The same, adapted where the entry adapts.
    pool : Pool
        As the model sees it.
    key : str
        Evidence key of the pass.
    micro : MicroBatches or None
        Of this model; None for one that answers by the batch.

    Raises
    ------
    PredictionsError
        If outputs are not predictions for the pool.
    """
    rows = _rows_in_whole(work, pool.name)
    if rows is None:
        return _passed(work, source, model, pool, key, micro)
    whole = work.opened.train
    whole_key = pass_key(source, whole, work.numerics)
    with work.store.scratch(whole_key):  # another process may be passing it: wait for what it keeps
        said = work.store.load_evidence(whole_key)
        whole = replace(whole, name="train")
        said = said or _passed(work, source, model, whole, whole_key, micro)
    features = None if said.features is None else said.features[rows]
    part = replace(
        said,
        values=said.values[rows],
        row=np.arange(len(rows)),
        features=features,
        statistics={name: array[rows] for name, array in said.statistics.items()},
    )
    if whole_key != key:
        work.store.save_evidence(key, part, _note(work, pool))
    return part


def _rows_in_whole(work: Work, name: str) -> Int[np.ndarray, " n"] | None:
    """Return the rows of the whole training pool that a pool consists of, if that is known."""
    part, split = work.job.card.method, work.split
    if part is None or is_fitted(part.trainer) or work.job.card.facets.transductive:
        return None
    changed = (split.foreign, split.attributes, split.patched)
    if any(array is not None for array in changed) or split.spec.correlation is not None:
        return None
    return {"train": split.indices, "val": split.val_indices}.get(name)


def _note(work: Work, pool: Pool) -> dict[str, str]:
    return {"note": f"{work.job.name} {pool.name}", "pool": pool.name}


def _passed(
    work: Work,
    source: Source,
    model: Model,
    pool: Pool,
    key: str,
    micro: MicroBatches | None,
) -> Predictions:
    """Return one pool's predictions by a pass, and keep them; parts of a long one meanwhile."""
    from harness.models.passes.predict import predict

    report = None if work.progress is None else partial(reported, work.progress, pool.name)
    parts = parts_of(work, source, pool, key)
    seen = kept_copy(work.store, pool)
    predictions = predict(
        model, seen, numerics=work.numerics, progress=report, parts=parts, micro=micro
    )
    work.store.save_evidence(key, predictions, _note(work, pool))
    if parts is not None:
        parts.remove()
    return predictions


def reported(progress: Progress, stage: str, done: int, total: int) -> None:
    """Tell how far a pass is, as a job reports it."""
    progress({"stage": stage, "done": done, "total": total})
