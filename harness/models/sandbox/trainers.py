"""A trainer from outside, run in the sandbox: configure, fit and restore, as if they were here.

Training happens in one process, which ends with it; the model is made from its stored state in
another one, so that nothing but the state can be scored. A trainer without ``restore`` keeps its
process for as long as its model is passed through. Neither process holds a clean label, a test
label, the store, or a file of the user's.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import CardError, SandboxError, TrainingError
from harness.models.methods.code import imported_packages
from harness.models.methods.methods import Trainer
from harness.models.methods.own import OURS
from harness.models.passes.numerics import Numerics, settings_of
from harness.models.sandbox.limits import Limits
from harness.models.sandbox.process import CodeFailed, Process, printable
from harness.models.sandbox.remote import RemoteTrained, Rows, model_of, plain_settings
from harness.models.sandbox.view import own_code, view_of
from harness.types.models import FitContext, TrainedModel, TrainingData

_WITHOUT_TORCH = OURS | {"numpy", "scipy", "sklearn", "pandas"} | sys.stdlib_module_names
MAX_LOSSES = 64
"""Values that an epoch may report."""


class SandboxedTrainer:
    """A foreign trainer behind the functions that a trainer of ours has.

    Parameters
    ----------
    trainer : str
        ``module:function``.
    folder : Path
        The entry's.
    job : str
        What sentences call the job.
    numerics : Numerics
        How its models are passed through.
    limits : Limits, optional
        Default: those of this machine and the environment.

    Attributes
    ----------
    peak_memory : int or None
        Largest resident size of the training in bytes, measured from outside.
    """

    def __init__(
        self,
        trainer: str,
        folder: Path,
        job: str,
        numerics: Numerics,
        limits: Limits | None = None,
    ) -> None:
        self.trainer, self._job, self._numerics = trainer, job, numerics
        self._limits = limits or Limits()
        self._home, code = own_code(trainer, folder)
        self._view = view_of(code=code, device=numerics.device)
        self._torch = not imported_packages(trainer, folder) <= _WITHOUT_TORCH
        self._process: Process | None = None
        self._fresh, self._restores = False, False
        self.peak_memory: int | None = None

    @property
    def parts(self) -> Trainer:
        """Return its functions; imports the trainer inside."""
        self._started()
        restore = self._restore if self._restores else None
        return Trainer(self._fit, self._configure, restore, self)

    def _started(self) -> Process:
        """Return a process in which the trainer is imported and has not trained."""
        if self._process is not None and self._fresh:
            return self._process
        process = Process(
            self._view, self._limits, what=self.trainer, device=self._numerics.device,
            spool=Path(tempfile.gettempdir()),
        )  # fmt: skip
        home = None if self._home is None else str(self._home)
        asked = {"trainer": self.trainer, "home": home, "torch": self._torch}
        reply, _ = process.ask("trainer", asked, seconds=self._limits.start_seconds)
        self._restores = isinstance(reply, dict) and reply.get("restores") is True
        self._process, self._fresh = process, True
        return process

    def _configure(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        process, asked = self._started(), {"settings": dict(overrides)}
        try:
            reply, _ = process.ask("configure", asked, seconds=self._limits.start_seconds)
        except CodeFailed as error:
            raise CardError(f"{self.trainer} refuses its settings: {error.said}.") from None
        given = reply.get("config") if isinstance(reply, dict) else None
        return plain_settings(given, self.trainer)

    def _fit(self, data: TrainingData, context: FitContext) -> Any:
        process = self._started()
        self._fresh = False
        threads, dtype = settings_of(context.config)
        held = {**self._numerics.recorded(), "threads": threads, "dtype": dtype}
        head = {
            "config": dict(context.config),
            "seed": context.seed,
            "device": context.device,
            "threads": context.threads,
            "num_classes": data.num_classes,
            "numerics": held,
            "selects": data.val is not None,
            "has_parent": context.parent is not None,
            "source": f"what {self.trainer} returned",
        }
        try:
            described, arrays = process.ask(
                "fit", head, _handed_in(data, context), seconds=self._limits.fit_seconds,
                events=_Told(context, self.trainer),
            )  # fmt: skip
        except CodeFailed as error:
            raise TrainingError(f"{self._job}: {self.trainer} stopped: {error.said}.") from None
        except MemoryError as error:
            raise TrainingError(f"{self._job}: {self.trainer} stopped: {error}.") from None
        self.peak_memory = process.peak_memory()
        if not self._restores:
            self._process = None  # the model alone holds it now
            return model_of(process, described, arrays, self._numerics, data.num_classes)
        if "model" not in described:
            return _Nothing(printable(str(described.get("type")))[:80])
        return RemoteTrained(process, described, arrays, self._numerics, data.num_classes)

    def _restore(self, state: Mapping[str, Any], meta: Mapping[str, Any]) -> TrainedModel:
        process = self._started()
        self._fresh = False
        try:
            described, head = process.ask(
                "restore", {"meta": dict(meta)}, state, seconds=self._limits.start_seconds
            )
        except CodeFailed as error:
            raise TrainingError(
                f"{self._job}: restore of {self.trainer} stopped: {error.said}."
            ) from None
        self._process = None
        return model_of(process, described, head, self._numerics, kept=True)


class _Nothing:
    """What a trainer returned that is no model to be kept: only the name of its type is known."""

    def __init__(self, name: str) -> None:
        self.named = name


class _Told:
    """Takes what a training reports, checked as everything from inside is."""

    def __init__(self, context: FitContext, what: str) -> None:
        self._context, self._what = context, what

    def __call__(self, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        epoch = told.get("epoch")
        if type(epoch) is not int or not 0 <= epoch < 1 << 31:
            raise self._wrong(f"an epoch {epoch!r}")
        if told["event"] == "report":
            self._context.report(epoch, self._losses(told.get("losses")))
        elif told["event"] == "snapshot" and _outputs(arrays.get("train")):
            if "val" in arrays and not _outputs(arrays["val"]):
                raise self._wrong("validation outputs of another form")
            state = {
                name.removeprefix("state/"): array
                for name, array in arrays.items()
                if name.startswith("state/")
            }
            self._context.snapshot(epoch, arrays["train"], arrays.get("val"), state)
        else:
            raise self._wrong(f"an event {told['event']!r}")

    def _losses(self, given: Any) -> dict[str, float]:
        if not isinstance(given, dict) or len(given) > MAX_LOSSES:
            raise self._wrong(f"losses {given!r}")
        for name, value in given.items():
            if not name.isprintable() or len(name) > 64 or not isinstance(value, int | float):
                raise self._wrong(f"a loss {name!r}")
        return {name: float(value) for name, value in given.items()}

    def _wrong(self, got: str) -> SandboxError:
        return SandboxError(
            f"{self._what} should report (epoch, losses) and (epoch, outputs (n, C), …); it "
            f"reported {printable(got)[:120]}."
        )


def _outputs(given: np.ndarray | None) -> bool:
    return given is not None and given.ndim == 2 and given.dtype.kind == "f" and given.size > 0


def _handed_in(data: TrainingData, context: FitContext) -> dict[str, Any]:
    """Return everything that a trainer may see, by the names that `inside` knows."""
    arrays: dict[str, Any] = {"inputs": Rows(data.inputs), "observed": data.observed}
    if data.val is not None:
        arrays |= {"val": Rows(data.val[0]), "val_observed": data.val[1]}
    if data.unlabelled is not None:
        arrays["unlabelled"] = Rows(data.unlabelled)
    if data.known is not None:
        arrays["known"] = data.known
    if data.auxiliary is not None:
        arrays["auxiliary"] = Rows(data.auxiliary)
    return arrays | {f"parent/{name}": array for name, array in (context.parent or {}).items()}
