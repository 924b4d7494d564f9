"""One pass of a model over a pool: inputs in, logits or probabilities and features out.

Labels are never touched here.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import numpy as np
from jaxtyping import Int

from harness.errors import PredictionsError
from harness.models.passes.ahead import batches_ahead, preparing
from harness.models.passes.numerics import Numerics, computing, reading_threads
from harness.models.passes.preprocessing import laid_out
from harness.models.safe.predictions import validate
from harness.types.data import Pool
from harness.types.models import Model, Output, Predictions

Progress = Callable[[int, int], None]
"""``progress(done, total)``: inputs passed so far."""
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def predict(
    model: Model,
    pool: Pool,
    *,
    rows: Int[np.ndarray, " r"] | None = None,
    numerics: Numerics | None = None,
    progress: Progress | None = None,
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
    started = time.perf_counter()
    with computing(numerics), autocast(numerics):
        outputs, batch_size = _all_outputs(model, pool, wanted, numerics.batch_size, progress)
    seconds = time.perf_counter() - started
    features, note = _features(outputs)
    found = Predictions(
        kind=outputs[0].kind,
        values=np.concatenate([o.values for o in outputs]),
        row=wanted.astype(np.int64),
        features=features,
        statistics=_statistics(outputs),
        head=getattr(model, "head", None),
        cost={"seconds": seconds, "inputs_per_second": len(wanted) / max(seconds, 1e-9)},
        numerics=numerics.recorded() | {"batch_size": batch_size} | note,
    )
    validate(found, pool, model.num_classes, source=f"output on {pool.name}", whole=rows is None)
    return found


def _all_outputs(
    model: Model, pool: Pool, rows: np.ndarray, batch_size: int, progress: Progress | None
) -> tuple[list[Output], int]:
    """Return the outputs of consecutive rows and the batch size that fitted into memory."""
    outputs: list[Output] = []
    done, threads = 0, reading_threads()
    while done < len(rows):
        ahead = batches_ahead(model, pool.inputs, rows[done:], batch_size, threads)
        try:
            with closing(ahead):
                for output in _in_flight(model, pool, ahead, batch_size):
                    outputs.append(_stored(output))
                    done += len(output.values)
                    if progress is not None:
                        progress(done, len(rows))
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            if batch_size == 1:
                raise PredictionsError(
                    f"One input of {pool.name} does not fit into memory with this model "
                    f"({str(error).splitlines()[0] if str(error) else 'MemoryError'}). "
                    "Use a machine with more memory."
                ) from None
            batch_size = max(1, batch_size // 2)
            _release()
    if len({output.kind for output in outputs}) > 1:
        raise PredictionsError(f"The model gave logits and probs on {pool.name}; choose one.")
    return outputs, batch_size


def _in_flight(
    model: Model, pool: Pool, batches: Iterable[np.ndarray], batch_size: int
) -> Iterator[Output]:
    """Yield the outputs of batches; a device is given the next before the last is waited for."""
    waiting: tuple[Callable[[], Output], int] | None = None
    for inputs in batches:
        try:
            begun = begin(model, _filled(inputs, batch_size)), len(inputs)
        except (MemoryError, RuntimeError):
            if waiting is not None:  # what was computed before is whole
                yield _checked(waiting[0](), model, pool, waiting[1], batch_size)
            raise
        if waiting is not None:
            yield _checked(waiting[0](), model, pool, waiting[1], batch_size)
        waiting = begun
    if waiting is not None:
        yield _checked(waiting[0](), model, pool, waiting[1], batch_size)


def begin(model: Model, inputs: np.ndarray) -> Callable[[], Output]:
    """Begin to compute a batch, and return what waits for its outputs.

    Parameters
    ----------
    model : Model
        One with ``begin(inputs)`` computes on a device meanwhile; others are asked at once.
    inputs : array of shape (b, …)
        As its preprocessing prepares them.
    """
    beginning = getattr(model, "begin", None)
    if beginning is not None:
        found: Callable[[], Output] = beginning(inputs)
        return found
    output = model(inputs)
    return lambda: output


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
    output = begin(model, _filled(inputs, batch_size))()
    return _checked(output, model, pool, len(rows), batch_size)


def _filled(inputs: np.ndarray, batch_size: int) -> np.ndarray:
    """Return a batch with its last row repeated up to `batch_size`, laid out as all batches."""
    missing = batch_size - len(inputs)
    if missing:
        inputs = np.concatenate([inputs, np.repeat(inputs[-1:], missing, axis=0)])
    images = inputs.ndim == 4 and inputs.dtype == np.float32
    return laid_out(np.ascontiguousarray(inputs)) if images else inputs


def _checked(output: Output, model: Model, pool: Pool, rows: int, batch_size: int) -> Output:
    """Return what a model said of a batch, without its repeats."""
    if output.values.ndim != 2 or len(output.values) != batch_size:
        raise PredictionsError(
            f"A model returns one row per input, ({batch_size}, {model.num_classes}); got shape "
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


def _features(outputs: list[Output]) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Return features (float16), or None with a note when there are none or they overflow."""
    parts = [output.features for output in outputs if output.features is not None]
    if len(parts) < len(outputs):
        return None, {}
    features = np.concatenate(parts)
    if not np.isfinite(features).all():
        return None, {"features": "left out: beyond float16, 65504"}
    return features, {}


def _statistics(outputs: list[Output]) -> dict[str, np.ndarray]:
    """Return what was handed out for every batch (float32).

    Raises
    ------
    PredictionsError
        If a number is not finite.
    """
    names = [n for n in outputs[0].statistics if all(n in o.statistics for o in outputs)]
    found = {name: np.concatenate([o.statistics[name] for o in outputs]) for name in names}
    for name, array in found.items():
        if not np.isfinite(array).all():
            raise PredictionsError(
                f"Statistics must be finite float32; {name} is not. Leave that layer out, or use "
                "lower orders."
            )
    return found


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
