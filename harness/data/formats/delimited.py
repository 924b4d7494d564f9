"""Text with separators between values as columns: names, comments, index columns, ragged rows."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

from harness.data.formats.raw_table import RawTable, Reading
from harness.data.formats.text_files import lines_of, read_text
from harness.errors import DataError

SEPARATORS = "\t;|,"
"""Tried in this order where several give a table."""
_SAMPLE = 200
"""Rows that a separator is chosen by."""
_LONGEST = 1 << 30
"""Characters of one value at most; the library's own limit is 131,072."""
_WHOLE = re.compile(r"\s*[+-]?\d+(\.0*)?\s*")
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class _Rows:
    """Rows of values as they stand in the text, blank ones left out."""

    rows: list[list[str]]
    lines: list[int]
    """Line that each row begins in, from 1."""


def read_delimited(path: Path, reading: Reading) -> RawTable:
    """Return a text file as a table of text.

    Parameters
    ----------
    path : Path
        Plain or packed.
    reading : Reading
        What its owner says of it.

    Raises
    ------
    DataError
        If it is damaged, ragged, has no rows, or its first line seems to be values.
    """
    found = read_text(path, reading.encoding)
    text, notes = found.text, list(found.notes)
    said = re.match(r"sep=(.)\r?\n", text)  # a line for Excel
    separator = {"space": " "}.get(reading.separator, reading.separator) or (
        said[1] if said else ""
    )
    skipped = 1 if said else 0
    text = text[said.end() :] if said else text
    separator = separator or _separator(text, path)
    parsed = _parsed(text, separator, path, skipped)
    parsed, said_of_comments = _without_comments(parsed)
    first = [name.strip() for name in parsed.rows[0]] if parsed.rows and reading.header else []
    names, body, said_of_names = _named(parsed, reading, path)
    notes += said_of_comments + said_of_names
    if not body.rows:
        raise DataError(f"Expected rows of values in {path}; there is none. Name another file.")
    _check_width(names, body, path)
    doubled = frozenset(name for name, times in Counter(first).items() if name and times > 1)
    table = RawTable(str(path), {}, separator=separator, lines=body.lines, doubled=doubled)
    return _assembled(table, names, body.rows, notes, reading, (first or names)[-1])


def _parsed(text: str, separator: str, path: Path, skipped: int) -> _Rows:
    """Return all rows that are not blank."""
    if len(separator) != 1:
        raise DataError(
            f"Expected one character or 'space' as separator of {path}; got {separator!r}. Write "
            "for example --separator ';'"
        )
    rows, lines, before = [], [], 0
    limit = csv.field_size_limit(_LONGEST)
    reader = csv.reader(
        (re.sub(" +", " ", line.strip(" ")) for line in lines_of(text))
        if separator == " "
        else lines_of(text),
        delimiter=separator,
        skipinitialspace=True,
        strict=True,
    )
    try:
        for row in reader:
            if any(value.strip() for value in row):
                rows.append(_unquoted(row))
                lines.append(before + 1 + skipped)
            before = reader.line_num
    except csv.Error as error:
        raise DataError(
            f"Expected values in line {before + 1 + skipped:,} of {path} whose quotation marks are "
            f"closed; got: {error}. Close or double them, or remove them."
        ) from error
    finally:
        csv.field_size_limit(limit)
    return _Rows(rows, lines)


def _unquoted(row: list[str]) -> list[str]:
    """Return values without the single quotes that some UCI files have around words."""
    if not any(value.startswith("'") for value in row):
        return row
    return [v[1:-1] if len(v) > 1 and v[0] == v[-1] == "'" else v for v in row]


def _separator(text: str, path: Path) -> str:
    """Return the separator that gives every row of a sample as many values.

    Where several do, the one that leaves most numbers: ``1,5;2,5`` has three commas too.
    """
    lines = []
    for line in lines_of(text):
        if line.strip() and not line.startswith("#"):
            lines.append(line)
        if len(lines) == _SAMPLE:
            break
    if not lines:
        raise DataError(f"Expected rows of values in {path}; there is none. Name another file.")
    fits = {}
    for separator in SEPARATORS:
        widths, numbers = _tried(lines, separator)
        if len(widths) == 1 and max(widths) > 1:
            fits[separator] = numbers
    if fits:
        return max(fits, key=lambda separator: fits[separator])
    most = max(",;\t|", key=lines[0].count)
    if most not in lines[0]:
        blank = {len(line.split()) for line in lines}
        if len(blank) == 1 and max(blank) > 1 and _NUMBER.fullmatch(lines[-1].split()[0]):
            return " "
    return most


def _tried(lines: Sequence[str], separator: str) -> tuple[set[int], float]:
    """Return how many values rows have, and the share of them that are numbers."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=separator, skipinitialspace=True) if row]
    except csv.Error:
        return set(), 0.0
    values = [value for row in rows[:-1] or rows for value in row]  # the last may be cut off
    share = sum(_NUMBER.fullmatch(value) is not None for value in values) / len(values)
    return {len(row) for row in rows[:-1] or rows}, share


def _without_comments(parsed: _Rows) -> tuple[_Rows, list[str]]:
    """Leave out lines that begin with # and have another number of values than the table.

    Of those that have as many, before all others, the last is the line of names as `numpy.savetxt`
    writes it, unless the next line has names itself.
    """
    marked = [k for k, row in enumerate(parsed.rows) if row[0].startswith("#")]
    if not marked:
        return parsed, []
    width = Counter(len(row) for row in parsed.rows if not row[0].startswith("#")).most_common(1)
    width_of_table = width[0][0] if width else 0
    gone = {k for k in marked if len(parsed.rows[k]) != width_of_table}
    rest = [k for k in range(len(parsed.rows)) if k not in gone]
    leading = [*takewhile(lambda k: parsed.rows[k][0].startswith("#"), rest)]
    if leading:
        below = [parsed.rows[k] for k in rest[len(leading) :]]
        gone.update(leading if _seem_names(below) else leading[:-1])
        rest = [k for k in rest if k not in gone]
    rows = [parsed.rows[k] for k in rest]
    lines = [parsed.lines[k] for k in rest]
    if rows and rows[0][0].startswith("#"):
        rows[0] = [rows[0][0].lstrip("# "), *rows[0][1:]]
    notes = [f"{len(gone)} comment lines that begin with # are left out."] if gone else []
    return _Rows(rows, lines), notes


def _seem_names(rows: list[list[str]]) -> bool:
    """Return whether the first row has words alone, none of which stands below it again."""
    first, below = [value.strip() for value in rows[0]] if rows else [], rows[1:]
    return bool(below) and all(
        word and not _NUMBER.fullmatch(word) and all(word != row[k].strip() for row in below)
        for k, word in enumerate(first)
    )


def _named(parsed: _Rows, reading: Reading, path: Path) -> tuple[list[str], _Rows, list[str]]:
    """Return names, rows of values and what was done about names that are missing or doubled."""
    rows, lines = parsed.rows, parsed.lines
    if not reading.header:
        width = len(rows[0]) if rows else 0
        return [f"c{k}" for k in range(1, width + 1)], parsed, []
    if not rows:
        return [], parsed, []
    body = _Rows(rows[1:], lines[1:])
    names = [name.strip() for name in rows[0]]
    body, notes = _without_repeats(names, body)
    if body.rows and not reading.force:
        _check_names(names, body, path)
    if len(names) > 1 and not names[-1] and all(len(row) == len(names) - 1 for row in body.rows):
        names = names[:-1]  # the line of names alone ends with a separator
    if body.rows and all(len(row) == len(names) + 1 for row in body.rows):
        if not any(row[-1].strip() for row in body.rows):
            names = [*names, ""]  # every row ends with a separator
        elif len(names) > 1 and len({row[0] for row in body.rows}) == len(body.rows):
            names = ["", *names]  # R writes no name above the names of rows
    doubled = {name for name, times in Counter(names).items() if name and times > 1}
    for name in sorted(doubled):
        at = [k for k, other in enumerate(names) if other == name]
        for number, k in enumerate(at[1:], start=2):
            while (new := f"{name}.{number}") in names:
                number += 1
            names[k] = new
        listed = ", ".join(repr(names[k]) for k in at[1:])
        notes.append(f"{len(at)} columns are named {name!r}; the later ones are called {listed}.")
    return names, body, notes


def _repeats(names: list[str], body: _Rows) -> list[int]:
    return [k for k, row in enumerate(body.rows) if [value.strip() for value in row] == names]


def _without_repeats(names: list[str], body: _Rows) -> tuple[_Rows, list[str]]:
    """Leave out rows that repeat the line of names, as files that were joined have them.

    A first line that stands over words alone may be a row itself, and is left to `_check_names`.
    """
    again = {*_repeats(names, body)}
    rest = [k for k in range(len(body.rows)) if k not in again]
    some = [body.rows[k] for k in rest[:_SAMPLE] if len(body.rows[k]) == len(names)]
    over_numbers = any(
        not _NUMBER.fullmatch(name)
        and 2 * sum(_NUMBER.fullmatch(row[k]) is not None for row in some) > len(some)
        for k, name in enumerate(names)
    )
    if not again or not over_numbers:
        return body, []
    first = body.lines[min(again)]
    kept = _Rows([body.rows[k] for k in rest], [body.lines[k] for k in rest])
    return kept, [
        f"{len(again):,} rows repeat the names of the columns and are left out, first in line "
        f"{first:,}."
    ]


def _check_names(names: list[str], body: _Rows, path: Path) -> None:
    """Refuse a first line that seems to be values: a number over numbers, or words seen below."""
    width = len(names)
    rows = [row for row in body.rows if len(row) == width][:2000]
    if not rows:
        return
    numbers = [
        k
        for k, name in enumerate(names)
        if _NUMBER.fullmatch(name)
        and 2 * sum(_NUMBER.fullmatch(row[k]) is not None for row in rows) > len(rows)
    ]
    seen = [{row[k].strip() for row in rows} for k in range(width)]
    if numbers or all(name and name in below for name, below in zip(names, seen, strict=True)):
        shown = ", ".join(names[:6]) + (", …" if width > 6 else "")
        again = [f"{body.lines[k]:,}" for k in _repeats(names, body)]
        lines = f" and delete what repeats them (line {', '.join(again[:3])})" if again else ""
        raise DataError(
            f"Expected names of columns in the first line of {path}; got what looks like values: "
            f"{shown}. Say --no-header where there is no line of names, or --force where these are "
            f"names{lines}."
        )


def _check_width(names: list[str], body: _Rows, path: Path) -> None:
    widths = {len(row) for row in body.rows}
    if len(widths) == 1 and len(names) == 1 < max(widths):
        raise DataError(
            f"Expected {max(widths)} names in the first line of {path}, as many as values below; "
            f"got {names[0][:40]!r}. Delete the lines above the names."
        )
    for row, line in zip(body.rows, body.lines, strict=True):
        if len(row) != len(names):
            raise DataError(
                f"Expected {len(names)} values in line {line:,} of {path}; got {len(row)}. "
                "Correct the line, name another --separator, or fetch the file again."
            )


def _assembled(
    table: RawTable,
    names: list[str],
    rows: list[list[str]],
    notes: list[str],
    reading: Reading,
    last: str,
) -> RawTable:
    """Return the table with its columns; those without a name are put aside as indices."""
    columns: dict[str, Sequence[str]] = {}
    aside: dict[str, Sequence[str]] = {}
    for k, name in enumerate(names):
        values = [row[k] for row in rows]
        place = f"column {k + 1}"
        if name in reading.drop:
            columns[name] = values
        elif not name and not any(value.strip() for value in values):
            notes.append(f"{place.capitalize()} has no name and nothing in it; it is left out.")
        elif not name:
            _check_index(values, place, table)
            aside[place] = values
            notes.append(
                f"{place.capitalize()} has no name and another value in every row: it is the index "
                "of the rows and no input."
            )
        else:
            columns[name] = values
    return replace(
        table,
        columns=columns,
        last=last if last in columns or last in table.doubled else next(reversed(columns), ""),
        aside=aside,
        notes=tuple(notes),
    )


def _check_index(values: Sequence[str], place: str, table: RawTable) -> None:
    """Refuse a column without a name that is not an index: nobody can say what it is."""
    why = "some occur twice"
    if len(set(values)) == len(values):
        fraction = next(
            (v for v in values if _NUMBER.fullmatch(v) and not _WHOLE.fullmatch(v)), None
        )
        if fraction is None:
            return
        why = f"one is {fraction.strip()}"
    raise DataError(
        f"Expected a name for {place} of {table.source}; there is none, and its values are no "
        f"index, because {why}. Write a name into the first line."
    )
