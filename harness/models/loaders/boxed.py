"""Models that only foreign code can open: TorchScript, pickles of MLflow, ``module:function``.

They are opened and called in a sandboxed process; there is no other way in for them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import CardError, SandboxError
from harness.models.loaders.feeding import Declared, Said
from harness.models.loaders.reading import Opened
from harness.models.loaders.zips import said_by_zip
from harness.models.methods.code import code_sha256
from harness.models.passes.numerics import Numerics
from harness.models.safe.weights import beside_path
from harness.types.models import ModelPart, WeightFile

INSIDE = {
    ".ts": "harness.models.loaders.inside:torchscript",
    "MLmodel": "harness.models.loaders.inside:mlflow_model",
}
"""File → what opens it inside. A card's ``call`` opens any other."""
WHOLE = "harness.models.loaders.inside:whole"
"""What opens a file inside by a reader of ours."""
Read = Callable[[Path, WeightFile, str], Opened]
PACKAGES = ("torch", "mlflow", "scikit-learn")
"""Distributions whose version can move a bit: part of the identity."""


def opener_of(part: ModelPart, file: WeightFile) -> str:
    """Return ``module:function`` that opens a file inside the sandbox, empty: none needs to."""
    name = Path(file.path).name
    return part.call or INSIDE.get(name) or INSIDE.get(Path(name).suffix.lower(), "")


def said_by_boxed(path: Path, what: str) -> Said:
    """Return what a file says of itself, read without opening it: TorchScript is an archive."""
    if path.suffix.lower() == ".ts":
        return said_by_zip(path, what, "torch.jit.save")
    return Said()


def code_identity(part: ModelPart, folder: Path) -> str:
    """Return the sha256 of the card's own code, empty where it names none.

    Raises
    ------
    CardError
        If the module is not there; it is read, not imported.
    """
    return code_sha256(part.call, folder) if part.call else ""


def read_boxed(
    part: ModelPart,
    folder: Path,
    path: Path,
    file: WeightFile,
    columns: int,
    what: str,
    numerics: Numerics | None,
) -> Opened:
    """Return a model in a process of its own.

    Parameters
    ----------
    part : ModelPart
        Of the card.
    folder : Path
        The entry's, where the module of ``call`` is looked for first.
    path : Path
        The checked file.
    file : WeightFile
        Its line: files beside it go in as well.
    columns : int
        Number of columns that it returns.
    what : str
        What sentences call it.
    numerics : Numerics, optional
        How it computes; default: exact, on the CPU.

    Raises
    ------
    SandboxError
        If there is no sandbox on this machine, or the code passes a limit.
    PredictionsError
        If the code fails.
    """
    from harness.models.sandbox.programs import Program, Sandbox

    call, name = opener_of(part, file), path.name
    arguments: dict[str, Any] = {} if part.call else {"name": name}
    program = Program(
        call,
        columns,
        files={name: path} | {n: beside_path(path, n, s, what) for n, s in file.beside.items()},
        arguments=arguments,
        folder=folder,
        what=what,
    )
    sandbox = Sandbox(program, numerics=numerics)

    def ask(batch: np.ndarray) -> np.ndarray:
        return np.asarray(sandbox(batch).values)

    return Opened(ask, Declared(()), None)


def in_box(reader: Read, here: Read) -> Read:
    """Return a reader of files that opens them in the sandbox, where this machine has one.

    Parameters
    ----------
    reader : callable
        ``reader(path, file, what)`` of ours. Its own checks hold in both places; a fault in the
        library below it harms the sandbox alone. An answer has the same bits.
    here : callable
        What opens them in this process where there is no sandbox.
    """

    def read(path: Path, file: WeightFile, what: str) -> Opened:
        from harness.models.sandbox.backends import chosen

        if chosen() is None:
            return here(path, file, what)
        from harness.models.sandbox.programs import Program, Sandbox

        name = f"model{path.suffix.lower()}"
        told = {"name": name, "reader": f"{reader.__module__}:{reader.__name__}", "what": what}
        program = Program(WHOLE, None, files={name: path}, arguments=told, what=what)
        sandbox = Sandbox(program)
        declared, parameters = _declared(sandbox.model.declared, what)

        def ask(batch: np.ndarray) -> np.ndarray:
            return np.asarray(sandbox(batch).values)

        return Opened(ask, declared, parameters, sandbox.model.num_classes)

    return read


def _declared(said: Any, what: str) -> tuple[Declared, int | None]:
    """Return what a file declares, as the process says; it is believed only if it is plain."""
    try:
        shape, classes = tuple(said["shape"]), tuple(said["classes"])
        plain = (
            all(size is None or (type(size) is int and 0 < size < 1 << 31) for size in shape)
            and all(isinstance(each, str | int | float) for each in classes)
            and said["output"] in (None, "logits", "probs")
            and (said["parameters"] is None or type(said["parameters"]) is int)
        )
    except (KeyError, TypeError):
        plain = False
    if not plain:
        raise SandboxError(f"The sandbox of {what} does not describe its model as agreed.")
    return Declared(shape, said["output"], classes), said["parameters"]


def check_call(part: ModelPart, folder: Path) -> None:
    """Refuse a card whose ``call`` is no ``module:function`` that can be found; imports nothing.

    Raises
    ------
    CardError
        With what to write.
    """
    module, colon, function = part.call.partition(":")
    plain = all(word.isidentifier() for word in [*module.split("."), function])
    if not colon or not plain:
        raise CardError(
            f"model.call is module:function, such as mymodel:load; got {part.call[:80]!r}. The "
            "module is a file of the entry's folder, or an installed package."
        )
    code_sha256(part.call, folder)
