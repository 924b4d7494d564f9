"""A job with everything around it, and the keys under which its work is kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import CardError
from harness.keys import KEY_VERSION, evidence_key, sha256_of
from harness.models.methods.code import code_sha256
from harness.models.methods.methods import needs_of, settings_of
from harness.models.obtain.source import Source
from harness.models.passes.numerics import Numerics, choose
from harness.models.passes.preprocessing import RESIZE
from harness.models.store.store import Store
from harness.types.data import Pool, Split
from harness.types.models import Job, ModelPart, WeightFile

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite

Progress = Callable[[Mapping[str, Any]], None]
"""Called with ``{"stage": "fit" or a pool's name, "done": n, "total": n}``; a fit adds losses."""
Parent = Callable[[str], Job]
"""From an entry's name to its job in the same cell and seed."""


@dataclass(frozen=True)
class Work:
    """A job with everything around it."""

    job: Job
    opened: "OpenSuite"
    split: Split
    inputs: str
    """Identity of what the split's rows hold."""
    store: Store
    numerics: Numerics
    """How this job is computed."""
    asked: Numerics | None
    """How the caller wants jobs computed, parents included; None: as the machine offers."""
    parent: Parent | None
    progress: Progress | None

    @property
    def auxiliary(self) -> Pool | None:
        """Return the outliers that the card trains against, checked; None where it names none."""
        part = self.job.card.method
        if part is None or not part.auxiliary:
            return None
        return self.opened.auxiliary_pool(part.auxiliary, self.split)

    @property
    def trained_with(self) -> str:
        """Return the identity of all inputs that this job's trainer is handed."""
        pool = self.auxiliary
        if pool is None:
            return self.inputs
        return sha256_of({"inputs": self.inputs, "auxiliary": pool.identity})

    def of(self, name: str) -> "Work":
        """Return the same for a parent's job."""
        if self.parent is None:
            raise CardError(f"{self.job.card.name} starts from {name!r}, which was not given.")
        job = self.parent(name)
        if job.card.kind == "predictions":
            raise CardError(
                f"{self.job.card.name} starts from {name!r}, whose predictions were given: it has "
                "neither a state nor features. Name an entry of kind method or model."
            )
        return replace(self, job=job, numerics=numerics_of(job, self.asked))


def numerics_of(job: Job, numerics: Numerics | None) -> Numerics:
    """Return how a job's outputs are computed: numpy's methods exactly, others as asked for."""
    if job.card.method is not None and "torch" not in needs_of(job.card.method):
        return choose(torch=False)
    return numerics or choose()


def inputs_sha256(
    split: Split, train: Pool, val: Pool | None, unlabelled: Pool | None = None
) -> str:
    """Return the identity of the inputs that a trainer is handed: contents, order and form.

    Row numbers and labels are `Split.sha256`; two data sets may agree in them. Class names are
    no part of it, since no trainer is told them.

    Parameters
    ----------
    split : Split
        What is trained on.
    train : Pool
        Its training rows as a trainer gets them, with whatever was planted or replaced in them.
    val : Pool or None
        Its validation rows, where there are any.
    unlabelled : Pool, optional
        Images without labels that a trainer may use, where the cell offers some.
    """
    facts = {
        "train": train.identity,
        "val": None if val is None else val.identity,
        "num_classes": split.num_classes,
    }
    if unlabelled is not None:
        facts["unlabelled"] = unlabelled.identity
    return sha256_of(facts)


def job_key(work: Work) -> str:
    """Return the key of everything that decides this job's evidence, found without imports.

    The evidence keys themselves need the trainer's defaults and the model's preprocessing, which
    only its own code knows; this key covers that code instead.
    """
    card, numerics = work.job.card, work.numerics
    facts: dict[str, Any] = {
        "v": KEY_VERSION,
        "resize": RESIZE,
        "split_sha256": work.split.sha256,
        "inputs": work.trained_with,
        "seed": work.job.seed,
        "numerics": [numerics.device, numerics.dtype, numerics.memory_format],
    }
    if card.facets.transductive:
        facts["adapt"] = work.opened.test.identity
    if card.method is not None:
        folder = work.job.folder
        trainer, settings = settings_of(card, work.split.spec.dataset, folder)
        code = code_sha256(trainer, folder)
        facts["method"] = [trainer, settings, code, card.facets.selection]
        names = (card.method.init_from, card.method.features_from)
        facts["parents"] = [None if n is None else job_key(work.of(n)) for n in names]
    elif card.model is not None:
        facts["model"] = _model_facts(card.model, weights_of(work.job), work.job.folder)
        if len(facts["model"]) == 2:
            facts["class_names"] = list(work.opened.test.class_names)
    return sha256_of(facts)


def _model_facts(part: ModelPart, file: WeightFile, folder: Path) -> list[Any]:
    """Return what a card and its file decide of the evidence, found without opening the file."""
    from harness.models.loaders.load import identity_of

    later = {n for n in ("call", "inputs", "output", "classes") if not getattr(part, n)}
    shown = part.model_dump(mode="json", exclude={"files"} | later)
    identity = identity_of(part, file, folder)
    if "reader" in identity:
        return [shown, identity]
    return [shown, file.sha256, version_of("timm")]


@cache
def version_of(package: str) -> str:
    """Return the version of an installed package; an empty string where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def weights_of(job: Job) -> WeightFile:
    """Return the weights on the card for a job's cell and seed.

    Raises
    ------
    CardError
        If the card names none.
    """
    assert job.card.model is not None
    found = job.card.model.file(job.cell, job.seed)
    if found is None:
        raise CardError(
            f"{job.card.name} has no weights for {job.cell}-s{job.seed}: [model.files] names "
            f"{len(job.card.model.files)} others. Add the file, or leave this cell out."
        )
    return found


def pass_key(source: Source, pool: Pool, numerics: Numerics, adapt: str | None = None) -> str:
    """Return the evidence key of one pass of a model over one pool.

    `adapt` is the identity of the pool that a transductive entry adapted on.
    """
    preprocessing = source.preprocessing
    return evidence_key(
        model_id=source.model_id,
        code=source.code,
        pool=pool.identity,
        rows=None,
        preprocessing=None
        if preprocessing is None
        else {**preprocessing.model_dump(mode="json"), "resize": RESIZE},
        device=numerics.device,
        dtype=numerics.dtype,
        memory_format=numerics.memory_format,
        adapt=adapt,
    )
