"""Parquet and Arrow files: typed columns as numbers or text, nested ones spread; no guessing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.formats.raw_table import RawTable, Values
from harness.data.formats.text_files import check_regular
from harness.errors import DataError

ENDINGS = {".parquet": "Parquet", ".pq": "Parquet", ".feather": "Arrow", ".arrow": "Arrow"}
"""Ends of the names of files that are read here → what they are called."""
_EXACT = 2**53
"""Whole numbers up to here are exact as float64."""
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def read_arrow(path: Path) -> RawTable:
    """Return a Parquet or Arrow file as a table.

    Lists of one length and structures become a column for each item; dates and times become
    seconds; the index that pandas stored is put aside.

    Parameters
    ----------
    path : Path
        Its name ends in one of ENDINGS.

    Raises
    ------
    DataError
        If pyarrow is missing, the file is damaged, or a column is of a kind that is not a value.
    """
    kind = ENDINGS[path.suffix.lower()]
    check_regular(path)
    try:
        import pyarrow as pa
        from pyarrow import feather, parquet
    except ImportError:
        raise DataError(
            f"{kind} files need pyarrow. Run: pip install 'tailmark[tabular]' pyarrow"
        ) from None
    try:
        table = parquet.read_table(path) if kind == "Parquet" else feather.read_table(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        said = str(error).splitlines()[0]
        raise DataError(
            f"Expected a {kind} file at {path}; got: {said}. Fetch it again or name another."
        ) from error
    return from_arrow(table, str(path))


def from_arrow(table: Any, source: str) -> RawTable:
    """Return an Arrow table.

    Parameters
    ----------
    table : pyarrow.Table
        Any.
    source : str
        What to call it in messages.
    """
    if not table.num_rows:
        raise DataError(f"Expected rows of values in {source}; there is none. Name another file.")
    doubled = sorted({n for n in table.column_names if table.column_names.count(n) > 1})
    if doubled:
        raise DataError(
            f"Expected columns with names of their own in {source}; {doubled[0]!r} occurs twice. "
            "Rename one of them."
        )
    index = _index(table)
    columns: dict[str, Values] = {}
    aside: dict[str, Values] = {}
    notes: list[str] = []
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        spread = dict(_flat(name, column, source, notes))
        (aside if name in index else columns).update(spread)
        if name in index:
            notes.append(f"Column {name!r} is the index of the data frame and no input.")
        elif list(spread) != [name]:
            notes.append(f"Column {name!r} holds {len(spread)} values; each is a column.")
    return RawTable(source, columns, aside=aside, notes=tuple(notes))


def _index(table: Any) -> set[str]:
    """Return the columns that pandas stored as the index of a frame."""
    metadata = (table.schema.metadata or {}).get(b"pandas")
    if metadata is None:
        return set()
    try:
        named = json.loads(metadata).get("index_columns", [])
    except (ValueError, AttributeError):
        return set()
    return {name for name in named if isinstance(name, str)}


def _flat(name: str, column: Any, source: str, notes: list[str]) -> Iterator[tuple[str, Values]]:
    """Yield the plain columns that a column holds: itself, or one for each item of nested ones."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        yield from _flat(name, column.dictionary_decode(), source, notes)
    elif types.is_struct(kind):
        for field in kind:
            inner = pc.struct_field(column, field.name)
            yield from _flat(f"{name}.{field.name}", inner, source, notes)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        width = _width(name, pc.list_value_length(column), source)
        for k in range(width):
            yield from _flat(f"{name}[{k}]", pc.list_element(column, k), source, notes)
    elif types.is_boolean(kind) or types.is_string(kind) or types.is_large_string(kind):
        yield name, ["" if v is None else str(v) for v in column.to_pylist()]
    elif types.is_null(kind):
        yield name, [""] * len(column)
    elif types.is_integer(kind):
        yield name, _whole(name, column, source)
    elif types.is_floating(kind) or types.is_decimal(kind):
        yield name, _numbers(column.cast(pa.float64()))
    elif types.is_temporal(kind):
        notes.append(f"Column {name!r} holds dates or times; it is read as seconds.")
        yield name, _seconds(name, column, source)
    else:
        raise DataError(
            f"Expected numbers, words, dates or lists in column {name!r} of {source}; it holds "
            f"{kind}. Leave it out when you write the file."
        )


def _width(name: str, lengths: Any, source: str) -> int:
    """Return how many items every list of a column has."""
    found = lengths.to_pylist()
    usual = max((n for n in found if n is not None), key=found.count, default=None)
    if usual is None or any(n != usual for n in found):
        row = next((k for k, n in enumerate(found) if n != usual), 0)
        got = "none" if found[row] is None else str(found[row])
        raise DataError(
            f"Expected lists of {usual or 'some'} items in column {name!r} of {source}; row "
            f"{row:,} has {got}. Make them equally long when you write the file, or leave the "
            "column out of it."
        )
    return int(usual)


def _numbers(column: Any) -> np.ndarray:
    """Return an Arrow array of doubles, NaN where nothing is."""
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _whole(name: str, column: Any, source: str) -> Values:
    """Return whole numbers, refused where those beyond 2⁵³ become equal."""
    import pyarrow as pa

    values = [v for v in column.to_pylist() if v is not None and abs(v) >= _EXACT]
    if len(set(map(float, values))) < len(set(values)):
        raise DataError(
            f"Expected column {name!r} of {source} to keep its values as 64-bit numbers; whole "
            "numbers beyond 2^53 in it would become equal. Write it as text where it is an "
            "identifier, or leave it out when you write the file."
        )
    return _numbers(column.cast(pa.float64(), safe=False))


def _seconds(name: str, column: Any, source: str) -> Values:
    """Return dates and times as seconds (since 1970-01-01 UTC, or midnight)."""
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_date(kind):
        column = column.cast(pa.timestamp("s" if types.is_date32(kind) else "ms"))
        kind = column.type
    if not hasattr(kind, "unit") or kind.unit not in _UNITS:
        raise DataError(
            f"Expected numbers, words, dates or lists in column {name!r} of {source}; it holds "
            f"{kind}. Leave it out when you write the file."
        )
    if types.is_time32(kind):
        column = column.cast(pa.int32())
    ticks = column.cast(pa.int64()).to_pylist()
    seconds = np.array([np.nan if t is None else t / _UNITS[kind.unit] for t in ticks])
    known = {t for t in ticks if t is not None}
    if len(set(seconds[~np.isnan(seconds)].tolist())) < len(known):
        raise DataError(
            f"Expected column {name!r} of {source} to keep its times as 64-bit seconds; some would "
            "become equal. Subtract the first of them when you write the file."
        )
    return seconds
