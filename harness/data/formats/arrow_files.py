"""Parquet and Arrow files: typed columns as numbers or text, nested ones spread; no guessing."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.formats.raw_table import RawTable, Reading, Values, taken
from harness.data.formats.text_files import check_regular
from harness.errors import DataError

ENDINGS = {".parquet": "Parquet", ".pq": "Parquet", ".feather": "Arrow", ".arrow": "Arrow"}
"""Ends of the names of files that are read here → what they are called."""
_STREAM = rb"\xff{4}"
_MAGIC = {rb"PAR1[^ -~]": "Parquet", rb"(ARROW1|FEA1)[^ -~]": "Arrow", _STREAM: "Arrow"}
"""Pattern of the first bytes → what the file is."""
_EXACT = 2**53
"""Whole numbers up to here are exact as float64."""
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def is_arrow(path: Path) -> bool:
    """Return whether a file is to be read as Parquet or Arrow: by its name, or its first bytes.

    Parameters
    ----------
    path : Path
        A file.
    """
    check_regular(path)
    return path.suffix.lower() in ENDINGS or _by_content(path) is not None


def _by_content(path: Path) -> str | None:
    with path.open("rb") as handle:
        first = handle.read(8)
    return next((kind for magic, kind in _MAGIC.items() if re.match(magic, first)), None)


def read_arrow(path: Path, reading: Reading = Reading()) -> RawTable:  # noqa: B008  (frozen)
    """Return a Parquet or Arrow file as a table.

    Lists of one length and structures become a column for each item; dates and times become
    seconds; the index that pandas stored is put aside.

    Parameters
    ----------
    path : Path
        Its name ends in one of ENDINGS, or its first bytes are theirs.
    reading : Reading, optional
        Columns that its owner leaves out may be of any kind.

    Raises
    ------
    DataError
        If pyarrow is missing, the file is damaged, or a column is of a kind that is not a value.
    """
    check_regular(path)
    kind = _by_content(path) or ENDINGS[path.suffix.lower()]
    try:
        import pyarrow as pa
    except ImportError:
        raise DataError(
            f"{kind} files need pyarrow. Run: pip install 'tailmark[tabular]' pyarrow"
        ) from None
    try:
        with path.open("rb") as handle:
            table = _table_in(handle, kind)
    except (OSError, ValueError, pa.ArrowException) as error:
        said = str(error).splitlines()[0]
        raise DataError(
            f"Expected a file in the form of {kind} at {path}; got: {said}. Fetch it again or name "
            "another."
        ) from error
    return from_arrow(table, str(path), reading.drop)


def from_arrow(table: Any, source: str, drop: Sequence[str] = ()) -> RawTable:
    """Return an Arrow table.

    Parameters
    ----------
    table : pyarrow.Table
        Any.
    source : str
        What to call it in messages.
    drop : sequence of str, optional
        Columns that are left out later; what is in them is not looked at.
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
        if name in drop:
            columns[name] = [""] * table.num_rows
            continue
        column = table.column(name).combine_chunks()
        spread = dict(_flat(name, column, source, notes))
        double = next((n for n in spread if n in {*table.column_names} - {name}), None)
        if double is not None:
            raise taken(double, name, source)
        (aside if name in index else columns).update(spread)
        if name in index:
            notes.append(f"Column {name!r} is the index of the data frame and no input.")
        elif list(spread) != [name]:
            notes.append(f"Column {name!r} holds {len(spread)} values; each is a column.")
    return RawTable(source, columns, aside=aside, notes=tuple(notes))


def _table_in(handle: Any, kind: str) -> Any:
    """Return the table in a Parquet file, an Arrow file of either version, or an Arrow stream."""
    from pyarrow import feather, ipc, parquet

    if kind == "Parquet":
        return parquet.ParquetFile(handle).read()
    stream = re.match(_STREAM, handle.read(4)) is not None
    handle.seek(0)
    return ipc.open_stream(handle).read_all() if stream else feather.read_table(handle)


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
    elif types.is_boolean(kind) or types.is_string_view(kind) or _is_text(kind):
        yield name, ["" if v is None else str(v) for v in column.to_pylist()]
    elif types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        yield name, _texts(name, column, source)
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
            f"{kind}. Leave it out: --drop {name}"
        )


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind)


def _texts(name: str, column: Any, source: str) -> list[str]:
    """Return bytes as the UTF-8 text that some writers store as such."""
    try:
        return ["" if v is None else v.decode("utf-8") for v in column.to_pylist()]
    except UnicodeDecodeError as error:
        raise DataError(
            f"Expected numbers, words, dates or lists in column {name!r} of {source}; it holds "
            f"bytes that are no text. Leave it out: --drop {name}"
        ) from error


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
            f"column out: --drop {name}"
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
            "numbers beyond 2^53 in it would become equal. Write it as text where they are classes "
            f"or words, or leave it out where it is an identifier: --drop {name}"
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
            f"{kind}. Leave it out: --drop {name}"
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
