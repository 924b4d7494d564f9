"""Transductive entries: which state of a model predicts which pool (PROTOCOL section 6)."""

from collections.abc import Callable

from harness.errors import CardError
from harness.models.passes.numerics import Numerics, computing
from harness.types.data import Pool
from harness.types.models import Job, Model

_SHIFTED = "test@"


class States:
    """The states of one job's model: as trained, or adapted on test inputs.

    Parameters
    ----------
    job : Job
        Its card says whether the entry is transductive; others are never adapted.
    model : Model
        As trained; a transductive entry's has ``adapt(inputs)``.
    numerics : Numerics
        How adapting is computed.
    """

    def __init__(self, job: Job, model: Model, numerics: Numerics) -> None:
        self._job, self._model, self._numerics = job, model, numerics
        self._on: Pool | None = None
        self._state = model

    def adapts_on(self, pool: Pool, test: Callable[[], Pool]) -> Pool | None:
        """Return the pool whose inputs the model adapts on before it predicts `pool`.

        A shifted or corrupted draw of the test inputs is adapted on by itself; the state of the
        ID test inputs serves every other pool. Nothing ever adapts on an OOD pool.

        Parameters
        ----------
        pool : Pool
            What is to be predicted.
        test : callable
            Gives the ID test pool; called only where that is adapted on.

        Returns
        -------
        Pool or None
            None: the entry is inductive.
        """
        if not self._job.card.facets.transductive:
            return None
        return pool if pool.name.startswith(_SHIFTED) else test()

    def adapted(self, on: Pool | None) -> Model:
        """Return the model in the state that adapting on `on` from the trained weights gives.

        Parameters
        ----------
        on : Pool or None
            From `adapts_on`. The last state is kept, and only that one.

        Raises
        ------
        CardError
            If the card says transductive and the model cannot adapt.
        """
        if on is None:
            return self._model
        if self._on is not None and self._on.identity == on.identity:
            return self._state
        adapt = getattr(self._model, "adapt", None)
        if adapt is None:
            raise CardError(
                f"{self._job.card.name}: facets.transductive is true, and its model has no "
                "adapt(inputs). Set it to false, or name a trainer whose model adapts."
            )
        with computing(self._numerics):
            self._state, self._on = adapt(on.inputs), on
        return self._state
