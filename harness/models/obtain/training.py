"""A method's trained state: from the store, or by training it here.

A model is made from its stored state, also right after training: what is scored is what can be
recomputed. A trainer without `restore` gives models that live only as long as their pass: what
they said is kept, and they are trained again when another pool is asked for.
"""

import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import CardError, HarnessError, TrainingError
from harness.keys import sha256_of, train_key
from harness.models.methods.code import code_sha256
from harness.models.methods.methods import (
    Trainer,
    is_fitted,
    load_trainer,
    needs_of,
    resolve_config,
    trainer_of,
    where,
)
from harness.models.obtain.curves import Recorder
from harness.models.obtain.plain import as_model
from harness.models.obtain.source import Parents, Source
from harness.models.passes.numerics import Numerics, computing, settings_of
from harness.models.safe.weights import parameters
from harness.models.sandbox.backends import is_sandboxed
from harness.models.sandbox.trainers import SandboxedTrainer
from harness.models.store.store import State, Store
from harness.types.data import Split
from harness.types.models import FitContext, Job, TrainedModel, TrainingData


@dataclass(frozen=True)
class Training:
    """Everything that decides a trained state."""

    job: Job
    split: Split
    inputs: str
    trainer: str
    config: Mapping[str, Any]
    code: str
    numerics: Numerics
    parents: Parents
    code_parts: Trainer
    """The trainer's functions: imported here, or in a sandbox."""

    @property
    def key(self) -> str:
        """Return the train key."""
        threads, dtype = settings_of(self.config)
        fitted = is_fitted(self.trainer)
        unread = sha256_of({"num_classes": self.split.num_classes})
        return train_key(
            trainer=self.trainer,
            code=self.code,
            config=self.config,
            split_sha256=self.split.sha256 if fitted else unread,
            inputs=self.inputs if fitted else unread,
            seed=self.job.seed if fitted else 0,
            threads=threads,
            device=self.numerics.device,
            dtype=dtype,
            parents=list(self.parents.ids),
        )

    @property
    def asked(self) -> dict[str, Any]:
        """Return what a record says of it: trainer, every setting, those of the card itself."""
        method = self.job.card.method
        return {
            "trainer": self.trainer,
            "settings": dict(self.config),
            "overrides": {} if method is None else dict(method.overrides),
            "parent": self.parents.asked,
        }

    @property
    def rule(self) -> str:
        """Return which state is scored: ``last``, unless the harness selects it.

        Raises
        ------
        CardError
            If card and recipe disagree about who selects.
        """
        declared = self.job.card.facets.selection
        assert declared is not None  # what the harness trains has all facets
        own = str(self.config.get("select", "last"))
        if own not in ("last", declared):
            raise CardError(
                f"{self.job.card.name}: facets.selection is {declared!r} and the recipe's select "
                f"is {own!r}; they are equal. Change one of them."
            )
        return "last" if own == declared else declared


def model_id(key: str, rule: str) -> str:
    """Return the identity of a training's state: its key, or derived from it when selected."""
    return key if rule == "last" else sha256_of({"train_key": key, "selection": rule})


def trained(
    job: Job,
    split: Split,
    inputs: str,
    data: Callable[[], TrainingData],
    store: Store,
    numerics: Numerics,
    parents: Parents,
    progress: Callable[[Mapping[str, Any]], None] | None = None,
) -> Source:
    """Return a method's model for one cell and seed, trained when the store has no state of it.

    Parameters
    ----------
    job : Job
        Of kind ``method``.
    split : Split
        What it trains on.
    inputs : str
        Identity of what the split's rows hold.
    data : callable
        Returns the training data; called only when there is something to train.
    store : Store
        Where states are kept.
    numerics : Numerics
        Its device is the training's; threads are the recipe's.
    parents : Parents
        What it starts from.
    progress : callable, optional
        Called with one mapping per epoch.

    Raises
    ------
    CardError
        If the recipe is wrong or the declared selection cannot be made.
    TrainingError
        If the trainer cannot go on.
    """
    assert job.card.method is not None
    parts = _parts_of(job, numerics)
    trainer, config = resolve_config(job.card, split.spec.dataset, job.folder, parts)
    if "torch" in needs_of(job.card.method) and parts.sandboxed is None:
        import torch  # noqa: F401 (so that threads and determinism are set before it is used)
    code = code_sha256(trainer, job.folder)
    training = Training(job, split, inputs, trainer, config, code, numerics, parents, parts)
    if training.code_parts.restore is None:
        return _unkept(training, data, store, progress)
    identity = model_id(training.key, training.rule)
    state = store.load_state(identity)
    if state is None:
        _train(training, data, store, progress)
        state = store.load_state(identity)
    if state is None:
        raise CardError(
            f"{job.card.name}: facets.selection is {training.rule!r}, and neither the recipe "
            f"selects nor did the trainer hand out validation outputs in {job.cell}. Use a cell "
            "with '~val0.1', or selection 'last'."
        )
    return _source(_restored(training, state), identity, state, training)


def _parts_of(job: Job, numerics: Numerics) -> Trainer:
    """Return a trainer's functions; those from outside run in a sandbox where there is one."""
    assert job.card.method is not None
    trainer = trainer_of(job.card.method)
    if is_sandboxed(trainer):
        return SandboxedTrainer(trainer, job.folder, job.name, numerics).parts
    return load_trainer(trainer, job.folder)


def _unkept(
    training: Training,
    data: Callable[[], TrainingData],
    store: Store,
    progress: Callable[[Mapping[str, Any]], None] | None,
) -> Source:
    """Train, and return the model as it is in memory."""
    if training.rule != "last":
        raise CardError(
            f"{training.job.card.name}: facets.selection is {training.rule!r}, and models of "
            f"{training.trainer} cannot be kept, so no epoch can be chosen. Write "
            "restore(state, meta) beside it, or use 'last'."
        )
    with store.scratch(training.key) as folder:
        recorder = Recorder(
            training.split, _below(folder, "recorded"), _epochs(training.config), progress
        )
        made = _called(training, data(), folder, recorder)
        cost = _cost(training, recorder.seconds)
    names = [str(k) for k in range(training.split.num_classes)]
    model = as_model(made, names, source=f"what {training.trainer} returned")
    return Source(
        model=model,
        model_id=training.key,
        weights_sha256=None,
        code=training.code,
        preprocessing=model.preprocessing,
        cost=cost,
        curves=recorder.curves,
        asked=training.asked,
    )


def _source(model: TrainedModel, identity: str, state: State, training: Training) -> Source:
    return Source(
        model=model,
        model_id=identity,
        weights_sha256=state.meta["weights_sha256"],
        code=training.code,
        preprocessing=model.preprocessing,
        cost=state.meta["cost"],
        curves=state.meta["curves"],
        asked=training.asked,
    )


def _restored(training: Training, state: State) -> TrainedModel:
    restore = training.code_parts.restore
    assert restore is not None, "asked for before anything is kept"
    meta = {**state.meta["trainer_meta"], "device": training.numerics.device}
    return restore(dict(state.arrays), meta)


def _train(
    training: Training,
    data: Callable[[], TrainingData],
    store: Store,
    progress: Callable[[Mapping[str, Any]], None] | None,
) -> None:
    """Train under the job's lock and keep the last and every selected state."""
    with store.scratch(training.key) as folder:
        if _is_kept(training, store):  # another process trained it while this one waited
            return
        recorder = Recorder(
            training.split, _below(folder, "recorded"), _epochs(training.config), progress
        )
        model = _fit(training, data(), folder, recorder)
        cost = _cost(training, recorder.seconds) | {"parameters": parameters(model.state())}
        _keep(training, model, recorder, store, cost)


def _is_kept(training: Training, store: Store) -> bool:
    """Return whether the last state is there, and the selected one if there ever was one."""
    last = store.load_state(training.key)
    if last is None or training.rule not in last.meta.get("selected", ()):
        return last is not None
    return store.has("models", model_id(training.key, training.rule))


def _called(training: Training, data: TrainingData, folder: Path, recorder: Recorder) -> Any:
    """Return what the trainer's function returns; whatever it raises becomes one sentence."""
    threads, dtype = settings_of(training.config)
    context = FitContext(
        config=training.config,
        seed=training.job.seed,
        device=training.numerics.device,
        threads=threads,
        scratch=_below(folder, "trainer"),
        report=recorder.report,
        snapshot=recorder.snapshot,
        parent=training.parents.state,
        weights=_own_weights(training.job),
    )
    held = replace(training.numerics, threads=threads, dtype=dtype)
    fit = training.code_parts.fit
    try:
        with computing(held, seed=training.job.seed):
            return fit(data, context)
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:
        raise TrainingError(
            f"{training.job.name}: {training.trainer} stopped: {where(error)}."
        ) from error


def _own_weights(job: Job) -> Path | None:
    """Return the weights that a method's card brings, their sha256 compared."""
    from harness.models.loaders.addresses import model_file

    part = job.card.method
    return None if part is None or part.weights is None else model_file(job.folder, part.weights)


def _fit(training: Training, data: TrainingData, folder: Path, recorder: Recorder) -> TrainedModel:
    model = _called(training, data, folder, recorder)
    if not isinstance(model, TrainedModel):
        raise TrainingError(
            f"{training.trainer} has a restore beside it and should return a model that can be "
            f"kept: num_classes, preprocessing, meta, head, state() and a call; got "
            f"{getattr(model, 'named', type(model).__name__)}. Return one, or leave restore out."
        )
    if model.num_classes != data.num_classes:
        raise TrainingError(
            f"{training.trainer} should return a model of {data.num_classes} classes and returned "
            f"one of {model.num_classes}. Use data.num_classes, not the labels present."
        )
    return model


def _keep(
    training: Training,
    model: TrainedModel,
    recorder: Recorder,
    store: Store,
    cost: Mapping[str, Any],
) -> None:
    """Write the selected states first: the last one's presence says that all are there."""
    job = training.job
    preprocessing = model.preprocessing
    meta = {
        "note": f"{job.name} last",
        "trainer": training.trainer,
        "config": dict(training.config),
        "trainer_meta": dict(model.meta),
        "preprocessing": None if preprocessing is None else preprocessing.model_dump(mode="json"),
        "cost": dict(cost),
        "curves": recorder.curves,
    }
    last = model.state()
    _check_finite(last, training)
    chosen = recorder.selected()
    for rule, (arrays, epoch) in chosen.items():
        selected = State(arrays, {**meta, "note": f"{job.name} {rule}, epoch {epoch}"}, None)
        head = _restored(training, selected).head
        store.save_state(model_id(training.key, rule), replace(selected, head=head))
    store.save_state(training.key, State(last, {**meta, "selected": sorted(chosen)}, model.head))


def _check_finite(state: Mapping[str, np.ndarray], training: Training) -> None:
    for name, array in state.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise TrainingError(
                f"{training.job.name}: the trained weights must be finite; {name!r} holds NaN or "
                "infinity. Lower the learning rate."
            )


def _cost(training: Training, seconds: float) -> dict[str, Any]:
    threads, dtype = settings_of(training.config)
    cost = {
        "train_seconds": seconds,
        "train_threads": threads,
        "train_device": training.numerics.device,
        "train_dtype": dtype,
        "peak_memory_bytes": _peak_memory(),
    }
    if training.code_parts.sandboxed is not None:
        cost["peak_memory_bytes"] = training.code_parts.sandboxed.peak_memory
    torch = sys.modules.get("torch")
    if training.numerics.device == "cuda" and torch is not None:
        cost["peak_device_bytes"] = int(torch.cuda.max_memory_allocated())
    return cost


def _peak_memory() -> int:
    """Return the process's largest resident size so far in bytes (Linux counts KiB)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _epochs(config: Mapping[str, Any]) -> int:
    return int(config.get("epochs", 0))


def _below(folder: Path, name: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    return folder / name
