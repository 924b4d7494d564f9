"""From a card and a job to its model, whatever file it comes in, and to the model's identity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import CardError
from harness.keys import sha256_of
from harness.models.loaders import feeding
from harness.models.loaders.addresses import model_file
from harness.models.loaders.boxed import (
    PACKAGES,
    code_identity,
    opener_of,
    read_boxed,
    said_by_boxed,
)
from harness.models.loaders.feeding import Declared, agreed, fed, said_in, versions
from harness.models.loaders.reading import Opened
from harness.models.loaders.table import LOADERS, WEIGHTS, loader_of, wrong_suffix
from harness.models.loaders.timm_weights import load_timm
from harness.models.methods.code import code_sha256
from harness.models.obtain.source import Source
from harness.models.passes.numerics import Numerics
from harness.models.safe.weights import metadata_of
from harness.models.store.store import Store
from harness.types.models import EntryCard, Job, ModelPart, WeightFile


@dataclass(frozen=True)
class Loaded:
    """A model out of a file, and what is recorded of it."""

    model: Any
    """`harness.types.Model`, ready to be passed through."""
    part: ModelPart
    """``[model]`` of the card, completed by what the file says of itself."""
    head: Mapping[str, np.ndarray] | None
    """Last linear layer, where it is known."""
    parameters: int | None
    """Trained numbers; None: not known."""


def load_model(
    card: EntryCard,
    folder: Path,
    cell: str,
    seed: int,
    class_names: Sequence[str],
    numerics: Numerics | None = None,
) -> Loaded:
    """Return the model of one cell and seed of an entry of kind ``model``.

    Parameters
    ----------
    card : EntryCard
        With ``[model]``.
    folder : Path
        The entry's folder.
    cell : str
        Split id without the seed.
    seed : int
        Of the job.
    class_names : sequence of str
        The suite's C classes.
    numerics : Numerics, optional
        Default: exact, on the CPU.

    Raises
    ------
    CardError
        If the file is missing, another one, unsafe, of another shape, or it is not known how the
        model is fed.
    """
    assert card.model is not None
    file = card.model.file(cell, seed)
    if file is None:
        raise CardError(f"{card.name} has no model for {cell}-s{seed}. Add it to [model.files].")
    what, path = f"{folder.name}/{file.path}", model_file(folder, file)
    return load_file(card, folder, path, file, class_names, what, numerics)


def load_file(
    card: EntryCard,
    folder: Path,
    path: Path,
    file: WeightFile,
    class_names: Sequence[str] | None,
    what: str,
    numerics: Numerics | None = None,
) -> Loaded:
    """Return the model of a file that was checked; see `load_model`.

    Without a suite's `class_names` the file's own are taken, of files that hold their network.
    """
    assert card.model is not None
    if opener_of(card.model, file):
        return _boxed(card, folder, path, file, class_names or (), what, numerics)
    if path.suffix.lower() == WEIGHTS:
        part = agreed(card.model, said_in(metadata_of(path).get(feeding.KEY), what), what)
        if not part.arch:
            raise CardError(
                f"{what} holds weights alone. Write arch, a name of timm.list_models(), into "
                "[model] of the card."
            )
        whole = card.model_copy(update={"model": part})
        assert class_names is not None  # an architecture is built for a number of classes
        timm = load_timm(whole, path, class_names, numerics or Numerics(), what)
        count = sum(parameter.numel() for parameter in timm.network.parameters())
        return Loaded(timm, part, timm.head, count)
    loader = loader_of(path, what)
    if card.model.arch:
        raise CardError(
            f"{what} holds its network itself; the card names the architecture "
            f"{card.model.arch!r}. Take arch off the card, or name a {WEIGHTS} file."
        )
    part = agreed(card.model, loader.said(path, what), what)
    opened = loader.read(path, file, what)
    whole = card.model_copy(update={"model": part})
    names = class_names or [str(n) for n in part.classes or opened.declared.classes]
    model = fed(opened.call, opened.declared, whole, names, what)
    return Loaded(model, part, None, opened.parameters)


def _boxed(
    card: EntryCard, folder: Path, path: Path, file: WeightFile, class_names: Sequence[str],
    what: str, numerics: Numerics | None,
) -> Loaded:  # fmt: skip
    part = card.model
    assert part is not None
    if part.arch:
        raise CardError(f"{what} brings its own network; take arch = {part.arch!r} off the card.")
    part = agreed(part, said_by_boxed(path, what), what)
    whole = card.model_copy(update={"model": part})
    columns = len(part.classes) or len(class_names)
    started: list[Opened] = []  # how it is fed is checked before its code is started
    model = fed(lambda batch: started[0].call(batch), Declared(()), whole, class_names, what)
    started.append(read_boxed(part, folder, path, file, columns, what, numerics))
    return Loaded(model, part, None, None)


def check_suffix(part: ModelPart, file: WeightFile, what: str) -> None:
    """Refuse a card's file that nothing reads, by its name alone."""
    suffix = Path(file.path).suffix.lower()
    if opener_of(part, file):
        return
    if suffix != WEIGHTS and suffix not in LOADERS:
        raise wrong_suffix(suffix, what)


def reader_code(reader: str) -> str:
    """Return the identity of the code that reads a file and feeds its network.

    Parameters
    ----------
    reader : str
        ``module:function`` of ours; all of ours that it imports counts, and what `feeding` does.
    """
    return sha256_of([code_sha256(reader), code_sha256(feeding.__name__)])


def identity_of(part: ModelPart, file: WeightFile, folder: Path) -> dict[str, Any]:
    """Return all of a file and its reader that decides what the model answers.

    Preprocessing and numerics are keyed beside it, see `harness.keys.evidence_key`.
    """
    suffix = Path(file.path).suffix.lower()
    opener = opener_of(part, file)
    if not opener and suffix not in LOADERS:
        named = {"classes": list(part.classes)} if part.classes else {}
        return {"weights": file.sha256, "arch": part.arch, "kwargs": dict(part.kwargs), **named}
    return {
        "weights": file.sha256,
        "beside": dict(file.beside),
        "reader": _reader(part, opener, suffix, folder),
        "versions": dict(versions(PACKAGES if opener else LOADERS[suffix].packages)),
        "inputs": part.inputs,
        "output": part.output,
        "classes": list(part.classes),
    }


def _reader(part: ModelPart, opener: str, suffix: str, folder: Path) -> Any:
    """Return the identity of what opens a file: of the card's own code, or of ours."""
    if part.call:
        return [opener, code_identity(part, folder), code_sha256(feeding.__name__)]
    read = None if opener else LOADERS[suffix].reader
    return reader_code(opener if read is None else f"{read.__module__}:{read.__name__}")


def loaded(
    job: Job, file: WeightFile, class_names: Sequence[str], store: Store, numerics: Numerics
) -> Source:
    """Return the loaded model of a job with its identity; its last layer goes to the store."""
    assert job.card.model is not None
    found = load_model(job.card, job.folder, job.cell, job.seed, class_names, numerics)
    identity = identity_of(found.part, file, job.folder)
    # an estimator's columns are placed by name: the suite's names and order decide the answer
    if "reader" in identity:
        identity["class_names"] = list(class_names)
    model_id = sha256_of(identity)
    store.save_head(model_id, found.head, note=f"{job.name} head")
    shown = found.model.preprocessing
    return Source(
        model=found.model,
        model_id=model_id,
        weights_sha256=file.sha256,
        code=None,
        preprocessing=shown,
        cost={} if found.parameters is None else {"parameters": found.parameters},
        curves={},
        asked={
            "settings": {
                "arch": found.part.arch,
                "kwargs": dict(found.part.kwargs),
                "preprocessing": None if shown is None else shown.model_dump(mode="json"),
            }
        },
    )
