"""What a column is: numbers, dates as numbers, a list to spread, or categories.

A column is numeric when everything in it that is not missing reads as a number in one style. One
that nearly does is refused by its row, because as words it would be useless or worse.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int32, Shaped

from harness.data.formats.raw_table import RawTable, Reading, Values, as_text, taken
from harness.data.formats.text_dates import are_dates, read_dates
from harness.data.formats.text_numbers import (
    MISSING,
    NO_WORD,
    Numbers,
    decimal_sign,
    is_like_number,
    is_number,
    read_numbers,
)
from harness.errors import DataError

MANY = 10
"""Different numbers in a column of words from which on its words are taken for mistakes."""
_LIST = re.compile(r"\s*\[(.*)\]\s*", re.DOTALL)
_NINES = re.compile(r"-?9{2,}")
_AGAIN = "Correct it, write nothing where it is missing, or say --text {0} or --drop {0}."
_NO_ROW = " Where this line is none of the rows (units, a sum, a remark), delete it."


@dataclass
class Typed:
    """Columns by what they are, in their order in the file."""

    numeric: dict[str, Float[np.ndarray, " n"]] = field(default_factory=dict)
    """NaN where missing."""
    categorical: dict[str, tuple[Int32[np.ndarray, " n"], tuple[str, ...]]] = field(
        default_factory=dict
    )
    """Indices, −1 where missing, and what they mean."""
    notes: list[str] = field(default_factory=list)
    """What was found and done, one sentence each."""


def typed_columns(raw: RawTable, reading: Reading) -> Typed:
    """Return the columns of a table by what they are.

    Parameters
    ----------
    raw : RawTable
        Its inputs; the target is not among them.
    reading : Reading
        What its owner says of it.

    Raises
    ------
    DataError
        If a column has an infinite value, loses values as float64, or is neither numbers nor words;
        with column and row.
    """
    for name in reading.text:
        raw.column(name, "column to take as text")
    found = Typed()
    sign = reading.decimal or decimal_sign(
        [v for v in raw.columns.values() if not isinstance(v, np.ndarray)]
    )
    for name, values in raw.columns.items():
        _add(found, name, values, raw, reading, sign)
    return found


def _add(
    found: Typed, name: str, values: Values, raw: RawTable, reading: Reading, sign: str
) -> None:
    """Put one column where it belongs."""
    if isinstance(values, np.ndarray):
        if name in reading.text:
            values = as_text(values)
        else:
            _add_numbers(found, name, values, raw, reading)
            return
    missing = frozenset(map(str.lower, reading.missing)) | {""} if reading.missing else None
    absent = missing or MISSING
    values = [value.strip() for value in values]
    if name in reading.text:
        _add_words(found, name, values, missing or NO_WORD)
        return
    gone = {kind for kind in set(values) if kind.lower() in absent}
    words = [value for value in values if value not in gone]
    if not words:
        found.notes.append(f"Column {name!r} has no value in any row; it is left out.")
        return
    for decimal in dict.fromkeys((sign, reading.decimal)):
        numbers = read_numbers(values, absent, raw.separator, decimal)
        if numbers is not None:
            if numbers.said:
                found.notes.append(f"Column {name!r} is read as numbers {numbers.said}.")
            _check_merged(found, name, numbers, raw)
            _note_zeros(found, name, words)
            _add_numbers(found, name, numbers.values, raw, reading)
            return
    dates = read_dates(words)
    if dates is not None:
        column = np.full(len(values), np.nan)
        column[[value not in gone for value in values]] = dates
        found.notes.append(f"Column {name!r} holds dates or times; it is read as seconds.")
        _add_numbers(found, name, column, raw, reading)
        return
    if all(_LIST.fullmatch(word) for word in words):
        _add_lists(found, name, values, raw, reading)
        return
    _refuse_odd_words(found, name, values, gone, raw, reading)
    _add_words(found, name, values, missing or NO_WORD)


def _add_numbers(
    found: Typed, name: str, values: Float[np.ndarray, " n"], raw: RawTable, reading: Reading
) -> None:
    gone = [float(word) for word in reading.missing if is_number(word)]
    values = np.where(np.isin(values, gone), np.nan, values) if gone else values
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(
            f"Expected finite numbers in column {name!r} of {raw.source}; "
            f"{raw.where(int(infinite[0]))} is infinite or too large, and {len(infinite):,} of "
            f"{len(values):,} rows are. Write nothing where the value is missing, or leave the "
            f"column out: --drop {name}"
        )
    if np.isnan(values).all():
        found.notes.append(f"Column {name!r} has no value in any row; it is left out.")
        return
    _note_stand_ins(found, name, values)
    found.numeric[name] = values


def _note_stand_ins(found: Typed, name: str, values: Float[np.ndarray, " n"]) -> None:
    """Say where nines that recur lie farther from all other values than these lie apart."""
    known = values[~np.isnan(values)]
    for odd in {float(known.min()), float(known.max())}:
        rest = known[known != odd]
        times = len(known) - len(rest)
        if times < 2 or len(rest) < 2 or not _NINES.fullmatch(f"{odd:.15g}"):
            continue
        if np.abs(rest - odd).min() > np.ptp(rest) > 0:
            found.notes.append(
                f"In column {name!r} {odd:.15g} stands in {times:,} rows, far from all other "
                f"values; where it means missing, say --missing {odd:.15g}"
            )


def _add_words(found: Typed, name: str, values: Sequence[str], missing: frozenset[str]) -> None:
    """Number the words of a column by their order as text, numbers by size."""
    every = {value.strip() for value in values}
    kinds = in_order({word for word in every if word.lower() not in missing})
    number = {kind: k for k, kind in enumerate(kinds)}
    codes = np.array([number.get(value.strip(), -1) for value in values], dtype=np.int32)
    if not kinds:
        found.notes.append(f"Column {name!r} has no value in any row; it is left out.")
        return
    found.categorical[name] = codes, tuple(kinds)
    read_as_missing = sorted(word for word in every if word and word not in number)
    if read_as_missing and any(word != "?" for word in read_as_missing):
        found.notes.append(
            f"In column {name!r} {', '.join(map(repr, read_as_missing))} means missing, in "
            f"{int((codes < 0).sum()):,} rows; where it is a word like others, say --missing '?'."
        )
    if len(kinds) == len(values) and len(kinds) > MANY:
        found.notes.append(
            f"Column {name!r} has another word in every row, so no method can learn from it."
        )


def in_order(kinds: set[str]) -> list[str]:
    """Return names in order: numbers by size, else by text; the same in every process.

    Examples
    --------
    >>> in_order({"10", "9"}), in_order({"b", "a", "10"})
    (['9', '10'], ['10', 'a', 'b'])
    """
    if all(map(is_number, kinds)):
        return sorted(kinds, key=lambda kind: (float(kind), kind))
    return sorted(kinds)


def _check_merged(found: Typed, name: str, numbers: Numbers, raw: RawTable) -> None:
    """Refuse whole numbers and codes that become equal; say how many fractions do."""
    if numbers.merged is not None:
        one, other = numbers.merged
        raise DataError(
            f"Expected column {name!r} of {raw.source} to keep its values as 64-bit numbers; "
            f"{one!r} and {other!r} would become equal, as whole numbers beyond 2^53 and codes "
            f"with zeros do. Take it as categories (--text {name}), or leave it out where it is an "
            f"identifier (--drop {name})."
        )
    if numbers.rounded:
        found.notes.append(
            f"In column {name!r} {numbers.rounded:,} values are equal to another as 64-bit numbers "
            "that was written with other digits."
        )


def _note_zeros(found: Typed, name: str, words: Sequence[str]) -> None:
    """Say that zeros before numbers are lost: they look like codes."""
    coded = next((w for w in words if len(w) > 1 and w[0] == "0" and w.isdecimal()), None)
    if coded is not None:
        found.notes.append(
            f"Column {name!r} is read as numbers, {coded!r} as {int(coded)}; where it holds codes, "
            f"say --text {name}"
        )


def _refuse_odd_words(
    found: Typed,
    name: str,
    values: Sequence[str],
    gone: set[str],
    raw: RawTable,
    reading: Reading,
) -> None:
    """Refuse words that are meant as numbers or dates and cannot be read as such.

    Values have no blanks around them; those in `gone` are missing.
    """
    kinds = set(values) - gone
    numbers = {kind for kind in kinds if is_number(kind)}
    strange = (kinds - numbers) or kinds  # all are numbers, but not with the sign that was named
    odd = next(row for row, value in enumerate(values) if value in strange)
    shown, advice = values[odd][:40], _AGAIN.format(name)
    rows = sum(value in numbers for value in values), sum(value in kinds for value in values)
    if len(numbers) > MANY and 2 * rows[0] >= rows[1]:
        first = " Where the first line has names, leave --no-header out."
        hints = f" Where {shown!r} means missing, say --missing {shown!r}." * (len(strange) == 1)
        hints += " Name the decimal sign (--decimal , or --decimal .)." * ("," in shown)
        hints += first * (not reading.header and not odd)
        hints += _NO_ROW * (reading.header and len(strange) == 1 and odd in (0, len(values) - 1))
        raise DataError(
            f"Expected numbers in column {name!r} of {raw.source}, as in most rows; "
            f"{raw.where(odd)} has {shown!r}. {advice}{hints}"
        )
    if len(kinds) > MANY and are_dates([*kinds]):
        raise DataError(
            f"Expected dates in column {name!r} of {raw.source} that can be read in one way; got "
            f"{shown!r} in {raw.where(odd)}. Write them as 2023-12-31. {advice}"
        )
    if len(kinds) == rows[1] > MANY and all(map(is_like_number, kinds)):
        raise DataError(
            f"Expected numbers or words in column {name!r} of {raw.source}; got what looks like "
            f"numbers but cannot be read as such: {shown!r} in {raw.where(odd)}, another value in "
            f"every row. Name the decimal sign (--decimal , or --decimal .). {advice}"
        )
    if numbers:
        found.notes.append(
            f"Column {name!r} is taken as words, because {raw.where(odd)} has {shown!r}."
        )
    elif len(kinds) > MANY and all(map(is_like_number, kinds)):
        found.notes.append(
            f"Column {name!r} is taken as words, {len(kinds):,} of them, though they look like "
            f"numbers ({shown!r} in {raw.where(odd)}); where they are, write numbers alone."
        )


def _add_lists(
    found: Typed, name: str, values: Sequence[str], raw: RawTable, reading: Reading
) -> None:
    """Spread lists written as text, ``[1, 2]`` or NumPy's ``[1. 2.]``, into one column an item."""
    items = [_items(value) for value in values]
    cut = next((row for row, each in enumerate(items) if "..." in each), None)
    if cut is not None:
        raise DataError(
            f"Expected whole lists in column {name!r} of {raw.source}; {raw.where(cut)} was cut "
            f"short with '...' when it was printed. Write the file as Parquet, or leave the column "
            f"out: --drop {name}"
        )
    widths = {len(row) for row in items}
    if len(widths) > 1:
        usual = max(widths, key=lambda width: sum(len(row) == width for row in items))
        row = next(k for k, each in enumerate(items) if len(each) != usual)
        raise ragged(name, raw.source, raw.where(row), usual, len(items[row]))
    for k in range(widths.pop()):
        if f"{name}[{k}]" in raw.columns:
            raise taken(f"{name}[{k}]", name, raw.source)
        _add(found, f"{name}[{k}]", [row[k] for row in items], raw, reading, ".")
    found.notes.append(f"Column {name!r} holds lists; each of its items is a column.")


def _items(value: str) -> list[str]:
    """Return the items of a list as text; those of a matrix row by row."""
    inside = _LIST.fullmatch(value)
    if inside is None:
        return []
    text = inside[1].replace("]", " ").replace("[", " ").strip()
    if text != inside[1].strip() or "," not in text:  # a matrix, or no commas between items
        return [item.strip("\"'") for item in text.replace(",", " ").split()]
    return [item.strip().strip("\"'") for item in text.split(",")]


def ragged(name: str, source: str, where: str, usual: int, got: int) -> DataError:
    """Return the refusal of lists of different lengths."""
    return DataError(
        f"Expected lists of {usual} items in column {name!r} of {source}; {where} has {got}. Make "
        f"them equally long, or leave the column out: --drop {name}"
    )


def stacked(columns: Mapping[str, Shaped[np.ndarray, " n"]], n: int, dtype: type) -> np.ndarray:
    """Return columns side by side as one matrix (n, p), in a type that may hold less."""
    if not columns:
        return np.empty((n, 0), dtype)
    return np.stack(list(columns.values()), axis=1).astype(dtype)
