"""Batches computed a few rows at a time, where that gives the same bits.

On a CPU the layers of a small batch stay in its caches, and their memory is not handed out again
by the system each time. Which kernel a library takes depends on the shape of a batch, so whether
the bits are the same is tried: a whole batch of the pass is computed both ways. Kernels add in an
order that does not depend on the numbers, so what is equal in every row of a batch of different
inputs is taken to be equal in the rest. Time may decide between them, because no bit depends on it:
a network whose first layers are thin gains, a wide one of small images loses.
"""

import time
from collections.abc import Callable

import numpy as np

from harness.models.passes.parts import joined
from harness.models.passes.preprocessing import laid_out
from harness.types.models import Model, Output

PIXELS = 8 * 224 * 224
"""Pixels of a micro-batch: 64 images of 64 px, 8 of 224 px; on 1 MiB of cache the fastest of all
powers of two for ResNet-18 at both."""
MOST = 64
"""Images of a micro-batch at most, however small they are."""
SLOWER = 1.1
"""How much more CPU time micro-batches may take in the trial: less is noise."""
WORTH = 16
"""Batches that must be to come, for the one that is computed twice to pay."""


class MicroBatches:
    """The size of the micro-batches of one model, over all its passes of a job.

    Parameters
    ----------
    rows : int
        Inputs that are to come, in all passes together.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._taken: dict[tuple[tuple[int, ...], int], bool | None] = {}

    def begin(
        self, model: Model, inputs: np.ndarray, batch_size: int
    ) -> tuple[Callable[[], Output], int]:
        """Begin to compute a batch; return what waits for its outputs, and their number.

        Parameters
        ----------
        model : Model
            The same in every call, and none that answers by the batch.
        inputs : array of shape (b, …)
            As its preprocessing prepares them, at most `batch_size`.
        batch_size : int
            Whose bits are wanted. Inputs are filled up to it, or to whole micro-batches.
        """
        size, kind = micro_size(inputs, batch_size), (inputs.shape[1:], batch_size)
        if size < batch_size and self._taken.get(kind):
            output = _in_micro_batches(model, inputs, size)
            return lambda: output, -(-len(inputs) // size) * size
        worth = size < batch_size == len(inputs) and self._rows >= WORTH * batch_size
        if worth and getattr(model, "rows_at_once", 1) == 1:
            if kind not in self._taken:
                self._taken[kind] = None  # the first batch also pays for what is set up once
            elif self._taken[kind] is None:
                whole, self._taken[kind] = _both_ways(model, inputs, size)
                return lambda: whole, batch_size
        return begin(model, filled(inputs, batch_size)), batch_size


def micro_size(inputs: np.ndarray, batch_size: int) -> int:
    """Return how many rows of prepared images are computed at once; else the batch size.

    Parameters
    ----------
    inputs : array of shape (b, …)
        Images that were prepared are float32 (b, k, y, x).
    batch_size : int
        A multiple of the answer.

    Examples
    --------
    >>> [micro_size(np.empty((1, 3, y, y), np.float32), 256) for y in (8, 64, 128, 224)]
    [64, 64, 16, 8]
    """
    if inputs.ndim != 4 or inputs.dtype != np.float32:
        return batch_size
    fitting = max(2, PIXELS // (inputs.shape[2] * inputs.shape[3]))
    size = min(MOST, 1 << (int(fitting).bit_length() - 1))
    return batch_size if size >= batch_size or batch_size % size else size


def _both_ways(model: Model, inputs: np.ndarray, size: int) -> tuple[Output, bool]:
    """Return a whole batch's outputs, and whether micro-batches have their bits and no less speed.

    The calling thread's CPU time is compared: it computes in every layer, whoever helps it.
    """
    begun = time.thread_time()
    whole = begin(model, filled(inputs, len(inputs)))()
    between = time.thread_time()
    parts = _in_micro_batches(model, inputs, size)
    ended = time.thread_time()
    return whole, ended - between <= SLOWER * (between - begun) and _same(whole, parts)


def _in_micro_batches(model: Model, inputs: np.ndarray, size: int) -> Output:
    """Return a model's outputs on a batch, the last micro-batch filled up."""
    pieces = [inputs[k : k + size] for k in range(0, len(inputs), size)]
    return joined([begin(model, filled(piece, size))() for piece in pieces])


def _same(one: Output, other: Output) -> bool:
    """Return whether outputs are equal to the bit, and different enough to show that.

    Inputs that are all alike, such as black images, would be equal in any order of adding.
    """
    arrays = [
        (output.values, output.features, *(output.statistics[n] for n in sorted(output.statistics)))
        for output in (one, other)
    ]
    if one.kind != other.kind or one.statistics.keys() != other.statistics.keys():
        return False
    if not all(_bits(a) == _bits(b) for a, b in zip(*arrays, strict=True)):
        return False
    return len(np.unique(one.values, axis=0)) > len(one.values) // 2


def _bits(array: np.ndarray | None) -> tuple[tuple[int, ...], bytes] | None:
    return None if array is None else (array.shape, array.tobytes())


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


def filled(inputs: np.ndarray, size: int) -> np.ndarray:
    """Return a batch with its last row repeated up to `size`, laid out as all batches.

    Parameters
    ----------
    inputs : array of shape (b, …)
        At least one and at most `size` rows.
    size : int
        Rows of the answer.
    """
    missing = size - len(inputs)
    if missing:
        inputs = np.concatenate([inputs, np.repeat(inputs[-1:], missing, axis=0)])
    images = inputs.ndim == 4 and inputs.dtype == np.float32
    return laid_out(np.ascontiguousarray(inputs)) if images else inputs
