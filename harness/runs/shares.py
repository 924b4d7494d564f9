"""Workers without a job of their own pass shares of the large pools of the jobs that there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.data.suites.open import OpenSuite, pools_of
from harness.models.obtain.obtain import is_kept
from harness.models.obtain.sharing import LEAST_BATCHES, shareable
from harness.models.passes.numerics import choose
from harness.models.store.store import Store
from harness.types import Job


@dataclass(frozen=True)
class Share(Job):
    """A job's part for one of several workers."""

    index: int = 0
    """Which share, from 0."""
    of: int = 1
    """How many there are."""

    @property
    def name(self) -> str:
        """Return how it is written: ``cnn-ce digits-exp50-clean-s0, share 1 of 4``."""
        return f"{super().name}, share {self.index + 1} of {self.of}"


def shares_of(jobs: Sequence[Job], opened: OpenSuite, store: Store, workers: int) -> list[Share]:
    """Return what workers can do before jobs that are fewer than they; none where nothing is large.

    Parameters
    ----------
    jobs : sequence of Job
        At least one.
    opened : OpenSuite
        Whose pools are passed.
    store : Store
        A job whose predictions are there needs no help.
    workers : int
        Processes that may work at once.
    """
    of = workers // len(jobs)
    if of < 2:
        return []
    least = LEAST_BATCHES * of * choose().batch_size
    found = []
    for job in jobs:
        here = opened.at(job.cell)
        sizes = [len(pool) for pool in (here.train, *pools_of(here).values())]
        large = shareable(job, here) and max(sizes) >= least
        if large and not is_kept(job, here, store):
            facts: Mapping[str, Any] = vars(job)
            found += [Share(**facts, index=index, of=of) for index in range(of)]
    return found
