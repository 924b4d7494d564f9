"""Test inputs on which two entries decide differently, from the predictions in the store."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Int

from harness.data.suites.open import OpenSuite
from harness.errors import StoreError
from harness.lookup import unknown
from harness.records.records import Recorded
from harness.runs.evidence import test_predictions


@dataclass(frozen=True)
class Example:
    """One test input on which two entries differ."""

    row: int
    """Row of the test pool."""
    truth: str
    """Name of its class."""
    candidate: str
    """What the candidate takes it for."""
    reference: str
    """What the reference takes it for."""
    image: str | None
    """PNG in base64; None where the input is no image."""


@dataclass(frozen=True)
class Disagreement:
    """How two entries differ on the test pool of one job each."""

    candidate: str
    """Entry."""
    reference: str
    """Entry."""
    suite: str
    """Suite id."""
    cell: str
    """Cell."""
    seed: int
    """Seed of both."""
    inputs: int
    """Test inputs that both predicted."""
    candidate_right: int
    """Inputs that the candidate alone has right."""
    reference_right: int
    """Inputs that the reference alone has right."""
    both_wrong: int
    """Inputs that both have wrong, each in another way."""
    examples: tuple[Example, ...]
    """Some of them: each entry's alone in turn, then the others, by row."""


def disagreement(
    candidate: Recorded,
    reference: Recorded,
    opened: OpenSuite,
    *,
    store: Path,
    cell: str,
    seed: int,
    most: int = 12,
) -> Disagreement:
    """Return how two entries differ on the test pool of a cell, with examples.

    Parameters
    ----------
    candidate, reference : Recorded
        Of the suite; their predictions must lie in the store.
    opened : OpenSuite
        The suite with its data.
    store : Path
        This machine's store.
    cell : str
        Cell of the suite.
    seed : int
        Seed of the suite.
    most : int, default=12
        Examples at most.

    Raises
    ------
    UnknownNameError
        If the suite has no such cell or seed.
    StoreError
        If the store has no test predictions of one of them, or of other data.
    """
    pool = opened.at(cell).test
    said = [_decisions(each, store, cell, seed) for each in (candidate, reference)]
    both = np.intersect1d(said[0][0], said[1][0])
    if pool.labels is None or (len(both) and both[-1] >= len(pool)):
        raise StoreError(
            f"Predictions of {len(pool)} test inputs were expected; those in the store are of "
            f"more. Run: tailmark run {candidate.record.entry} {reference.record.entry} "
            f"--suite {candidate.record.suite.id}"
        )
    ours, theirs = (values[np.searchsorted(rows, both)] for rows, values in said)
    truth = pool.labels[both]
    alone = [np.flatnonzero((ours == truth) & (theirs != truth)),
             np.flatnonzero((theirs == truth) & (ours != truth))]  # fmt: skip
    wrong = np.flatnonzero((ours != theirs) & (ours != truth) & (theirs != truth))
    chosen = _in_turn([*alone], wrong, most)
    names = pool.class_names
    examples = tuple(
        Example(
            row=int(both[i]),
            truth=names[truth[i]],
            candidate=names[ours[i]],
            reference=names[theirs[i]],
            image=_png(pool.inputs.take(both[i : i + 1])),
        )
        for i in chosen
    )
    return Disagreement(
        candidate.record.entry, reference.record.entry, candidate.record.suite.id, cell, seed,
        len(both), len(alone[0]), len(alone[1]), len(wrong), examples,
    )  # fmt: skip


def _decisions(
    recorded: Recorded, store: Path, cell: str, seed: int
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return the rows of the test pool and the class that an entry takes each for."""
    suite, entry = recorded.record.suite, recorded.record.entry
    if cell not in suite.cells:
        raise unknown(f"cell of {suite.id}", cell, suite.cells)
    if seed not in suite.seeds:
        raise unknown(f"seed of {suite.id}", str(seed), [str(each) for each in suite.seeds])
    found = test_predictions(recorded, store)(suite.cells.index(cell), suite.seeds.index(seed))
    if found is None:
        raise StoreError(
            f"Expected test predictions of {entry} in {cell}, seed {seed}; the store has none. "
            f"Run: tailmark run {entry} --suite {suite.id}"
        )
    (values,) = (array for name, array in found.items() if name != "row")
    decided = values.argmax(axis=1) if values.ndim == 2 else values
    return found["row"], decided.astype(np.int64)


def _in_turn(sides: list[np.ndarray], rest: np.ndarray, most: int) -> list[int]:
    """Return places from both sides in turn, then the rest."""
    turn = [int(each) for pair in zip(*(side[:most] for side in sides), strict=False)
            for each in pair]  # fmt: skip
    left = [int(each) for side in sides for each in side if int(each) not in turn]
    return [*turn, *left, *map(int, rest)][:most]


def _png(inputs: object) -> str | None:
    """Return the one image of a block as PNG in base64; None where it is none."""
    array = np.asarray(inputs)
    if array.ndim != 4 or array.dtype != np.uint8 or array.shape[3] not in (1, 3):
        return None
    from PIL import Image

    pixels = array[0, :, :, 0] if array.shape[3] == 1 else array[0]
    handle = BytesIO()
    Image.fromarray(pixels).save(handle, format="PNG")
    return base64.b64encode(handle.getvalue()).decode("ascii")


def example_rows(found: Disagreement) -> Sequence[tuple[str, ...]]:
    """Return the examples as texts: row, class, and what each entry takes it for."""
    return [(str(each.row), each.truth, each.candidate, each.reference) for each in found.examples]
