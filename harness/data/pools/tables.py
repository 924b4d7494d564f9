"""Tables: columns of numbers and categories as inputs of one form, whatever file they came in.

A column is numeric when everything in it that is not missing reads as a number, else categorical.
Nothing is filled, scaled or spread out here: whatever is learnt from a column (its median, its
categories) is a trainer's to learn, from its training rows alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, Int32

from harness.errors import DataError
from harness.keys import content
from harness.lookup import closest
from harness.types import Pool

MISSING = frozenset({"", "?", "na", "nan", "null", "none"})
"""What stands for a missing value, in lower case and without blanks around it."""


@dataclass(frozen=True)
class TableInputs:
    """Rows of a table.

    Parameters
    ----------
    numeric : float32 array of shape (n, p)
        NaN where missing.
    categorical : int32 array of shape (n, q)
        Index into the column's `categories`, −1 where missing.
    names : tuple of str
        Names of the p numeric, then of the q categorical columns.
    categories : tuple of tuple of str
        What each categorical column's indices mean.
    """

    numeric: Float32[np.ndarray, "n p"]
    categorical: Int32[np.ndarray, "n q"]
    names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.numeric)

    def take(self, rows: Int[np.ndarray, " b"]) -> Float32[np.ndarray, "b d"]:
        """Return the rows asked for as one matrix of p + q columns, in the order of `names`.

        Numbers first, then category indices; NaN where missing.
        """
        codes = self.categorical[rows]
        marked = np.where(codes < 0, np.float32(np.nan), codes.astype(np.float32))
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
        raise TypeError(f"{pool.name} is no labelled table")
    return table_pool(name, inputs.rows(rows), pool.labels[rows], pool.class_names)


def make_table(
    columns: Mapping[str, Sequence[str]], target: str, source: str, name: str = "all"
) -> Pool:
    """Return columns of text as a pool whose classes are the values of one of them.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        Name → n values as text.
    target : str
        The column to predict; classes are its values in order (numbers by size).
    source : str
        What to call the table in messages.
    name : str, default="all"
        Name of the pool.

    Raises
    ------
    DataError
        If there is no such column, it has fewer than two classes or a missing value.
    """
    if target not in columns:
        near = closest(target, columns)
        hint = f" Did you mean {near!r}?" if near else " Name the target with its exact name."
        some = ", ".join(list(columns)[:8]) + (", …" if len(columns) > 8 else "")
        raise DataError(
            f"Expected a target column {target!r} in {source}; its columns are {some}.{hint}"
        )
    labels, class_names = _classes(columns[target], target, source)
    rest = {key: values for key, values in columns.items() if key != target}
    if not rest:
        raise DataError(
            f"Expected columns beside the target {target!r} in {source}; there is none. "
            "Name another file."
        )
    return table_pool(name, _inputs(rest), labels, class_names)


def _classes(
    values: Sequence[str], target: str, source: str
) -> tuple[Int[np.ndarray, " n"], tuple[str, ...]]:
    """Return class indices and names of a target column."""
    holes = [row for row, value in enumerate(values, start=1) if value.strip().lower() in MISSING]
    if holes:
        raise DataError(
            f"Expected a class in every row of {source}; {target!r} is missing in {len(holes):,}, "
            f"first in row {holes[0]:,}. Drop these rows."
        )
    kinds = _sorted({value.strip() for value in values})
    if len(kinds) < 2:
        raise DataError(
            f"Expected at least two classes in the target {target!r} of {source}; got "
            f"{', '.join(repr(kind) for kind in kinds) or 'no row'}. Name another target."
        )
    number = {kind: k for k, kind in enumerate(kinds)}
    return np.array([number[value.strip()] for value in values]), tuple(kinds)


def _inputs(columns: Mapping[str, Sequence[str]]) -> TableInputs:
    """Return text columns as numbers where they all are, as categories elsewhere."""
    numeric: dict[str, np.ndarray] = {}
    categorical: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {}
    n = len(next(iter(columns.values())))
    for name, values in columns.items():
        numbers = _numbers(values)
        if numbers is not None:
            numeric[name] = numbers
        else:
            categorical[name] = _categories(values)
    return TableInputs(
        _stacked(list(numeric.values()), n, np.float32),
        _stacked([codes for codes, _ in categorical.values()], n, np.int32),
        (*numeric, *categorical),
        tuple(kinds for _, kinds in categorical.values()),
    )


def _stacked(columns: list[np.ndarray], n: int, dtype: type) -> np.ndarray:
    return np.stack(columns, axis=1).astype(dtype) if columns else np.empty((n, 0), dtype)


def _numbers(values: Sequence[str]) -> np.ndarray | None:
    """Return a column as numbers with NaN for missing ones, None when a value is no number."""
    try:
        return np.array([np.nan if v.strip().lower() in MISSING else float(v) for v in values])
    except ValueError:
        return None


def _categories(values: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    kinds = _sorted({v.strip() for v in values if v.strip().lower() not in MISSING})
    number = {kind: k for k, kind in enumerate(kinds)}
    return np.array([number.get(value.strip(), -1) for value in values]), tuple(kinds)


def _sorted(kinds: set[str]) -> list[str]:
    """Return names in order: numbers by size, else by text."""
    try:
        return sorted(kinds, key=float)
    except ValueError:
        return sorted(kinds)
