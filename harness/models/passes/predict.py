"""One pass of a model over a pool: inputs in, logits or probabilities and features out.

Labels are never touched here.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import numpy as np
from jaxtyping import Int

from harness.errors import PredictionsError
from harness.models.passes.ahead import batches_ahead, preparing
from harness.models.passes.micro import MicroBatches, begin, filled
from harness.models.passes.numerics import Numerics, computing, reading_threads
from harness.models.passes.parts import Made, Parts, Progress, share_of
from harness.models.safe.predictions import validate
from harness.types.data import Pool
from harness.types.models import Model, Output, Predictions

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def predict(
    model: Model,
    pool: Pool,
    *,
    rows: Int[np.ndarray, " r"] | None = None,
    numerics: Numerics | None = None,
    progress: Progress | None = None,
    parts: Parts | None = None,
    micro: MicroBatches | None = None,
) -> Predictions:
    """Pass a pool's inputs through a model once.

    The batch is halved whenever memory runs out. The last batch is filled up with repeated
    inputs, whose outputs are dropped: kernels are chosen by shape, so each row gets the same one.

    Parameters
    ----------
    model : Model
        Its preprocessing is applied first; None: it gets the pool's arrays as they are.
    pool : Pool
        Only its inputs are used.
    rows : int array of shape (r,), optional
        Increasing row numbers to pass; default: all.
    numerics : Numerics, optional
        Default: exact, on the CPU.
    progress : callable, optional
        Called after every batch with inputs done and in all.
    parts : Parts, optional
        Where parts of a long pass are kept, and where those of an earlier try lie: their rows are
        not passed again.
    micro : MicroBatches, optional
        Compute batches on the CPU a few rows at a time where it finds that the bits are the same;
        default: as they are. Not for a model that answers by the batch.

    Returns
    -------
    Predictions
        Values float32 (r, C), features float16 (r, d) where the model has them; cost: seconds
        and inputs per second; numerics with the batch size that fitted.

    Raises
    ------
    PredictionsError
        If outputs are NaN, of another shape or number of classes, or one input does not fit.
    """
    numerics = numerics or Numerics()
    wanted = np.arange(len(pool)) if rows is None else np.asarray(rows)
    if not len(wanted):
        raise PredictionsError(f"The pool {pool.name} has no inputs to pass. Choose another.")
    made = Made(len(wanted), batch_size_of(model, numerics.batch_size), parts, progress)
    with computing(numerics, filled=False), autocast(numerics):
        for start, stop in made.missing():
            made.begin(start)
            _pass(model, pool, wanted[:stop], made, _on_cpu(micro, numerics))
    output = made.output()
    features, note = _features(output)
    found = Predictions(
        kind=output.kind,
        values=output.values,
        row=wanted.astype(np.int64),
        features=features,
        statistics=_finite(output.statistics),
        head=getattr(model, "head", None),
        cost={
            "seconds": made.seconds,
            "inputs_per_second": len(wanted) / max(made.seconds, 1e-9),
        },
        numerics=numerics.recorded() | {"batch_size": made.batch_size} | note,
    )
    said = f"output on {pool.name}"
    whole = rows is None
    validate(found, pool, model.num_classes, source=said, whole=whole, given=False)
    return found


def pass_share(
    model: Model,
    pool: Pool,
    parts: Parts,
    index: int,
    of: int,
    *,
    numerics: Numerics,
    progress: Progress | None = None,
    micro: MicroBatches | None = None,
) -> None:
    """Pass one share of a pool's batches and keep it; `predict` with the same parts joins them.

    Parameters
    ----------
    model : Model
        As in `predict`.
    pool : Pool
        Only its inputs are used.
    parts : Parts
        Where the shares of all workers are kept; rows that are there are not passed again.
    index, of : int
        Which share, from 0, and how many there are.
    numerics : Numerics
        Its batch size is that of all shares.
    progress : callable, optional
        Called after every batch with inputs done and in all.
    micro : MicroBatches, optional
        As in `predict`.

    Raises
    ------
    PredictionsError
        As in `predict`.
    """
    size = batch_size_of(model, numerics.batch_size)
    made = Made(len(pool), size, parts, progress)
    rows = np.arange(len(pool))
    with computing(numerics, filled=False), autocast(numerics):
        for start, stop in made.missing(share_of(len(pool), size, index, of)):
            made.begin(start)
            _pass(model, pool, rows[:stop], made, _on_cpu(micro, numerics))
            made.end(keep=True)


def _on_cpu(micro: MicroBatches | None, numerics: Numerics) -> MicroBatches:
    """Return what decides on micro-batches: on a GPU, and where nobody asks, there are none."""
    return MicroBatches(0) if micro is None or numerics.device != "cpu" else micro


def _pass(model: Model, pool: Pool, rows: np.ndarray, made: Made, micro: MicroBatches) -> None:
    """Pass the rows that are not made; the batch size is halved until it fits into memory."""
    threads = reading_threads()
    while made.at < len(rows):
        ahead = batches_ahead(model, pool.inputs, rows[made.at :], made.batch_size, threads)
        try:
            with closing(ahead):
                for output in _in_flight(model, pool, ahead, made.batch_size, micro):
                    made.add(_stored(output))
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            if made.batch_size == batch_size_of(model, 1):
                raise PredictionsError(
                    f"One input of {pool.name} does not fit into memory with this model "
                    f"({str(error).splitlines()[0] if str(error) else 'MemoryError'}). "
                    "Use a machine with more memory."
                ) from None
            made.batch_size = batch_size_of(model, made.batch_size // 2)
            _release()


def batch_size_of(model: Model, wanted: int) -> int:
    """Return the batch size of a pass: whole groups of the rows that a model takes at once.

    A file may fix how many inputs its network gets, and kernels may round by a row's place among
    them. With whole groups an input's place is its row number's, whatever batch size was asked for.

    Parameters
    ----------
    model : Model
        ``rows_at_once``, where it has it.
    wanted : int
        Batch size that was asked for, in inputs; with less than one group the answer is one group.
    """
    group = getattr(model, "rows_at_once", 1)
    return max(1, wanted // group) * group


def _in_flight(
    model: Model,
    pool: Pool,
    batches: Iterable[np.ndarray],
    batch_size: int,
    micro: MicroBatches,
) -> Iterator[Output]:
    """Yield the outputs of batches; a device is given the next before the last is waited for."""

    def arrived(output: Callable[[], Output], computed: int, rows: int) -> Output:
        return _checked(output(), model, pool, rows, computed)

    waiting: tuple[Callable[[], Output], int, int] | None = None
    for inputs in batches:
        try:
            begun = *micro.begin(model, inputs, batch_size), len(inputs)
        except (MemoryError, RuntimeError):
            if waiting is not None:  # what was computed before is whole
                yield arrived(*waiting)
            raise
        if waiting is not None:
            yield arrived(*waiting)
        waiting = begun
    if waiting is not None:
        yield arrived(*waiting)


def outputs_of(model: Model, pool: Pool, rows: np.ndarray, batch_size: int) -> Output:
    """Return a model's outputs on some rows, passed as one batch filled up to `batch_size`.

    Parameters
    ----------
    model : Model
        Its preprocessing is applied first.
    pool : Pool
        Only its inputs are used.
    rows : int array of shape (r,)
        At least one and at most `batch_size` row numbers.
    batch_size : int
        The last row is repeated up to it; what is said of repeats is dropped.

    Raises
    ------
    PredictionsError
        If there is not one row per input.
    """
    inputs = preparing(model)(pool.inputs, rows)
    output = begin(model, filled(inputs, batch_size))()
    return _checked(output, model, pool, len(rows), batch_size)


def _checked(output: Output, model: Model, pool: Pool, rows: int, computed: int) -> Output:
    """Return what a model said of a batch, without its repeats."""
    if output.values.ndim != 2 or len(output.values) != computed:
        raise PredictionsError(
            f"A model returns one row per input, ({computed}, {model.num_classes}); got shape "
            f"{output.values.shape} on {pool.name}."
        )
    features = output.features
    return Output(
        output.kind,
        output.values[:rows],
        None if features is None else features[:rows],
        {name: array[:rows] for name, array in output.statistics.items()},
    )


def _stored(output: Output) -> Output:
    """Return a batch's outputs in the dtypes in which they are kept: half the memory."""
    with np.errstate(over="ignore"):
        features = None if output.features is None else output.features.astype(np.float16)
        statistics = {name: array.astype(np.float32) for name, array in output.statistics.items()}
    values = output.values.astype(np.float32, copy=False)
    return Output(output.kind, values, features, statistics)


def _features(output: Output) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Return features (float16), or None with a note when there are none or they overflow."""
    features = output.features
    if features is not None and not np.isfinite(features).all():
        return None, {"features": "left out: beyond float16, 65504"}
    return features, {}


def _finite(statistics: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Return what was handed out for every batch (float32).

    Raises
    ------
    PredictionsError
        If a number is not finite.
    """
    for name, array in statistics.items():
        if not np.isfinite(array).all():
            raise PredictionsError(
                f"Statistics must be finite float32; {name} is not. Leave that layer out, or use "
                "lower orders."
            )
    return statistics


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _release() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def autocast(numerics: Numerics) -> Iterator[None]:
    """Compute in the dtype of `numerics` inside the block, where torch is in use."""
    torch = sys.modules.get("torch")
    if torch is None or numerics.dtype == "float32":
        with nullcontext():
            yield
        return
    with torch.autocast(numerics.device, dtype=getattr(torch, numerics.dtype)):
        yield
