"""A table as a file gave it, and what its owner says about reading it; nothing is guessed here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from harness.errors import DataError
from harness.lookup import closest

Values = Sequence[str] | Float[np.ndarray, " n"]
"""A column: text with ``""`` where nothing was written, or numbers with NaN there."""


@dataclass(frozen=True)
class Reading:
    """How a table is to be read; empty where it is to be found out."""

    header: bool = True
    """Whether the first line of a text file has names."""
    separator: str = ""
    """What stands between values of a text file: one character, or ``space``."""
    decimal: str = ""
    """Decimal sign of numbers in text: ``.`` or ``,``."""
    encoding: str = ""
    """Encoding of a text file, by its Python name."""
    missing: tuple[str, ...] = ()
    """Words for a missing value, in place of those that are usual; nothing written always is."""
    text: tuple[str, ...] = ()
    """Columns to take as categories, whatever is in them."""
    drop: tuple[str, ...] = ()
    """Columns to leave out."""
    force: bool = False
    """Whether to accept a first line or a target that looks wrong."""


@dataclass(frozen=True)
class RawTable:
    """Columns as they were written, and where each row stands in its file."""

    source: str
    """What to call the table in messages."""
    columns: Mapping[str, Values]
    """Name → n values."""
    last: str = ""
    """The column that is the target unless another is named; empty where one must be named."""
    separator: str = ""
    """What stood between the values; empty for files that are not text."""
    lines: Sequence[int] | None = None
    """Line that each row begins in; None for files without lines."""
    aside: Mapping[str, Values] = field(default_factory=dict)
    """Columns that are not inputs, such as the index of a data frame; they may still be named."""
    doubled: frozenset[str] = frozenset()
    """Names that several columns had; all but the first of them got a number."""
    notes: tuple[str, ...] = ()
    """What was found and done, one sentence each."""

    before: tuple[int, str] | None = None
    """Of two files put one below the other: rows of the first, and the name of the second."""

    def __len__(self) -> int:
        return len(next(iter((self.columns or self.aside).values()), ()))

    def where(self, row: int) -> str:
        """Return the words for a row: ``row 2 (line 4)``; rows of values count from 0.

        Parameters
        ----------
        row : int
            From 0.
        """
        line = "" if self.lines is None else f" (line {self.lines[row]:,})"
        if self.before is not None and row >= self.before[0]:
            return f"row {row - self.before[0]:,}{line} of {self.before[1]}"
        return f"row {row:,}{line}"

    def column(self, name: str, what: str) -> Values:
        """Return the column of a name.

        Parameters
        ----------
        name : str
            As the user wrote it.
        what : str
            What it is for: ``"target column"``.

        Raises
        ------
        DataError
            If there is none, with the closest name.
        """
        every = _every(self)
        if name in self.doubled:
            raise DataError(
                f"Expected one column {name!r} in {self.source} as {what}; several have that name. "
                "Give each a name of its own in the first line."
            )
        if name in every:
            return every[name]
        near = closest(name, every)
        hint = f" Did you mean {near!r}?" if near else f" Name the {what} with its exact name."
        some = ", ".join(list(every)[:8]) + (", …" if len(every) > 8 else "")
        raise DataError(
            f"Expected a {what} {name!r} in {self.source}; its columns are {some}.{hint}"
        )

    def without(self, names: Iterable[str]) -> "RawTable":
        """Return the table without some of its columns; names that it does not have are passed."""
        gone = set(names)
        return replace(
            self,
            columns={k: v for k, v in self.columns.items() if k not in gone},
            aside={k: v for k, v in self.aside.items() if k not in gone},
        )

    def dropped(self, reading: Reading) -> "RawTable":
        """Return the table without the columns that its owner leaves out.

        Raises
        ------
        DataError
            If there is no such column.
        """
        for name in reading.drop:
            self.column(name, "column to leave out")
        return self.without(reading.drop)


def below(first: RawTable, second: RawTable) -> RawTable:
    """Return two tables with the same columns one below the other, columns in the first's order.

    Parameters
    ----------
    first, second : RawTable
        A column that one of them put aside is put aside.

    Raises
    ------
    DataError
        If one has a column that the other lacks.
    """
    aside = [name for name in {**first.aside, **second.aside} if name in _every(first)]
    columns = [name for name in first.columns if name not in aside]
    ours, theirs = {*columns, *aside}, {*_every(second)} - {*second.aside}
    for name, there, lacking in (
        *((name, first, second) for name in columns if name not in _every(second)),
        *((name, second, first) for name in theirs if name not in ours),
    ):
        near = closest(name, _every(lacking))
        hint = f" It has {near!r}." if near else ""
        raise DataError(
            f"Expected the same columns in {first.source} and {second.source}; {name!r} of "
            f"{there.source} is not in {lacking.source}.{hint} Rename it or add it, or leave "
            f"it out: --drop {name}"
        )

    def stacked(name: str) -> Values:
        a, b = _every(first)[name], _every(second)[name]
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            return np.concatenate([a, b])
        return [*as_text(a), *as_text(b)]

    both = first.lines is not None and second.lines is not None
    return replace(
        first,
        columns={name: stacked(name) for name in columns},
        lines=[*(first.lines or ()), *(second.lines or ())] if both else None,
        aside={name: stacked(name) for name in aside if name in _every(second)},
        doubled=first.doubled | second.doubled,
        notes=(*first.notes, *(f"{second.source}: {note}" for note in second.notes)),
        before=(len(first), second.source),
    )


def _every(table: RawTable) -> dict[str, Values]:
    return {**table.aside, **table.columns}


def as_text(values: Values) -> list[str]:
    """Return values as they would be written, whole numbers without a point.

    Parameters
    ----------
    values : sequence of str, or float array of shape (n,)
        A column.
    """
    if not isinstance(values, np.ndarray):
        return list(values)
    return ["" if np.isnan(v) else repr(float(v)).removesuffix(".0") for v in values]


def taken(item: str, name: str, source: str) -> DataError:
    """Return the refusal of a nested column one of whose items has another column's name."""
    return DataError(
        f"Expected columns with names of their own in {source}; {item!r} is a column and an item "
        f"of column {name!r}. Rename one of them, or leave it out: --drop {item}"
    )
