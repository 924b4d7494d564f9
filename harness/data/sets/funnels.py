"""Made tables of four classes in an order, the last one rare, whose true probabilities are known.

Each table is a draw of the published model: logit P(y ≤ k) = a_k + x·β_k with ten columns, uniform
over [−1, 1]. A weight of β_1 is 1 for a third of the columns and 0 for the others; from a boundary
to the next a third of the weights moves by ½, up or down. Draws under which boundaries could cross
are drawn again, so that every row of the cube has four probabilities.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, Int

from harness.data.pools.tables import TableInputs, table_pool
from harness.errors import SpecError
from harness.lookup import lookup
from harness.streams import Stream
from harness.types import DatasetSpec, Pool

COLUMNS = 10
"""Columns, as published."""
ROWS = {"train": 5_000, "test": 10_000}
"""Part → rows; cells of ``~frac0.5`` train on 2,500, as published."""
SHARE, SIZE = 1 / 3, 0.5
"""Share of columns with a weight, and of weights that move from boundary to boundary; how far."""
INTERCEPTS = {"rare": (0.0, 3.0, 5.0), "rarer": (0.0, 3.5, 5.5), "rarest": (0.0, 4.0, 6.0)}
"""How rare the last class is → a_1, a_2, a_3, as published."""
DRAWS = 4
"""Tables of each."""
CLASSES = ("seen", "opened", "asked", "bought")
"""In their order."""


@dataclass(frozen=True)
class Funnel:
    """One draw of the model."""

    bias: Float[np.ndarray, "3"]
    """a_k of the three boundaries."""
    weight: Float[np.ndarray, "3 10"]
    """β_k of the three boundaries."""

    def shares(self, rows: Float32[np.ndarray, "n 10"]) -> Float[np.ndarray, "n 4"]:
        """Return the true probability of each class.

        Parameters
        ----------
        rows : float32 array of shape (n, 10)
            In [−1, 1].
        """
        from scipy.special import expit  # slow to import, and readers of records need it not

        below = expit(rows.astype(np.float64) @ self.weight.T + self.bias)
        return np.diff(below, axis=1, prepend=0, append=1)


def _drawn(name: str, bias: Float[np.ndarray, "3"]) -> Funnel:
    """Draw weights until no row of the cube has boundaries that cross."""
    words = Stream(f"{name}|weights")
    while True:
        first = (words.uniform(COLUMNS) < SHARE) * 1.0
        moved = words.uniform(2 * COLUMNS).reshape(2, -1) < SHARE
        signs = np.where(words.uniform(2 * COLUMNS).reshape(2, -1) < 0.5, -1.0, 1.0)
        steps = SIZE * moved * signs
        if (np.abs(steps).sum(axis=1) < np.diff(bias)).all():
            return Funnel(bias, np.cumsum(np.vstack([first, steps]), axis=0))


def funnel(name: str) -> Funnel:
    """Return the model that a table was drawn from.

    Parameters
    ----------
    name : str
        Key of FUNNELS.
    """
    lookup("funnel", name, FUNNELS)
    return _drawn(name, np.array(INTERCEPTS[name.split("_")[1]]))


def _columns(name: str, part: str) -> Float32[np.ndarray, "n 10"]:
    n = ROWS[part]
    drawn = Stream(f"{name}|{part}|rows").uniform(n * COLUMNS).reshape(n, COLUMNS)
    return (2 * drawn - 1).astype(np.float32)


def true_shares(name: str, part: str) -> Float[np.ndarray, "n 4"]:
    """Return the probabilities that the labels of a part were drawn from.

    Parameters
    ----------
    name : str
        Key of FUNNELS.
    part : str
        ``train`` or ``test``.
    """
    return funnel(name).shares(_columns(name, part))


@lru_cache(maxsize=4)
def load_funnel(name: str, part: str) -> Pool:
    """Return a part of a made table as a pool.

    Parameters
    ----------
    name : str
        Key of FUNNELS.
    part : str
        ``train`` (5,000 rows) or ``test`` (10,000 rows).

    Raises
    ------
    UnknownNameError
        If there is no such table.
    SpecError
        If it has no such part.
    """
    lookup("funnel", name, FUNNELS)
    if part not in ROWS:
        raise SpecError(f"{name} has the parts 'train' and 'test'; got {part!r}. Ask for one.")
    rows = _columns(name, part)
    below = np.cumsum(funnel(name).shares(rows), axis=1)[:, :-1]
    drawn = Stream(f"{name}|{part}|labels").uniform(len(rows))
    labels: Int[np.ndarray, " n"] = (drawn[:, None] >= below).sum(axis=1)
    names = tuple(f"x{j}" for j in range(1, COLUMNS + 1))
    inputs = TableInputs(rows, np.zeros((len(rows), 0), np.int32), names, ())
    return table_pool(part, inputs, labels, CLASSES)


def _facts(kind: str, draw: int) -> DatasetSpec:
    return DatasetSpec(
        name=f"funnel_{kind}_{draw}",
        title=f"Funnel, last class {kind}, draw {draw}",
        modality="table",
        class_names=CLASSES,
        image_shape=None,
        source="made here: harness.data.sets.funnels",
        licence="Apache-2.0",
        citation="Faletto and Bien 2023, arXiv:2305.18700, section 4.1 (the model)",
        embedded=True,
        caveat="Made: a proportional-odds model that is relaxed in a third of its weights.",
        ordered=True,
    )


FUNNELS: dict[str, DatasetSpec] = {
    spec.name: spec
    for spec in (_facts(kind, draw) for kind in INTERCEPTS for draw in range(1, DRAWS + 1))
}
"""Every made table by its name in split ids."""
