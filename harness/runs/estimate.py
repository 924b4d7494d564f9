"""What a run will take, said before it starts: from records where there are any, else measured.

An estimate says what it is based on; where there is nothing to base it on, it says what to do.
"""

import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.suites.open import OpenSuite, pools_of
from harness.errors import HarnessError
from harness.models.cards.cards import card_sha256, read_card
from harness.records.past import Past, past_of
from harness.runs.plan import Entry, entry_folders, jobs_of
from harness.types import EntryCard, Job, Suite
from harness.types.models import ALL_CELLS, MethodPart

ROWS = 32
"""Rows that a model is timed on."""
MOST_ALIKE = 3
"""Records of other entries that an estimate is based on."""
GB = 1e9
Methods = Callable[[Path], Mapping[str, MethodPart]]
"""From a submissions folder to the method of each entry in it."""


@dataclass(frozen=True)
class Estimate:
    """What all jobs of an entry on a suite will take, one after the other."""

    seconds: float
    """Of one process."""
    memory: float | None
    """Largest bytes of one process; None: not known."""
    basis: str
    """What it is based on."""

    def __str__(self) -> str:
        memory = "" if self.memory is None else f" and {self.memory / GB:.1f} GB of memory"
        return f"about {duration(self.seconds)} in one process{memory} ({self.basis})"


def duration(seconds: float) -> str:
    """Return seconds as a person says them: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def estimate(entry: Entry, opened: OpenSuite, roots: Sequence[Path]) -> Estimate | str:
    """Return what running an entry on a suite will take, or why that is not known.

    Parameters
    ----------
    entry : Entry
        Checked before.
    opened : OpenSuite
        The suite.
    roots : sequence of Path
        Folders of records, this machine's first: the entry's own record there is the best basis,
        then records of other entries with the same trainer. A model or given predictions without
        a record are timed.
    """
    found = recorded(entry, opened.suite, roots)
    if isinstance(found, Estimate) or entry.card.method is not None:
        return found
    return _measured(entry, opened, len(opened.suite.cells) * len(opened.suite.seeds))


def recorded(
    entry: Entry, suite: Suite, roots: Sequence[Path], methods: Methods | None = None
) -> Estimate | str:
    """Return the same from records alone: nothing is opened, loaded or timed.

    Parameters
    ----------
    entry, roots
        As in `estimate`.
    suite : Suite
        Where it is to run.
    methods : callable, optional
        Who asks for many entries keeps what `methods_in` finds in a folder; default: it is called.
    """
    jobs = len(suite.cells) * len(suite.seeds)
    own = next(past_of(roots, suite.id, [entry.card.name]), None)
    if own is not None and (found := _took([own], jobs)) is not None:
        changed = own.card_sha256 != card_sha256(entry.card)
        basis = f"its record of {len(own.done)} jobs{', made before its card changed' * changed}"
        return Estimate(*found, basis)
    if entry.card.method is not None:
        names = _alike(entry, (methods or methods_in)(entry.folder.parent))
        return _like_others(entry, suite, jobs, roots, names)
    return f"not known: there is no record of {entry.card.name} on {suite.id}"


def _took(records: Sequence[Past], jobs: int) -> tuple[float, float | None] | None:
    """Return seconds of all jobs and the largest memory, from what jobs in records took."""
    seconds = [each for record in records for each in record.seconds]
    if not seconds:
        return None
    memory = [record.memory for record in records if record.memory is not None]
    return jobs * float(np.mean(seconds)), max(memory, default=None)


def _like_others(
    entry: Entry, suite: Suite, jobs: int, roots: Sequence[Path], names: Sequence[str]
) -> Estimate | str:
    """Base an estimate on the entries most alike, else say that a job must be run."""
    records = list(islice(past_of(roots, suite.id, names), MOST_ALIKE))
    found = _took(records, jobs)
    if found is None:
        return (
            f"not known: there is no record of {entry.card.name} or of its trainer on {suite.id}. "
            f"Measure one job with: tailmark run {entry.called} --suite {suite.id} "
            f"--cell {suite.cells[0]} --seed {suite.seeds[0]}"
        )
    alike = ", ".join(sorted({record.entry for record in records}))
    return Estimate(*found, f"records of the same trainer: {alike}; its settings may cost more")


def methods_in(root: Path, given: Mapping[Path, EntryCard] | None = None) -> dict[str, MethodPart]:
    """Return name → method of the entries below a folder whose card can be read.

    Parameters
    ----------
    root : Path
        Submissions folder.
    given : mapping of Path to EntryCard, optional
        Cards that were read already, by their folder.
    """
    found = {}
    for name, folder in entry_folders(root).items():
        with suppress(HarnessError, OSError):
            card = (given or {}).get(folder) or read_card(folder, trust=True)
            if card.method is not None:
                found[name] = card.method
    return found


def _alike(entry: Entry, methods: Mapping[str, MethodPart]) -> list[str]:
    """Return other entries with the same trainer, those that share most of its settings first."""
    asked = entry.card.method
    assert asked is not None
    shared = {
        name: sum(
            getattr(other, key) == getattr(asked, key)
            for key in ("recipe", "init_from", "features_from", "overrides")
        )
        for name, other in methods.items()
        if other.trainer == asked.trainer and name != entry.card.name
    }
    return sorted(shared, key=lambda name: (-shared[name], name))


def _measured(entry: Entry, opened: OpenSuite, jobs: int) -> Estimate | str:
    """Time one job with given predictions, or a few rows of a model."""
    from harness.models.loaders.boxed import opener_of
    from harness.models.obtain.work import weights_of

    part = entry.card.model or entry.card.predictions
    keys = [] if part is None else [key.partition("/")[0] for key in part.files]
    everywhere = ALL_CELLS in keys
    first = next(
        (
            job
            for job in jobs_of(entry, opened.suite)
            if everywhere or f"{job.cell}-s{job.seed}" in keys
        ),
        None,
    )
    if first is None:
        return "not known: the card names no file of this suite yet. Add the files."
    if entry.card.model is not None and opener_of(entry.card.model, weights_of(first)):
        return (
            "not known: its code is not run to be checked. Measure one job with: tailmark run "
            f"{entry.called} --suite {opened.suite.id} --cell {first.cell} --seed {first.seed}"
        )
    seconds, rows = (
        _passing(first, opened) if entry.card.model is not None else _evaluating(first, opened)
    )
    wanted = jobs if everywhere else min(jobs, len(set(keys)))
    basis = f"measured here on {rows} of {first.cell}-s{first.seed}, for {wanted} of {jobs} jobs"
    return Estimate(seconds * wanted, _peak(), basis)


def _evaluating(job: Job, opened: OpenSuite) -> tuple[float, str]:
    """Return the seconds of reading and measuring one job's given predictions."""
    from harness.models.obtain.obtain import obtain
    from harness.models.store.store import Store
    from harness.runs.evaluate.evaluate import evaluate

    here = opened.at(job.cell)
    started = time.perf_counter()
    obtained = obtain(job, here, Store(job.folder / ".none"))
    evaluate(here, here.split(job.cell, job.seed), obtained.predictions, job.card)
    return time.perf_counter() - started, "all predictions"


def _passing(job: Job, opened: OpenSuite) -> tuple[float, str]:
    """Return the seconds of passing all pools of one job, from those of a few rows."""
    from harness.models.loaders.load import load_model
    from harness.models.passes.predict import predict

    here = opened.at(job.cell)
    classes = here.test.class_names
    model: Any = load_model(job.card, job.folder, job.cell, job.seed, classes).model
    few = np.arange(min(ROWS, len(here.test)))
    predict(model, here.test, rows=few[:1])  # the first pass chooses kernels
    started = time.perf_counter()
    predict(model, here.test, rows=few)
    seconds = time.perf_counter() - started
    split = here.split(job.cell, job.seed)
    total = len(split.indices) + sum(len(pool) for pool in pools_of(here).values())
    return seconds / len(few) * total, f"{len(few)} rows"


def _peak() -> float:
    """Return the largest memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
