"""Tables: columns of numbers and categories as inputs of one form, whatever file they came in.

Nothing is filled, scaled or spread out here: whatever is learnt from a column (its median, its
categories) is a trainer's to learn, from its training rows alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int32

from harness.data.formats.raw_table import RawTable, Reading
from harness.data.pools.table_columns import stacked, typed_columns
from harness.data.pools.table_targets import classes_of
from harness.errors import DataError
from harness.keys import content
from harness.types import Pool


@dataclass(frozen=True)
class TableInputs:
    """Rows of a table.

    Parameters
    ----------
    numeric : float64 or float32 array of shape (n, p)
        NaN where missing. Tables of a user's own are float64; those of `tabular-v1` are float32, as
        they were when its manifest was committed.
    categorical : int32 array of shape (n, q)
        Index into the column's `categories`, −1 where missing.
    names : tuple of str
        Names of the p numeric, then of the q categorical columns.
    categories : tuple of tuple of str
        What each categorical column's indices mean.
    """

    numeric: Float[np.ndarray, "n p"]
    categorical: Int32[np.ndarray, "n q"]
    names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.numeric)

    def take(self, rows: Int[np.ndarray, " b"]) -> Float[np.ndarray, "b d"]:
        """Return the rows asked for as one matrix of p + q columns, in the order of `names`.

        Numbers first, then category indices; NaN where missing; in the type of `numeric`.
        """
        codes, kind = self.categorical[rows], self.numeric.dtype.type
        marked = np.where(codes < 0, kind(np.nan), codes.astype(kind))
        return np.concatenate([self.numeric[rows], marked], axis=1)

    def rows(self, rows: Int[np.ndarray, " m"]) -> "TableInputs":
        """Return some rows as a table with the same columns and categories."""
        return TableInputs(self.numeric[rows], self.categorical[rows], self.names, self.categories)


def table_pool(
    name: str, inputs: TableInputs, labels: Int[np.ndarray, " n"], class_names: Sequence[str]
) -> Pool:
    """Return a table as a pool.

    Parameters
    ----------
    name : str
        Pool name (SPEC section 3).
    inputs : TableInputs
        n rows.
    labels : int array of shape (n,)
        Clean class indices.
    class_names : sequence of str
        Names of the classes that `labels` index.
    """
    labels = labels.astype(np.int64)
    arrays = {"categorical": inputs.categorical, "labels": labels, "numeric": inputs.numeric}
    form = {"names": list(inputs.names), "categories": [list(k) for k in inputs.categories]}
    return Pool(name, "table", inputs, labels, tuple(class_names), content(arrays), form=form)


def table_rows(pool: Pool, rows: Int[np.ndarray, " m"], name: str) -> Pool:
    """Return some rows of a pool of a table as a pool of its own.

    Parameters
    ----------
    pool : Pool
        From `table_pool`.
    rows : int array of shape (m,)
        Row numbers, in the order wanted.
    name : str
        Name of the new pool.
    """
    inputs = pool.inputs
    if not isinstance(inputs, TableInputs) or pool.labels is None:
        raise TypeError(f"{pool.name} is not a labelled table")
    return table_pool(name, inputs.rows(rows), pool.labels[rows], pool.class_names)


@dataclass(frozen=True)
class Table:
    """A table as a pool, and what was found when it was made."""

    pool: Pool
    """Its rows, in the order of the file."""
    found: tuple[str, ...]
    """What was found and done while it was read, one sentence each."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what its owner should know, one sentence each; columns are looked through."""
        assert self.pool.labels is not None and isinstance(self.pool.inputs, TableInputs)
        return (*self.found, *_answers(self.pool.inputs, self.pool.labels))


def make_table(
    raw: RawTable,
    target: str = "",
    reading: Reading = Reading(),  # noqa: B008  (frozen)
    *,
    dtype: type = np.float64,
    name: str = "all",
) -> Table:
    """Return a table as a pool whose classes are the values of one of its columns.

    Parameters
    ----------
    raw : RawTable
        As its file gave it.
    target : str, optional
        The column to predict; classes are its values in order (numbers by size). Empty: the last
        column of a text file.
    reading : Reading, optional
        What its owner says of it.
    dtype : type, default=float64
        Of the numeric columns. Tables that were published as float32 keep it.
    name : str, default="all"
        Name of the pool.

    Raises
    ------
    DataError
        If there is no such column, it holds no classes, or another column cannot be read; with
        column and row.
    """
    raw = raw.dropped(reading)
    target = target or raw.last
    if not target:
        raise DataError(
            f"Expected the column to predict in {raw.source}. Name it with --target: "
            f"{', '.join([*raw.columns][:8])}"
        )
    raw.column(target, "target column")
    rest = raw.without([target])
    if not rest.columns:
        raise DataError(
            f"Expected columns beside the target {target!r} in {raw.source}; there is none. "
            "Name another file."
        )
    labels, class_names, notes = classes_of(raw, target, reading)
    typed = typed_columns(rest, reading)
    if not typed.numeric and not typed.categorical:
        raise DataError(
            f"Expected columns with values beside the target {target!r} in {raw.source}; all of "
            "them are empty. Name another file."
        )
    n = len(labels)
    codes = {key: indices for key, (indices, _) in typed.categorical.items()}
    inputs = TableInputs(
        stacked(typed.numeric, n, dtype),
        stacked(codes, n, np.int32),
        (*typed.numeric, *typed.categorical),
        tuple(kinds for _, kinds in typed.categorical.values()),
    )
    pool = table_pool(name, inputs, labels, class_names)
    return Table(pool, (*raw.notes, *notes, *typed.notes))


def _answers(inputs: TableInputs, labels: Int[np.ndarray, " n"]) -> list[str]:
    """Name the columns that hold the class of every row under other names."""
    every = inputs.take(np.arange(len(labels)))
    return [
        f"Column {name!r} has one value for each class and so gives the class away; leave it out "
        f"with --drop {name} where it would not be known of a new row."
        for name, column in zip(inputs.names, every.T, strict=True)
        if _is_renaming(column, labels)
    ]


def _is_renaming(column: Float[np.ndarray, " n"], labels: Int[np.ndarray, " n"]) -> bool:
    """Return whether values and classes belong together one to one, in many more rows than both."""
    values = np.unique(column)
    classes = np.unique(labels)
    if len(values) != len(classes) or len(labels) <= 2 * len(classes):
        return False
    return len(np.unique(np.stack([column, labels]), axis=1).T) == len(classes)
