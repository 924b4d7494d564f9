"""Columns that count the rows: indices that were exported with a table and would leak its order."""

import re
from dataclasses import replace

from harness.data.formats.raw_table import RawTable, Reading, Values

_SURE = re.compile(
    r"(?i:id|index|level_\d+|unnamed: ?\d+|__index_level_\d+__)"
    r"|(?i:row([_ ]?(id|number|num|no|nr|index))?)"
)
"""Names that people and tools (pandas) give to the number of a row."""
_PERHAPS = re.compile(r"X|#|(?i:no\.?|nr\.?)")
"""Names of the same kind (R) that may be a measurement's: there rows must be in order."""
_NUMBERS = "has another whole number in every row"
_RISES = "rises from row to row in whole numbers"


def without_counters(raw: RawTable, reading: Reading) -> RawTable:
    """Return a table whose columns that count the rows, by name and content, are put aside.

    One with another name stays an input, and that is said.

    Parameters
    ----------
    raw : RawTable
        As its file gave it.
    reading : Reading
        Columns that its owner leaves out or takes as text are passed over.
    """
    notes = list(raw.notes)
    aside = dict(raw.aside)
    for name, values in raw.columns.items():
        does = None if name in (*reading.drop, *reading.text) else _tells_rows_apart(values)
        if does is None:
            continue
        if _SURE.fullmatch(name) or (does != _NUMBERS and _PERHAPS.fullmatch(name)):
            aside[name] = values
            notes.append(
                f"Column {name!r} {does}: it is an index and no input (give it another name where "
                "it is one)."
            )
        elif does != _NUMBERS:
            notes.append(
                f"Column {name!r} {does} and is an input; where it is an index, leave it out: "
                f"--drop {name}"
            )
    columns = {name: values for name, values in raw.columns.items() if name not in aside}
    last = raw.last if raw.last not in aside else next(reversed(columns), "")
    return replace(raw, columns=columns, aside=aside, last=last, notes=tuple(notes))


def _tells_rows_apart(values: Values) -> str | None:
    """Return in which way a column names rows, None when it does not."""
    if counts_rows(values):
        return "counts the rows"
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return None
    if len(numbers) < 3 or len(set(numbers)) < len(numbers) or any(n % 1 for n in numbers):
        return None
    steps = {after > before for before, after in zip(numbers, numbers[1:], strict=False)}
    return _RISES if steps == {True} else _NUMBERS


def counts_rows(values: Values) -> bool:
    """Return whether a column is 0, 1, 2, … or 1, 2, 3, … from the first row on.

    Examples
    --------
    >>> counts_rows(["0", "1", "2"]), counts_rows(["1", "2", "3.0"]), counts_rows(["0", "2"])
    (True, True, False)
    """
    try:
        first = float(values[0])
        if first not in (0, 1) or len(values) < 2:
            return False
        return all(float(value) == first + k for k, value in enumerate(values))
    except ValueError:
        return False
