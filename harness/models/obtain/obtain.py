"""From a job to its predictions: the only place that knows the kinds of entries.

What is in the store is taken from there; then neither torch nor a trainer is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.data.suites.open import pools_of
from harness.errors import CardError
from harness.keys import content, sha256_of
from harness.lookup import unknown
from harness.models.obtain.crossfit import cross_fitted
from harness.models.obtain.passing import made
from harness.models.obtain.precision import kept_choice, settled
from harness.models.obtain.source import Parents, Source, feature_inputs, on_features
from harness.models.obtain.training import trained
from harness.models.obtain.work import (
    Parent,
    Progress,
    Work,
    inputs_sha256,
    job_key,
    numerics_of,
    pass_key,
    weights_of,
)
from harness.models.passes.adapting import States
from harness.models.passes.macs import count_macs
from harness.models.passes.micro import MicroBatches
from harness.models.passes.numerics import Numerics, guard_process
from harness.models.passes.steady import check_steady
from harness.models.safe.given import NOTES, read_predictions
from harness.models.safe.weights import checked_file
from harness.models.store.store import Store
from harness.types.data import Pool, Split
from harness.types.models import Job, Model, Predictions, TrainingData
from harness.types.results import Macs

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite


@dataclass(frozen=True)
class Obtained:
    """What one job's model said, and how it came about."""

    predictions: dict[str, Predictions]
    """Pool → evidence; a pool that was not given is absent."""
    model_id: str
    """train_key, content of weights and architecture, or content of the given arrays."""
    weights_sha256: str | None
    """Content of the weights; None for given predictions."""
    numerics: dict[str, Any]
    """Device, dtype, memory format: what evidence depends on. Empty for given predictions."""
    cost: dict[str, Any]
    """Seconds, inputs per second, parameters, threads, batch size: recorded, never hashed."""
    curves: dict[str, list[float]]
    """Training curves; ``<name>@epoch`` says at which epochs."""
    evidence_keys: dict[str, str] = field(default_factory=dict)
    """Pool → key in the store; empty for given predictions."""
    asked: dict[str, Any] = field(default_factory=dict)
    """Trainer, settings and overrides, defaults filled in; empty for given predictions."""


def obtain(
    job: Job,
    opened: "OpenSuite",
    store: Store,
    *,
    pools: Sequence[str] | None = None,
    parent: Parent | None = None,
    progress: Progress | None = None,
    numerics: Numerics | None = None,
) -> Obtained:
    """Return a job's predictions: from the store, by training, by loading, or as given.

    Parameters
    ----------
    job : Job
        Entry, cell, seed.
    opened : OpenSuite
        Pools and splits.
    store : Store
        What is there is not computed again.
    pools : sequence of str, optional
        Names of pools; default: train, val and calibration where there are any, test, its
        corrupted copies, all OOD, and for a transductive entry the draw of every view.
    parent : callable, optional
        From the name of an entry that this one starts from to its job.
    progress : callable, optional
        Called with one mapping per epoch and a batch.
    numerics : Numerics, optional
        Default: chosen from the environment and the machine, exact.

    Returns
    -------
    Obtained

    Raises
    ------
    CardError
        If the card, its files or its parents are wrong.
    PredictionsError
        If outputs are not predictions for their pool.
    TrainingError
        If training cannot go on.
    """
    guard_process()
    if opened.folds is not None and job.card.kind != "predictions":
        again = partial(
            obtain, job, store=store, pools=["test"], parent=parent, progress=progress,
            numerics=numerics,
        )  # fmt: skip
        return cross_fitted(job, opened, store, again)
    split = opened.split(job.cell, job.seed)
    rows = trained_on(opened, split)
    wanted = wanted_pools(job, opened, split, rows, pools)
    if job.card.kind == "predictions":
        return _given(job, wanted, opened.test.class_names)
    work = settled(work_of(job, opened, store, rows, numerics, parent, progress), _ready)
    key = job_key(work)
    memo = store.load_json("jobs", key)
    found = _cached(store, memo, wanted)
    if memo is None or len(found) < len(wanted) or _head_lost(store, memo):
        memo = _compute(work, {n: p for n, p in wanted.items() if n not in found}, found, memo)
        store.save_json("jobs", key, memo, note=job.name)
    return _obtained(memo, {name: found[name] for name in wanted}, store)


def work_of(
    job: Job,
    opened: "OpenSuite",
    store: Store,
    rows: Mapping[str, Pool],
    numerics: Numerics | None,
    parent: Parent | None,
    progress: Progress | None,
) -> Work:
    """Return a job with everything around it.

    Parameters
    ----------
    job, opened, store, numerics, parent, progress
        As in `obtain`.
    rows : mapping of str to Pool
        From `trained_on`.
    """
    split = opened.split(job.cell, job.seed)
    more = opened.unlabelled_pool(split)
    inputs = inputs_sha256(split, rows["train"], rows.get("val"), more)
    chosen = numerics_of(job, numerics)
    return Work(job, opened, split, inputs, store, chosen, numerics, parent, progress)


def model_of(
    job: Job, opened: "OpenSuite", store: Store, *, parent: Parent | None = None
) -> tuple[Model, Pool, Numerics]:
    """Return a job's model with the test pool as it sees it, and how its passes are computed.

    Parameters
    ----------
    job : Job
        Not of given predictions: there is no model then.
    opened : OpenSuite
        The part of the suite that the job is about.
    store : Store
        A trained state is taken from it; where there is none it is trained and kept.
    parent : callable, optional
        As in `obtain`.

    Raises
    ------
    CardError, TrainingError
        As in `obtain`.
    """
    guard_process()
    rows = trained_on(opened, opened.split(job.cell, job.seed))
    work = settled(work_of(job, opened, store, rows, None, parent, None), _ready)
    return (*_ready(work), work.numerics)


def _ready(work: Work) -> tuple[Model, Pool]:
    """Return a job's model, with the test pool as it sees it."""
    test = work.opened.test
    parents = _parents(work, {"test": test})
    return source_of(work, parents).model, _seen(test, parents)


def is_kept(job: Job, opened: "OpenSuite", store: Store, *, parent: Parent | None = None) -> bool:
    """Return whether the store has all predictions that a job needs; nothing is computed.

    Parameters
    ----------
    job : Job
        Entry, cell, seed. Given predictions are read each time: True.
    opened : OpenSuite
        Pools and splits.
    store : Store
        Its contents are not verified here.
    parent : callable, optional
        As in `obtain`.
    """
    if job.card.kind == "predictions":
        return True
    if opened.folds is not None:
        return False  # its parts are looked up one by one when it is done
    split = opened.split(job.cell, job.seed)
    rows = trained_on(opened, split)
    work = kept_choice(work_of(job, opened, store, rows, None, parent, None))
    if work is None:
        return False
    memo = store.load_json("jobs", job_key(work))
    pools = {} if memo is None else memo["pools"]
    return all(
        name in pools
        and pools[name]["identity"] == pool.identity
        and store.has("evidence", pools[name]["evidence"])
        for name, pool in wanted_pools(job, opened, split, rows).items()
    )


def trained_on(opened: "OpenSuite", split: Split) -> dict[str, Pool]:
    """Return the pool ``train`` and, where rows are set aside, ``val``; copies and hashes rows."""
    train, val = opened.train_pool(split), opened.val_pool(split)
    return {"train": train} | ({} if val is None else {"val": val})


def wanted_pools(
    job: Job,
    opened: "OpenSuite",
    split: Split,
    rows: Mapping[str, Pool],
    names: Sequence[str] | None = None,
) -> dict[str, Pool]:
    """Return the pools that a job's model is passed over, in a fixed order.

    Parameters
    ----------
    job : Job
        Its card says whether the entry adapts on test inputs.
    opened : OpenSuite
        The part of the suite that the job is about.
    split : Split
        What the job trains on.
    rows : mapping of str to Pool
        From `trained_on`.
    names : sequence of str, optional
        Some of them; default: all that its evaluation reads.

    Raises
    ------
    UnknownNameError
        If there is no such pool.
    """
    usual = {**rows, **pools_of(opened)}
    views = {f"test@{view}": view for view in opened.suite.views}
    if names is None:
        names = [*usual, *(views if job.card.facets.transductive else ())]
    found = {}
    for name in names:
        if name in usual:
            found[name] = usual[name]
        elif name in views:
            found[name] = opened.subsampled(split, views[name])
        else:
            raise unknown("pool", name, [*usual, *views])
    return found


def _head_lost(store: Store, memo: Mapping[str, Any]) -> bool:
    """Return whether the model had a last layer that the store has no longer."""
    return memo.get("head_sha256") is not None and store.load_head(memo["model_id"]) is None


def _cached(
    store: Store, memo: Mapping[str, Any] | None, wanted: Mapping[str, Pool]
) -> dict[str, Predictions]:
    """Return the evidence that the store has of pools that are still the same."""
    found = {}
    for name, pool in wanted.items():
        kept = (memo or {}).get("pools", {}).get(name)
        if kept is None or kept["identity"] != pool.identity:
            continue
        predictions = store.load_evidence(kept["evidence"])
        if predictions is not None:
            found[name] = predictions
    return found


def _compute(
    work: Work,
    missing: Mapping[str, Pool],
    found: dict[str, Predictions],
    memo: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Pass what is missing, add it to `found`, and return the memo of this job."""
    parents = _parents(work, missing)
    source = source_of(work, parents)
    states = States(work.job, source.model, work.numerics)
    tried = work.job.card.facets.transductive  # it may answer by the batch
    micro = None if tried else MicroBatches(sum(map(len, missing.values())))
    pools = dict((memo or {}).get("pools", {}))
    for name, pool in missing.items():
        inputs = _seen(pool, parents)
        adapt = states.adapts_on(inputs, lambda: _seen(work.opened.test, parents))
        adapted_on = None if adapt is None else adapt.identity
        key = pass_key(source, inputs, work.numerics, adapted_on)
        kept = work.store.load_evidence(key)
        if kept is None and not tried:
            check_steady(source.model, inputs, work.numerics)
            tried = True
        found[name] = kept or made(work, source, states.adapted(adapt), inputs, key, micro)
        pools[name] = {"identity": pool.identity, "evidence": key}
    head = work.store.load_head(source.model_id)
    return {
        "model_id": source.model_id,
        "head_sha256": None if head is None else content(head),
        "weights_sha256": source.weights_sha256,
        "cost": {**source.cost, **_counted(work, source, parents, missing)},
        "curves": dict(source.curves),
        "asked": dict(source.asked),
        "pools": pools,
    }


def _counted(
    work: Work, source: Source, parents: Parents, passed: Mapping[str, Pool]
) -> dict[str, Any]:
    """Return the multiply-accumulates of a model, as part of what it costs.

    Parameters
    ----------
    work, source, parents
        The job, its model, and what it starts from.
    passed : mapping of str to Pool
        Pools that the model was passed over; the first of them gives the input.
    """
    if not passed:
        return {}
    pool = _seen(next(iter(passed.values())), parents)
    found = count_macs(source.model, pool, work.numerics)
    return (found if parents.macs is None else found.after(parents.macs)).cost


def source_of(work: Work, parents: Parents) -> Source:
    """Return a job's model: loaded, from its trained state, or trained now.

    Parameters
    ----------
    work : Work
        The job.
    parents : Parents
        What it starts from.

    Raises
    ------
    CardError, TrainingError
        As in `obtain`.
    """
    if work.job.card.kind == "model":
        from harness.models.loaders.load import loaded

        return loaded(
            work.job, weights_of(work.job), work.opened.test.class_names, work.store,
            work.numerics,
        )  # fmt: skip

    def data() -> TrainingData:
        given = work.opened.training_data(work.split)
        pool = work.auxiliary
        if pool is not None:
            given = replace(given, auxiliary=pool.inputs)
        return given if parents.features is None else on_features(given, parents.features)

    return trained(
        work.job,
        work.split,
        work.trained_with,
        data,
        work.store,
        work.numerics,
        parents,
        work.progress,
    )


def _parents(work: Work, missing: Mapping[str, Pool]) -> Parents:
    """Return state and features that a method starts from, obtained first where needed."""
    part = work.job.card.method
    if part is None or (part.init_from is None and part.features_from is None):
        return Parents()
    ids, state, features = [], None, None
    keys: Mapping[str, str] = {}
    asked: Mapping[str, Any] | None = None
    macs: Macs | None = None
    if part.init_from is not None:
        parent = work.of(part.init_from)
        source = source_of(parent, _parents(parent, {}))
        state = work.store.load_state(source.model_id)
        ids.append(source.model_id)
        asked = source.asked.get("settings")
        if state is None:
            raise CardError(
                f"{work.job.card.name}: init_from names {part.init_from!r}, which has no trained "
                "state. Name an entry of kind method."
            )
    if part.features_from is not None:
        needed = {"train", *missing}
        if work.split.val_indices is not None:
            needed.add("val")
        if work.job.card.facets.transductive:
            needed.add("test")
        parent = work.of(part.features_from)
        obtained = obtain(
            parent.job, work.opened, work.store, pools=sorted(needed), parent=work.parent,
            progress=work.progress, numerics=parent.numerics,
        )  # fmt: skip
        features, keys = obtained.predictions, obtained.evidence_keys
        macs = Macs.of_cost(obtained.cost) or Macs(None, "its predictions are older than counting")
        asked = asked if part.init_from is not None else obtained.asked.get("settings")
        ids.append(sha256_of({name: keys[name] for name in ("train", "val") if name in keys}))
    return Parents(ids, None if state is None else state.arrays, features, keys, asked, macs)


def _seen(pool: Pool, parents: Parents) -> Pool:
    """Return a pool as the model takes it: as it is, or the parent's features on it."""
    if parents.features is None:
        return pool
    return replace(
        pool,
        modality="features",
        inputs=feature_inputs(parents.features, pool.name),
        fingerprint=sha256_of({"features": parents.evidence[pool.name]}),
        form={},
    )


def _given(job: Job, wanted: Mapping[str, Pool], class_names: Sequence[str]) -> Obtained:
    """Read and check the predictions that an entry hands over."""
    assert job.card.predictions is not None
    files, prefix = job.card.predictions.files, f"{job.cell}-s{job.seed}"
    if f"{prefix}/test" not in files:
        raise CardError(
            f"{job.card.name} has no predictions for {prefix}/test, and test is required. Add "
            "the file to [predictions.files], or leave this cell out."
        )
    found = {
        name: read_predictions(
            checked_file(job.folder, files[f"{prefix}/{name}"]), pool, class_names
        )
        for name, pool in wanted.items()
        if f"{prefix}/{name}" in files
    }
    identity = sha256_of({name: predictions.sha256 for name, predictions in found.items()})
    notes = [note for predictions in found.values() for note in predictions.numerics.get(NOTES, ())]
    return Obtained(found, identity, None, {NOTES: " ".join(notes)} if notes else {}, {}, {})


def _obtained(
    memo: Mapping[str, Any], predictions: Mapping[str, Predictions], store: Store
) -> Obtained:
    head = store.load_head(memo["model_id"])
    found = {name: replace(p, head=head) for name, p in predictions.items()}
    passes = [p for p in predictions.values() if "seconds" in p.cost]
    seconds = sum(p.cost["seconds"] for p in passes)
    cost = dict(memo["cost"]) | {"pass_seconds": seconds}
    if passes:
        first = passes[0].numerics
        cost |= {
            "inputs_per_second": sum(len(p.row) for p in passes) / max(seconds, 1e-9),
            "batch_size": min(int(p.numerics["batch_size"]) for p in passes),
            "pass_threads": first["threads"],
        }
    numerics = {
        name: predictions[next(iter(predictions))].numerics[name]
        for name in ("device", "dtype", "memory_format")
        if predictions
    }
    return Obtained(
        predictions=found,
        model_id=memo["model_id"],
        weights_sha256=memo["weights_sha256"],
        numerics=numerics,
        cost=cost,
        curves=dict(memo["curves"]),
        evidence_keys={name: memo["pools"][name]["evidence"] for name in predictions},
        asked=dict(memo["asked"]),
    )
