"""Parts of a pass, kept as they come: a pass that is killed goes on where its last part ended.

Batches begin at the same rows whether or not a pass was interrupted: what is joined from parts is
byte for byte what one pass in one go gives.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from harness.errors import PredictionsError
from harness.types.models import Output

EVERY = 5.0
"""Seconds of a pass after which a part is kept: what a kill can cost. A shorter pass keeps none."""
Progress = Callable[[int, int], None]
"""``progress(done, total)``: inputs passed so far."""


@dataclass(frozen=True)
class Part:
    """What a model said of consecutive rows."""

    start: int
    """Number of the first row among those of the pass."""
    output: Output
    """One row per input; features float16, statistics float32."""
    batch_size: int
    """Inputs that went through the model at once."""
    seconds: float
    """What making it took."""

    @property
    def stop(self) -> int:
        """Return the number of the row after the last."""
        return self.start + len(self.output.values)


@runtime_checkable
class Parts(Protocol):
    """Where the parts of one pass are kept."""

    def kept(self) -> Sequence[Part]:
        """Return what an earlier try of the same pass has left, in any order."""
        ...

    def keep(self, part: Part) -> None:
        """Keep a part."""
        ...


class Made:
    """What a pass has made so far.

    Parameters
    ----------
    total : int
        Rows of the whole pass.
    batch_size : int
        Rows of a batch to begin with; smaller where an earlier try ran out of memory.
    parts : Parts, optional
        Where parts are kept; None: nowhere.
    progress : callable, optional
        Called after every batch with inputs done and in all.
    """

    def __init__(
        self, total: int, batch_size: int, parts: Parts | None, progress: Progress | None
    ) -> None:
        self.total = total
        self.pieces = _apart([] if parts is None else parts.kept(), total)
        self.batch_size = min([batch_size, *(piece.batch_size for piece in self.pieces)])
        self._parts, self._progress = parts, progress
        self._since = time.perf_counter()
        self._start, self._new = 0, list[Output]()

    def missing(self, share: range | None = None) -> list[tuple[int, int]]:
        """Return the runs of rows that no part covers, as (start, stop), in order.

        Parameters
        ----------
        share : range, optional
            Only those rows; default: all.
        """
        share = range(self.total) if share is None else share
        found, at = [], share.start
        for piece in self.pieces:
            if at < min(piece.start, share.stop):
                found.append((at, min(piece.start, share.stop)))
            at = max(at, piece.stop)
        return found + ([(at, share.stop)] if at < share.stop else [])

    @property
    def at(self) -> int:
        """Return the number of the row whose output comes next."""
        return self._start + _rows(self._new)

    def begin(self, start: int) -> None:
        """Say which row the next outputs are of."""
        self.end()
        self._start = start

    def add(self, output: Output) -> None:
        """Take the outputs of the rows that follow."""
        self._new.append(output)
        if self._progress is not None:
            self._progress(self._done(), self.total)
        if self._parts is not None and time.perf_counter() - self._since >= EVERY:
            self.end(keep=True)

    def end(self, *, keep: bool = False) -> None:
        """Close the piece that is being made, and keep it if told to.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        now = time.perf_counter()
        if self._new:
            piece = Part(self._start, joined(self._new), self.batch_size, now - self._since)
            if keep and self._parts is not None:
                self._parts.keep(piece)
            self.pieces.append(piece)
            self._start, self._new = piece.stop, []
        self._since = now

    def output(self) -> Output:
        """Return the outputs of all rows in their order."""
        self.end()
        return joined([p.output for p in sorted(self.pieces, key=lambda piece: piece.start)])

    @property
    def seconds(self) -> float:
        """Return what making all of it took, tries before this one included."""
        return sum(piece.seconds for piece in self.pieces)

    def _done(self) -> int:
        return _rows([piece.output for piece in self.pieces]) + _rows(self._new)


def _rows(outputs: Sequence[Output]) -> int:
    return sum(len(output.values) for output in outputs)


def share_of(total: int, batch_size: int, index: int, of: int) -> range:
    """Return the rows of one share of a pass: whole batches, so that the batches stay the same.

    Parameters
    ----------
    total : int
        Rows of the pass.
    batch_size : int
        Rows of a batch.
    index, of : int
        Which share, from 0, and how many there are.

    Examples
    --------
    >>> [share_of(20, 8, k, 2) for k in range(2)]
    [range(0, 8), range(8, 20)]
    """
    batches = -(-total // batch_size)
    ends = [min(total, batches * k // of * batch_size) for k in (index, index + 1)]
    return range(*ends)


def _apart(kept: Sequence[Part], total: int) -> list[Part]:
    """Return parts of which no two cover the same row, in order."""
    found: list[Part] = []
    for part in sorted(kept, key=lambda part: (part.start, -part.stop)):
        if part.start >= (found[-1].stop if found else 0) and part.stop <= total:
            found.append(part)
    return found


def joined(outputs: Sequence[Output]) -> Output:
    """Return outputs of consecutive rows as one; features and statistics where all have them.

    Parameters
    ----------
    outputs : sequence of Output
        At least one.

    Raises
    ------
    PredictionsError
        If some are logits and some probabilities.
    """
    if len(outputs) == 1:
        return outputs[0]  # no copy of a million rows
    kinds = {output.kind for output in outputs}
    if len(kinds) > 1:
        raise PredictionsError("A model gives logits or probs; this one gave both. Choose one.")
    features = [output.features for output in outputs if output.features is not None]
    names = [n for n in outputs[0].statistics if all(n in o.statistics for o in outputs)]
    return Output(
        outputs[0].kind,
        np.concatenate([output.values for output in outputs]),
        np.concatenate(features) if len(features) == len(outputs) else None,
        {name: np.concatenate([o.statistics[name] for o in outputs]) for name in names},
    )
