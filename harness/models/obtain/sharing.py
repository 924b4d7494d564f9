"""One pass of a large pool by several workers: each keeps its share, the job itself joins them.

Shares are whole batches, so that every row meets the batch that it meets in one process. A worker
that fails or is killed costs nothing but its share: the job passes what is missing.
"""

from functools import partial
from typing import TYPE_CHECKING

from harness.models.obtain.obtain import source_of, trained_on, wanted_pools, work_of
from harness.models.obtain.parts import parts_of
from harness.models.obtain.passing import reported
from harness.models.obtain.precision import kept_choice
from harness.models.obtain.source import Parents
from harness.models.obtain.work import Parent, Progress, pass_key
from harness.models.passes.micro import MicroBatches
from harness.models.passes.numerics import guard_process
from harness.models.passes.predict import pass_share
from harness.models.store.store import Store
from harness.types.models import Job

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite

LEAST_BATCHES = 8
"""Batches of each share at least: below, loading the model once more takes longer."""


def shareable(job: Job, opened: "OpenSuite") -> bool:
    """Return whether several workers can pass a job's pools: its model is loaded, not trained.

    Parameters
    ----------
    job : Job
        Entry, cell, seed.
    opened : OpenSuite
        The part of the suite that the job is about.
    """
    return job.card.kind == "model" and not job.card.facets.transductive and opened.folds is None


def pass_shares(
    job: Job,
    opened: "OpenSuite",
    store: Store,
    index: int,
    of: int,
    *,
    parent: Parent | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Pass one share of each large pool of a job and keep it.

    Parameters
    ----------
    job : Job
        One that is `shareable`.
    opened : OpenSuite
        Pools and splits.
    store : Store
        Of all workers.
    index, of : int
        Which share, from 0, and how many there are.
    parent : callable, optional
        As in `obtain`.
    progress : callable, optional
        Called with one mapping per batch.

    Returns
    -------
    list of str
        Names of the pools of which this share is there now.

    Raises
    ------
    HarnessError
        As in `obtain`.
    """
    guard_process()
    split = opened.split(job.cell, job.seed)
    rows = trained_on(opened, split)
    work = kept_choice(work_of(job, opened, store, rows, None, parent, progress))
    if work is None:
        return []  # what dtype auto means is for one process to try
    least = LEAST_BATCHES * of * work.numerics.batch_size
    wanted = wanted_pools(job, opened, split, rows)
    large = {name: pool for name, pool in wanted.items() if len(pool) >= least}
    if not large:
        return []
    source = source_of(work, Parents())
    micro = MicroBatches(sum(map(len, large.values())) // of)
    done = []
    for name, pool in large.items():
        key = pass_key(source, pool, work.numerics)
        parts = parts_of(work, source, pool, key)
        if parts is None or store.has("evidence", key):
            continue
        report = None if progress is None else partial(reported, progress, name)
        pass_share(
            source.model, pool, parts, index, of, numerics=work.numerics, progress=report,
            micro=micro,
        )  # fmt: skip
        done.append(name)
    return done
