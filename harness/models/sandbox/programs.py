"""Models that only foreign code or a foreign deserialiser can open: one process serves each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.models.methods.own import OURS, top_of
from harness.models.passes.numerics import Numerics
from harness.models.passes.parts import Progress
from harness.models.sandbox.limits import Limits
from harness.models.sandbox.process import Process
from harness.models.sandbox.remote import RemoteModel, model_of
from harness.models.sandbox.view import own_code, view_of
from harness.types.models import Output

BATCH = 256


@dataclass(frozen=True)
class Program:
    """What is started inside, and what it can read."""

    call: str
    """``module:function`` of this project, of an installed package or of the entry's folder. It
    is called inside as ``function(files, **arguments)`` with `files` a `pathlib.Path` that holds
    the files below, and returns a model: a function of a batch that returns an array, a torch
    module in evaluation mode, a fitted estimator, or an object of `harness.types.Model`."""
    num_classes: int | None
    """C: columns of what it returns. None: as many as the model says, which only a reader of ours
    may (`harness.models.loaders.inside:whole`)."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Name inside → file or folder; nothing else of the user's can be read."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON values."""
    folder: Path | None = None
    """The entry's folder, where the module of `call` is looked for first."""
    what: str = ""
    """What sentences call it; default: `call`."""


class Sandbox:
    """A program in a process of its own, used as a model and closed at the end.

    Parameters
    ----------
    program : Program
        Code, files, arguments.
    limits : Limits, optional
        Default: those of this machine and the environment.
    numerics : Numerics, optional
        Device, threads and dtype of its batches; default: exact, on the CPU.

    Attributes
    ----------
    model : RemoteModel
        With ``num_classes``, ``preprocessing`` and ``head``.

    Raises
    ------
    SandboxError
        If there is no sandbox here, or the process had to be ended.
    HarnessError
        If the code refuses its files or fails.

    Examples
    --------
    >>> import numpy as np
    >>> from harness.models.sandbox.programs import Program, Sandbox
    >>> program = Program("harness.models.sandbox.examples:sums", 2, arguments={"scale": 2.0})
    >>> with Sandbox(program) as sandbox:
    ...     sandbox(np.array([[1.0, 2.0]])).values
    array([[ 6., -6.]], dtype=float32)
    """

    def __init__(
        self, program: Program, limits: Limits | None = None, *, numerics: Numerics | None = None
    ) -> None:
        limits, numerics = limits or Limits(), numerics or Numerics()
        foreign = top_of(program.call) not in OURS
        home, code = own_code(program.call, program.folder) if foreign else (None, ())
        view = view_of(program.files, code, device=numerics.device)
        what = program.what or program.call
        self._process = Process(view, limits, what=what, device=numerics.device)
        asked = {
            "call": program.call,
            "home": None if home is None else str(home),
            "arguments": dict(program.arguments),
            "num_classes": program.num_classes,
            "numerics": numerics.recorded(),
        }
        try:
            described, head = self._process.ask("load", asked, seconds=limits.start_seconds)
            self.model: RemoteModel = model_of(
                self._process, described, head, numerics, program.num_classes
            )
        except BaseException:
            self.close()
            raise

    def __call__(self, inputs: np.ndarray) -> Output:
        """Return what the model says of one batch, checked as `RemoteModel` does."""
        return self.model(inputs)

    @property
    def printed(self) -> str:
        """Return the end of what the code printed, without control characters."""
        return self._process.printed

    @property
    def processor_seconds(self) -> float:
        """Return the processor time of the process so far."""
        return self._process.processor_seconds()

    def close(self) -> None:
        """End the process; may be called again."""
        self._process.close()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def predict(
    program: Program,
    inputs: np.ndarray,
    limits: Limits | None = None,
    *,
    batch_size: int = BATCH,
    numerics: Numerics | None = None,
    progress: Progress | None = None,
) -> Output:
    """Return what a program says of all inputs: one process, batch by batch.

    Parameters
    ----------
    program : Program
        Code, files, arguments.
    inputs : array of shape (n, …)
        As the program takes them.
    limits : Limits, optional
        Of memory, time and size.
    batch_size : int, default=256
        Inputs a call.
    numerics : Numerics, optional
        Default: exact, on the CPU.
    progress : callable, optional
        Called after every batch with inputs done and in all.

    Returns
    -------
    Output
        Values float (n, C), perhaps features (n, d) and statistics; no NaN.

    Raises
    ------
    HarnessError
        As of `Sandbox` and of `RemoteModel`.
    """
    with Sandbox(program, limits, numerics=numerics) as sandbox:
        outputs = []
        for first in range(0, len(inputs), batch_size):
            outputs.append(sandbox(inputs[first : first + batch_size]))
            if progress is not None:
                progress(min(first + batch_size, len(inputs)), len(inputs))
    features = [o.features for o in outputs if o.features is not None]
    return Output(
        outputs[0].kind,
        np.concatenate([o.values for o in outputs]),
        np.concatenate(features) if len(features) == len(outputs) else None,
        {
            name: np.concatenate([o.statistics[name] for o in outputs])
            for name in outputs[0].statistics
            if all(name in o.statistics for o in outputs)
        },
    )
