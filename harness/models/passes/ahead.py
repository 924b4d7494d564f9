"""Batches read and prepared by threads while the model computes the one before.

Which rows form a batch, their order and every bit are those of reading one batch after the other:
the threads take pieces of a batch, and each piece knows its place. Decoding, resizing (Pillow) and
arithmetic (numpy) let each other and the model run.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from harness.data.pools.file_pools import FileInputs
from harness.models.passes.preprocessing import cut, prepare, resized
from harness.types.data import ArrayInputs, Inputs
from harness.types.models import Model

AHEAD = 2
"""Batches that are being prepared or wait: with the one that is computed three are in memory."""
PIECE = 32
"""Rows that a thread takes at once: after Ctrl-C no thread goes on for longer than these take."""
Prepare = Callable[[Inputs, Int[np.ndarray, " p"]], np.ndarray]
"""From inputs and row numbers to what the model is given."""


def preparing(model: Model) -> Prepare:
    """Return how rows become what a model takes: floats, pixels, or the arrays as they are.

    Parameters
    ----------
    model : Model
        One with a true ``normalises`` gets uint8 (p, y, x, k) and normalises on its own device.
    """
    how = model.preprocessing
    if how is None:
        return lambda inputs, rows: inputs.take(rows)
    last = cut if getattr(model, "normalises", False) else prepare
    return lambda inputs, rows: last(inputs.take(rows), how)


def batches_ahead(
    model: Model, inputs: Inputs, rows: Int[np.ndarray, " r"], size: int, threads: int
) -> Generator[np.ndarray, None, None]:
    """Yield what a model takes of consecutive rows, a batch at a time, the last one shorter.

    Close the generator to stop the threads: what they have not begun is dropped.

    Parameters
    ----------
    model : Model
        Its preprocessing is applied.
    inputs : Inputs
        Of the pool. Only arrays and image files are read by threads: of inputs that somebody else
        wrote it is not known whether two threads may read them at once.
    rows : int array of shape (r,)
        Row numbers in the order wanted.
    size : int
        Rows of a batch.
    threads : int
        At least 1; with 1 no thread is started.

    Raises
    ------
    DataError
        If an image file is missing or damaged, with its name, when its batch is asked for.
    """
    made, parts = preparing(model), [rows[k : k + size] for k in range(0, len(rows), size)]
    single = _alone(inputs)
    if threads == 1 or not _worth_threads(model, inputs):
        yield from (made(single, part) for part in parts)
        return
    waiting: deque[list[Future[np.ndarray]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="reading")

    def begin(part: Int[np.ndarray, " b"]) -> None:
        pieces = [part[k : k + PIECE] for k in range(0, len(part), PIECE)]
        waiting.append([pool.submit(made, single, piece) for piece in pieces])

    try:
        for part in parts[:AHEAD]:
            begin(part)
        for following in range(AHEAD, len(parts) + AHEAD):
            batch = np.concatenate([piece.result() for piece in waiting.popleft()])
            if following < len(parts):
                begin(parts[following])
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _worth_threads(model: Model, inputs: Inputs) -> bool:
    """Return whether preparing takes long enough to overlap it with the model.

    Images in memory that have the model's size take 9 µs each, and threads beside it would slow
    the model by more (4 % of a ResNet-18 at 64 px).
    """
    if isinstance(inputs, ArrayInputs):
        how, size = model.preprocessing, inputs.array.shape[1:3]
        return how is not None and resized(size, how) != size
    return isinstance(inputs, FileInputs)


def _alone(inputs: Inputs) -> Inputs:
    """Return inputs that start no threads of their own."""
    return replace(inputs, workers=1) if isinstance(inputs, FileInputs) else inputs
