"""Multiply-accumulates of a job's model for one input, its backbone included."""

from typing import TYPE_CHECKING

from harness.models.obtain.obtain import model_of
from harness.models.obtain.work import Parent
from harness.models.passes.macs import count_macs
from harness.models.store.store import Store
from harness.types.models import Job
from harness.types.results import Macs

if TYPE_CHECKING:
    from harness.data.suites.open import OpenSuite


def macs_of_job(
    job: Job, opened: "OpenSuite", store: Store, *, parent: Parent | None = None
) -> Macs:
    """Return the multiply-accumulates of a job's model for one test input, its backbone included.

    Parameters
    ----------
    job, opened, store, parent
        As in `model_of`: a model of which the store has no state is trained and kept.

    Raises
    ------
    CardError, TrainingError
        As in `obtain`.
    """
    if job.card.kind == "predictions":
        return Macs(None, "predictions were given, and no model")
    found = count_macs(*model_of(job, opened, store, parent=parent))
    part = job.card.method
    if part is None or part.features_from is None:
        return found
    assert parent is not None, "an entry without its parents has no model"
    first = macs_of_job(parent(part.features_from), opened, store, parent=parent)
    return found.after(first)
